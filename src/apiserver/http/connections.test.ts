import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type ClientHttp2Stream } from 'node:http2';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { ConfigMap } from '#api';
import { FakeClock, newLogger } from '#util';
import { configMapDraft } from '../testdata/objects.ts';
import { askH1, askH2, type HttpsServer, type Json, startHttpsServer } from '../testdata/https.ts';

const MAPS = '/api/v1/namespaces/default/configmaps';
const TABLE = 'application/json;as=Table;g=meta.k8s.io;v=v1';

/** Watchers the server holds, by its own metrics. */
async function watchers(server: HttpsServer): Promise<number> {
  const { text } = await server.ask('/metrics');
  const counts = text.matchAll(/^apiserver_longrunning_requests\{.*\} (\d+)$/gm);
  return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
}

async function untilWatchers(server: HttpsServer, count: number): Promise<void> {
  for (let i = 0; i < 200; i++) {
    if ((await watchers(server)) === count) return;
    await nextTurn();
  }
  assert.fail(`${await watchers(server)} watchers, not ${count}`);
}

/** Reads the JSON lines of a watch. */
class Lines {
  readonly stream: ClientHttp2Stream;
  readonly #lines: AsyncIterator<Json>;

  constructor(stream: ClientHttp2Stream) {
    this.stream = stream;
    this.#lines = linesOf(stream);
  }

  async next(): Promise<Json> {
    return (await this.#lines.next()).value;
  }
}

async function* linesOf(stream: ClientHttp2Stream): AsyncGenerator<Json> {
  let rest = '';
  for await (const chunk of stream) {
    const lines = (rest + String(chunk)).split('\n');
    rest = lines.pop()!;
    for (const line of lines) yield JSON.parse(line);
  }
}

async function startWatch(server: HttpsServer, query: string, accept = 'application/json'): Promise<Lines> {
  const stream = server.connect().request({ ':path': `${MAPS}?watch=1&${query}`, accept });
  stream.on('error', () => undefined);
  await once(stream, 'response');
  return new Lines(stream);
}

const bigMap = (name: string, bytes: number): ReturnType<typeof configMapDraft> => ({
  ...configMapDraft(name),
  data: { big: 'x'.repeat(bytes) },
});

/** A TLS connection that speaks for itself. */
async function rawConnection({ port, ca, admin }: HttpsServer, protocol: string): Promise<TLSSocket> {
  const socket = connectTls({ host: '127.0.0.1', port, ca, ...admin, ALPNProtocols: [protocol] });
  socket.on('error', () => undefined);
  await once(socket, 'secureConnect');
  return socket;
}

test('a watch over HTTP tells changes as lines, and errors as events', async () => {
  await using server = await startHttpsServer();
  const { client, store } = server.test;
  const from = store.revision;
  await client.create(ConfigMap, configMapDraft('a'));
  const watch = await startWatch(server, `resourceVersion=${from}&allowWatchBookmarks=true`);
  const added = await watch.next();
  assert.deepEqual([added.type, added.object.metadata.name], ['ADDED', 'a']);
  assert.deepEqual(added.object, await client.get(ConfigMap, { namespace: 'default', name: 'a' }));
  await client.delete(ConfigMap, { namespace: 'default', name: 'a' });
  assert.equal((await watch.next()).type, 'DELETED');

  for (let i = 0; i < 200; i++) await client.create(ConfigMap, bigMap(`b${i}`, 100_000));
  const late = await startWatch(server, `resourceVersion=${from}`);
  const { type, object } = await late.next();
  assert.deepEqual([type, object.kind, object.reason, object.code], ['ERROR', 'Status', 'Expired', 410]);
  assert.equal(await late.next(), undefined, 'and that is the end');
});

test('a watch ends in good order when its time is up', async () => {
  const clock = new FakeClock(Date.now());
  await using server = await startHttpsServer({ clock });
  const watch = await startWatch(server, 'timeoutSeconds=1&allowWatchBookmarks=true');
  clock.advance(1000);
  assert.equal((await watch.next()).type, 'BOOKMARK');
  assert.equal(await watch.next(), undefined);
  await untilWatchers(server, 0);
});

test('a watch of tables gives the columns once', async () => {
  await using server = await startHttpsServer();
  await server.test.client.create(ConfigMap, configMapDraft('a'));
  await server.test.client.create(ConfigMap, configMapDraft('b'));
  const watch = await startWatch(server, '', TABLE);
  const [first, second] = [await watch.next(), await watch.next()];
  assert.equal(first.object.kind, 'Table');
  assert.deepEqual(
    first.object.columnDefinitions.map((c: Json) => c.name),
    ['Name', 'Data', 'Age'],
  );
  assert.equal(second.object.columnDefinitions, null);
  assert.deepEqual(
    [first, second].map((e) => e.object.rows[0].cells[0]),
    ['a', 'b'],
  );
});

test('clients that leave a watch leave nothing behind, however they go', async () => {
  const errors: string[] = [];
  await using server = await startHttpsServer({
    log: newLogger({ level: 'error', write: (line) => errors.push(line), now: () => 0 }),
  });
  const h2 = await Promise.all(Array.from({ length: 5 }, () => startWatch(server, '')));
  const h1 = await rawConnection(server, 'http/1.1');
  h1.write(`GET ${MAPS}?watch=1 HTTP/1.1\r\nhost: x\r\n\r\n`);
  await once(h1, 'data');
  await untilWatchers(server, 6);
  h2[0]!.stream.close();
  h2[1]!.stream.destroy();
  h2[2]!.stream.session!.destroy();
  h2[3]!.stream.session!.socket.destroy();
  h2[4]!.stream.session!.close();
  h2[4]!.stream.close();
  h1.destroy();
  await untilWatchers(server, 0);
  assert.deepEqual(errors, []);
});

test('a watcher that does not read is cut off, and costs no more than its backlog', async () => {
  await using server = await startHttpsServer();
  const watch = await startWatch(server, `resourceVersion=${server.test.store.revision}`);
  watch.stream.pause();
  const ended = new Promise((resolve) => watch.stream.once('close', resolve)); // and an error before it
  for (let i = 0; i < 90; i++) await server.test.client.create(ConfigMap, bigMap(`b${i}`, 1_000_000));
  await untilWatchers(server, 0);
  watch.stream.resume();
  await ended;
});

test('a client that leaves in the middle of a long list stops the work', async () => {
  const errors: string[] = [];
  await using server = await startHttpsServer({
    log: newLogger({ level: 'error', write: (line) => errors.push(line), now: () => 0 }),
  });
  await Promise.all(
    Array.from({ length: 600 }, (_, i) => server.test.client.create(ConfigMap, bigMap(`b${i}`, 20_000))),
  );
  for (const accept of ['application/json', TABLE]) {
    const stream = server.connect().request({ ':path': `${MAPS}?includeObject=Object`, accept });
    stream.on('error', () => undefined);
    await once(stream, 'data');
    stream.session!.destroy();
  }
  const h1 = await rawConnection(server, 'http/1.1');
  h1.write(`GET ${MAPS} HTTP/1.1\r\nhost: x\r\n\r\n`);
  await once(h1, 'data');
  h1.destroy();
  const whole = await server.ask(MAPS);
  assert.equal(whole.json().items.length, 600);
  assert.deepEqual(errors, []);
});

test('a body that is never read does not hold its stream', async () => {
  await using server = await startHttpsServer();
  const session = server.connect();
  const stream = session.request({ ':method': 'POST', ':path': '/api/v1/things' }, { endStream: false });
  stream.on('error', () => undefined);
  stream.write(Buffer.alloc(100_000));
  const [headers] = (await once(stream, 'response')) as [Record<string, unknown>];
  assert.equal(headers[':status'], 404);
  stream.resume();
  await once(stream, 'close');
  assert.equal((await askH2(session, '/version')).status, 200);
});

test('many requests share a connection, and large answers do not mix', async () => {
  await using server = await startHttpsServer();
  await Promise.all(
    Array.from({ length: 20 }, (_, i) => server.test.client.create(ConfigMap, bigMap(`b${i}`, 50_000 + i))),
  );
  const answers = await Promise.all(Array.from({ length: 100 }, (_, i) => server.ask(`${MAPS}/b${i % 20}`)));
  for (const [i, answer] of answers.entries()) assert.equal(answer.json().data.big.length, 50_000 + (i % 20));
});

test('an upgrade nobody asked for is passed over, and one where there is no pod is refused', async () => {
  await using server = await startHttpsServer();
  const headers = {
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-key': 'x',
    'sec-websocket-version': '13',
  };
  const list = await askH1(server, MAPS, { headers });
  assert.deepEqual([list.status, list.json().kind], [200, 'ConfigMapList']);
  const exec = await askH1(server, '/api/v1/namespaces/default/pods/p/exec?command=x', { headers });
  assert.deepEqual([exec.status, exec.json().message], [404, 'pods "p" not found']);
  const plain = await askH1(server, '/api/v1/namespaces/default/pods/p/exec?command=x', { method: 'POST' });
  assert.equal(plain.status, 404);
});

test('headers beyond all measure are refused, and the server goes on', async () => {
  await using server = await startHttpsServer();
  const huge = 'x'.repeat(2 << 20);
  // The connection may end before the client has finished writing, and so before it reads.
  const answer = await askH1(server, MAPS, { headers: { 'x-huge': huge } }).catch(() => undefined);
  assert.equal(answer?.status ?? 431, 431);
  const session = server.connect();
  await assert.rejects(askH2(session, MAPS, { headers: { 'x-huge': huge } }));
  assert.equal((await server.ask('/version')).status, 200);
});

test('bytes that are no HTTP end the connection, not the server', async () => {
  await using server = await startHttpsServer();
  for (const [protocol, bytes] of [
    ['http/1.1', '\0\x01\x02 nonsense\r\n\r\n'],
    ['h2', 'GET / HTTP/1.1\r\n\r\n'],
    ['h2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\xff\xff\xff\xff\xff\xff'],
  ] as const) {
    const socket = await rawConnection(server, protocol);
    socket.resume();
    socket.write(bytes, 'latin1');
    await once(socket, 'close');
  }
  assert.equal((await server.ask('/version')).status, 200);
});

test('a request that stops half-way holds nobody up, and is no failure of the server', async () => {
  const failures: string[] = [];
  const log = newLogger({ level: 'error', write: (line) => void failures.push(line), now: () => 0 });
  await using server = await startHttpsServer({ log });
  const h1 = await rawConnection(server, 'http/1.1');
  h1.write(`POST ${MAPS} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{"a`);
  const stream = server.connect().request({ ':method': 'POST', ':path': MAPS }, { endStream: false });
  stream.on('error', () => undefined);
  stream.write('{"a');
  assert.equal((await server.ask('/version')).status, 200);
  h1.destroy();
  stream.session!.destroy();
  assert.equal((await server.ask('/version')).status, 200);
  assert.deepEqual(failures, []);
});

test('Expect: 100-continue is answered before the body', async () => {
  await using server = await startHttpsServer();
  const stream = server
    .connect()
    .request({ ':method': 'POST', ':path': MAPS, expect: '100-continue' }, { endStream: false });
  await once(stream, 'continue');
  stream.end(JSON.stringify(configMapDraft('a')));
  const [headers] = (await once(stream, 'response')) as [Record<string, unknown>];
  assert.equal(headers[':status'], 201);
  stream.close();
});

test('a server closes though connections and a watch are open', async () => {
  const server = await startHttpsServer();
  await server.ask('/version');
  await askH1(server, '/version');
  const watch = await startWatch(server, '');
  const ended = once(watch.stream, 'close');
  watch.stream.resume();
  await server.test.server.close();
  await ended;
  await server[Symbol.asyncDispose]();
});
