/** What peers send that nobody should, and what they are told. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectSocket } from 'node:net';
import { test } from 'node:test';
import {
  CODE,
  FLAG,
  FRAME,
  frameOf,
  goAwayFrame,
  LARGEST_WINDOW,
  numberFrame,
  PREFACE,
  SETTING,
  settingsFrame,
} from './frames.ts';
import { writeHeaders } from './hpack-writer.ts';
import {
  BOTH,
  data,
  exchange,
  frame,
  get,
  headers,
  many,
  MAX_HEADER_BYTES,
  MAX_STREAMS,
  request,
  serve,
  verdict,
} from './testdata/peer.ts';

const connection = (code: number): string => `connection ${code}`;
const stream = (code: number, id = 1): string => `stream ${id} ${code}`;
const { protocol, flowControl, streamClosed, frameSize, refusedStream, compression, enhanceYourCalm } = CODE;
const PRIORITY = Buffer.of(0, 0, 0, 1, 16);

/** What is sent behind the preface, and how it ends. Source: RFC 9113, the sections named, and where it leaves it open net/http2 of Go. */
const HOSTILE: readonly (readonly [name: string, bytes: Buffer, end: string])[] = [
  // 4, 6.1
  ['a frame too large', frame(FRAME.data, 1, 16_385), connection(frameSize)],
  ['a frame of no sort', frame(99, 0, 8), 'nothing'],
  ['data of no stream', data(0, 'x'), connection(protocol)],
  ['data of a stream that has not begun', data(1, 'x'), connection(protocol)],
  ['data of a server’s stream', data(2, 'x'), connection(protocol)],
  [
    'padding longer than its frame',
    Buffer.concat([headers(1, request('/echo')), frameOf(FRAME.data, FLAG.padded, 1, Buffer.of(5, 1, 2))]),
    connection(protocol),
  ],
  [
    'padding of nothing',
    Buffer.concat([headers(1, request('/echo')), frame(FRAME.data, 1, 0, FLAG.padded)]),
    connection(protocol),
  ],
  ['data behind the end', Buffer.concat([get(1, '/hang'), data(1, 'x')]), stream(streamClosed)],
  ['data behind an answer', Buffer.concat([get(1), data(1, 'x')]), stream(streamClosed)],
  [
    'empty data without end',
    Buffer.concat([headers(1, request('/echo')), many(11_000, () => data(1, ''))]),
    connection(enhanceYourCalm),
  ],
  // 6.2, 6.10, 8
  ['headers of no stream', get(0), connection(protocol)],
  ['headers of a server’s stream', get(2), connection(protocol)],
  ['headers padded too much', headers(1, Buffer.of(9, 1), FLAG.padded | BOTH), connection(protocol)],
  [
    'a stream that depends on itself',
    headers(1, Buffer.concat([PRIORITY, request('/hang')]), BOTH | FLAG.priority),
    stream(protocol),
  ],
  ['a stream before the last', Buffer.concat([get(5), get(3)]), connection(protocol)],
  ['headers behind the end', Buffer.concat([get(1, '/hang'), get(1)]), stream(streamClosed)],
  [
    'headers behind a reset',
    Buffer.concat([get(1, '/hang'), numberFrame(FRAME.reset, 1, 8), get(1)]),
    connection(streamClosed),
  ],
  [
    'trailers that are none',
    Buffer.concat([headers(1, request('/echo')), headers(1, writeHeaders({ a: 'b' }))]),
    stream(protocol),
  ],
  [
    'trailers with a path',
    Buffer.concat([headers(1, request('/echo')), headers(1, writeHeaders({ ':path': '/' }), BOTH)]),
    stream(protocol),
  ],
  ['trailers', Buffer.concat([headers(1, request('/echo')), headers(1, writeHeaders({ a: 'b' }), BOTH)]), 'nothing'],
  [
    'a frame within a block',
    Buffer.concat([headers(1, request('/echo'), FLAG.none), frame(FRAME.ping, 0, 8)]),
    connection(protocol),
  ],
  ['a continuation of nothing', frame(FRAME.continuation, 1, 1, FLAG.endHeaders), connection(protocol)],
  [
    'a continuation of another',
    Buffer.concat([headers(1, request('/echo'), FLAG.none), frame(FRAME.continuation, 3, 0)]),
    connection(protocol),
  ],
  [
    'empty continuations',
    Buffer.concat([headers(1, request('/echo'), FLAG.none), many(300, () => frame(FRAME.continuation, 1, 0))]),
    connection(enhanceYourCalm),
  ],
  [
    'continuations without end',
    Buffer.concat([headers(1, request('/echo'), FLAG.none), many(4, () => frame(FRAME.continuation, 1, 16_000))]),
    connection(enhanceYourCalm),
  ],
  ['a block that is none', headers(1, Buffer.of(0xff), BOTH), connection(compression)],
  ['a block with no such header', headers(1, Buffer.of(0xbe), BOTH), connection(compression)],
  ['no path', headers(1, writeHeaders({ ':method': 'GET', ':scheme': 'http' }), BOTH), stream(protocol)],
  ['no scheme', headers(1, writeHeaders({ ':method': 'GET', ':path': '/' }), BOTH), stream(protocol)],
  ['no method', headers(1, writeHeaders({ ':scheme': 'http', ':path': '/' }), BOTH), stream(protocol)],
  ['a path without a slash', get(1, 'echo'), stream(protocol)],
  ['CONNECT', headers(1, writeHeaders({ ':method': 'CONNECT', ':authority': 'x' }), BOTH), stream(protocol)],
  ['a pseudo-header of answers', get(1, '/echo', { ':status': '200' }), stream(protocol)],
  ['a pseudo-header behind another', get(1, '/echo', { a: 'b', ':x': 'y' }), stream(protocol)],
  ['capitals', get(1, '/echo', { Accept: 'x' }), stream(protocol)],
  ['a header of the connection', get(1, '/echo', { connection: 'close' }), stream(protocol)],
  ['an upgrade', get(1, '/echo', { upgrade: 'websocket' }), stream(protocol)],
  ['te', get(1, '/echo', { te: 'gzip' }), stream(protocol)],
  ['lines within a header', get(1, '/echo', { a: 'b\r\nc: d' }), stream(protocol)],
  ['a length that is none', get(1, '/echo', { 'content-length': '-1' }), stream(protocol)],
  ['a body shorter than its length', get(1, '/echo', { 'content-length': '1' }), stream(protocol)],
  [
    'a body longer than its length',
    Buffer.concat([headers(1, request('/echo', { 'content-length': '1' })), data(1, 'xx')]),
    stream(protocol),
  ],
  // 6.3, 6.4
  ['a priority of no stream', frame(FRAME.priority, 0, 5), connection(protocol)],
  ['a priority cut off', Buffer.concat([get(1, '/hang'), frame(FRAME.priority, 1, 4)]), stream(frameSize)],
  [
    'a priority of itself',
    Buffer.concat([get(1, '/hang'), frameOf(FRAME.priority, FLAG.none, 1, PRIORITY)]),
    stream(protocol),
  ],
  ['a priority of what has not begun', frame(FRAME.priority, 7, 5), 'nothing'],
  ['priorities without end', many(11_000, () => frame(FRAME.priority, 1, 5)), connection(enhanceYourCalm)],
  ['a reset of no stream', numberFrame(FRAME.reset, 0, 8), connection(protocol)],
  ['a reset of what has not begun', numberFrame(FRAME.reset, 1, 8), connection(protocol)],
  ['a reset cut off', Buffer.concat([get(1, '/hang'), frame(FRAME.reset, 1, 3)]), connection(frameSize)],
  [
    'requests taken back',
    many(60, (i) => Buffer.concat([headers(2 * i + 1, request('/echo')), numberFrame(FRAME.reset, 2 * i + 1, 8)])),
    connection(enhanceYourCalm),
  ],
  // 6.5, 6.6
  ['settings of a stream', frame(FRAME.settings, 1, 6), connection(protocol)],
  ['settings cut off', frame(FRAME.settings, 0, 5), connection(frameSize)],
  ['an acknowledgement with settings', frame(FRAME.settings, 0, 6, FLAG.ack), connection(frameSize)],
  ['a window of too much', settingsFrame([[SETTING.initialWindow, LARGEST_WINDOW + 1]]), connection(flowControl)],
  ['frames of too little', settingsFrame([[SETTING.maxFrame, 16_383]]), connection(protocol)],
  ['pushes, perhaps', settingsFrame([[SETTING.push, 2]]), connection(protocol)],
  ['settings nobody knows', settingsFrame([[0xabcd, 1]]), 'nothing'],
  ['settings without end', many(11_000, () => settingsFrame([])), connection(enhanceYourCalm)],
  ['a push', frame(FRAME.pushPromise, 1, 4), connection(protocol)],
  // 6.7, 6.8
  ['a ping of a stream', frame(FRAME.ping, 1, 8), connection(protocol)],
  ['a ping cut off', frame(FRAME.ping, 0, 7), connection(frameSize)],
  ['pings without end', many(11_000, () => frame(FRAME.ping, 0, 8)), connection(enhanceYourCalm)],
  ['an answer to no ping', frame(FRAME.ping, 0, 8, FLAG.ack), 'nothing'],
  ['the end of a stream', frame(FRAME.goAway, 1, 8), connection(protocol)],
  ['an end cut off', frame(FRAME.goAway, 0, 7), connection(frameSize)],
  // 6.9
  ['a window cut off', frame(FRAME.windowUpdate, 0, 3), connection(frameSize)],
  ['a window that does not grow', numberFrame(FRAME.windowUpdate, 0, 0), connection(protocol)],
  [
    'a stream’s window that does not grow',
    Buffer.concat([get(1, '/hang'), numberFrame(FRAME.windowUpdate, 1, 0)]),
    stream(protocol),
  ],
  ['a window of what has not begun', numberFrame(FRAME.windowUpdate, 1, 1), connection(protocol)],
  ['a window too large', numberFrame(FRAME.windowUpdate, 0, LARGEST_WINDOW), connection(flowControl)],
  [
    'a stream’s window too large',
    Buffer.concat([get(1, '/hang'), numberFrame(FRAME.windowUpdate, 1, LARGEST_WINDOW)]),
    stream(flowControl),
  ],
  [
    'a window too large by settings',
    Buffer.concat([
      get(1, '/hang'),
      numberFrame(FRAME.windowUpdate, 1, LARGEST_WINDOW - 65_535),
      settingsFrame([[SETTING.initialWindow, 65_536]]),
    ]),
    connection(flowControl),
  ],
  [
    'more than a stream may send',
    Buffer.concat([headers(1, request('/hang')), many(7, () => frame(FRAME.data, 1, 16_384))]),
    stream(flowControl),
  ],
  [
    'more than all may send',
    many(4, (i) =>
      Buffer.concat([headers(2 * i + 1, request('/hang')), many(5, () => frame(FRAME.data, 2 * i + 1, 16_384))]),
    ),
    connection(flowControl),
  ],
  // 5.1.2
  [
    'more streams than are let',
    many(MAX_STREAMS + 1, (i) => get(2 * i + 1, '/hang')),
    stream(refusedStream, 2 * MAX_STREAMS + 1),
  ],
  [
    'more streams than are let, taken back',
    many(MAX_STREAMS + 1, (i) => Buffer.concat([get(2 * i + 1, '/hang'), numberFrame(FRAME.reset, 2 * i + 1, 8)])),
    stream(refusedStream, 2 * MAX_STREAMS + 1),
  ],
  [
    'far more streams than are let',
    many(5 * MAX_STREAMS + 2, (i) => get(2 * i + 1, '/hang')),
    connection(enhanceYourCalm),
  ],
];

test('a peer that breaks a rule is told which, and only what it has broken ends', async (t) => {
  const { port } = await serve(t);
  for (const [name, bytes, end] of HOSTILE) assert.equal(verdict(await exchange(port, bytes)), end, name);
  assert.equal(verdict(await exchange(port, get(1), PREFACE)), connection(protocol), 'settings do not come first');
  assert.equal(
    verdict(await exchange(port, Buffer.alloc(0), Buffer.from('GET / HTTP/1.1\r\n\r\n'))),
    connection(protocol),
  );
});

test('too many headers are answered, and those far beyond end the connection', async (t) => {
  const { port } = await serve(t);
  const block = request('/echo', { a: 'x'.repeat(MAX_HEADER_BYTES) });
  const pieces = Buffer.concat([
    headers(1, block.subarray(0, 16_000), FLAG.endStream),
    frameOf(FRAME.continuation, FLAG.endHeaders, 1, block.subarray(16_000)),
  ]);
  const frames = await exchange(port, pieces);
  const found = frames.find(({ type }) => type === FRAME.headers);
  assert.equal(found?.payload.toString('latin1', 2), '431');
  assert.equal(verdict(frames), 'nothing');
});

test('what is broken on one stream leaves the table of headers and the others as they are', async (t) => {
  const { port } = await serve(t);
  // A header that enters the table within a request that is refused, and is spoken of by the next.
  const entering = Buffer.concat([writeHeaders({ ':method': 'GET' }), Buffer.from('40017803616263', 'hex')]);
  const speaking = Buffer.concat([request('/echo'), Buffer.of(0xbe)]);
  const frames = await exchange(port, Buffer.concat([headers(1, entering, BOTH), headers(3, speaking, BOTH)]));
  assert.deepEqual(
    frames.filter(({ type }) => type === FRAME.headers).map(({ id }) => id),
    [3],
  );
  assert.equal(verdict(frames), stream(protocol));
});

/** A whole connection's bytes: requests, with their bodies and trailers, and whatever else a peer may send. */
function goodBytes(): Buffer {
  const echo = (id: number): Buffer[] => [
    headers(id, request('/echo', { 'content-length': '9' })),
    data(id, 'a me'),
    numberFrame(FRAME.windowUpdate, id, 1000),
    data(id, 'ssage', FLAG.endStream),
  ];
  const block = request('/much', { a: 'b'.repeat(50) });
  return Buffer.concat([
    PREFACE,
    settingsFrame([
      [SETTING.initialWindow, 100_000],
      [SETTING.tableBytes, 200],
    ]),
    ...echo(1),
    frame(FRAME.ping, 0, 8),
    numberFrame(FRAME.windowUpdate, 0, 1000),
    headers(3, block.subarray(0, 20), FLAG.endStream),
    frameOf(FRAME.continuation, FLAG.endHeaders, 3, block.subarray(20)),
    ...echo(5),
    get(7, '/hang'),
    settingsFrame([
      [SETTING.initialWindow, 10],
      [SETTING.tableBytes, 0],
    ]),
    numberFrame(FRAME.reset, 7, 8),
    headers(9, request('/echo')),
    frameOf(FRAME.data, FLAG.padded, 9, Buffer.from('\x02ab12')),
    headers(9, writeHeaders({ trailer: 'x' }), BOTH),
    frameOf(FRAME.priority, FLAG.none, 11, Buffer.of(0, 0, 0, 9, 1)),
    goAwayFrame(0, CODE.none),
  ]);
}

/** Resolves when the server has ended the connection. */
async function send(port: number, bytes: Buffer): Promise<void> {
  const socket = connectSocket({ port, host: '127.0.0.1' });
  socket.on('error', () => {}); // it may end while we write
  socket.resume();
  const closed = once(socket, 'close');
  socket.end(bytes);
  await closed;
}

test('bytes that are not HTTP/2, or no longer, end their connection and nothing else', async (t) => {
  const { port } = await serve(t);
  const good = goodBytes();
  await send(port, good);
  const random = newRandom(26);
  for (let i = 0; i < 500; i++) {
    const bytes = Buffer.from(good);
    for (let n = 1 + (random() % 4); n > 0; n--) bytes[random() % bytes.length] = random() % 256;
    await send(port, bytes.subarray(0, i % 5 === 0 ? random() % bytes.length : undefined));
  }
  await send(port, Buffer.alloc(100_000));
  assert.equal(verdict(await exchange(port, get(1))), 'nothing', 'it serves on');
});

test('it is all the same in what pieces a connection comes', async (t) => {
  const { port } = await serve(t);
  const bytes = Buffer.concat([headers(1, request('/echo')), data(1, 'x'.repeat(100), FLAG.endStream), get(3)]);
  const whole = await exchange(port, bytes);
  assert.deepEqual(await exchange(port, bytes, undefined, 1), whole);
  assert.deepEqual(await exchange(port, bytes, undefined, 7), whole);
});

/** Numbers of 31 bits that are the same in each run. */
function newRandom(seed: number): () => number {
  let state = seed;
  return () => (state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff) >>> 8;
}
