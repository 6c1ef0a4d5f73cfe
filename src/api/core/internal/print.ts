/**
 * Objects as upstream's internal types: every field by its Go name and in Go's order, whether it was sent or not. What errors print, and what upstream
 * compares. Source: pkg/apis/{core,batch}/types.go v1.36, of which types.json has the fields: `Name Type name`, the last one the name in v1 where it differs.
 */
import { readFileSync } from 'node:fs';
import { canonicalQuantity, parseQuantity } from '../../quantity.ts';

interface InternalField {
  readonly goName: string;
  /** Left out when it is absent. */
  readonly optional: boolean;
  readonly type: string;
  /** In v1. */
  readonly name: string;
}

let loaded: ReadonlyMap<string, readonly InternalField[]> | undefined;

/** Read once, by the first error that needs it. */
function fieldsOf(type: string): readonly InternalField[] | undefined {
  if (loaded === undefined) {
    const text = readFileSync(new URL('./types.json', import.meta.url), 'utf8');
    loaded = new Map(
      Object.entries(JSON.parse(text) as Record<string, string[]>).map(([name, fields]) => [name, fields.map(parse)]),
    );
  }
  return loaded.get(type);
}

function parse(text: string): InternalField {
  const [first = '', type = '', name] = text.split(' ');
  const goName = first.replace('?', '');
  return { goName, optional: first.endsWith('?'), type, name: name ?? goName };
}

type Value = Readonly<Record<string, unknown>>;

/** The internal form of a v1 value of that internal type, as plain JSON. `comparable` writes equal amounts alike: 1Gi as 1073741824. */
export function internalForm(value: unknown, type: string, comparable = false): unknown {
  const present = value !== undefined && value !== null;
  if (type.startsWith('*')) return present ? internalForm(value, type.slice(1), comparable) : null;
  if (type.startsWith('[]')) {
    const list = value as readonly unknown[] | undefined;
    return present && list!.length > 0 ? list!.map((item) => internalForm(item, type.slice(2), comparable)) : null;
  }
  if (type.startsWith('{}')) {
    if (!present || Object.keys(value).length === 0) return null;
    const entries = Object.entries(value as Value).toSorted(([a], [b]) => (a < b ? -1 : 1));
    return Object.fromEntries(entries.map(([key, own]) => [key, internalForm(own, type.slice(2), comparable)]));
  }
  const fields = fieldsOf(type);
  if (fields !== undefined) return structForm(present ? (value as Value) : {}, fields, type, comparable);
  return scalarForm(value, type, comparable);
}

function structForm(value: Value, fields: readonly InternalField[], type: string, comparable: boolean): unknown {
  // Where internal types put a field elsewhere than v1 does.
  const source: Value =
    type === 'PodSpec'
      ? { ...value, securityContext: withHostFields(value) }
      : type === 'PersistentVolumeClaimTemplate' || type === 'PodTemplateSpec'
        ? { ...(value['metadata'] as Value | undefined), ...value }
        : value;
  const form: Record<string, unknown> = {};
  for (const { goName, optional, type: fieldType, name } of fields) {
    const own = source[name];
    const shown = internalForm(own, fieldType, comparable);
    if (!optional || (shown !== null && (fieldType.startsWith('*') || (shown !== '' && shown !== 0))))
      form[goName] = shown;
  }
  return form;
}

const withHostFields = (spec: Value): Value => {
  const { hostNetwork, hostPID, hostIPC, shareProcessNamespace, hostUsers } = spec;
  const context = spec['securityContext'] as Value | undefined;
  return { ...context, hostNetwork, hostPID, hostIPC, shareProcessNamespace, hostUsers };
};

function scalarForm(value: unknown, type: string, comparable: boolean): unknown {
  switch (type) {
    case 'string':
    case 'bytes':
      return value ?? '';
    case 'bool':
      return value ?? false;
    case 'Time':
      return value ?? null;
    case 'Quantity': {
      const text = typeof value === 'string' ? value : '0';
      return comparable ? amount(text) : canonicalQuantity(text);
    }
    default:
      return value ?? 0;
  }
}

function amount(text: string): string {
  const { unscaled, exponent } = parseQuantity(text);
  if (unscaled === 0n) return '0';
  const digits = String(unscaled);
  const short = digits.replace(/0+$/, '');
  return `${short}e${exponent + digits.length - short.length}`;
}

const HTML = /[<>&\u2028\u2029]/g;

/** As Go indents JSON, with one space. */
export const internalText = (value: unknown, type: string): string =>
  JSON.stringify(internalForm(value, type), undefined, 1).replace(
    HTML,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );

/** Whether upstream's Semantic.DeepEqual calls two v1 values of that internal type equal. */
export const internalEqual = (a: unknown, b: unknown, type: string): boolean =>
  JSON.stringify(internalForm(a, type, true)) === JSON.stringify(internalForm(b, type, true));
