/**
 * The schema of a custom resource as it is used: read once from its definition, walked on every write. Only what bears upon values is kept;
 * descriptions and examples stay in the definition. Source: apiextensions-apiserver pkg/apiserver/schema/{structural,convert}.go v0.36.
 */
import type { JSONSchemaProps, ValidationRule } from '../generated/apiextensions.v1.ts';

/**
 * One node of a schema. The nodes below `allOf`, `anyOf`, `oneOf` and `not` are of the same shape but only judge values: they have no say in
 * structure, defaults or types (but for the types of int-or-string).
 */
export interface StructuralSchema {
  /** `object`, `array`, `string`, `integer`, `number`, `boolean`; '' when it says none. */
  readonly type: string;
  readonly format: string;
  readonly nullable: boolean;
  /** Shared: it is copied into objects. Undefined: there is none. */
  readonly default: unknown;
  readonly properties: ReadonlyMap<string, StructuralSchema>;
  /** Undefined: the schema does not speak of other keys. */
  readonly additionalProperties: StructuralSchema | boolean | undefined;
  readonly items: StructuralSchema | undefined;

  readonly preserveUnknownFields: boolean;
  readonly embeddedResource: boolean;
  readonly intOrString: boolean;
  /** `atomic`, `set` or `map`. */
  readonly listType: string | undefined;
  readonly listMapKeys: readonly string[];
  /** `granular` or `atomic`. */
  readonly mapType: string | undefined;
  /** Rules in CEL. */
  readonly validations: readonly ValidationRule[];

  readonly enum: readonly unknown[];
  readonly maximum: number | undefined;
  readonly exclusiveMaximum: boolean;
  readonly minimum: number | undefined;
  readonly exclusiveMinimum: boolean;
  readonly multipleOf: number | undefined;
  readonly maxLength: number | undefined;
  readonly minLength: number | undefined;
  /** RE2; '' matches everything. */
  readonly pattern: string;
  readonly maxItems: number | undefined;
  readonly minItems: number | undefined;
  readonly uniqueItems: boolean;
  readonly maxProperties: number | undefined;
  readonly minProperties: number | undefined;
  readonly required: readonly string[];
  readonly allOf: readonly StructuralSchema[];
  readonly anyOf: readonly StructuralSchema[];
  readonly oneOf: readonly StructuralSchema[];
  readonly not: StructuralSchema | undefined;

  /** What there is in this node or anywhere below it in the structure, so that a walk leaves out what does not concern it. */
  readonly holds: SchemaContents;
}

export interface SchemaContents {
  readonly defaults: boolean;
  readonly embeddedResources: boolean;
  /** Lists that are sets or maps. */
  readonly keyedLists: boolean;
  readonly validations: boolean;
}

const NO_PROPERTIES: ReadonlyMap<string, StructuralSchema> = new Map();
const NOTHING: readonly never[] = [];

/** Reads a schema out of a definition that has passed validation. */
export function parseStructural(props: JSONSchemaProps): StructuralSchema {
  const properties = parseProperties(props.properties);
  // Structural schemas have one schema for all items.
  const items = Array.isArray(props.items) ? props.items[0] : props.items;
  const additional = props.additionalProperties;
  const below = {
    properties,
    items: items === undefined ? undefined : parseStructural(items),
    additionalProperties: typeof additional === 'object' ? parseStructural(additional) : additional,
  };
  const own = {
    default: props.default ?? undefined,
    embeddedResource: props['x-kubernetes-embedded-resource'] === true,
    listType: props['x-kubernetes-list-type'],
    validations: props['x-kubernetes-validations'] ?? NOTHING,
  };
  return {
    type: props.type ?? '',
    format: props.format ?? '',
    nullable: props.nullable === true,
    ...below,
    ...own,
    preserveUnknownFields: props['x-kubernetes-preserve-unknown-fields'] === true,
    intOrString: props['x-kubernetes-int-or-string'] === true,
    listMapKeys: props['x-kubernetes-list-map-keys'] ?? NOTHING,
    mapType: props['x-kubernetes-map-type'],
    enum: props.enum ?? NOTHING,
    maximum: props.maximum,
    exclusiveMaximum: props.exclusiveMaximum === true,
    minimum: props.minimum,
    exclusiveMinimum: props.exclusiveMinimum === true,
    multipleOf: props.multipleOf,
    maxLength: props.maxLength,
    minLength: props.minLength,
    pattern: props.pattern ?? '',
    maxItems: props.maxItems,
    minItems: props.minItems,
    uniqueItems: props.uniqueItems === true,
    maxProperties: props.maxProperties,
    minProperties: props.minProperties,
    required: props.required ?? NOTHING,
    allOf: parseAll(props.allOf),
    anyOf: parseAll(props.anyOf),
    oneOf: parseAll(props.oneOf),
    not: props.not === undefined ? undefined : parseStructural(props.not),
    holds: contentsOf(own, [
      ...properties.values(),
      ...(below.items === undefined ? [] : [below.items]),
      ...(typeof below.additionalProperties === 'object' ? [below.additionalProperties] : []),
    ]),
  };
}

function parseProperties(properties: JSONSchemaProps['properties']): ReadonlyMap<string, StructuralSchema> {
  if (properties === undefined) return NO_PROPERTIES;
  return new Map(Object.entries(properties).map(([name, property]) => [name, parseStructural(property)]));
}

const parseAll = (schemas: readonly JSONSchemaProps[] | undefined): readonly StructuralSchema[] =>
  schemas === undefined ? NOTHING : schemas.map(parseStructural);

function contentsOf(
  own: Pick<StructuralSchema, 'default' | 'embeddedResource' | 'listType' | 'validations'>,
  below: readonly StructuralSchema[],
): SchemaContents {
  return {
    defaults: own.default !== undefined || below.some(({ holds }) => holds.defaults),
    embeddedResources: own.embeddedResource || below.some(({ holds }) => holds.embeddedResources),
    keyedLists: own.listType === 'set' || own.listType === 'map' || below.some(({ holds }) => holds.keyedLists),
    validations: own.validations.length > 0 || below.some(({ holds }) => holds.validations),
  };
}
