import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import {
  createSecureServer,
  type Http2SecureServer,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { suite, test } from 'node:test';
import { ConfigMap, StatusError, type WatchEvent } from '#api';
import { FakeClock, newLogger, systemClock } from '#util';
import { newHttpTransport } from './http.ts';
import { newClient } from './rest.ts';
import { settle } from './testdata/memory-api.ts';

const pem = (name: string): string => readFileSync(new URL(`testdata/${name}`, import.meta.url), 'utf8');
const certificates = { ca: pem('ca.crt'), cert: pem('client.crt'), key: pem('client.key') };

type Handler = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, body: string) => void;

interface Context {
  after(fn: () => void | Promise<void>): void;
}

async function serving(t: Context, handler: Handler, at = 0) {
  const server: Http2SecureServer = createSecureServer({
    key: pem('server.key'),
    cert: pem('server.crt'),
    ca: certificates.ca,
    requestCert: true,
    rejectUnauthorized: true,
  });
  const sessions: ServerHttp2Session[] = [];
  server.on('session', (session) => {
    session.on('error', () => {});
    sessions.push(session);
  });
  server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    stream.on('error', () => {});
    let body = '';
    stream.on('data', (chunk: Buffer) => (body += chunk.toString()));
    stream.on('end', () => handler(stream, headers, body));
  });
  server.listen(at, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { config: { server: `https://127.0.0.1:${port}`, ...certificates }, sessions };
}

async function connected(t: Context, handler: Handler, clock: FakeClock | typeof systemClock = systemClock) {
  const { config, sessions } = await serving(t, handler);
  const transport = newHttpTransport({ config, clock, random: () => 0 });
  t.after(() => transport[Symbol.dispose]());
  return { client: newClient(transport), sessions };
}

function answer(stream: ServerHttp2Stream, code: number, body: unknown, headers: Record<string, string> = {}): void {
  stream.respond({ ':status': code, 'content-type': 'application/json', ...headers });
  stream.end(typeof body === 'string' ? body : JSON.stringify(body));
}

const configMap = (name: string): ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { namespace: 'ns', name, uid: 'u', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' },
});
const ref = { namespace: 'ns', name: 'a' };

suite('http transport', () => {
  test('says method, path, query and body as the API wants them, over one connection', async (t) => {
    const seen: string[] = [];
    const { client, sessions } = await connected(t, (stream, headers, body) => {
      seen.push(`${headers[':method']} ${headers[':path']} ${headers['content-type'] ?? ''} ${body}`.trim());
      answer(stream, 200, { ...configMap('a'), items: [] });
    });
    assert.equal((await client.get(ConfigMap, ref)).metadata.name, 'a');
    await Promise.all([
      client.list(ConfigMap, { labelSelector: 'a in (b,c)' }),
      client.patch(
        ConfigMap,
        ref,
        { data: {} },
        { type: 'application/merge-patch+json', query: { fieldManager: 'me' } },
      ),
      client.delete(ConfigMap, ref, { body: { propagationPolicy: 'Orphan' } }),
    ]);
    assert.deepEqual(seen.toSorted(), [
      'DELETE /api/v1/namespaces/ns/configmaps/a application/json {"apiVersion":"v1","kind":"DeleteOptions","propagationPolicy":"Orphan"}',
      'GET /api/v1/configmaps?labelSelector=a+in+%28b%2Cc%29',
      'GET /api/v1/namespaces/ns/configmaps/a',
      'PATCH /api/v1/namespaces/ns/configmaps/a?fieldManager=me application/merge-patch+json {"data":{}}',
    ]);
    assert.equal(sessions.length, 1);
  });

  test('a Status of failure becomes the StatusError it stands for', async (t) => {
    const { client } = await connected(t, (stream) =>
      answer(stream, 404, {
        kind: 'Status',
        status: 'Failure',
        reason: 'NotFound',
        message: 'configmaps "a" not found',
        code: 404,
      }),
    );
    await assert.rejects(client.get(ConfigMap, ref), {
      name: 'StatusError',
      reason: 'NotFound',
      code: 404,
      message: 'configmaps "a" not found',
    });
  });

  test('an answer that is no Status keeps its code and its words', async (t) => {
    const { client } = await connected(t, (stream) => answer(stream, 403, 'go away'));
    await assert.rejects(client.get(ConfigMap, ref), { reason: 'Forbidden', code: 403, message: 'go away' });
  });

  test('comes back after Retry-After', async (t) => {
    const clock = new FakeClock();
    const arrived = Promise.withResolvers<void>();
    const tries: number[] = [];
    const { client } = await connected(
      t,
      (stream) => {
        if (tries.push(clock.now()) > 1) return answer(stream, 201, configMap('a'));
        answer(stream, 429, { kind: 'Status', reason: 'TooManyRequests' }, { 'retry-after': '3' });
        stream.once('close', () => arrived.resolve());
      },
      clock,
    );
    const created = client.create(ConfigMap, { metadata: ref });
    await arrived.promise;
    while (tries.length < 2) {
      clock.advance(1000);
      await settle();
    }
    assert.equal((await created).metadata.name, 'a');
    assert.ok(clock.now() >= 3000);
  });

  test('a server that is not there is ServiceUnavailable', async (t) => {
    const transport = newHttpTransport({
      config: { server: 'https://127.0.0.1:1', ...certificates },
      clock: systemClock,
      random: () => 0,
    });
    t.after(() => transport[Symbol.dispose]());
    await assert.rejects(newClient(transport).get(ConfigMap, ref), { reason: 'ServiceUnavailable', code: 503 });
  });

  test('a connection that breaks under a write is ServiceUnavailable, and the next request dials anew', async (t) => {
    const { client, sessions } = await connected(t, (stream, headers) => {
      if (headers[':method'] === 'POST') stream.session?.destroy();
      else answer(stream, 200, configMap('a'));
    });
    await assert.rejects(client.create(ConfigMap, { metadata: ref }), { reason: 'ServiceUnavailable' });
    assert.equal((await client.get(ConfigMap, ref)).metadata.name, 'a');
    assert.equal(sessions.length, 2);
  });

  test('a server that says goodbye ends what is under way in peace and gets new requests on a new connection', async (t) => {
    const slow = Promise.withResolvers<ServerHttp2Stream>();
    const { client, sessions } = await connected(t, (stream, headers) => {
      if (headers[':path']?.includes('slow') === true) slow.resolve(stream);
      else answer(stream, 200, configMap('a'));
    });
    const pending = client.get(ConfigMap, { namespace: 'ns', name: 'slow' });
    const stream = await slow.promise;
    sessions[0]?.close();
    await settle();
    assert.equal((await client.get(ConfigMap, ref)).metadata.name, 'a');
    answer(stream, 200, configMap('slow'));
    assert.equal((await pending).metadata.name, 'slow');
    assert.equal(sessions.length, 2);
  });

  test('gives up a request that is aborted or not answered in time', async (t) => {
    const clock = new FakeClock();
    const arrived = Promise.withResolvers<void>();
    const { client } = await connected(t, () => arrived.resolve(), clock);
    const stop = new AbortController();
    const aborted = client.get(ConfigMap, ref, { signal: stop.signal });
    const late = client.get(ConfigMap, ref);
    await arrived.promise;
    stop.abort(new Error('enough'));
    await assert.rejects(aborted, /enough/);
    await settle();
    clock.advance(60_000);
    await assert.rejects(late, { reason: 'Timeout' });
  });

  test('notices a peer that went silent by its missing answer to a ping', async (t) => {
    const clock = new FakeClock();
    const { config } = await serving(t, (stream) => stream.respond({ ':status': 200 }));
    const hops: Socket[] = [];
    const proxy = createServer((inward) => {
      const outward = connect(Number(new URL(config.server).port), '127.0.0.1');
      for (const hop of [inward, outward]) hops.push(hop.on('error', () => {}));
      inward.pipe(outward).pipe(inward);
    });
    proxy.listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    const { port } = proxy.address() as AddressInfo;
    const transport = newHttpTransport({
      config: { ...config, server: `https://127.0.0.1:${port}` },
      clock,
      random: () => 0,
    });
    t.after(() => {
      transport[Symbol.dispose]();
      for (const hop of hops) hop.destroy();
      proxy.close();
    });
    const client = newClient(transport);
    const watch = client.watch(ConfigMap, { signal: new AbortController().signal, onEvents: () => {} });
    while (clock.pending !== 1 || hops.length < 2) await settle(); // what remains is the timer of the connection
    for (const hop of hops) hop.unpipe().pause();
    const ended = assert.rejects(watch, { reason: 'ServiceUnavailable' });
    clock.advance(30_000);
    clock.advance(15_000);
    await ended;
  });
});

suite('http watch', () => {
  const added = (name: string): string => `${JSON.stringify({ type: 'ADDED', object: configMap(name) })}\n`;

  test('waits for a server that is away, and begins within a second of its return', async (t) => {
    const placeholder = createServer().listen(0, '127.0.0.1');
    await once(placeholder, 'listening');
    const { port } = placeholder.address() as AddressInfo;
    placeholder.close();
    await once(placeholder, 'close');
    const clock = new FakeClock();
    const warnings: string[] = []; // of the first, second, fourth, eighth … failure
    const log = newLogger({ write: (line) => void warnings.push(line), now: () => 0 });
    const config = { server: `https://127.0.0.1:${port}`, ...certificates };
    const transport = newHttpTransport({ config, clock, random: () => 0, log });
    t.after(() => transport[Symbol.dispose]());
    const stop = new AbortController();
    const seen = Promise.withResolvers<void>();
    const watch = newClient(transport).watch(ConfigMap, { signal: stop.signal, onEvents: () => seen.resolve() });
    while (warnings.length < 5) {
      clock.advance(1000);
      await settle();
    }
    await serving(
      t,
      (stream) => {
        stream.respond({ ':status': 200 });
        stream.end(added('a'));
      },
      port,
    );
    clock.advance(1000);
    await seen.promise;
    await watch;
  });

  test('of a server that is away ends when it is told to', async (t) => {
    const clock = new FakeClock();
    const config = { server: 'https://127.0.0.1:1', ...certificates };
    const transport = newHttpTransport({ config, clock, random: () => 0 });
    t.after(() => transport[Symbol.dispose]());
    const stop = new AbortController();
    const watch = newClient(transport).watch(ConfigMap, { signal: stop.signal, onEvents: () => {} });
    const ends: unknown[] = [];
    const ended = watch.catch((error: unknown) => ends.push(error));
    stop.abort(new Error('enough'));
    while (ends.length === 0) {
      clock.advance(1000);
      await settle();
    }
    await ended;
    assert.match(String(ends[0]), /enough/);
  });

  test('delivers what arrives together in one call, and resolves when the server ends it', async (t) => {
    const { client } = await connected(t, (stream) => {
      stream.respond({ ':status': 200 });
      const half = added('c');
      stream.write(added('a') + added('b') + half.slice(0, 20));
      setImmediate(() => stream.end(half.slice(20)));
    });
    const batches: string[][] = [];
    const onEvents = (events: readonly WatchEvent[]): void =>
      void batches.push(events.map((e) => e.object.metadata.name));
    await client.watch(ConfigMap, { signal: new AbortController().signal, onEvents });
    assert.deepEqual(batches.flat(), ['a', 'b', 'c']);
    assert.deepEqual(batches[0], ['a', 'b']);
  });

  test('an ERROR event ends it with that error, after the events before it', async (t) => {
    const { client } = await connected(t, (stream) => {
      stream.respond({ ':status': 200 });
      const status = { kind: 'Status', reason: 'Expired', code: 410, message: 'too old resource version: 1 (5)' };
      stream.write(`${added('a')}${JSON.stringify({ type: 'ERROR', object: status })}\n`);
    });
    const seen: string[] = [];
    const onEvents = (events: readonly WatchEvent[]): void =>
      void seen.push(...events.map((e) => e.object.metadata.name));
    await assert.rejects(client.watch(ConfigMap, { signal: new AbortController().signal, onEvents }), (error) =>
      StatusError.is(error, 'Expired'),
    );
    assert.deepEqual(seen, ['a']);
  });

  test('the abort ends it on both sides', async (t) => {
    const closed = Promise.withResolvers<void>();
    const { client } = await connected(t, (stream) => {
      stream.respond({ ':status': 200 });
      stream.write(added('a'));
      stream.once('close', () => closed.resolve());
    });
    const stop = new AbortController();
    const watch = client.watch(ConfigMap, {
      signal: stop.signal,
      onEvents: () => stop.abort(new Error('seen enough')),
    });
    await assert.rejects(watch, /seen enough/);
    await closed.promise;
  });
});
