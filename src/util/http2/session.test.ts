import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type ClientHttp2Session, connect } from 'node:http2';
import { connect as connectSocket, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { CODE, FLAG, FRAME, frameOf, goAwayFrame, PREFACE, settingsFrame } from './frames.ts';
import { data, frame, get, headers, request, serve, type Server, STREAM_WINDOW } from './testdata/peer.ts';

async function open(t: TestContext): Promise<{ session: ClientHttp2Session; server: Server }> {
  const server = await serve(t);
  const session = connect(`http://127.0.0.1:${server.port}`);
  session.on('error', () => {});
  t.after(() => session.destroy());
  return { session, server };
}

async function bodyOf(session: ClientHttp2Session, path: string, body?: Buffer): Promise<Buffer> {
  const found = session.request({ ':method': 'POST', ':path': path }, { endStream: body === undefined });
  if (body !== undefined) found.end(body);
  const chunks: Buffer[] = [];
  for await (const chunk of found) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

test('a body that nobody reads is held back at its window, and the others go on', async (t) => {
  const { session, server } = await open(t);
  const hanging = session.request({ ':method': 'POST', ':path': '/hang' });
  hanging.on('error', () => {});
  hanging.write(Buffer.alloc(1 << 20));
  for (let i = 0; i < 5; i++) assert.equal((await bodyOf(session, '/echo', Buffer.alloc(200_000))).length, 200_000);
  assert.equal(server.streams[0]!.held, STREAM_WINDOW);
  hanging.close(8);
  await once(hanging, 'close');
  for (let i = 0; i < 5; i++) assert.equal((await bodyOf(session, '/echo', Buffer.alloc(200_000))).length, 200_000);
  assert.equal(server.streams[0]!.held, 0);
});

test('a request that is answered before its end may end, and is thrown away', async (t) => {
  const { session, server } = await open(t);
  for (let i = 0; i < 3; i++) {
    const early = session.request({ ':method': 'POST', ':path': '/hang' });
    early.write(Buffer.alloc(50_000));
    while (server.streams.length <= i || server.streams[i]!.held < 50_000) await bodyOf(session, '/echo');
    server.streams[i]!.answer({}, [Buffer.from('no')], { status: 413 });
    const [{ ':status': status }] = (await once(early, 'response')) as [Record<string, unknown>];
    assert.equal(status, 413);
    early.resume();
    early.end(Buffer.alloc(2_000_000));
    await once(early, 'close');
    assert.equal(early.rstCode, 0);
  }
  assert.equal((await bodyOf(session, '/echo', Buffer.alloc(200_000))).length, 200_000);
});

test('a connection that is to end answers what is under way and what was on its way, and then ends', async (t) => {
  const { session, server } = await open(t);
  const hanging = session.request({ ':method': 'POST', ':path': '/hang' });
  hanging.end();
  await bodyOf(session, '/echo');
  const told = once(session, 'goaway');
  server.sessions[0]!.goAway();
  const late = bodyOf(session, '/much'); // nobody has told it yet
  assert.equal((await late).length, 1 << 20);
  await told;
  assert.equal(session.destroyed, false);
  const answered = once(hanging, 'response');
  server.streams[0]!.answerHeaders({}, 204);
  const [{ ':status': status }] = (await answered) as [Record<string, unknown>];
  assert.equal(status, 204);
  hanging.resume();
  await once(session, 'close');
});

test('what comes behind the end of a connection is not answered, and is no fault', async (t) => {
  const server = await serve(t);
  const socket = connectSocket({ port: server.port, host: '127.0.0.1' });
  t.after(() => socket.destroy());
  let all = Buffer.alloc(0);
  const until = async (bytes: Buffer): Promise<void> => {
    while (!all.includes(bytes)) all = Buffer.concat([all, ((await once(socket, 'data')) as [Buffer])[0]]);
  };
  socket.write(Buffer.concat([PREFACE, settingsFrame([]), get(1, '/hang')]));
  await until(frameOf(FRAME.settings, FLAG.ack, 0, Buffer.alloc(0)));
  server.sessions[0]!.goAway();
  await until(Buffer.from('shutdown'));
  socket.write(
    Buffer.concat([
      get(3, '/hang'),
      frameOf(FRAME.ping, FLAG.ack, 0, Buffer.from('shutdown')),
      headers(5, request('/hang')),
      data(5, 'x'),
    ]),
  );
  await until(goAwayFrame(3, CODE.none));
  assert.equal(server.streams.length, 2);
  const closed = once(socket, 'close');
  for (const found of server.streams) found.answerHeaders({}, 204);
  socket.resume();
  await closed;
});

/** However it ends. */
const closed = (socket: Socket): Promise<void> => new Promise((resolve) => socket.once('close', () => resolve()));

test('a silent peer is let go of, one that has only begun sooner', async (t) => {
  const server = await serve(t);
  const tick = (times: number): void => {
    for (let i = 0; i < times; i++) server.sessions.at(-1)!.tick({ withinTicks: 2, idleTicks: 4 });
  };
  const begin = async (bytes: Buffer): Promise<Socket> => {
    const socket = connectSocket({ port: server.port, host: '127.0.0.1' });
    socket.on('error', () => {}); // it is cut off with what it has sent unread
    t.after(() => socket.destroy());
    let all = Buffer.alloc(0);
    socket.write(Buffer.concat([PREFACE, settingsFrame([]), frame(FRAME.ping, 0, 8), bytes]));
    while (!all.includes(frame(FRAME.ping, 0, 8, FLAG.ack)))
      all = Buffer.concat([all, ((await once(socket, 'data')) as [Buffer])[0]]);
    return socket;
  };
  const pinged = async (socket: Socket): Promise<void> => {
    socket.write(frame(FRAME.ping, 0, 8));
    await once(socket, 'data');
  };

  const busy = await begin(get(1, '/hang'));
  tick(20);
  await pinged(busy);

  const idle = await begin(Buffer.alloc(0));
  tick(4 + 3); // told to go, and waited for
  await pinged(idle);
  const gone = closed(idle);
  tick(1);
  idle.resume();
  await gone;

  const begun = await begin(headers(1, request('/echo'), FLAG.none));
  const cut = closed(begun);
  begun.resume();
  tick(2);
  await cut;
});
