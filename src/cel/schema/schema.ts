/** What expressions need to know of a schema. The structural schemas of custom resources have all of it. */
export interface ValueSchema {
  /** `object`, `array`, `string`, `integer`, `number`, `boolean`; '' when it says none. */
  readonly type: string;
  readonly format: string;
  readonly nullable: boolean;
  readonly default: unknown;
  readonly properties: ReadonlyMap<string, ValueSchema>;
  readonly additionalProperties: ValueSchema | boolean | undefined;
  readonly items: ValueSchema | undefined;
  readonly preserveUnknownFields: boolean;
  readonly embeddedResource: boolean;
  readonly intOrString: boolean;
  /** `atomic`, `set` or `map`. */
  readonly listType: string | undefined;
  readonly listMapKeys: readonly string[];
  readonly enum: readonly unknown[];
  readonly maxLength: number | undefined;
  readonly maxItems: number | undefined;
  readonly maxProperties: number | undefined;
  readonly required: readonly string[];
}

const PLAIN: ValueSchema = {
  type: 'object',
  format: '',
  nullable: false,
  default: undefined,
  properties: new Map(),
  additionalProperties: undefined,
  items: undefined,
  preserveUnknownFields: false,
  embeddedResource: false,
  intOrString: false,
  listType: undefined,
  listMapKeys: [],
  enum: [],
  maxLength: undefined,
  maxItems: undefined,
  maxProperties: undefined,
  required: [],
};
const STRING: ValueSchema = { ...PLAIN, type: 'string' };
const METADATA: ValueSchema = {
  ...PLAIN,
  properties: new Map([
    ['name', STRING],
    ['generateName', STRING],
  ]),
};

const completed = new WeakMap<ValueSchema, ValueSchema>();

/**
 * A schema with what every resource has, whether it says so or not: apiVersion, kind, metadata.name and metadata.generateName.
 * Source: apiserver pkg/cel/common/schemas.go WithTypeAndObjectMeta.
 */
export function asResource(schema: ValueSchema): ValueSchema {
  const known = completed.get(schema);
  if (known !== undefined) return known;
  const made = complete(schema);
  completed.set(schema, made);
  return made;
}

function complete(schema: ValueSchema): ValueSchema {
  const { properties } = schema;
  const metadata = properties.get('metadata');
  const isComplete =
    properties.get('kind')?.type === 'string' &&
    properties.get('apiVersion')?.type === 'string' &&
    metadata?.type === 'object' &&
    metadata.properties.get('name')?.type === 'string' &&
    metadata.properties.get('generateName')?.type === 'string';
  if (isComplete) return schema;
  const all = new Map([...properties, ['kind', STRING], ['apiVersion', STRING], ['metadata', METADATA]] as const);
  return { ...schema, properties: all };
}

/** The schema of keys that have no property of their own. */
export const additionalOf = ({ additionalProperties }: ValueSchema): ValueSchema | undefined =>
  typeof additionalProperties === 'object' ? additionalProperties : undefined;
