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

/** Schemas of definitions are not written to once they are read. */
const read = new WeakMap<JSONSchemaProps, StructuralSchema>();

/** Reads a schema out of a definition that has passed validation. */
export function parseStructural(props: JSONSchemaProps): StructuralSchema {
  let schema = read.get(props);
  if (schema === undefined) read.set(props, (schema = new Node(props)));
  return schema;
}

/** A class, since there are many and all have the same fields. */
class Node implements StructuralSchema {
  readonly type: string;
  readonly format: string;
  readonly nullable: boolean;
  readonly default: unknown;
  readonly properties: ReadonlyMap<string, StructuralSchema>;
  readonly additionalProperties: StructuralSchema | boolean | undefined;
  readonly items: StructuralSchema | undefined;
  readonly preserveUnknownFields: boolean;
  readonly embeddedResource: boolean;
  readonly intOrString: boolean;
  readonly listType: string | undefined;
  readonly listMapKeys: readonly string[];
  readonly mapType: string | undefined;
  readonly validations: readonly ValidationRule[];
  readonly enum: readonly unknown[];
  readonly maximum: number | undefined;
  readonly exclusiveMaximum: boolean;
  readonly minimum: number | undefined;
  readonly exclusiveMinimum: boolean;
  readonly multipleOf: number | undefined;
  readonly maxLength: number | undefined;
  readonly minLength: number | undefined;
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
  readonly holds: SchemaContents;

  constructor(props: JSONSchemaProps) {
    // Structural schemas have one schema for all items.
    const items = Array.isArray(props.items) ? props.items[0] : props.items;
    const additional = props.additionalProperties;
    this.type = props.type ?? '';
    this.format = props.format ?? '';
    this.nullable = props.nullable === true;
    this.default = props.default ?? undefined;
    this.properties = parseProperties(props.properties);
    this.additionalProperties = typeof additional === 'object' ? new Node(additional) : additional;
    this.items = items === undefined ? undefined : new Node(items);
    this.preserveUnknownFields = props['x-kubernetes-preserve-unknown-fields'] === true;
    this.embeddedResource = props['x-kubernetes-embedded-resource'] === true;
    this.intOrString = props['x-kubernetes-int-or-string'] === true;
    this.listType = props['x-kubernetes-list-type'];
    this.listMapKeys = props['x-kubernetes-list-map-keys'] ?? NOTHING;
    this.mapType = props['x-kubernetes-map-type'];
    this.validations = props['x-kubernetes-validations'] ?? NOTHING;
    this.enum = props.enum ?? NOTHING;
    this.maximum = props.maximum;
    this.exclusiveMaximum = props.exclusiveMaximum === true;
    this.minimum = props.minimum;
    this.exclusiveMinimum = props.exclusiveMinimum === true;
    this.multipleOf = props.multipleOf;
    this.maxLength = props.maxLength;
    this.minLength = props.minLength;
    this.pattern = props.pattern ?? '';
    this.maxItems = props.maxItems;
    this.minItems = props.minItems;
    this.uniqueItems = props.uniqueItems === true;
    this.maxProperties = props.maxProperties;
    this.minProperties = props.minProperties;
    this.required = props.required ?? NOTHING;
    this.allOf = parseAll(props.allOf);
    this.anyOf = parseAll(props.anyOf);
    this.oneOf = parseAll(props.oneOf);
    this.not = props.not === undefined ? undefined : new Node(props.not);
    this.holds = contentsOf(this);
  }
}

function parseProperties(properties: JSONSchemaProps['properties']): ReadonlyMap<string, StructuralSchema> {
  if (properties === undefined) return NO_PROPERTIES;
  return new Map(Object.entries(properties).map(([name, property]) => [name, new Node(property)]));
}

const parseAll = (schemas: readonly JSONSchemaProps[] | undefined): readonly StructuralSchema[] =>
  schemas === undefined ? NOTHING : schemas.map((schema) => new Node(schema));

/** By bits: what a node has and those below it have together. Nearly all have one of a few combinations. */
const CONTENTS = Array.from({ length: 16 }, (_, bits): SchemaContents => ({
  defaults: (bits & 1) !== 0,
  embeddedResources: (bits & 2) !== 0,
  keyedLists: (bits & 4) !== 0,
  validations: (bits & 8) !== 0,
}));

const bitsOf = ({ defaults, embeddedResources, keyedLists, validations }: SchemaContents): number =>
  (defaults ? 1 : 0) | (embeddedResources ? 2 : 0) | (keyedLists ? 4 : 0) | (validations ? 8 : 0);

function contentsOf(own: Omit<StructuralSchema, 'holds'>): SchemaContents {
  const { properties, items, additionalProperties } = own;
  let bits = bitsOf({
    defaults: own.default !== undefined,
    embeddedResources: own.embeddedResource,
    keyedLists: own.listType === 'set' || own.listType === 'map',
    validations: own.validations.length > 0,
  });
  for (const { holds } of properties.values()) bits |= bitsOf(holds);
  if (items !== undefined) bits |= bitsOf(items.holds);
  if (typeof additionalProperties === 'object') bits |= bitsOf(additionalProperties.holds);
  return CONTENTS[bits]!;
}
