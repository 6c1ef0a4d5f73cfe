/** Requests that are much work, for test/bench/holds.ts. */
import type { ClientHttp2Session } from 'node:http2';
import { dump } from 'js-yaml';
import type { Request } from './load.ts';
import { configMapOf, podOf } from './objects.ts';
import { NAMESPACE } from './rounds.ts';

export interface Held {
  readonly name: string;
  readonly request: Request;
  /** Only the first is much work. */
  readonly once?: boolean;
}

const PODS = `${NAMESPACE}/pods`;
const YAML = { 'content-type': 'application/yaml' };
const APPLY = { 'content-type': 'application/apply-patch+yaml' };
const TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io';
const PROTOBUF = 'application/vnd.kubernetes.protobuf';
const PARTIAL = 'as=PartialObjectMetadataList;v=v1;g=meta.k8s.io';
/** As YAML 2.9 MB; 3 are refused. */
const VARIABLES = 34_000;

const get = (name: string, path: string, accept = 'application/json', more = {}): Held => ({
  name,
  request: { method: 'GET', path, headers: { accept, ...more } },
});
const first = (name: string, path: string, accept = 'application/json'): Held => ({
  ...get(name, path, accept),
  once: true,
});
const put = (name: string, method: string, path: string, headers: Record<string, string>, body: string): Held => ({
  name,
  request: { method, path, headers, body: Buffer.from(body) },
});

/** A pod with so many variables that it is as large as a body may be. */
function largePod(): object {
  const pod = podOf(0) as { metadata: object; spec: { containers: { env: object[] }[] } };
  const variable = (i: number): object => ({ name: `NUMBER_${i}`, value: `value of variable ${i}` });
  const env = Array.from({ length: VARIABLES }, (_, i) => variable(i));
  const containers = pod.spec.containers.map((container) => ({ ...container, env }));
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    ...pod,
    metadata: { ...pod.metadata, name: 'large' },
    spec: { ...pod.spec, containers },
  };
}

const large = largePod();
const keys = Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`key-${i}`, `value number ${i}`]));
const map = { ...configMapOf('large', ''), data: keys };
const watch = `${PODS}?watch=1&timeoutSeconds=1`;

export const held: readonly Held[] = [
  first('OpenAPI v2, first', '/openapi/v2'),
  first('OpenAPI v2 as protobuf, first', '/openapi/v2', 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf'),
  first('OpenAPI v3, first', '/openapi/v3'),
  first('OpenAPI v3 of core, first', '/openapi/v3/api/v1'),
  first('OpenAPI v3 of apps, first', '/openapi/v3/apis/apps/v1'),
  first('discovery, first', '/apis', 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList'),
  get('metrics', '/metrics', '*/*'),
  get('LIST of all', PODS),
  get('LIST of all, gzip', PODS, 'application/json', { 'accept-encoding': 'gzip' }),
  get('LIST of all, indented', `${PODS}?pretty=1`),
  get('LIST of all as YAML', PODS, 'application/yaml'),
  get('LIST of all as Table', PODS, TABLE),
  get('LIST of all as Table with objects', `${PODS}?includeObject=Object`, TABLE),
  get('LIST of all as protobuf', PODS, PROTOBUF),
  get('LIST of all as metadata', PODS, `application/json;${PARTIAL}`),
  get('LIST of all as metadata in protobuf', PODS, `${PROTOBUF};${PARTIAL}`),
  get('LIST of 500 as protobuf', `${PODS}?limit=500`, PROTOBUF),
  get('LIST by label', `${PODS}?labelSelector=app%3Dweb-7`),
  get('watch from the beginning', watch),
  get('watch from the beginning, protobuf', watch, PROTOBUF),
  get('watch from the beginning, Table', watch, TABLE),
  put('POST of a large pod, JSON', 'POST', `${PODS}?dryRun=All`, {}, JSON.stringify(large)),
  put('POST of a large pod, YAML', 'POST', `${PODS}?dryRun=All`, YAML, dump(large)),
  put('apply of a large pod', 'PATCH', `${PODS}/large?fieldManager=a&dryRun=All`, APPLY, dump(large)),
  put(
    'apply of a map of 20,000 keys',
    'PATCH',
    `${NAMESPACE}/configmaps/large?fieldManager=a&dryRun=All`,
    APPLY,
    dump(map),
  ),
  put('POST of a map of 20,000 keys, YAML', 'POST', `${NAMESPACE}/configmaps?dryRun=All`, YAML, dump(map)),
  {
    name: 'deletecollection',
    once: true,
    request: { method: 'DELETE', path: PODS },
  },
];

export async function answerOf(
  session: ClientHttp2Session,
  { method, path, headers, body }: Request,
): Promise<{ status: number; bytes: number }> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const stream = session.request({ ':method': method, ':path': path, ...headers }, { endStream: body === undefined });
  let status = 0;
  let bytes = 0;
  stream.on('response', (answer) => (status = answer[':status'] ?? 0));
  stream.on('data', (chunk: Buffer) => (bytes += chunk.length));
  stream.on('error', reject);
  stream.on('end', resolve);
  if (body !== undefined) stream.end(body);
  await promise;
  return { status, bytes };
}
