import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { ConfigMap, type EncryptionConfiguration, Secret } from '#api';
import { Encryption } from '#apiserver';
import type { Client } from '#client';
import type { Store } from '#store';
import { startTestApiServer } from '#testing';
import { silentLogger, systemClock } from '#util';
import { encryptionUsage } from './census.ts';
import { readEncryptionFile, writeEncryptionFile } from './file.ts';
import { rotateKeys, type RotationPlan, type RotationSteps } from './rotation.ts';
import { newToucher } from './touch.ts';

const SECRET = Buffer.alloc(32, 1).toString('base64');
const FIRST = Date.parse('2026-01-02T03:04:05Z');
const OBJECTS = 12;

const providers = (keys: readonly string[]): EncryptionConfiguration['resources'][number]['providers'] => [
  { aesgcm: { keys: keys.map((name, i) => ({ name, secret: Buffer.alloc(32, i + 1).toString('base64') })) } },
  { identity: {} },
];

const configuration = (...keys: readonly string[]): EncryptionConfiguration => ({
  apiVersion: 'apiserver.config.k8s.io/v1',
  kind: 'EncryptionConfiguration',
  resources: [{ resources: ['secrets', 'configmaps'], providers: providers(keys) }],
});

/** Where everything a rotation acts on is real but the network. */
interface World {
  readonly store: Store;
  readonly client: Client;
  readonly file: string;
  readonly steps: RotationSteps;
  plan(): RotationPlan | undefined;
  usage(): Promise<string[]>;
}

const options = { automaticReload: false, apiServerId: 'x', clock: systemClock, log: silentLogger };

async function start(t: TestContext, first: EncryptionConfiguration): Promise<World> {
  const directory = mkdtempSync(join(tmpdir(), 'rotation-'));
  const file = join(directory, 'encryption.yaml');
  writeFileSync(file, JSON.stringify(first), { mode: 0o644 });
  const encryption = await Encryption.open({ ...options, file });
  const server = await startTestApiServer({ encryption });
  t.after(async () => {
    encryption[Symbol.dispose]();
    await server[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true });
  });
  const { store, client } = server;
  let plan: RotationPlan | undefined;
  let now = FIRST;
  let made = 10;
  return {
    store,
    client,
    file,
    plan: () => plan,
    async usage() {
      const all = await encryptionUsage(store, (await readEncryptionFile(file)).configuration);
      return all.map((one) => `${one.resource} ${one.provider} ${one.key} ${one.objects}${one.writes ? '' : ' stale'}`);
    },
    steps: {
      store,
      readFile: () => readEncryptionFile(file),
      writeFile: (next) => writeEncryptionFile(file, next),
      readPlan: async () => plan,
      writePlan: async (next) => void (plan = next),
      async taken(hash) {
        await encryption.reload();
        assert.ok(encryption.metrics.lines().some((line) => line.includes(`hash="${hash}"`)));
      },
      touch: newToucher(client),
      newSecret: () => Buffer.alloc(32, made++).toString('base64'),
      now: () => (now += 1000),
    },
  };
}

async function fill({ client }: World): Promise<void> {
  for (let i = 0; i < OBJECTS; i++) {
    await client.create(Secret, { metadata: { name: `s${i}`, namespace: 'default' }, data: { a: 'MQ==' } });
    await client.create(ConfigMap, { metadata: { name: `c${i}`, namespace: 'default' }, data: { a: `${i}` } });
  }
}

/** What a server that knows nothing but the file and the datastore reads. */
async function checkReadable({ store, file }: World): Promise<void> {
  using encryption = await Encryption.open({ ...options, file });
  const transformer = encryption.transformer({ group: '', resource: 'secrets' });
  const { kvs } = await store.range({ key: '/registry/secrets/', rangeEnd: '/registry/secrets0' });
  assert.equal(kvs.length, OBJECTS);
  for (const { key, value } of kvs) assert.match(transformer.fromStorage(value, key).value.toString(), /"a":"MQ=="/);
}

const ALL = { dryRun: false, keepOldKeys: false };

test('a rotation writes everything by a new key and takes the old one away', async (t) => {
  const world = await start(t, configuration('key1'));
  await fill(world);
  assert.deepEqual(await world.usage(), [`configmaps aesgcm key1 ${OBJECTS}`, `secrets aesgcm key1 ${OBJECTS}`]);
  const before = await world.client.get(Secret, { namespace: 'default', name: 's0' });
  const dry = await rotateKeys(world.steps, { ...ALL, dryRun: true });
  assert.deepEqual([dry.objects, dry.resumed, world.plan()], [2 * OBJECTS, false, undefined]);
  assert.equal(readFileSync(world.file, 'utf8'), JSON.stringify(configuration('key1')));
  const { plan, objects, resumed } = await rotateKeys(world.steps, ALL);
  assert.deepEqual([objects, resumed, plan.retired], [2 * OBJECTS, false, [{ provider: 'aesgcm', name: 'key1' }]]);
  assert.match(plan.newKey, /^key-20260102030\d{3}$/);
  assert.deepEqual(await world.usage(), [
    `configmaps aesgcm ${plan.newKey} ${OBJECTS}`,
    `secrets aesgcm ${plan.newKey} ${OBJECTS}`,
  ]);
  const text = readFileSync(world.file, 'utf8');
  assert.ok(!text.includes('key1') && !text.includes(SECRET) && text.includes('identity'));
  assert.equal(statSync(world.file).mode & 0o777, 0o600);
  const after = await world.client.get(Secret, { namespace: 'default', name: 's0' });
  const { resourceVersion: _before, ...metadata } = before.metadata;
  const { resourceVersion: _after, ...own } = after.metadata;
  assert.deepEqual([own, after.data], [metadata, before.data]);
  await checkReadable(world);
  assert.notEqual((await rotateKeys(world.steps, ALL)).plan.newKey, plan.newKey);
});

test('old keys stay where that is asked for, and a backup from before can be read', async (t) => {
  const world = await start(t, configuration('key1'));
  await fill(world);
  const backup = (await world.store.range({ key: '/registry/secrets/default/s0' })).kvs[0]!;
  await rotateKeys(world.steps, { dryRun: false, keepOldKeys: true });
  await world.store.txn({ compare: [], success: [{ type: 'put', key: backup.key, value: backup.value }] });
  const read = await world.client.get(Secret, { namespace: 'default', name: 's0' });
  assert.equal(read.data?.['a'], 'MQ==');
  assert.ok((await world.usage()).includes('secrets aesgcm key1 1 stale'));
  await checkReadable(world);
});

test('objects that were never encrypted are, and each entry keeps its kind of key', async (t) => {
  const plain: EncryptionConfiguration = {
    ...configuration(),
    resources: [
      { resources: ['secrets'], providers: [{ identity: {} }] },
      { resources: ['configmaps'], providers: [{ identity: {} }] },
    ],
  };
  const world = await start(t, plain);
  await fill(world);
  await assert.rejects(rotateKeys(world.steps, ALL), { message: /the first provider of every entry is identity/ });
  const [secretsEntry] = plain.resources;
  await world.steps.taken(
    await world.steps.writeFile({
      ...plain,
      resources: [
        { ...secretsEntry!, providers: [{ secretbox: { keys: [{ name: 'box', secret: SECRET }] } }, { identity: {} }] },
        plain.resources[1]!,
      ],
    }),
  );
  assert.deepEqual(await world.usage(), [`configmaps identity  ${OBJECTS}`, `secrets identity  ${OBJECTS} stale`]);
  const { plan, objects } = await rotateKeys(world.steps, ALL);
  assert.equal(objects, OBJECTS);
  assert.deepEqual(await world.usage(), [
    `configmaps identity  ${OBJECTS}`,
    `secrets secretbox ${plan.newKey} ${OBJECTS}`,
  ]);
});

test('an object that the API refuses keeps the old key in the file, and the next call ends it', async (t) => {
  const world = await start(t, configuration('key1'));
  await fill(world);
  const touch: RotationSteps['touch'] = async (object) => {
    if (object.name === 's3') throw new Error('the webhook says no');
    return await world.steps.touch(object);
  };
  await assert.rejects(rotateKeys({ ...world.steps, touch }, ALL), {
    message:
      /^1 objects could not be written by the new key:\n  \/registry\/secrets\/default\/s3: the webhook says no\n/,
  });
  assert.ok((await world.usage()).includes('secrets aesgcm key1 1 stale'));
  await checkReadable(world);
  const { resumed, objects } = await rotateKeys(world.steps, ALL);
  assert.deepEqual([resumed, objects], [true, 1]);
  assert.ok(!readFileSync(world.file, 'utf8').includes('key1'));
});

/** Steps of which number `at` kills the process, before or after it was done. */
function killedAt(steps: RotationSteps, at: number, after: boolean): { steps: RotationSteps; count: () => number } {
  let calls = 0;
  const guard =
    <A extends unknown[], R>(call: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      const own = calls++;
      if (own > at || (own === at && !after)) throw new Error('killed');
      const result = await call(...args);
      if (own === at) throw new Error('killed');
      return result;
    };
  const { store } = steps;
  return {
    count: () => calls,
    steps: {
      ...steps,
      store: withRange(store, guard(store.range.bind(store))),
      readFile: guard(steps.readFile),
      writeFile: guard(steps.writeFile),
      readPlan: guard(steps.readPlan),
      writePlan: guard(steps.writePlan),
      taken: guard(steps.taken),
      touch: guard(steps.touch),
    },
  };
}

const withRange = (store: Store, range: Store['range']): Store =>
  new Proxy(store, { get: (own, name) => (name === 'range' ? range : Reflect.get(own, name, own)) });

test('killed anywhere, everything can be read at once, and the next call ends what was begun', async (t) => {
  const world = await start(t, configuration('key1'));
  await fill(world);
  for (let at = 0, ended = false; !ended; at++)
    for (const after of [false, true]) {
      const attempt = killedAt(world.steps, at, after);
      // Past its end nothing is killed.
      const outcome = await rotateKeys(attempt.steps, ALL).then(
        () => 'ended',
        (error: Error) => error.message,
      );
      ended = outcome === 'ended';
      if (!ended) assert.match(outcome, /killed/, `${at} ${after}`);
      await checkReadable(world);
      await rotateKeys(world.steps, ALL);
      await checkReadable(world);
      assert.equal(world.plan(), undefined);
      const usage = await world.usage();
      assert.equal(usage.length, 2, `${at} ${after}: ${usage.join()}`);
      const { configuration: now } = await readEncryptionFile(world.file);
      assert.equal(now.resources[0]!.providers[0]!.aesgcm!.keys.length, 1, `${at} ${after}`);
      assert.ok(at < 100, 'it never ends');
    }
});
