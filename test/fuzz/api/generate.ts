/** Makes requests: a valid one of some kind, then changes of its method, path, query, headers and body. */
import { dump } from 'js-yaml';
import { encodeProtobuf, type KubeObject, resourcePath } from '#api';
import { BODIES, DELETE_OPTIONS, NAMES, NAMESPACES, REVIEWS, type Seed, WEIGHTED } from './corpus.ts';
import { mutateBytes, mutateText } from './mutate-bytes.ts';
import { type Json, mutateJson } from './mutate-json.ts';
import { patchOf, PATCH_TYPES } from './patches.ts';
import type { Random } from './random.ts';
import type { FuzzRequest } from './request.ts';

const JSON_TYPE = 'application/json';
const YAML_TYPE = 'application/yaml';
const PROTOBUF_TYPE = 'application/vnd.kubernetes.protobuf';

const QUERY: Readonly<Record<string, readonly string[]>> = {
  limit: ['0', '1', '2', '500', '-1', '9999999999999999999', 'x', '1.5'],
  continue: ['x', 'e30', Buffer.from('{"v":"meta.k8s.io/v1","rv":1,"start":"a"}').toString('base64url'), 'bnVsbA'],
  labelSelector: [
    'a=b',
    'app in (web,x),!y',
    'a in (',
    '!',
    'a,b',
    '==',
    'a!=b,c notin (d,e)',
    'x'.repeat(1000),
    'a>1',
  ],
  fieldSelector: [
    'metadata.name=a',
    'metadata.name!=',
    'spec.nodeName=',
    '=',
    'x=y',
    'metadata.namespace=default',
    'a\\=b=c\\',
  ],
  resourceVersion: ['0', '1', '3', '-1', 'x', '', '007', '999999999'],
  resourceVersionMatch: ['Exact', 'NotOlderThan', 'x'],
  watch: ['1', 'true', '0'],
  allowWatchBookmarks: ['1', '0'],
  sendInitialEvents: ['1', '0', ''],
  timeoutSeconds: ['1', '0', '-5', 'x'],
  timeout: ['1s', '32s', 'x', '-1s'],
  dryRun: ['All', 'x', ''],
  force: ['true', '1', 'x'],
  fieldManager: ['me', 'kubectl', 'x'.repeat(200), '\u0001'],
  fieldValidation: ['Ignore', 'Warn', 'Strict', 'x'],
  propagationPolicy: ['Foreground', 'Orphan', 'Background', 'x'],
  gracePeriodSeconds: ['0', '5', '-1', 'x'],
  orphanDependents: ['true', 'false'],
  ignoreStoreReadErrorWithClusterBreakingPotential: ['true'],
  pretty: ['1', 'false'],
  includeObject: ['None', 'Object', 'x'],
  container: ['main', 'x'],
  tailLines: ['1', '-1'],
  command: ['a', ''],
  hash: ['x'],
};
const QUERY_NAMES = Object.keys(QUERY);

const ACCEPTS = [
  '',
  '',
  '',
  '',
  '',
  '',
  '',
  '',
  '*/*',
  JSON_TYPE,
  YAML_TYPE,
  PROTOBUF_TYPE,
  `${PROTOBUF_TYPE},${JSON_TYPE}`,
  'application/json;as=Table;v=v1;g=meta.k8s.io,application/json',
  'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1',
  'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1',
  `${PROTOBUF_TYPE};as=PartialObjectMetadata;g=meta.k8s.io;v=v1`,
  'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList',
  'application/com.github.proto-openapi.spec.v2@v1.0+protobuf',
  'text/html',
  ';;q=x,*/*;q=',
];

const OTHER_PATHS = [
  '/',
  '/api',
  '/apis',
  '/api/v1',
  '/api/v2',
  '/apis/apps',
  '/apis/apps/v1',
  '/apis/fuzz.example.com/v1',
  '/openapi/v2',
  '/openapi/v3',
  '/openapi/v3/api/v1',
  '/openapi/v3/apis/apps/v1',
  '/metrics',
  '/version',
  '/healthz',
  '/readyz?verbose',
  '/livez/ping',
  '/api/v1/watch/namespaces/default/pods',
  '/api/v1/namespaces/default/services/web/proxy/a/b',
  '/api/v1/namespaces/default/pods/a:80/proxy/',
  '/api/v1/nodes/web/proxy/x',
  '/apis/apps/v1/namespaces/default/deployments/web/scale',
  '/__proto__',
  '/api/__proto__/constructor',
  '//',
  '/%2e%2e/%2F',
];

const SUBRESOURCES = [
  'status',
  'scale',
  'binding',
  'eviction',
  'finalize',
  'token',
  'ephemeralcontainers',
  'resize',
  'approval',
  'log',
  'exec',
  'proxy',
  'x',
];

function queryOf(random: Random): string {
  const pairs: string[] = [];
  while (random.chance(0.4)) {
    const name = random.pick(QUERY_NAMES);
    pairs.push(`${name}=${encodeURIComponent(random.pick(QUERY[name]!))}`);
  }
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`;
}

const USERS = [...Array.from({ length: 18 }, () => 'kubernetes-admin'), 'somebody', undefined];

interface Encoded {
  readonly type: string;
  readonly body: Buffer;
}

/** The value as JSON, YAML or protobuf; sometimes with bytes changed. */
function encode(value: Json, definition: string | undefined, random: Random): Encoded {
  const form = random.below(10);
  let encoded: Encoded;
  if (form === 0) encoded = { type: YAML_TYPE, body: Buffer.from(yamlOf(value)) };
  else if (form === 1 && definition !== undefined)
    encoded = { type: PROTOBUF_TYPE, body: protobufOf(value, definition) };
  else encoded = { type: JSON_TYPE, body: Buffer.from(JSON.stringify(value)) };
  return random.chance(encoded.type === JSON_TYPE ? 0.06 : 0.5)
    ? { ...encoded, body: mutateBytes(encoded.body, random) }
    : encoded;
}

function yamlOf(value: Json): string {
  try {
    return dump(value, { skipInvalid: true });
  } catch {
    return JSON.stringify(value); // too deep to be written; JSON is YAML too
  }
}

/** What cannot be said in protobuf is left as JSON, under protobuf's name. */
function protobufOf(value: Json, definition: string): Buffer {
  try {
    return encodeProtobuf(value as unknown as KubeObject, definition);
  } catch {
    return Buffer.from(JSON.stringify(value));
  }
}

function headersOf(random: Random): Record<string, string> {
  const headers: Record<string, string> = {};
  const accept = random.pick(ACCEPTS);
  if (accept !== '') headers['accept'] = random.chance(0.03) ? mutateText(accept, random) : accept;
  if (random.chance(0.02)) headers['user-agent'] = random.pick(['curl/8', 'kubectl/v1.36', '', '\u00ff'.repeat(300)]);
  if (random.chance(0.01))
    headers['authorization'] = random.pick(['Bearer x', 'bearer a.b.c', 'Basic eDp5', 'Bearer ']);
  if (random.chance(0.01)) headers['accept-encoding'] = random.pick(['gzip', 'gzip;q=0', 'deflate, br']);
  if (random.chance(0.01)) headers['if-none-match'] = '"x"';
  if (random.chance(0.005)) headers['impersonate-user'] = 'x';
  if (random.chance(0.005)) headers['impersonate-group'] = 'system:masters';
  if (random.chance(0.005)) headers['content-length'] = random.pick(['-1', 'x', '99999999', '']);
  if (random.chance(0.005)) headers['__proto__x'] = 'y';
  return headers;
}

/** The seed's object under one of a few names, mostly changed. */
function objectOf({ kind, object }: Seed, namespace: string, name: string, random: Random): Json {
  const own = (object['metadata'] ?? {}) as { [key: string]: Json };
  const metadata = { name, ...(kind.namespaced ? { namespace } : {}), ...own };
  const value: Json = { ...object, metadata };
  return random.chance(0.2) ? value : mutateJson(value, random);
}

/** A request for something that is kept. */
function objectRequest(random: Random): FuzzRequest {
  const seed = random.pick(WEIGHTED);
  const { kind } = seed;
  const namespace = kind.namespaced ? random.pick(NAMESPACES) : '';
  const ownName = (seed.object['metadata'] as { name?: string } | undefined)?.name;
  const name = ownName ?? random.pick(NAMES);
  const collection = resourcePath(kind, { namespace });
  const query = queryOf(random);
  const base = { headers: headersOf(random), user: random.pick(USERS) };
  const withBody = (method: string, path: string, { type, body }: Encoded): FuzzRequest => ({
    ...base,
    method,
    url: path + query,
    headers: { ...base.headers, 'content-type': type },
    body,
  });
  const object = (): Json => objectOf(seed, namespace, name, random);
  const item = `${collection}/${name}`;
  const what = random.below(100);
  if (what < 32) return withBody('POST', collection, encode(object(), kind.definition, random));
  if (what < 46) return withBody('PUT', item, encode(object(), kind.definition, random));
  if (what < 64) {
    const type = random.pick(PATCH_TYPES);
    const sub = random.chance(0.2) ? `/${random.pick(SUBRESOURCES)}` : '';
    const body = patchOf(type, seed.object, random);
    return withBody('PATCH', item + sub, { type, body: random.chance(0.05) ? mutateBytes(body, random) : body });
  }
  if (what < 72) {
    const sub = random.pick(SUBRESOURCES);
    const value = BODIES[sub];
    const body = encode(value === undefined ? object() : mutateJson(value, random), kind.definition, random);
    return withBody(random.pick(['PUT', 'POST']), `${item}/${sub}`, body);
  }
  if (what < 80) return { ...base, method: 'GET', url: collection + query };
  if (what < 88) return { ...base, method: 'GET', url: item + query };
  if (what < 91) return { ...base, method: 'GET', url: `${item}/${random.pick(SUBRESOURCES)}${query}` };
  if (what < 94) return { ...base, method: 'GET', url: `${collection}?watch=1${query.replace('?', '&')}` };
  if (what < 97) return { ...base, method: 'DELETE', url: item + query };
  const body = encode(mutateJson(DELETE_OPTIONS, random), 'meta.v1.DeleteOptions', random);
  return withBody('DELETE', what < 99 ? item : collection, body);
}

function otherRequest(random: Random): FuzzRequest {
  const base = { headers: headersOf(random), user: random.pick(USERS) };
  if (random.chance(0.5)) {
    const [url, body] = random.pick(Object.entries(REVIEWS));
    const value = random.chance(0.2) ? body : mutateJson(body, random);
    const { type, body: bytes } = encode(value, undefined, random);
    return {
      ...base,
      method: 'POST',
      url: url + queryOf(random),
      headers: { ...base.headers, 'content-type': type },
      body: bytes,
    };
  }
  return { ...base, method: 'GET', url: random.pick(OTHER_PATHS) };
}

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'FOO', 'get'];

/** The request number `index` of a run: the same for the same seed. */
export function generate(random: Random): FuzzRequest {
  const request = random.chance(0.94) ? objectRequest(random) : otherRequest(random);
  if (random.chance(0.75)) return request;
  let { method, url } = request;
  const headers = { ...request.headers };
  if (random.chance(0.2)) method = random.pick(METHODS);
  if (random.chance(0.3)) url = `/${mutateText(url.slice(1), random)}`;
  if (random.chance(0.15)) headers['content-type'] = mutateText(headers['content-type'] ?? JSON_TYPE, random);
  if (random.chance(0.1)) delete headers['content-type'];
  const cut = request.body !== undefined && random.chance(0.1) ? random.below(request.body.length + 1) : undefined;
  return { ...request, method, url, headers, ...(cut === undefined ? {} : { cutAt: cut }) };
}
