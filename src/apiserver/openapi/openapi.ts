import { createHash } from 'node:crypto';
import { apiVersionOf, type Kind, resourcePath } from '#api';
import { subresourcesOf, verbsOf } from '../discovery/discovery.ts';
import { SchemaBuilder } from './schemas.ts';

export interface OpenApiDocument {
  readonly bytes: Buffer;
  /** Upper-case SHA-512 in hex: the hash of the path and, quoted, the ETag. */
  readonly hash: string;
}

/** The documents of `/openapi/v3`, each made when first asked for. */
export class OpenApiV3 {
  readonly #kinds: readonly Kind[];
  readonly #title: string;
  readonly #documents = new Map<string, OpenApiDocument>();

  constructor(kinds: readonly Kind[], version: string) {
    this.#kinds = kinds;
    this.#title = version;
  }

  /** `api/v1`, `apis/apps/v1` → where its document is. */
  index(): object {
    const paths = [...new Set(this.#kinds.map(rootOf))].toSorted();
    return {
      paths: Object.fromEntries(
        paths.map((path) => [path, { serverRelativeURL: `/openapi/v3/${path}?hash=${this.document(path)!.hash}` }]),
      ),
    };
  }

  /** Undefined for a group and version there is not. */
  document(path: string): OpenApiDocument | undefined {
    const known = this.#documents.get(path);
    if (known !== undefined) return known;
    const kinds = this.#kinds.filter((kind) => rootOf(kind) === path);
    if (kinds.length === 0) return undefined;
    const bytes = Buffer.from(JSON.stringify(this.#build(kinds)));
    const document = { bytes, hash: createHash('sha512').update(bytes).digest('hex').toUpperCase() };
    this.#documents.set(path, document);
    return document;
  }

  #build(kinds: readonly Kind[]): object {
    const builder = new SchemaBuilder('#/components/schemas/');
    const paths: Record<string, object> = {};
    for (const kind of kinds) Object.assign(paths, kindPaths(kind, builder));
    builder.ref('meta.v1.DeleteOptions');
    builder.ref('meta.v1.Status');
    return {
      openapi: '3.0.0',
      info: { title: 'Kubernetes', version: this.#title },
      paths,
      components: { schemas: builder.schemas },
    };
  }
}

const rootOf = ({ group, version }: Kind): string => (group === '' ? `api/${version}` : `apis/${group}/${version}`);

const query = (name: string, type: 'string' | 'boolean' | 'integer' = 'string'): object => ({
  name,
  in: 'query',
  schema: { type, uniqueItems: true },
});

const WRITE_PARAMETERS = [query('dryRun'), query('fieldManager'), query('fieldValidation')];
const LIST_PARAMETERS = [
  query('allowWatchBookmarks', 'boolean'),
  query('continue'),
  query('fieldSelector'),
  query('labelSelector'),
  query('limit', 'integer'),
  query('resourceVersion'),
  query('resourceVersionMatch'),
  query('sendInitialEvents', 'boolean'),
  query('timeoutSeconds', 'integer'),
  query('watch', 'boolean'),
];
const DELETE_PARAMETERS = [
  query('dryRun'),
  query('gracePeriodSeconds', 'integer'),
  query('orphanDependents', 'boolean'),
  query('propagationPolicy'),
];
const PATCH_CONTENT = Object.fromEntries(
  ['json-patch+json', 'merge-patch+json', 'strategic-merge-patch+json'].map((type) => [
    `application/${type}`,
    { schema: { type: 'object' } },
  ]),
);

function kindPaths(kind: Kind, builder: SchemaBuilder): Record<string, object> {
  const own = builder.kind(kind);
  const list = builder.list(kind);
  const gvk = { group: kind.group, version: kind.version, kind: kind.kind };
  const verbs = verbsOf(kind);
  const content = (schema: object): object => ({
    'application/json': { schema },
    'application/yaml': { schema },
    'application/vnd.kubernetes.protobuf': { schema },
  });
  const operation = (verb: string, action: string, rest: object, answer: object): object => ({
    operationId: `${verb}${kind.namespaced ? 'Namespaced' : ''}${apiVersionOf(kind).replaceAll(/[^A-Za-z0-9]/g, '_')}${kind.kind}`,
    ...rest,
    responses: { '200': { description: 'OK', content: content(answer) } },
    'x-kubernetes-action': action,
    'x-kubernetes-group-version-kind': gvk,
  });
  const body = { requestBody: { content: { '*/*': { schema: own } }, required: true } };
  const collection: Record<string, object> = {};
  const item: Record<string, object> = {};
  if (verbs.includes('list')) collection['get'] = operation('list', 'list', { parameters: LIST_PARAMETERS }, list);
  if (verbs.includes('create'))
    collection['post'] = operation('create', 'post', { parameters: WRITE_PARAMETERS, ...body }, own);
  if (verbs.includes('deletecollection'))
    collection['delete'] = operation(
      'deletecollection',
      'deletecollection',
      { parameters: DELETE_PARAMETERS },
      builder.ref('meta.v1.Status'),
    );
  if (verbs.includes('get')) item['get'] = operation('read', 'get', {}, own);
  if (verbs.includes('update'))
    item['put'] = operation('replace', 'put', { parameters: WRITE_PARAMETERS, ...body }, own);
  if (verbs.includes('patch'))
    item['patch'] = operation(
      'patch',
      'patch',
      {
        parameters: [...WRITE_PARAMETERS, query('force', 'boolean')],
        requestBody: { content: PATCH_CONTENT, required: true },
      },
      own,
    );
  if (verbs.includes('delete'))
    item['delete'] = operation('delete', 'delete', { parameters: DELETE_PARAMETERS }, builder.ref('meta.v1.Status'));

  const at = (name?: string): string =>
    decodeURIComponent(resourcePath(kind, { namespace: '{namespace}', ...(name === undefined ? {} : { name }) }));
  const paths: Record<string, object> = { [at()]: collection, [at('{name}')]: item };
  if (kind.namespaced && verbs.includes('list'))
    paths[resourcePath(kind, {})] = { get: operation('listAll', 'list', { parameters: LIST_PARAMETERS }, list) };
  for (const { name } of subresourcesOf(kind).filter((s) => s.name === 'status'))
    paths[`${at('{name}')}/${name}`] = { get: item['get'], put: item['put'], patch: item['patch'] };
  return paths;
}
