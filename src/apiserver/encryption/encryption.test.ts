import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { suite, test, type TestContext } from 'node:test';
import { ConfigMap, Secret, StatusError } from '#api';
import type { Client } from '#client';
import { newEtcdServer, openEmbeddedStore, openEtcdStore, type Store } from '#store';
import { startTestApiServer } from '#testing';
import { FakeClock, newLogger, silentLogger, systemClock } from '#util';
import { startCustomServer, version, widget, WIDGET_PROPS, WIDGETS, widgets } from '../testdata/custom.ts';
import { Encryption } from './encryption.ts';

const KEYS = new Map([1, 2, 3].map((n) => [`key${n}`, Buffer.alloc(32, n).toString('base64')]));

/** A configuration for these resources, whose first provider has these keys; '' stands for identity. */
function configuration(keys: readonly string[], { provider = 'aescbc', resources = ['secrets'] } = {}): string {
  const providers = keys.map((name) =>
    name === '' ? { identity: {} } : { [provider]: { keys: [{ name, secret: KEYS.get(name) }] } },
  );
  return JSON.stringify({
    apiVersion: 'apiserver.config.k8s.io/v1',
    kind: 'EncryptionConfiguration',
    resources: [{ resources, providers }],
  });
}

interface Running {
  readonly client: Client;
  readonly store: Store;
  readonly encryption: Encryption;
  /** Puts another configuration in its place and resolves when it is taken or refused. */
  rewrite(text: string): Promise<void>;
  raw(key: string): Promise<string>;
  readonly lines: string[];
}

async function start(
  t: TestContext,
  text: string,
  { store: given, automaticReload = false }: { store?: Store; automaticReload?: boolean } = {},
): Promise<Running> {
  const directory = mkdtempSync(join(tmpdir(), 'encryption-'));
  const file = join(directory, 'encryption.yaml');
  writeFileSync(file, text, { mode: 0o600 });
  const lines: string[] = [];
  const log = newLogger({ write: (line) => void lines.push(line), now: () => 0 });
  const encryption = await Encryption.open({ file, automaticReload, apiServerId: 'test', clock: systemClock, log });
  const running = await startTestApiServer({ encryption, log, ...(given === undefined ? {} : { store: given }) });
  t.after(async () => {
    encryption[Symbol.dispose]();
    await running[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true });
  });
  const { client, store } = running;
  return {
    client,
    store,
    encryption,
    lines,
    async rewrite(next) {
      writeFileSync(`${file}.new`, next, { mode: 0o600 });
      renameSync(`${file}.new`, file);
      await encryption.reload();
    },
    async raw(key) {
      return (await store.range({ key })).kvs[0]?.value.toString('latin1') ?? '';
    },
  };
}

const secret = (name: string, data = 'aHVudGVyMg=='): Pick<Secret, 'metadata' | 'data'> => ({
  metadata: { name, namespace: 'default' } as Secret['metadata'],
  data: { password: data },
});
const ref = (name: string): { namespace: string; name: string } => ({ namespace: 'default', name });
const key = (name: string): string => `/registry/secrets/default/${name}`;

const common = { clock: systemClock, log: silentLogger };

/** The embedded store, and the client of etcd's API in front of one. */
const STORES: Record<string, (t: TestContext) => Promise<Store>> = {
  embedded: () => openEmbeddedStore({ ...common, onFatal: (error) => assert.fail(error) }),
  async etcd(t) {
    const inner = await openEmbeddedStore({ ...common, onFatal: (error) => assert.fail(error) });
    const server = newEtcdServer({ ...common, store: inner, name: 'test', clientURLs: [], identity: 'test' });
    const port = await server.listen('127.0.0.1', 0);
    t.after(async () => {
      await server.close();
      await inner.close();
    });
    return await openEtcdStore({ ...common, endpoints: [`http://127.0.0.1:${port}`] });
  },
};

for (const [kind, open] of Object.entries(STORES)) {
  for (const provider of ['aescbc', 'aesgcm', 'secretbox'])
    test(`with ${provider} a Secret is encrypted in the ${kind} store and whole for all who read it`, async (t) => {
      const { client, raw, store } = await start(t, configuration(['key1'], { provider }), { store: await open(t) });
      const seen: string[] = [];
      const { promise: enough, resolve } = Promise.withResolvers<void>();
      const stop = new AbortController();
      t.after(() => stop.abort());
      const { resourceVersion } = await client.list(Secret, { namespace: 'default' });
      client
        .watch(Secret, {
          namespace: 'default',
          resourceVersion,
          signal: stop.signal,
          onEvents(events) {
            for (const { type, object } of events) seen.push(`${type} ${(object as Secret).data?.['password']}`);
            if (seen.length === 3) resolve();
          },
        })
        .catch(() => {}); // ends with the test
      const created = await client.create(Secret, secret('a'));
      assert.equal(created.data?.['password'], 'aHVudGVyMg==');
      const stored = await raw(key('a'));
      assert.ok(stored.startsWith(`k8s:enc:${provider}:v1:key1:`));
      assert.ok(!stored.includes('aHVudGVyMg') && !stored.includes('password'));
      await client.update(Secret, { ...created, data: { password: 'bmV3' } });
      assert.equal((await client.get(Secret, ref('a'))).data?.['password'], 'bmV3');
      const old = { resourceVersionMatch: 'Exact', resourceVersion: created.metadata.resourceVersion };
      const then = await client.list(Secret, { namespace: 'default', query: old });
      assert.deepEqual(
        then.items.map((item) => item.data?.['password']),
        ['aHVudGVyMg=='],
      );
      await client.create(ConfigMap, { metadata: ref('open'), data: { a: 'seen' } });
      assert.match(await raw('/registry/configmaps/default/open'), /^\{.*"seen"/);
      await client.delete(Secret, ref('a'));
      await enough;
      assert.deepEqual(seen, ['ADDED aHVudGVyMg==', 'MODIFIED bmV3', 'DELETED bmV3']);
      assert.equal((await store.range({ key: key('a') })).count, 0);
    });
}

test('another server with the same key reads it after a restart, page by page too', async (t) => {
  const store = await openEmbeddedStore({ ...common, onFatal: (error) => assert.fail(error) });
  const one = await start(t, configuration(['key1'], { provider: 'aesgcm' }), { store });
  for (const name of ['a', 'b', 'c']) await one.client.create(Secret, secret(name));
  const { client } = await start(t, configuration(['key2', 'key1'], { provider: 'aesgcm' }), { store });
  const page = await client.list(Secret, { namespace: 'default', limit: 2 });
  await client.update(Secret, { ...page.items[0]!, data: { password: 'bmV3' } });
  const next = await client.list(Secret, { namespace: 'default', limit: 2, continue: page.continue });
  assert.deepEqual(
    [...page.items, ...next.items].map((item) => `${item.metadata.name} ${item.data?.['password']}`),
    ['a aHVudGVyMg==', 'b aHVudGVyMg==', 'c aHVudGVyMg=='],
  );
});

suite('an update that changes nothing', () => {
  test('writes nothing as long as the first key wrote what is there', async (t) => {
    const { client } = await start(t, configuration(['key1', '']));
    const { metadata } = await client.create(Secret, secret('a'));
    const same = await client.patch(Secret, ref('a'), {});
    assert.equal(same.metadata.resourceVersion, metadata.resourceVersion);
  });

  test('writes anew what was written by another key, or by none', async (t) => {
    const { client, rewrite, raw } = await start(t, configuration(['']));
    const { metadata } = await client.create(Secret, secret('a'));
    assert.match(await raw(key('a')), /^\{/);
    let known = metadata.resourceVersion;
    for (const keys of [['key1', ''], ['key2', 'key1'], ['key2'], ['', 'key2']]) {
      await rewrite(configuration(keys));
      const dry = await client.patch(Secret, ref('a'), {}, { query: { dryRun: 'All' } });
      assert.equal(dry.metadata.resourceVersion, known);
      const { metadata: after, data } = await client.patch(Secret, ref('a'), {});
      assert.deepEqual(data, { password: 'aHVudGVyMg==' });
      const head = keys[0] === '' ? '{' : `k8s:enc:aescbc:v1:${keys[0]}:`;
      assert.ok((await raw(key('a'))).startsWith(head), keys.join());
      assert.equal(after.resourceVersion !== known, keys.length === 2, keys.join());
      known = after.resourceVersion;
      assert.equal((await client.patch(Secret, ref('a'), {})).metadata.resourceVersion, known);
    }
  });
});

const internal =
  (text: string) =>
  (error: unknown): boolean =>
    StatusError.is(error, 'InternalError') &&
    error.code === 500 &&
    error.message === `Internal error occurred: ${text}`;

suite('what cannot be decrypted', () => {
  test('is still told from memory by a server that read it when it had the key', async (t) => {
    const { client, rewrite } = await start(t, configuration(['key1']));
    await client.create(Secret, secret('a'));
    await rewrite(configuration(['key2']));
    const good = await client.create(Secret, secret('b'));
    assert.equal((await client.get(Secret, ref('a'))).data?.['password'], 'aHVudGVyMg==');
    assert.equal(good.data?.['password'], 'aHVudGVyMg==');
  });

  test('fails reads, lists and watches after a restart, and is there again with its key', async (t) => {
    const store = await openEmbeddedStore({ ...common, onFatal: (error) => assert.fail(error) });
    const one = await start(t, configuration(['key1'], { provider: 'aesgcm' }), { store });
    await one.client.create(Secret, secret('a'));
    const { client, rewrite, lines } = await start(t, configuration(['key2'], { provider: 'aesgcm' }), { store });
    const missing = 'no matching key was found for the provided AES transformer';
    await assert.rejects(client.get(Secret, ref('a')), internal(missing));
    const ofList = internal(`unable to transform key "${key('a')}": ${missing}`);
    await assert.rejects(client.list(Secret), ofList);
    await assert.rejects(client.list(Secret, { limit: 1 }), ofList);
    await assert.rejects(client.watch(Secret, { signal: AbortSignal.timeout(5000), onEvents: () => {} }), ofList);
    await assert.rejects(client.delete(Secret, ref('a')), internal(missing));
    await assert.rejects(client.create(Secret, secret('a')), (error) => StatusError.is(error, 'AlreadyExists'));
    await client.create(Secret, secret('b'));
    assert.equal((await client.get(Secret, ref('b'))).metadata.name, 'b');
    await client.create(ConfigMap, { metadata: ref('a') });
    await rewrite(configuration(['key2', 'key1'], { provider: 'aesgcm' }));
    assert.equal((await client.get(Secret, ref('a'))).data?.['password'], 'aHVudGVyMg==');
    assert.equal((await client.list(Secret, { namespace: 'default' })).items.length, 2);
    for (const line of lines) for (const own of KEYS.values()) assert.ok(!line.includes(own.slice(0, 12)));
  });

  test('ends watches when it is written by somebody else, and is no deletion to them', async (t) => {
    const { client, store } = await start(t, configuration(['key1']));
    await client.create(Secret, secret('a'));
    const { resourceVersion } = await client.list(Secret, { namespace: 'default' });
    const types: string[] = [];
    const watch = client.watch(Secret, {
      namespace: 'default',
      resourceVersion,
      signal: AbortSignal.timeout(10_000),
      onEvents: (events) => void types.push(...events.map(({ type }) => type)),
    });
    const ended = assert.rejects(watch, (error) => StatusError.is(error, 'InternalError'));
    await store.txn({
      compare: [],
      success: [{ type: 'put', key: key('a'), value: Buffer.from('k8s:enc:aescbc:v1:key1:torn') }],
    });
    await ended;
    assert.deepEqual(types, []);
    const short = internal('the stored data was shorter than the required size');
    await assert.rejects(client.get(Secret, ref('a')), short);
    // Whoever has the store can take it away; then all is well.
    await store.txn({ compare: [], success: [{ type: 'delete', key: key('a') }] });
    assert.equal((await client.list(Secret, { namespace: 'default' })).items.length, 0);
  });

  test('is refused without any configuration, too', async (t) => {
    const store = await openEmbeddedStore({ ...common, onFatal: (error) => assert.fail(error) });
    const one = await start(t, configuration(['key1']), { store });
    await one.client.create(Secret, secret('a'));
    const plain = await startTestApiServer({ store });
    t.after(() => plain.server.close());
    await assert.rejects(
      plain.client.get(Secret, ref('a')),
      internal('identity transformer tried to read encrypted data'),
    );
  });
});

test('custom resources and wildcards are encrypted in every version they are read in', async () => {
  const file = join(mkdtempSync(join(tmpdir(), 'encryption-')), 'encryption.yaml');
  const of = (keys: readonly string[]): string => configuration(keys, { resources: ['*.*'], provider: 'aesgcm' });
  writeFileSync(file, of(['key1']), { mode: 0o600 });
  const options = { file, automaticReload: false, apiServerId: 'x', clock: systemClock, log: silentLogger };
  const encryption = await Encryption.open(options);
  await using server = await startCustomServer({ encryption });
  const second = { ...version('v2', WIDGET_PROPS), storage: false };
  await server.define(widgets({ versions: [version('v1', WIDGET_PROPS), second] }));
  const { status } = await server.post(WIDGETS, widget('one'));
  assert.equal(status, 201);
  const head = async (path: string): Promise<string> =>
    (await server.https.test.store.range({ key: path })).kvs[0]!.value.toString('latin1', 0, 23);
  const path = '/registry/example.com/widgets/default/one';
  assert.equal(await head(path), 'k8s:enc:aesgcm:v1:key1:');
  assert.equal(await head('/registry/namespaces/default'), 'k8s:enc:aesgcm:v1:key1:');
  const definitions = '/registry/apiextensions.k8s.io/customresourcedefinitions/widgets.example.com';
  assert.equal(await head(definitions), 'k8s:enc:aesgcm:v1:key1:');
  writeFileSync(file, of(['key2', 'key1']));
  await encryption.reload();
  const merge = 'application/merge-patch+json';
  const patched = await server.patch(`${WIDGETS.replace('v1', 'v2')}/one`, {}, merge);
  assert.equal(patched.status, 200);
  assert.equal(await head(path), 'k8s:enc:aesgcm:v1:key2:');
  const again = await server.patch(`${WIDGETS}/one`, {}, merge);
  assert.equal(again.json().metadata.resourceVersion, patched.json().metadata.resourceVersion);
  rmSync(dirname(file), { recursive: true });
});

suite('automatic reload', () => {
  const metric = (encryption: Encryption, name: string): string[] =>
    encryption.metrics.lines().filter((line) => line.startsWith(`apiserver_encryption_config_controller_${name}`));

  test('takes a changed file as a whole, refuses a wrong one, and tells both', async (t) => {
    const { client, encryption, rewrite, raw, lines } = await start(t, configuration(['key1']), {
      automaticReload: true,
    });
    const [before] = metric(encryption, 'last_config_info');
    assert.match(before!, /\{apiserver_id_hash="sha256:[0-9a-f]{64}",hash="sha256:[0-9a-f]{64}"\} 1$/);
    await rewrite(configuration(['key2', 'key1']));
    await client.create(Secret, secret('a'));
    assert.ok((await raw(key('a'))).startsWith('k8s:enc:aescbc:v1:key2:'));
    const [after] = metric(encryption, 'last_config_info');
    assert.notEqual(after, before);
    await rewrite(configuration(['key3']).replace(KEYS.get('key3')!, 'AAAA'));
    await client.create(Secret, secret('b'));
    assert.ok((await raw(key('b'))).startsWith('k8s:enc:aescbc:v1:key2:'));
    assert.deepEqual(metric(encryption, 'last_config_info'), [after]);
    const reloads = metric(encryption, 'automatic_reloads_total').map((line) =>
      line.replace(/apiserver_id_hash="[^"]*"/, ''),
    );
    assert.ok(reloads.some((line) => line.endsWith('status="success"} 1')));
    assert.ok(reloads.some((line) => /status="failure"\} [1-9]/.test(line)));
    assert.ok(lines.some((line) => line.includes('Refused') && line.includes('got 3, expected one of [16 24 32]')));
    for (const line of lines) for (const own of KEYS.values()) assert.ok(!line.includes(own.slice(0, 12)));
  });

  test('hears of the change by itself', async (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'encryption-'));
    t.after(() => rmSync(directory, { recursive: true }));
    const file = join(directory, 'encryption.yaml');
    writeFileSync(file, configuration(['key1']));
    const { promise: taken, resolve } = Promise.withResolvers<void>();
    const warned: string[] = [];
    const log = newLogger({
      now: () => 0,
      write(line) {
        if (line.includes('Took the changed')) resolve();
        if (line.includes('others than its owner')) warned.push(line);
      },
    });
    using encryption = await Encryption.open({
      file,
      automaticReload: true,
      apiServerId: 'x',
      clock: systemClock,
      log,
    });
    assert.equal(warned.length, 1);
    writeFileSync(`${file}.new`, configuration(['key2']));
    chmodSync(`${file}.new`, 0o600);
    renameSync(`${file}.new`, file);
    await taken;
    assert.match(encryption.transformer({ group: '', resource: 'secrets' }).writer, /^k8s:enc:aescbc:v1:key2:/);
    assert.equal(warned.length, 1);
  });

  test('looks once a minute where nothing is heard of changes', async (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'encryption-'));
    t.after(() => rmSync(directory, { recursive: true }));
    const file = join(directory, 'encryption.yaml');
    writeFileSync(file, configuration(['key1']), { mode: 0o600 });
    const clock = new FakeClock();
    const { promise: refused, resolve } = Promise.withResolvers<void>();
    const log = newLogger({ now: () => 0, write: (line) => line.includes('Refused') && resolve() });
    using encryption = await Encryption.open({ file, automaticReload: true, apiServerId: 'x', clock, log });
    rmSync(file);
    clock.advance(60_000);
    await refused;
    assert.match(encryption.transformer({ group: '', resource: 'secrets' }).writer, /^k8s:enc:aescbc:v1:key1:/);
  });
});

test('a file that is wrong at the start is refused at once', async () => {
  const options = { automaticReload: false, apiServerId: 'x', clock: systemClock, log: silentLogger };
  await assert.rejects(
    Encryption.open({ ...options, file: '/no/such/file' }),
    /error reading encryption provider configuration file "\/no\/such\/file"/,
  );
});
