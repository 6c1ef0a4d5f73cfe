import { badRequest } from '#api';

/** What a request asks for, read from its method, path and query. Source: apiserver pkg/endpoints/request/requestinfo.go v1.36. */
export interface RequestInfo {
  readonly isResourceRequest: boolean;
  /** get list watch create update patch delete deletecollection; for other paths the method in lower case. */
  readonly verb: string;
  readonly path: string;
  readonly group: string;
  readonly version: string;
  readonly namespace: string;
  readonly resource: string;
  readonly subresource: string;
  readonly name: string;
  /** What stands behind the subresource: the path of a proxied request. */
  readonly rest: string;
}

const VERBS: Readonly<Record<string, string>> = {
  GET: 'get',
  HEAD: 'get',
  POST: 'create',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
};

/** Subresources of a namespace, which otherwise would look like collections in it. */
const NAMESPACE_SUBRESOURCES = new Set(['status', 'finalize']);

/** `encodedPath` as it stands in the request. It is decoded before it is split, so that an encoded slash cannot smuggle one into a name. */
export function requestInfoOf(method: string, encodedPath: string, query: URLSearchParams): RequestInfo {
  const path = decode(encodedPath);
  const parts = partsOf(path);
  const core = parts[1] === 'api';
  const group = core ? '' : (parts[2] ?? '');
  const resourceAt = core ? 3 : 4;
  if ((!core && parts[1] !== 'apis') || parts.length <= resourceAt)
    return { ...NOTHING, verb: method.toLowerCase(), path, version: '' };

  const version = parts[resourceAt - 1]!;
  let at = resourceAt;
  // The old way to ask for a watch, still served: /api/v1/watch/namespaces/n/pods.
  const watch = parts[at] === 'watch' && parts.length > at + 1;
  if (watch) at++;
  let namespace = '';
  if (parts[at] === 'namespaces' && parts[at + 1] !== undefined) {
    namespace = parts[at + 1]!;
    if (parts.length > at + 2 && !NAMESPACE_SUBRESOURCES.has(parts[at + 2]!)) at += 2;
  }
  const name = parts[at + 1] ?? '';
  return {
    isResourceRequest: true,
    verb: watch && method === 'GET' ? 'watch' : verbOf(method, name, query),
    path,
    group,
    version,
    namespace,
    resource: parts[at] ?? '',
    subresource: parts[at + 2] ?? '',
    name,
    rest: parts.length > at + 3 ? parts.slice(at + 3).join('/') : '',
  };
}

/** What stands between slashes, behind an empty first; slashes that follow one another count as one. */
function partsOf(path: string): string[] {
  const parts = path.split('/');
  return parts[0] === '' && !parts.includes('', 1) ? parts : ['', ...parts.filter((part) => part !== '')];
}

const NOTHING: RequestInfo = {
  isResourceRequest: false,
  verb: '',
  path: '',
  group: '',
  version: '',
  namespace: '',
  resource: '',
  subresource: '',
  name: '',
  rest: '',
};

function verbOf(method: string, name: string, query: URLSearchParams): string {
  const verb = VERBS[method] ?? '';
  if (verb === 'get' && isTrue(query.get('watch'))) return 'watch';
  if (name !== '') return verb;
  if (verb === 'get') return 'list';
  return verb === 'delete' ? 'deletecollection' : verb;
}

/** Booleans of a query: only '0' and 'false' are not true. Source: Convert_Slice_string_To_bool, apimachinery pkg/runtime/conversion.go v0.36. */
export function isTrue(value: string | null | undefined): boolean {
  return value !== null && value !== undefined && value !== '0' && value.toLowerCase() !== 'false';
}

function decode(path: string): string {
  if (!path.includes('%')) return path;
  try {
    return decodeURIComponent(path);
  } catch {
    throw badRequest(`invalid URL escape in path ${JSON.stringify(path)}`);
  }
}
