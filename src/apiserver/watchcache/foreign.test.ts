/** What upstream's API server has written to an etcd is read here, of every kind, in the clear and encrypted. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import {
  allKinds,
  ConfigMap,
  encodeProtobuf,
  Event,
  HorizontalPodAutoscaler,
  type Kind,
  type KubeObject,
  MutatingAdmissionPolicy,
  Pod,
  Secret,
} from '#api';
import { openEmbeddedStore, type Store } from '#store';
import { startTestApiServer, type TestApiServer } from '#testing';
import { silentLogger, systemClock } from '#util';
import { Encryption } from '../encryption/encryption.ts';
import { isOwn, readForeign } from './foreign.ts';

const storageOf = (kind: Kind): Kind => kind.storedAs?.kind ?? kind;
const keptWith = (kind: Kind): Kind[] => allKinds.filter((own) => storageOf(own) === storageOf(kind));

/** As Go writes JSON: the kind first, and a new line behind. */
const goJson = ({ apiVersion, kind, ...rest }: KubeObject): Buffer =>
  Buffer.from(`${JSON.stringify({ kind, apiVersion, ...rest })}\n`);

test('an earlier version is read where its messages are the same, and no other', () => {
  const name = 'a';
  const policy = {
    apiVersion: 'admissionregistration.k8s.io/v1beta1',
    kind: 'MutatingAdmissionPolicy',
    metadata: { name },
  };
  const read = readForeign(
    encodeProtobuf(policy, MutatingAdmissionPolicy.definition),
    keptWith(MutatingAdmissionPolicy),
  );
  assert.match(read.toString(), /^\{"apiVersion":"admissionregistration\.k8s\.io\/v1",/);
  const pod = { apiVersion: 'v2', kind: 'Pod', metadata: { name } };
  assert.throws(
    () => readForeign(encodeProtobuf(pod, Pod.definition), keptWith(Pod)),
    /no kind "Pod" is registered for version "v2"/,
  );
});

test('custom resources are left in their version, and lose what Go’s JSON has around them', () => {
  const value = '{"apiVersion":"example.com/v2","data":{"metadata":{"a":1}},"kind":"Panda","metadata":{"name":"a"}}\n';
  assert.equal(
    readForeign(Buffer.from(value), []).toString(),
    '{"apiVersion":"example.com/v2","kind":"Panda","metadata":{"name":"a"},"data":{"metadata":{"a":1}}}',
  );
});

test('bytes that are no object are refused', () => {
  for (const bytes of [
    'k8s\0',
    'k8s\0\xff\xff',
    'k8s\0\x12\x7f',
    '',
    'hello',
    '{"kind":"Pod"',
    '[]\n',
    'null\n',
    '"x"\n',
  ])
    assert.throws(() => readForeign(Buffer.from(bytes, 'latin1'), keptWith(Pod)), JSON.stringify(bytes));
});

async function startOn(t: TestContext, store: Store, encryption?: Encryption): Promise<TestApiServer> {
  const running = await startTestApiServer({ store, ...(encryption === undefined ? {} : { encryption }) });
  t.after(() => running[Symbol.asyncDispose]());
  return running;
}

const openStore = (): Promise<Store> =>
  openEmbeddedStore({ clock: systemClock, log: silentLogger, onFatal: (error) => assert.fail(error) });

const put = (store: Store, key: string, value: Buffer): Promise<unknown> =>
  store.txn({ compare: [], success: [{ type: 'put', key: `/registry/${key}`, value }] });

const at = { namespace: 'default', name: 'a' };
const configMap = (n: string): KubeObject =>
  ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { ...at, uid: `uid-${n}` }, data: { n } }) as never;

test('a server that starts on an etcd which upstream filled serves what is there, and writes its own form', async (t) => {
  const store = await openStore();
  const metadata = { ...at, uid: 'u' };
  const hpa = { scaleTargetRef: { kind: 'Deployment', name: 'web' }, maxReplicas: 3 };
  const involvedObject = { kind: 'Pod', ...at };
  await put(store, 'configmaps/default/a', encodeProtobuf(configMap('1'), ConfigMap.definition));
  await put(
    store,
    'events/default/a',
    encodeProtobuf(
      { apiVersion: 'v1', kind: 'Event', metadata, involvedObject, reason: 'R' } as never,
      Event.definition,
    ),
  );
  await put(
    store,
    'horizontalpodautoscalers/default/a',
    goJson({ apiVersion: 'autoscaling/v1', kind: 'HorizontalPodAutoscaler', metadata, spec: hpa } as never),
  );
  const { client } = await startOn(t, store);
  const found = await client.get(ConfigMap, at);
  assert.deepEqual([found.data, found.metadata.uid], [{ n: '1' }, 'uid-1']);
  const { items, resourceVersion } = await client.list(ConfigMap, { namespace: 'default' });
  assert.equal(items.length, 1);
  assert.equal((await client.get(Event, at)).reason, 'R');
  assert.equal((await client.get(HorizontalPodAutoscaler, at)).apiVersion, 'autoscaling/v2');
  assert.equal((await client.get(HorizontalPodAutoscaler, at)).spec.maxReplicas, 3);

  // Another server goes on writing to the same etcd.
  const stop = new AbortController();
  const { promise: seen, resolve } = Promise.withResolvers<string | undefined>();
  const watch = client.watch(ConfigMap, {
    namespace: 'default',
    resourceVersion,
    onEvents: (events) => resolve((events[0]!.object as ConfigMap).data?.['n']),
    signal: stop.signal,
  });
  watch.catch(() => {}); // ends with the test
  await put(store, 'configmaps/default/a', encodeProtobuf(configMap('2'), ConfigMap.definition));
  assert.equal(await seen, '2');
  stop.abort();

  const raw = async (): Promise<Buffer> => (await store.range({ key: '/registry/configmaps/default/a' })).kvs[0]!.value;
  assert.ok(!isOwn(await raw()));
  await client.update(ConfigMap, await client.get(ConfigMap, at));
  assert.ok(isOwn(await raw()), 'written anew with nothing changed');
  assert.deepEqual((await client.get(ConfigMap, at)).data, { n: '2' });
  await client.delete(ConfigMap, at);
  assert.equal((await client.list(ConfigMap, { namespace: 'default' })).items.length, 0);
});

test('what upstream encrypted is protobuf within, and is read with its key', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'foreign-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const file = join(directory, 'encryption.yaml');
  const secret = Buffer.alloc(32, 1).toString('base64');
  const providers = [{ aescbc: { keys: [{ name: 'key1', secret }] } }, { identity: {} }];
  const resources = [{ resources: ['secrets'], providers }];
  writeFileSync(
    file,
    JSON.stringify({ apiVersion: 'apiserver.config.k8s.io/v1', kind: 'EncryptionConfiguration', resources }),
  );
  const options = { automaticReload: false, apiServerId: 'test', clock: systemClock, log: silentLogger };
  const encryption = await Encryption.open({ ...options, file });
  t.after(() => encryption[Symbol.dispose]());
  const store = await openStore();
  const object = { apiVersion: 'v1', kind: 'Secret', metadata: at, data: { p: 'aHVudGVyMg==' }, type: 'Opaque' };
  const value = encodeProtobuf(object, Secret.definition);
  const key = 'secrets/default/a';
  await put(
    store,
    key,
    encryption.transformer({ group: '', resource: 'secrets' }).toStorage(value, `/registry/${key}`),
  );
  const { client } = await startOn(t, store, encryption);
  assert.deepEqual((await client.get(Secret, at)).data, { p: 'aHVudGVyMg==' });
});
