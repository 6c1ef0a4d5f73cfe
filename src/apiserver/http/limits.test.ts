import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { silentLogger } from '#util';
import { askH1, startHttpsServer } from '../testdata/https.ts';
import { withHeaders } from '../filters/headers.ts';
import { type Filter, type HttpRequest, type HttpResponse, RequestContext } from './context.ts';
import { messageBody, newRequest } from './connection.ts';
import { withMaxInFlight, Watermark } from './filters.ts';
import { requestInfoOf } from './request-info.ts';

const MAPS = '/api/v1/namespaces/default/configmaps';

function contextOf(method: string, url: string, groups: readonly string[] = []): RequestContext {
  const peer = { remoteAddress: '127.0.0.1' };
  const request: HttpRequest = newRequest({
    method,
    url,
    headers: {},
    peer,
    body: messageBody(Readable.from([]) as IncomingMessage),
  });
  const info = requestInfoOf(method, request.path, request.query);
  return new RequestContext(request, info, { name: 'user', groups: [...groups] }, silentLogger, 0);
}

const statusOf = (response: HttpResponse): number => ('status' in response ? response.status : 101);

test('so many requests are under way at once, reads and writes counted apart', async () => {
  const inFlight = { readOnly: new Watermark(), mutating: new Watermark() };
  const release = Promise.withResolvers<void>();
  const handler = withMaxInFlight(
    { readOnly: 2, mutating: 1 },
    inFlight,
  )(async () => {
    await release.promise;
    return { status: 200 };
  });
  const held = [contextOf('GET', MAPS), contextOf('GET', `${MAPS}/a`), contextOf('PUT', `${MAPS}/a`)].map(handler);
  for (const context of [contextOf('GET', MAPS), contextOf('POST', MAPS)]) {
    const refused = await handler(context);
    assert.ok('body' in refused);
    assert.deepEqual(
      [refused.status, refused.headers?.['retry-after'], refused.body],
      [429, '1', 'Too many requests, please try again later.\n'],
    );
  }
  // Who rules the cluster gets in, and what lasts is not counted.
  const others = [
    contextOf('GET', MAPS, ['system:masters']),
    contextOf('GET', `${MAPS}?watch=true`),
    contextOf('GET', '/api/v1/namespaces/default/pods/p/log'),
  ].map(handler);
  assert.deepEqual([inFlight.readOnly.highest(), inFlight.mutating.highest()], [2, 1]);
  release.resolve();
  for (const response of await Promise.all([...held, ...others])) assert.equal(statusOf(response), 200);
  assert.deepEqual([inFlight.readOnly.count, inFlight.mutating.count], [0, 0]);
});

async function warningOf(...texts: string[]): Promise<string | undefined> {
  const filter: Filter = withHeaders(() => 'id');
  const handler = filter(async (context) => {
    for (const text of texts) context.warn(text);
    return { status: 200 };
  });
  const response = await handler(contextOf('GET', MAPS));
  return 'headers' in response ? response.headers?.['warning'] : undefined;
}

test('warnings are quoted, told once, and cut short when they are too long together', async () => {
  assert.equal(await warningOf(), undefined);
  assert.equal(await warningOf('a', 'b', 'a'), '299 - "a", 299 - "b"');
  assert.equal(await warningOf('say "\\"'), '299 - "say \\"\\\\\\""');
  assert.equal(await warningOf('ü'), Buffer.from('299 - "ü"').toString('latin1'), 'UTF-8, byte by byte');
  assert.equal(await warningOf('two\nlines', ''), undefined);
  const long = await warningOf(...Array.from({ length: 40 }, (_, i) => `${i}${'x'.repeat(300)}`));
  const parts = long!.split(', ');
  assert.equal(parts.length, 16);
  for (const part of parts) assert.equal(part.length, '299 - ""'.length + 256);
  const one = 'y'.repeat(4096);
  assert.equal(await warningOf(one), `299 - "${one}"`);
});

test('every answer has the id it goes by in the audit, and may not be kept', async () => {
  await using server = await startHttpsServer();
  for (const path of [MAPS, `${MAPS}/none`, '/livez', '/nothing', '/version']) {
    const { headers } = await server.ask(path);
    assert.match(String(headers['audit-id']), /^[0-9a-f-]{36}$/, path);
    assert.equal(headers['cache-control'], 'no-cache, private', path);
  }
  const asked = await server.ask(MAPS, { headers: { 'audit-id': 'mine' } });
  assert.equal(asked.headers['audit-id'], 'mine');
  const h1 = await askH1(server, MAPS);
  assert.match(String(h1.headers['audit-id']), /^[0-9a-f-]{36}$/);
  assert.equal(h1.headers['content-length'], String(h1.body.length));
});

test('deprecated kinds are warned of with every answer', async () => {
  await using server = await startHttpsServer();
  const { headers } = await server.ask('/api/v1/namespaces/default/endpoints');
  assert.equal(
    headers['warning'],
    '299 - "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"',
  );
});

test("a request may set itself a time, in Go's words", async () => {
  await using server = await startHttpsServer();
  for (const timeout of ['', '0s', '30s', '1h', '-1s'])
    assert.equal((await server.ask(`${MAPS}?timeout=${timeout}`)).status, 200, timeout);
  const bad = (await server.ask(`${MAPS}?timeout=soon`)).json();
  assert.deepEqual(
    [bad.code, bad.message],
    [400, 'invalid timeout specified in the request URL - time: invalid duration "soon"'],
  );
  // A body that never comes is not waited for any longer.
  const stream = server.connect().request({ ':method': 'POST', ':path': `${MAPS}?timeout=10ms` });
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let text = '';
  stream.on('error', reject);
  stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
  stream.on('end', () => resolve(text));
  stream.write('{');
  const { code, reason, message, details } = JSON.parse(await promise);
  assert.deepEqual(
    [code, reason, message, details],
    [504, 'Timeout', 'Timeout: request did not complete within the allotted timeout', {}],
  );
  stream.close();
});

test('generated names that are taken are tried again, and then given up', async () => {
  // Always the same suffix.
  await using server = await startHttpsServer({ random: () => 0 });
  const draft = { metadata: { generateName: 'a-' } };
  const first = await server.ask(MAPS, { method: 'POST', body: draft });
  assert.equal(first.status, 201);
  const taken = (await server.ask(MAPS, { method: 'POST', body: draft })).json();
  const { name } = first.json().metadata;
  assert.deepEqual(
    [taken.code, taken.reason, taken.message, taken.details.retryAfterSeconds],
    [
      409,
      'AlreadyExists',
      `configmaps "${name}" already exists, the server was not able to generate a unique name for the object`,
      1,
    ],
  );
});
