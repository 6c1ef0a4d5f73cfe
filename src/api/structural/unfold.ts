import type { JSONSchemaProps } from '../generated/apiextensions.v1.ts';

const EITHER: readonly JSONSchemaProps[] = [{ type: 'integer' }, { type: 'string' }];

/** Whether branches say integer or string, and nothing else. */
const isEither = (anyOf: readonly JSONSchemaProps[] | undefined): boolean =>
  anyOf?.length === 2 && EITHER.every(({ type }, i) => anyOf[i]!.type === type && Object.keys(anyOf[i]!).length === 1);

const unfoldAll = (schemas: Readonly<Record<string, JSONSchemaProps>>): Record<string, JSONSchemaProps> =>
  Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, unfoldIntOrString(schema)]));

/**
 * A copy of a structural schema in words everyone knows, as it is published: what is integer or string says so in its branches. Source:
 * apiextensions-apiserver pkg/apiserver/schema/unfold.go v0.36.
 */
export function unfoldIntOrString(schema: JSONSchemaProps): JSONSchemaProps {
  const { properties, items, additionalProperties: additional, anyOf, allOf } = schema;
  const whole: JSONSchemaProps = {
    ...schema,
    ...(properties === undefined ? {} : { properties: unfoldAll(properties) }),
    ...(items === undefined || Array.isArray(items) ? {} : { items: unfoldIntOrString(items) }),
    ...(typeof additional === 'object' ? { additionalProperties: unfoldIntOrString(additional) } : {}),
  };
  if (schema['x-kubernetes-int-or-string'] !== true || isEither(anyOf) || isEither(allOf?.[0]?.anyOf)) return whole;
  if (anyOf === undefined) return { ...whole, anyOf: [...EITHER] };
  return { ...whole, allOf: [{ anyOf: [...EITHER] }, ...(allOf ?? [])] };
}
