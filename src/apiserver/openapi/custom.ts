/**
 * Schemas of custom resources as they are published. Source: apiextensions-apiserver pkg/controller/openapi/builder/builder.go,
 * pkg/controller/openapi/v2/conversion.go, pkg/apiserver/schema/{kubeopenapi,unfold}.go v0.36.
 */
import { deepClone, type Kind, unfoldIntOrString } from '#api';
import type { Descriptions } from './descriptions.ts';
import type { Dialect } from './schemas.ts';

type JsonSchema = Record<string, unknown>;
type Properties = Record<string, JsonSchema>;

export interface CustomSchemaContext {
  readonly dialect: Dialect;
  readonly descriptions: Descriptions;
  /** A reference to a built-in definition. */
  readonly ref: (definition: string) => Readonly<Record<string, unknown>>;
}

/** A kind whose words for apiVersion, kind and metadata are those of all kinds. */
const MODEL = 'core.v1.ConfigMap';

/** The schema of the objects of a custom kind. */
export function customSchema({ custom }: Kind, context: CustomSchemaContext): JsonSchema {
  const props = custom?.props;
  const v2 = context.dialect === 'v2';
  // Clients that know only version 2 would refuse whatever is not listed.
  if (props === undefined || (v2 && props['x-kubernetes-preserve-unknown-fields'] === true)) return { type: 'object' };
  const schema = published(deepClone(unfoldIntOrString(props)) as JsonSchema, v2);
  addEmbedded(schema, context);
  const texts = context.descriptions[MODEL] ?? {};
  schema['properties'] = {
    ...(schema['properties'] as Properties | undefined),
    apiVersion: { type: 'string', ...described(texts['apiVersion']) },
    kind: { type: 'string', ...described(texts['kind']) },
    metadata: metadataOf(context),
  };
  return selectable(schema, custom);
}

/** The schema of their lists. */
export function customListSchema(kind: Kind, context: CustomSchemaContext): JsonSchema {
  const { dialect, descriptions, ref } = context;
  const texts = descriptions[`${MODEL}List`] ?? {};
  const item = { $ref: `${dialect === 'v2' ? '#/definitions/' : '#/components/schemas/'}${kind.definition}` };
  const schema: JsonSchema = {
    type: 'object',
    description: `${kind.listKind} is a list of ${kind.kind}`,
    required: ['items'],
    properties: {
      apiVersion: { type: 'string', ...described(texts['apiVersion']) },
      items: { type: 'array', items: item, ...described(texts['items']) },
      kind: { type: 'string', ...described(texts['kind']) },
      metadata: withDescription(ref('meta.v1.ListMeta'), texts['metadata'], dialect),
    },
  };
  return selectable(schema, kind.custom);
}

function selectable(schema: JsonSchema, custom: Kind['custom']): JsonSchema {
  const fields = custom?.selectableFields ?? [];
  if (fields.length === 0) return schema;
  return { ...schema, 'x-kubernetes-selectable-fields': fields.map((fieldPath) => ({ fieldPath })) };
}

const described = (text: string | undefined): JsonSchema => (text === undefined ? {} : { description: text });

/** In version 3 a reference stands alone. */
function withDescription(
  ref: Readonly<Record<string, unknown>>,
  text: string | undefined,
  dialect: Dialect,
): JsonSchema {
  if (text === undefined) return ref;
  return dialect === 'v3' ? { allOf: [ref], description: text } : { ...ref, description: text };
}

const metadataOf = ({ ref, descriptions, dialect }: CustomSchemaContext): JsonSchema =>
  withDescription(ref('meta.v1.ObjectMeta'), descriptions[MODEL]?.['metadata'], dialect);

/** Calls `visit` with every schema directly below this one in the structure, and puts back what it gives. */
function mapBelow(schema: JsonSchema, visit: (below: JsonSchema) => JsonSchema): void {
  const { properties, items, additionalProperties } = schema;
  if (isSchema(properties))
    schema['properties'] = Object.fromEntries(
      Object.entries(properties as Properties).map(([name, below]) => [name, visit(below)]),
    );
  if (isSchema(items)) schema['items'] = visit(items);
  if (isSchema(additionalProperties)) schema['additionalProperties'] = visit(additionalProperties);
}

const isSchema = (value: unknown): value is JsonSchema =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A schema as clients get it; changes the one given. */
function published(schema: JsonSchema, v2: boolean): JsonSchema {
  if (v2) toV2(schema);
  mapBelow(schema, (below) => published(below, v2));
  return schema;
}

/** Takes out what version 2 does not know, and what its clients would take amiss. */
function toV2(schema: JsonSchema): void {
  for (const field of ['allOf', 'anyOf', 'oneOf', 'not', 'default']) delete schema[field];
  const preserves = schema['x-kubernetes-preserve-unknown-fields'] === true;
  const nullable = schema['nullable'] === true;
  if (schema['properties'] !== undefined) dropNullableRequired(schema, schema['properties'] as Properties);
  if (isSchema(schema['additionalProperties']) && schema['additionalProperties']['nullable'] === true)
    delete schema['required'];
  delete schema['nullable'];
  if (nullable || preserves) {
    delete schema['items'];
    delete schema['properties'];
  }
  const itemless = schema['type'] === 'array' && schema['items'] === undefined;
  if (nullable || itemless || (preserves && schema['type'] === 'object')) delete schema['type'];
}

function dropNullableRequired(schema: JsonSchema, properties: Properties): void {
  const required = schema['required'] as readonly string[] | undefined;
  if (required === undefined) return;
  const kept = required.filter((name) => !(Object.hasOwn(properties, name) && properties[name]!['nullable'] === true));
  if (kept.length === 0) delete schema['required'];
  else schema['required'] = kept;
}

/** Objects within objects say what they are, too. */
function addEmbedded(schema: JsonSchema, context: CustomSchemaContext): void {
  mapBelow(schema, (below) => {
    addEmbedded(below, context);
    return below;
  });
  if (schema['x-kubernetes-embedded-resource'] !== true) return;
  if (context.dialect === 'v2' && schema['x-kubernetes-preserve-unknown-fields'] === true) return;
  const texts = context.descriptions[MODEL] ?? {};
  schema['properties'] = {
    ...(schema['properties'] as Properties | undefined),
    apiVersion: { type: 'string', ...described(texts['apiVersion']) },
    kind: { type: 'string', ...described(texts['kind']) },
    metadata: metadataOf(context),
  };
  const required = (schema['required'] as readonly string[] | undefined) ?? [];
  schema['required'] = [...required, ...['kind', 'apiVersion'].filter((name) => !required.includes(name))];
}
