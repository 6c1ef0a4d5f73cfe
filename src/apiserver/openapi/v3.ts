import type { Kind } from '#api';
import type { Descriptions } from './descriptions.ts';
import { kindPaths, type Operation, type Parameter, type PathItem, versionPaths } from './operations.ts';
import { SchemaBuilder } from './schemas.ts';

/** The OpenAPI 3.0 document of one group and version. */
export function documentV3(kinds: readonly Kind[], version: string, descriptions: Descriptions): object {
  const builder = new SchemaBuilder('v3', descriptions);
  const items = [...versionPaths(kinds, builder), ...kinds.flatMap((kind) => kindPaths(kind, builder))];
  builder.common(kinds);
  return documentOf(items, builder, version);
}

/** The one of a path that belongs to no group and version. */
export function rootDocumentV3(
  root: (builder: SchemaBuilder) => PathItem,
  version: string,
  descriptions: Descriptions,
): object {
  const builder = new SchemaBuilder('v3', descriptions);
  return documentOf([root(builder)], builder, version);
}

function documentOf(items: readonly PathItem[], { schemas }: SchemaBuilder, version: string): object {
  const paths: Record<string, object> = {};
  for (const { path, operations, bare } of items)
    paths[path] = {
      ...Object.fromEntries(operations.map((own) => [own.method, operationV3(own)])),
      ...(bare === true ? {} : { parameters: pathParameters(path) }),
    };
  return {
    openapi: '3.0.0',
    info: { title: 'Kubernetes', version },
    paths,
    components: {
      ...(Object.keys(schemas).length === 0 ? {} : { schemas }),
      securitySchemes: {
        BearerToken: {
          type: 'apiKey',
          description: 'Bearer Token authentication',
          name: 'authorization',
          in: 'header',
        },
      },
    },
  };
}

function operationV3(own: Operation): object {
  const content = (types: readonly string[], schema: object): object =>
    Object.fromEntries(types.map((type) => [type, { schema }]));
  return {
    tags: [own.tag],
    operationId: own.operationId,
    ...(own.query.length === 0 ? {} : { parameters: own.query.map(queryParameter) }),
    ...(own.body === undefined
      ? {}
      : {
          requestBody: {
            content: content(own.consumes, own.body.schema),
            ...(own.body.required ? { required: true } : {}),
          },
        }),
    responses: {
      ...Object.fromEntries(
        own.statuses.map((status) => [
          status,
          { description: MEANING[status] ?? '', content: content(own.produces, own.answer) },
        ]),
      ),
      '401': { description: 'Unauthorized' },
    },
    ...(own.action === undefined ? {} : { 'x-kubernetes-action': own.action }),
    ...(own.gvk === undefined ? {} : { 'x-kubernetes-group-version-kind': own.gvk }),
  };
}

const MEANING: Readonly<Record<string, string>> = { '200': 'OK', '201': 'Created', '202': 'Accepted' };

const queryParameter = ({ name, type }: Parameter): object => ({
  name,
  in: 'query',
  schema: { type, uniqueItems: true },
});

const pathParameters = (path: string): readonly object[] => [
  ...[...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string', uniqueItems: true },
  })),
  queryParameter({ name: 'pretty', type: 'string' }),
];
