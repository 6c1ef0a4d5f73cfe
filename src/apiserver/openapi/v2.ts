import type { Kind } from '#api';
import type { Descriptions } from './descriptions.ts';
import { kindPaths, type Operation, type Parameter, type PathItem, versionPaths } from './operations.ts';
import { rootPaths } from './roots.ts';
import { SchemaBuilder } from './schemas.ts';

interface DocumentV2 {
  readonly [member: string]: unknown;
  readonly paths: Readonly<Record<string, object>>;
  readonly definitions: Readonly<Record<string, object>>;
}

/** The one OpenAPI 2.0 document over all kinds. In steps, since it takes a while: one for each kind. */
export function* documentV2(
  kinds: readonly Kind[],
  version: string,
  descriptions: Descriptions,
): Generator<void, DocumentV2> {
  const builder = new SchemaBuilder('v2', descriptions);
  const paths: Record<string, object> = {};
  const add = (items: readonly PathItem[]): void => {
    for (const { path, operations, bare } of items)
      paths[path] = {
        ...Object.fromEntries(operations.map((own) => [own.method, operationV2(own)])),
        ...(bare === true ? {} : { parameters: pathParameters(path) }),
      };
  };
  add([...rootPaths(kinds).values()].map((root) => root(builder)));
  add(versionPaths(kinds, builder));
  for (const kind of kinds) {
    add(kindPaths(kind, builder));
    yield;
  }
  builder.common(kinds);
  return {
    swagger: '2.0',
    info: { title: 'Kubernetes', version },
    paths: sorted(paths),
    definitions: sorted(builder.schemas),
    securityDefinitions: {
      BearerToken: { description: 'Bearer Token authentication', type: 'apiKey', name: 'authorization', in: 'header' },
    },
    security: [{ BearerToken: [] }],
  };
}

function operationV2(own: Operation): object {
  const body =
    own.body === undefined
      ? []
      : [{ name: 'body', in: 'body', ...(own.body.required ? { required: true } : {}), schema: own.body.schema }];
  return {
    ...optionalList('consumes', own.consumes),
    produces: own.produces,
    schemes: ['https'],
    tags: [own.tag],
    operationId: own.operationId,
    ...optionalList('parameters', [...body, ...own.query.map(queryParameter)]),
    responses: {
      ...Object.fromEntries(
        own.statuses.map((status) => [status, { description: MEANING[status] ?? '', schema: own.answer }]),
      ),
      '401': { description: 'Unauthorized' },
    },
    ...(own.action === undefined ? {} : { 'x-kubernetes-action': own.action }),
    ...(own.gvk === undefined ? {} : { 'x-kubernetes-group-version-kind': own.gvk }),
  };
}

const optionalList = (name: string, list: readonly unknown[]): object => (list.length === 0 ? {} : { [name]: list });

const MEANING: Readonly<Record<string, string>> = { '200': 'OK', '201': 'Created', '202': 'Accepted' };

const queryParameter = ({ name, type }: Parameter): object => ({ uniqueItems: true, type, name, in: 'query' });

/** What stands in braces, and what every path takes. */
const pathParameters = (path: string): readonly object[] => [
  ...[...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    uniqueItems: true,
    type: 'string',
    name,
    in: 'path',
    required: true,
  })),
  queryParameter({ name: 'pretty', type: 'string' }),
];

const sorted = <T>(entries: Record<string, T>): Record<string, T> =>
  Object.fromEntries(Object.entries(entries).toSorted(([a], [b]) => (a < b ? -1 : 1)));
