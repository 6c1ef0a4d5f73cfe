import { definitionOf, type Field, type Kind, openApiName } from '#api';

/** JSON schema of the special types, which no definition describes. Source: OpenAPISchemaType/Format methods of apimachinery v0.36. */
const SCALARS: Readonly<Record<string, object>> = {
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

/** Special types that are definitions of their own in OpenAPI, with that definition. */
const NAMED: Readonly<Record<string, { name: string; schema: object }>> = {
  Time: { name: 'io.k8s.apimachinery.pkg.apis.meta.v1.Time', schema: { type: 'string', format: 'date-time' } },
  MicroTime: {
    name: 'io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime',
    schema: { type: 'string', format: 'date-time' },
  },
  Quantity: {
    name: 'io.k8s.apimachinery.pkg.api.resource.Quantity',
    schema: { oneOf: [{ type: 'string' }, { type: 'number' }] },
  },
  IntOrString: {
    name: 'io.k8s.apimachinery.pkg.util.intstr.IntOrString',
    schema: { format: 'int-or-string', oneOf: [{ type: 'integer' }, { type: 'string' }] },
  },
};

/** Builds the schemas of definitions and of all they refer to. `prefix` is `#/components/schemas/` or `#/definitions/`. */
export class SchemaBuilder {
  readonly schemas: Record<string, object> = {};
  readonly #prefix: string;

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /** A reference to the schema of a definition, which is added if it is new. */
  ref(definition: string): object {
    const special = NAMED[definition];
    if (special !== undefined) {
      this.schemas[special.name] ??= special.schema;
      return { $ref: this.#prefix + special.name };
    }
    const name = openApiName(definition);
    if (this.schemas[name] === undefined) {
      this.schemas[name] = {}; // definitions may be recursive
      this.schemas[name] = this.#object(definition);
    }
    return { $ref: this.#prefix + name };
  }

  /** The schema of a kind, marked with its group, version and kind, which is how clients find it. */
  kind(kind: Kind): object {
    const ref = this.ref(kind.definition);
    const schema = this.schemas[openApiName(kind.definition)] as Record<string, unknown>;
    schema['x-kubernetes-group-version-kind'] = [{ group: kind.group, version: kind.version, kind: kind.kind }];
    return ref;
  }

  /** The list of a kind, which the generated schema does not carry. */
  list(kind: Kind): object {
    const name = `${openApiName(kind.definition)}List`;
    this.schemas[name] ??= {
      type: 'object',
      required: ['items'],
      properties: {
        apiVersion: { type: 'string' },
        items: { type: 'array', items: this.ref(kind.definition) },
        kind: { type: 'string' },
        metadata: this.ref('meta.v1.ListMeta'),
      },
      'x-kubernetes-group-version-kind': [{ group: kind.group, version: kind.version, kind: `${kind.kind}List` }],
    };
    return { $ref: this.#prefix + name };
  }

  #object(name: string): object {
    const definition = definitionOf(name);
    const properties: Record<string, object> = {};
    const required: string[] = [];
    const isKind = definition.fields['metadata']?.t === 'meta.v1.ObjectMeta';
    if (isKind || /\.(?:DeleteOptions|Status)$/.test(name)) {
      properties['apiVersion'] = { type: 'string' };
      properties['kind'] = { type: 'string' };
    }
    for (const [field, schema] of Object.entries(definition.fields)) {
      properties[field] = this.#field(schema);
      if (schema.req === 1) required.push(field);
    }
    return {
      type: 'object',
      ...(required.length === 0 ? {} : { required }),
      ...(Object.keys(properties).length === 0 ? {} : { properties }),
      ...(definition.atomic === 1 ? { 'x-kubernetes-map-type': 'atomic' } : {}),
    };
  }

  #field({ t, list, keys, map, patch, mergeKey }: Field): object {
    const extensions = {
      ...(list === undefined
        ? t.startsWith('[]')
          ? { 'x-kubernetes-list-type': 'atomic' }
          : {}
        : { 'x-kubernetes-list-type': list }),
      ...(keys === undefined ? {} : { 'x-kubernetes-list-map-keys': keys }),
      ...(map === undefined ? {} : { 'x-kubernetes-map-type': map }),
      ...(patch === undefined ? {} : { 'x-kubernetes-patch-strategy': patch.join(',') }),
      ...(mergeKey === undefined ? {} : { 'x-kubernetes-patch-merge-key': mergeKey }),
    };
    return { ...this.#type(t), ...extensions };
  }

  #type(t: string): object {
    if (t.startsWith('[]')) return { type: 'array', items: this.#type(t.slice(2)) };
    if (t.startsWith('{}')) return { type: 'object', additionalProperties: this.#type(t.slice(2)) };
    const scalar = SCALARS[t];
    if (scalar !== undefined) return scalar;
    if (NAMED[t] === undefined && definitionOf(t).bare === 1)
      return { type: 'array', items: this.#type(definitionOf(t).fields['items']!.t.slice(2)) };
    return this.ref(t);
  }
}
