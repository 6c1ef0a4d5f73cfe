import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { ConfigMap, Event, Pod, ServiceAccount } from '#api';
import { startTestApiServer, type TestApiServer } from '#testing';
import { silentLogger, systemClock } from '#util';
import { newEventRecorder } from './events.ts';
import { newHttpTransport } from './http.ts';
import { newInformers } from './informer.ts';
import { newClient } from './rest.ts';

const pem = (name: string): string => readFileSync(new URL(`testdata/${name}`, import.meta.url), 'utf8');

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function listening(port: number, directory?: string): Promise<TestApiServer> {
  const api = await startTestApiServer(directory === undefined ? {} : { directory });
  await api.server.listen({
    addresses: ['127.0.0.1'],
    port,
    advertiseAddress: '192.0.2.1',
    certificate: pem('server.crt'),
    key: pem('server.key'),
    ca: pem('ca.crt'),
    kubeletClient: { certificate: pem('client.crt'), key: pem('client.key') },
  });
  return api;
}

function clientOf(t: { after(fn: () => void): void }, port: number) {
  const config = {
    server: `https://127.0.0.1:${port}`,
    ca: pem('ca.crt'),
    cert: pem('client.crt'),
    key: pem('client.key'),
  };
  const transport = newHttpTransport({ config, clock: systemClock, random: Math.random });
  t.after(() => transport[Symbol.dispose]());
  return newClient(transport);
}

suite('client and the real API server', () => {
  test('an informer over HTTP/2 lives through a restart of the server and tells of what it missed', async (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'pirogue-client-'));
    t.after(() => rmSync(directory, { recursive: true, force: true }));
    const stop = new AbortController();
    t.after(() => stop.abort());
    const port = await freePort();
    const first = await listening(port, directory);
    const client = clientOf(t, port);
    await client.create(ConfigMap, { metadata: { namespace: 'default', name: 'kept' } });
    await client.create(ConfigMap, { metadata: { namespace: 'default', name: 'lost' } });

    const informers = newInformers({ client, clock: systemClock, random: () => 0, log: silentLogger });
    const informer = informers.informer(ConfigMap, { namespace: 'default' });
    const told: string[] = [];
    let hear = Promise.withResolvers<void>();
    informer.addHandler(({ type, object }) => {
      told.push(`${type} ${object.metadata.name}`);
      hear.resolve();
    });
    await informers.start({ signal: stop.signal });
    assert.deepEqual(told.toSorted(), ['add kept', 'add lost']);

    await first[Symbol.asyncDispose]();
    hear = Promise.withResolvers<void>();
    const second = await startTestApiServer({ directory });
    await second.client.delete(ConfigMap, { namespace: 'default', name: 'lost' });
    await second[Symbol.asyncDispose]();
    const third = await listening(port, directory);
    t.after(() => third[Symbol.asyncDispose]());
    await hear.promise;
    assert.deepEqual(told.slice(2), ['delete lost']);
    assert.deepEqual(
      informer.list().map(({ metadata }) => metadata.name),
      ['kept'],
    );
  });

  test('takes events as they are recorded, and their counts', async (t) => {
    await using api = await startTestApiServer();
    const stop = new AbortController();
    t.after(() => stop.abort());
    await api.client.create(ServiceAccount, { metadata: { namespace: 'default', name: 'default' } });
    const draft = {
      metadata: { namespace: 'default', name: 'web' },
      spec: { containers: [{ name: 'c', image: 'i' }] },
    };
    const pod = await api.client.create(Pod, draft);
    const recorder = newEventRecorder({
      client: api.client,
      clock: systemClock,
      random: Math.random,
      log: silentLogger,
      component: 'kubelet',
      host: 'node1',
      signal: stop.signal,
    });
    for (let i = 0; i < 3; i++) recorder.event(pod, 'Warning', 'BackOff', 'Back-off restarting failed container');
    const counted = Promise.withResolvers<Event>();
    void api.client
      .watch(Event, {
        signal: stop.signal,
        namespace: 'default',
        sendInitialEvents: true,
        onEvents: (events) => {
          const event = events.map(({ object }) => object as Event).find(({ count }) => count === 3);
          if (event !== undefined) counted.resolve(event);
        },
      })
      .catch(counted.reject);
    const event = await counted.promise;
    assert.equal(event.involvedObject.uid, pod.metadata.uid);
    assert.equal(event.source?.host, 'node1');
    assert.equal((await api.client.list(Event)).items.length, 1);
  });
});
