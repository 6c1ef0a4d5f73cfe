import { apiVersionOf, definitionOf, type Field, hasTypeMeta, type Kind, listKindOf, openApiName } from '#api';
import { customListSchema, customSchema, type CustomSchemaContext } from './custom.ts';
import { type Descriptions, NO_DESCRIPTIONS } from './descriptions.ts';

/** The two forms of OpenAPI. In 2.0 a reference may have siblings, and there is no oneOf. */
export type Dialect = 'v2' | 'v3';

type JsonSchema = Readonly<Record<string, unknown>>;

/** JSON schema of the special types, which no definition describes. Source: OpenAPISchemaType/Format methods of apimachinery v0.36. */
const SCALARS: Readonly<Record<string, JsonSchema>> = {
  string: { type: 'string' },
  bytes: { type: 'string', format: 'byte' },
  bool: { type: 'boolean' },
  int32: { type: 'integer', format: 'int32' },
  int64: { type: 'integer', format: 'int64' },
  uint32: { type: 'integer', format: 'int64' },
  uint64: { type: 'integer', format: 'int64' },
  double: { type: 'number', format: 'double' },
  Duration: { type: 'string' },
  Raw: { type: 'object' },
};

/** Special types that are definitions of their own in OpenAPI. Source: OpenAPIDefinition/OpenAPIV3OneOfTypes of each, apimachinery v0.36. */
const NAMED: Readonly<Record<string, Readonly<Record<Dialect, JsonSchema>>>> = {
  Time: { v2: { type: 'string', format: 'date-time' }, v3: { type: 'string', format: 'date-time' } },
  MicroTime: { v2: { type: 'string', format: 'date-time' }, v3: { type: 'string', format: 'date-time' } },
  Quantity: { v2: { type: 'string' }, v3: { oneOf: [{ type: 'string' }, { type: 'number' }] } },
  IntOrString: {
    v2: { type: 'string', format: 'int-or-string' },
    v3: { format: 'int-or-string', oneOf: [{ type: 'integer' }, { type: 'string' }] },
  },
};

const PREFIX: Readonly<Record<Dialect, string>> = { v2: '#/definitions/', v3: '#/components/schemas/' };

/** Definitions that belong to every group and version, so that clients find them in each. Source: AddToGroupVersion in meta/v1 register.go v0.36. */
const EVERYWHERE = 'meta.v1.DeleteOptions';

/** Builds the schemas of definitions and of all they refer to. */
export class SchemaBuilder {
  readonly schemas: Record<string, JsonSchema> = {};
  readonly #dialect: Dialect;
  readonly #descriptions: Descriptions;

  constructor(dialect: Dialect, descriptions: Descriptions = NO_DESCRIPTIONS) {
    this.#dialect = dialect;
    this.#descriptions = descriptions;
  }

  /** A reference to a schema that no definition stands behind. */
  own(name: string, schema: JsonSchema): JsonSchema {
    this.schemas[name] = schema;
    return { $ref: PREFIX[this.#dialect] + name };
  }

  /** A reference to the schema of a definition, which is added if it is new. */
  ref(definition: string): JsonSchema {
    const name = openApiName(definition);
    if (this.schemas[name] === undefined) {
      this.schemas[name] = {}; // definitions may be recursive
      this.schemas[name] = NAMED[definition]?.[this.#dialect] ?? this.#object(definition);
    }
    return { $ref: PREFIX[this.#dialect] + name };
  }

  /** The schema of what travels under a group, version and kind, marked with them: that is how clients find it. */
  typed(definition: string, group: string, version: string, kind: string): JsonSchema {
    const ref = this.ref(definition);
    const name = openApiName(definition);
    const known = (this.schemas[name]?.['x-kubernetes-group-version-kind'] ?? []) as readonly object[];
    const own = { group, kind, version };
    if (!known.some((gvk) => JSON.stringify(gvk) === JSON.stringify(own)))
      this.schemas[name] = { ...this.schemas[name], 'x-kubernetes-group-version-kind': [...known, own] };
    return ref;
  }

  kind(own: Kind): JsonSchema {
    const { definition, group, version, kind, custom } = own;
    if (custom === undefined) return this.typed(definition, group, version, kind);
    return this.#custom(definition, { group, kind, version }, () => customSchema(own, this.#context));
  }

  list(own: Kind): JsonSchema {
    const { definition, group, version, custom } = own;
    const kind = listKindOf(own);
    if (custom === undefined) return this.typed(`${definition}List`, group, version, kind);
    const name = `${definition.slice(0, definition.lastIndexOf('.'))}.${kind}`;
    return this.#custom(name, { group, kind, version }, () => customListSchema(own, this.#context));
  }

  get #context(): CustomSchemaContext {
    return { dialect: this.#dialect, descriptions: this.#descriptions, ref: (definition) => this.ref(definition) };
  }

  #custom(name: string, gvk: object, build: () => JsonSchema): JsonSchema {
    this.schemas[name] ??= { ...build(), 'x-kubernetes-group-version-kind': [gvk] };
    return { $ref: PREFIX[this.#dialect] + name };
  }

  /** What the documents of all kinds have in common. */
  common(kinds: readonly Kind[]): void {
    this.typed('meta.v1.Status', '', 'v1', 'Status');
    for (const groupVersion of new Set(kinds.map(apiVersionOf))) {
      const [version = '', group = ''] = groupVersion.split('/').toReversed();
      this.typed(EVERYWHERE, group, version, 'DeleteOptions');
    }
  }

  #object(name: string): JsonSchema {
    const definition = definitionOf(name);
    const texts = this.#descriptions[name] ?? {};
    const properties: Record<string, JsonSchema> = {};
    const required: string[] = [];
    if (hasTypeMeta(name))
      for (const field of ['apiVersion', 'kind']) properties[field] = described({ type: 'string' }, texts[field]);
    for (const [field, schema] of Object.entries(definition.fields)) {
      properties[field] = this.#field(schema, texts[field]);
      if (schema.req === 1) required.push(field);
    }
    return {
      ...described({ type: 'object' }, texts['']),
      ...(required.length === 0 ? {} : { required }),
      ...(Object.keys(properties).length === 0 ? {} : { properties }),
      ...(definition.atomic === 1 ? { 'x-kubernetes-map-type': 'atomic' } : {}),
    };
  }

  #field({ t, list, keys, map, patch, mergeKey, enum: values }: Field, description: string | undefined): JsonSchema {
    const listType = list ?? (t.startsWith('[]') ? 'atomic' : undefined);
    const more = described(
      {
        ...(listType === undefined ? {} : { 'x-kubernetes-list-type': listType }),
        ...(keys === undefined ? {} : { 'x-kubernetes-list-map-keys': keys }),
        ...(map === undefined ? {} : { 'x-kubernetes-map-type': map }),
        ...(patch === undefined ? {} : { 'x-kubernetes-patch-strategy': patch.join(',') }),
        ...(mergeKey === undefined ? {} : { 'x-kubernetes-patch-merge-key': mergeKey }),
      },
      description,
    );
    const type = withEnum(this.#type(t), values);
    if (Object.keys(more).length === 0) return type;
    return this.#dialect === 'v3' && '$ref' in type ? { allOf: [type], ...more } : { ...type, ...more };
  }

  #type(t: string): JsonSchema {
    if (t.startsWith('[]')) return { type: 'array', items: this.#type(t.slice(2)) };
    if (t.startsWith('{}')) return { type: 'object', additionalProperties: this.#type(t.slice(2)) };
    const scalar = SCALARS[t];
    if (scalar !== undefined) return scalar;
    if (NAMED[t] === undefined && definitionOf(t).bare === 1)
      return { type: 'array', items: this.#type(definitionOf(t).fields['items']!.t.slice(2)) };
    return this.ref(t);
  }
}

const described = (schema: JsonSchema, description: string | undefined): JsonSchema =>
  description === undefined ? schema : { ...schema, description };

const withEnum = (schema: JsonSchema, values: readonly string[] | undefined): JsonSchema => {
  if (values === undefined) return schema;
  return schema['type'] === 'array'
    ? { ...schema, items: { ...(schema['items'] as JsonSchema), enum: values } }
    : { ...schema, enum: values };
};
