/** What the tests "should support … API operations" of the conformance suite of Kubernetes v1.36 do with a kind: everything, once. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  CronJob,
  CSIStorageCapacity,
  EndpointSlice,
  FlowSchema,
  Ingress,
  IngressClass,
  type Kind,
  MutatingAdmissionPolicy,
  MutatingAdmissionPolicyBinding,
  PriorityLevelConfiguration,
  resourcePath,
  RuntimeClass,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
} from '#api';
import { MINIMAL } from '../../src/apiserver/testdata/minimal.ts';
import { type Answer, type HttpsServer, type Json, startHttpsServer } from '../../src/apiserver/testdata/https.ts';

const MERGE = { 'content-type': 'application/merge-patch+json' };
const SELECTED = '?labelSelector=special-label%3Dx';

/** The answer's body; the answer must be a good one. */
async function good(answer: Promise<Answer>): Promise<Json> {
  const { status, text, json } = await answer;
  assert.ok(status < 300, text);
  return json();
}

/** The first event of a watch from a revision, which then is left. */
function firstEvent(server: HttpsServer, path: string): Promise<Json> {
  const { promise, resolve, reject } = Promise.withResolvers<Json>();
  const stream = server.connect().request({ ':path': path });
  let text = '';
  stream.on('error', reject);
  stream.on('data', (chunk: Buffer) => {
    text += chunk.toString();
    if (!text.includes('\n')) return;
    stream.close();
    resolve(JSON.parse(text.split('\n')[0]!));
  });
  return promise;
}

/** `status`: what is written to the status of a kind that has one. */
async function operations(kind: Kind, status?: Readonly<Record<string, unknown>>): Promise<void> {
  await using server = await startHttpsServer();
  const minimal: { metadata?: object } = MINIMAL[`${kind.kind}.${kind.group}`] ?? {};
  const body = (name: string): object => ({
    apiVersion: `${kind.group}/${kind.version}`,
    kind: kind.kind,
    ...minimal,
    metadata: { ...minimal.metadata, name, labels: { 'special-label': 'x' } },
  });
  const namespace = kind.namespaced ? 'default' : undefined;
  const collection = resourcePath(kind, { namespace });
  const at = (name: string, subresource?: string): string => resourcePath(kind, { namespace, name, subresource });
  for (const name of ['a', 'b', 'c']) await good(server.ask(collection, { method: 'POST', body: body(name) }));
  const first = await good(server.ask(at('a')));
  assert.equal(first.metadata.name, 'a');
  const list = await good(server.ask(`${collection}${SELECTED}`));
  assert.equal(list.items.length, 3);
  if (kind.namespaced) assert.equal((await good(server.ask(`${resourcePath(kind, {})}${SELECTED}`))).items.length, 3);

  const annotate = { metadata: { annotations: { patched: 'true' } } };
  const patched = await good(server.ask(at('a'), { method: 'PATCH', headers: MERGE, body: annotate }));
  assert.equal(patched.metadata.annotations.patched, 'true');
  const { type, object } = await firstEvent(
    server,
    `${collection}${SELECTED}&watch=true&resourceVersion=${list.metadata.resourceVersion}`,
  );
  assert.deepEqual([type, object.metadata.annotations.patched], ['MODIFIED', 'true']);
  const changed = { ...patched, metadata: { ...patched.metadata, annotations: { updated: 'true' } } };
  const updated = await good(server.ask(at('a'), { method: 'PUT', body: changed }));
  assert.deepEqual(updated.metadata.annotations, { updated: 'true' });
  if (status !== undefined) await statusOperations(server, at('a', 'status'), status);

  await good(server.ask(at('a'), { method: 'DELETE' }));
  assert.equal((await server.ask(at('a'))).status, 404);
  await good(server.ask(`${collection}${SELECTED}`, { method: 'DELETE' }));
  assert.deepEqual((await good(server.ask(`${collection}${SELECTED}`))).items, []);
}

async function statusOperations(server: HttpsServer, path: string, status: object): Promise<void> {
  const annotations = { patchedstatus: 'true' };
  const body = { metadata: { annotations }, status };
  const written = await good(server.ask(path, { method: 'PATCH', headers: MERGE, body }));
  assert.equal(written.metadata.annotations.patchedstatus, 'true');
  for (const [field, value] of Object.entries(status)) assert.deepEqual(written.status[field], value);
  assert.deepEqual(await good(server.ask(path)), written);
  const put = await good(server.ask(path, { method: 'PUT', body: { ...written, status: {} } }));
  for (const field of Object.keys(status)) assert.notDeepEqual(put.status?.[field], written.status[field]);
}

const conditions = [
  { type: 'Dangling', status: 'True', reason: 'Test', message: 'test', lastTransitionTime: '2026-01-01T00:00:00Z' },
];

test('flow schemas support all operations', () => operations(FlowSchema, { conditions }));
test('priority levels support all operations', () => operations(PriorityLevelConfiguration, { conditions }));
test('mutating policies support all operations', () => operations(MutatingAdmissionPolicy));
test('bindings of mutating policies support all operations', () => operations(MutatingAdmissionPolicyBinding));
test('validating policies support all operations', () => operations(ValidatingAdmissionPolicy, { conditions }));
test('bindings of validating policies support all operations', () => operations(ValidatingAdmissionPolicyBinding));
test('cron jobs support all operations', () => operations(CronJob, { lastScheduleTime: '2026-01-01T00:00:00Z' }));
test('runtime classes support all operations', () => operations(RuntimeClass));
test('endpoint slices support all operations', () => operations(EndpointSlice));
test('ingresses support all operations', () =>
  operations(Ingress, { loadBalancer: { ingress: [{ ip: '169.1.1.1' }] } }));
test('ingress classes support all operations', () => operations(IngressClass));
test('storage capacities support all operations', () => operations(CSIStorageCapacity));
