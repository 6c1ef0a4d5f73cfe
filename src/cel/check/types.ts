/** Types of expressions, as the checker reasons about them and as `type(x)` shows them. Source: cel-go common/types/types.go v0.26. */

export type Kind =
  | 'any'
  | 'bool'
  | 'bytes'
  | 'double'
  | 'duration'
  | 'dyn'
  | 'error'
  | 'int'
  | 'list'
  | 'map'
  | 'null'
  | 'opaque'
  | 'param'
  | 'string'
  | 'struct'
  | 'timestamp'
  | 'type'
  | 'uint';

/** A type. Also a value: what `type(x)` returns and what `int` alone means. */
export class Type {
  readonly kind: Kind;
  /** The name at run time: `google.protobuf.Duration`, `list`, `selfType.spec`. */
  readonly name: string;
  readonly params: readonly Type[];
  /** How many types it is written with. A map of a type to itself is twice as large, and so on: none may grow without end. */
  readonly size: number;

  constructor(kind: Kind, name: string, params: readonly Type[] = []) {
    this.kind = kind;
    this.name = name;
    this.params = params;
    let size = 1;
    for (const { size: own } of params) size += own;
    this.size = size;
  }

  /** As run-time errors show it: `list(int)`. */
  toString(): string {
    if (this.kind === 'param') return `<${this.name}>`;
    return this.params.length === 0 ? this.name : `${this.name}(${this.params.join(', ')})`;
  }
}

/** As dyn, but where a schema says so: upstream tells the two apart in errors. */
export const ANY = new Type('any', 'google.protobuf.Any');
export const BOOL = new Type('bool', 'bool');
export const BYTES = new Type('bytes', 'bytes');
export const DOUBLE = new Type('double', 'double');
export const DURATION = new Type('duration', 'google.protobuf.Duration');
export const DYN = new Type('dyn', 'dyn');
export const ERROR = new Type('error', 'error');
export const INT = new Type('int', 'int');
export const NULL = new Type('null', 'null_type');
export const STRING = new Type('string', 'string');
export const TIMESTAMP = new Type('timestamp', 'google.protobuf.Timestamp');
export const TYPE = new Type('type', 'type');
export const UINT = new Type('uint', 'uint');

export const listType = (element: Type): Type => new Type('list', 'list', [element]);
export const mapType = (key: Type, value: Type): Type => new Type('map', 'map', [key, value]);
export const optionalType = (value: Type): Type => new Type('opaque', 'optional_type', [value]);
export const typeType = (of: Type): Type => new Type('type', 'type', [of]);
export const param = (name: string): Type => new Type('param', name);
export const structType = (name: string): Type => new Type('struct', name);
export const opaqueType = (name: string): Type => new Type('opaque', name);

export const LIST = listType(DYN);
export const MAP = mapType(DYN, DYN);
export const OPTIONAL = optionalType(DYN);

export const isDyn = ({ kind }: Type): boolean => kind === 'dyn' || kind === 'any';
export const isDynOrError = (type: Type): boolean => type.kind === 'error' || isDyn(type);
export const isOptional = ({ kind, name }: Type): boolean => kind === 'opaque' && name === 'optional_type';

/** What an optional holds, or the type itself. */
export const unwrapOptional = (type: Type): Type => (isOptional(type) ? type.params[0]! : type);

const SHOWN: Partial<Record<Kind, string>> = {
  any: 'any',
  duration: 'duration',
  error: '!error!',
  null: 'null',
  timestamp: 'timestamp',
};

/** As errors of the checker show it. Source: checker/format.go FormatCELType. */
export function formatType(type: Type): string {
  const shown = SHOWN[type.kind];
  if (shown !== undefined) return shown;
  if (type.params.length === 0) return type.name;
  return `${type.name}(${type.params.map(formatType).join(', ')})`;
}

/** `(int, string)`, or `string.(int)` of a receiver. */
export function formatSignature(args: readonly Type[], isMember: boolean): string {
  const shown = args.map(formatType);
  return isMember ? `${shown[0]}.(${shown.slice(1).join(', ')})` : `(${shown.join(', ')})`;
}

/** Same kind, name and parameters; `anyParam`: names of type parameters do not matter. */
export function sameType(a: Type, b: Type, anyParam = false): boolean {
  if (a === b) return true;
  if (a.kind !== b.kind || a.params.length !== b.params.length) return false;
  if (a.name !== b.name && !(anyParam && a.kind === 'param')) return false;
  return a.params.every((p, i) => sameType(p, b.params[i]!, anyParam));
}
