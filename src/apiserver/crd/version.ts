/**
 * One version of a definition, compiled once for as long as its definition says the same: the schema, what reads and checks objects by it.
 * Source: apiextensions-apiserver pkg/apiserver/customresource_handler.go, pkg/registry/customresource/{strategy,status_strategy}.go v0.36.
 */
import {
  applyDefaults,
  type ApplyType,
  coerceMetadata,
  type CustomColumns,
  customColumns,
  type CustomResourceDefinition,
  DecodeError,
  dropNulls,
  fieldErrorText,
  type KubeObject,
  parseStructural,
  prune,
  pruneDefaults,
  readMetadata,
  type StructuralSchema,
  structuralType,
} from '#api';
import { type Clock, finished } from '#util';
import { paced } from '../registry/pace.ts';
import { VersionPatterns } from './patterns.ts';
import { type CompiledRules, compileRules } from './rules/rules.ts';

export type DefinedVersion = CustomResourceDefinition['spec']['versions'][number];

type JsonObject = Record<string, unknown>;

export interface ReadOptions {
  /** What is unknown is told. */
  readonly strict?: boolean;
  /** Out of the store, where older servers may have put what is no metadata. */
  readonly fromStore?: boolean;
}

export interface CompiledVersion {
  readonly name: string;
  readonly defined: DefinedVersion;
  readonly schema: StructuralSchema;
  readonly type: ApplyType;
  readonly table: CustomColumns;
  /** Undefined: the schema has no rules. */
  readonly rules: CompiledRules | undefined;
  /** Makes a value, a private copy, an object of this version. Throws DecodeError. Gives what was unknown. */
  read(value: JsonObject, options: ReadOptions): readonly string[];
  defaults(object: KubeObject): void;
  /** Makes in turns what objects are validated by. Undefined: it is there. */
  ready(clock: Clock): Promise<void> | undefined;
}

/** Each part is compiled when it is first used: most versions of most definitions never are. */
export function compileVersion(defined: DefinedVersion): CompiledVersion {
  const schema = once(() => pruneDefaults(parseStructural(defined.schema?.openAPIV3Schema ?? { type: 'object' })));
  const type = once(() => structuralType(schema()));
  const rules = new VersionRules(schema);
  const patterns = once(() => new VersionPatterns(defined));
  const table = once(() => customColumns(defined.additionalPrinterColumns));
  return {
    name: defined.name,
    defined,
    get schema() {
      return schema();
    },
    get type() {
      return type();
    },
    get rules() {
      return rules.made;
    },
    get table() {
      return table();
    },
    read: (value, options) => readBy(schema(), value, options),
    defaults: (object) => applyDefaults(object, schema()),
    ready(clock) {
      const compiled = patterns().ready(clock);
      const made = rules.ready(clock);
      return compiled === undefined
        ? made
        : made === undefined
          ? compiled
          : Promise.all([compiled, made]).then(() => undefined);
    },
  };
}

/** The rules of a version, compiled in turns or, where somebody needs them before, at once. */
class VersionRules {
  readonly #schema: () => StructuralSchema;
  #made: { readonly rules: CompiledRules | undefined } | undefined;
  #making: Promise<void> | undefined;

  constructor(schema: () => StructuralSchema) {
    this.#schema = schema;
  }

  get made(): CompiledRules | undefined {
    return (this.#made ??= { rules: finished(compileRules(this.#schema())) }).rules;
  }

  ready(clock: Clock): Promise<void> | undefined {
    if (this.#made !== undefined) return undefined;
    return (this.#making ??= this.#make(clock).finally(() => (this.#making = undefined)));
  }

  async #make(clock: Clock): Promise<void> {
    this.#made = { rules: await paced(clock, compileRules(this.#schema())) };
  }
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}

/** Source: unstructuredSchemaCoercer.apply. */
function readBy(
  schema: StructuralSchema,
  value: JsonObject,
  { strict = false, fromStore = false }: ReadOptions,
): readonly string[] {
  const unknown: string[] = [];
  if (value['metadata'] !== undefined) {
    const { meta, unknown: own } = readMetadata(value['metadata'], '', { track: strict, dropInvalid: fromStore });
    value['metadata'] = meta;
    unknown.push(...own);
  }
  unknown.push(...prune(value, schema, { isResourceRoot: true, track: strict }));
  dropNulls(value, schema);
  const coerced = coerceMetadata(value, schema, { isResourceRoot: false, track: strict, dropInvalid: fromStore });
  if (coerced.error !== undefined) throw new DecodeError(fieldErrorText(coerced.error));
  unknown.push(...coerced.unknown);
  return unknown;
}
