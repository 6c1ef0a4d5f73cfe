/**
 * What the conformance suite of Kubernetes v1.36 asks where only the API is concerned, of whatever folder: its tests "should support … API operations", those
 * of lifecycles, and TestResource of test/e2e/framework/conformance do everything with a kind, once.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  ConfigMap,
  CronJob,
  CSIDriver,
  CSINode,
  CSIStorageCapacity,
  DeviceClass,
  Endpoints,
  EndpointSlice,
  Event,
  EventsEvent,
  FlowSchema,
  Ingress,
  IngressClass,
  IPAddress,
  type Kind,
  Lease,
  MutatingAdmissionPolicy,
  MutatingAdmissionPolicyBinding,
  Node,
  PodTemplate,
  PriorityLevelConfiguration,
  ResourceClaim,
  ResourceClaimTemplate,
  resourcePath,
  ResourceSlice,
  RuntimeClass,
  Secret,
  ServiceCIDR,
  StorageClass,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
  VolumeAttachment,
  VolumeAttributesClass,
} from '#api';
import { MINIMAL } from '../../src/apiserver/testdata/minimal.ts';
import { type Session, startSession } from './support.ts';

const SELECTED = '?labelSelector=special-label%3Dx';

interface Options {
  /** What is written to the status of a kind that has one. */
  readonly status?: Readonly<Record<string, unknown>>;
  /** Whoever writes the status leaves labels and annotations as they are. */
  readonly statusOnly?: boolean;
  /** Names objects can have. */
  readonly names?: readonly [string, string, string];
}

async function operations(
  kind: Kind,
  { status, statusOnly = false, names = ['a', 'b', 'c'] }: Options = {},
): Promise<void> {
  await using session = await startSession();
  const groupVersion = kind.group === '' ? kind.version : `${kind.group}/${kind.version}`;
  const minimal: { metadata?: object } = MINIMAL[`${kind.kind}.${kind.group}`] ?? {};
  const own = { apiVersion: groupVersion, kind: kind.kind };
  const body = (name: string): object => ({
    ...own,
    ...minimal,
    metadata: { ...minimal.metadata, name, labels: { 'special-label': 'x' } },
  });
  const namespace = kind.namespaced ? 'default' : undefined;
  const collection = resourcePath(kind, { namespace });
  const [name] = names;
  const at = resourcePath(kind, { namespace, name });

  const { resources } = await session.get(kind.group === '' ? '/api/v1' : `/apis/${groupVersion}`);
  assert.ok(resources.some((resource: { name: string }) => resource.name === kind.plural));
  for (const each of names) await session.post(collection, body(each));
  const first = await session.get(at);
  assert.equal(first.metadata.name, name);
  assert.match(first.metadata.uid, /^[\da-f-]{36}$/);
  assert.equal((await session.refused(409, 'POST', collection, body(name))).reason, 'AlreadyExists');
  const list = await session.get(`${collection}${SELECTED}`);
  assert.equal(list.items.length, 3);
  if (kind.namespaced)
    assert.deepEqual((await session.names(`${resourcePath(kind, {})}${SELECTED}`)).toSorted(), names.toSorted());

  const since = `${collection}${SELECTED}&watch=true&resourceVersion=${list.metadata.resourceVersion}`;
  const annotate = { metadata: { annotations: { patched: 'true' } } };
  const patched = await session.patch(at, annotate);
  assert.equal(patched.metadata.annotations.patched, 'true');
  const [event] = await session.events(since, 1);
  assert.deepEqual([event?.type, event?.object.metadata.annotations.patched], ['MODIFIED', 'true']);
  await patchInEveryWay(session, at, { ...own, metadata: { name } });
  const current = await session.get(at);
  const changed = { ...current, metadata: { ...current.metadata, annotations: { updated: 'true' } } };
  const updated = await session.put(at, changed);
  assert.deepEqual(updated.metadata.annotations, { updated: 'true' });
  assert.equal((await session.refused(409, 'PUT', at, changed)).reason, 'Conflict');
  if (status !== undefined) await statusOperations(session, `${at}/status`, { own, status, statusOnly });

  await session.delete(at);
  assert.equal((await session.refused(404, 'GET', at)).reason, 'NotFound');
  await session.delete(`${collection}${SELECTED}`);
  assert.deepEqual(await session.names(`${collection}${SELECTED}`), []);
}

/** The kinds of patch there are beside merge patches. */
async function patchInEveryWay(session: Session, at: string, own: { metadata: object }): Promise<void> {
  const strategic = await session.patch(at, { metadata: { annotations: { strategic: 'true' } } }, 'strategic');
  const operation = { op: 'add', path: '/metadata/annotations/json', value: 'true' };
  await session.patch(at, [operation], 'json');
  const configuration = { ...own, metadata: { ...own.metadata, annotations: { applied: 'true' } } };
  const applied = await session.patch(`${at}?fieldManager=conformance`, configuration, 'apply');
  assert.deepEqual(applied.metadata.annotations, {
    ...strategic.metadata.annotations,
    json: 'true',
    applied: 'true',
  });
}

async function statusOperations(
  session: Session,
  path: string,
  { own, status, statusOnly }: { own: object; status: Readonly<Record<string, unknown>>; statusOnly: boolean },
): Promise<void> {
  const body = { metadata: { annotations: { patchedstatus: 'true' } }, status };
  const written = await session.patch(path, body);
  // Source: ResetObjectMetaForStatus of apimachinery pkg/apis/meta/v1 v0.36, which only some kinds' strategies call.
  assert.equal(written.metadata.annotations?.patchedstatus, statusOnly ? undefined : 'true');
  for (const [field, value] of Object.entries(status)) assert.deepEqual(written.status[field], value);
  assert.deepEqual(await session.get(path), written);
  const put = await session.put(path, { ...written, status: {} });
  for (const field of Object.keys(status)) assert.notDeepEqual(put.status?.[field], written.status[field]);
  const metadata = { name: written.metadata.name };
  const applied = await session.patch(
    `${path}?fieldManager=conformance&force=true`,
    { ...own, metadata, status },
    'apply',
  );
  for (const [field, value] of Object.entries(status)) assert.deepEqual(applied.status[field], value);
}

const conditions = [
  { type: 'Dangling', status: 'True', reason: 'Test', message: 'test', lastTransitionTime: '2026-01-01T00:00:00Z' },
];
const ADDRESSES = ['10.0.0.1', '10.0.0.2', '10.0.0.3'] as const;

test('flow schemas support all operations', () => operations(FlowSchema, { status: { conditions }, statusOnly: true }));
test('priority levels support all operations', () =>
  operations(PriorityLevelConfiguration, { status: { conditions }, statusOnly: true }));
test('mutating policies support all operations', () => operations(MutatingAdmissionPolicy));
test('bindings of mutating policies support all operations', () => operations(MutatingAdmissionPolicyBinding));
test('validating policies support all operations', () =>
  operations(ValidatingAdmissionPolicy, { status: { conditions }, statusOnly: true }));
test('bindings of validating policies support all operations', () => operations(ValidatingAdmissionPolicyBinding));
test('cron jobs support all operations', () =>
  operations(CronJob, { status: { lastScheduleTime: '2026-01-01T00:00:00Z' } }));
test('runtime classes support all operations', () => operations(RuntimeClass));
test('endpoint slices support all operations', () => operations(EndpointSlice));
test('ingresses support all operations', () =>
  operations(Ingress, { status: { loadBalancer: { ingress: [{ ip: '169.1.1.1' }] } } }));
test('ingress classes support all operations', () => operations(IngressClass));
test('addresses of services support all operations', () => operations(IPAddress, { names: ADDRESSES }));
test('ranges of addresses support all operations', () =>
  operations(ServiceCIDR, { status: { conditions }, statusOnly: true }));
test('storage capacities support all operations', () => operations(CSIStorageCapacity));
test('drivers of storage support all operations', () => operations(CSIDriver));
test('what drivers of storage are on a node supports all operations', () => operations(CSINode));
test('storage classes support all operations', () => operations(StorageClass));
test('classes of volume attributes support all operations', () => operations(VolumeAttributesClass));
test('attachments of volumes support all operations', () =>
  operations(VolumeAttachment, { status: { attached: true }, statusOnly: true }));
test('config maps support all operations', () => operations(ConfigMap));
test('secrets support all operations', () => operations(Secret));
test('events support all operations', () => operations(Event));
test('events of events.k8s.io support all operations', () => operations(EventsEvent));
test('endpoints support all operations', () => operations(Endpoints));
test('leases support all operations', () => operations(Lease));
test('nodes support all operations', () => operations(Node));
test('pod templates support all operations', () => operations(PodTemplate));
test('device classes support all operations', () => operations(DeviceClass));
test('claims of devices support all operations', () =>
  operations(ResourceClaim, { status: { allocation: { devices: {} } }, statusOnly: true }));
test('templates of claims support all operations', () => operations(ResourceClaimTemplate));
test('slices of devices support all operations', () => operations(ResourceSlice));
