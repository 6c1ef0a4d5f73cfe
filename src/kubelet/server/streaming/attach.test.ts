import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect, createServer as createNetServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { createInflate } from 'node:zlib';
import { type WebSocket, WebSocket as Client, WebSocketServer } from 'ws';
import { serveAttachV5 } from './attach.ts';
import { dataFrame, type Frame, FrameReader, openStream } from './spdy.ts';

const OPTIONS = { stdin: true, stdout: true, stderr: true, tty: false };

async function portOf(server: { listen(port: number, host: string): unknown; address(): unknown }): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server as never, 'listening');
  return (server.address() as AddressInfo).port;
}

/** A client by WebSocket and a runtime by plain connection, with an attach between them. */
async function attached(t: { after(run: () => void): void }): Promise<{
  readonly client: Client;
  readonly runtime: Socket;
  readonly messages: string[];
  readonly served: Promise<void>;
}> {
  const net = createNetServer();
  const accepted = once(net, 'connection') as Promise<[Socket]>;
  const near = connect(await portOf(net), '127.0.0.1');
  const [runtime] = await accepted;
  const web = new WebSocketServer({ noServer: true });
  const http = createServer();
  const upgraded = Promise.withResolvers<WebSocket>();
  http.on('upgrade', (request: IncomingMessage, socket: Socket, head) =>
    web.handleUpgrade(request, socket, head, (found) => upgraded.resolve(found)),
  );
  const client = new Client(`ws://127.0.0.1:${await portOf(http)}/`);
  const messages: string[] = [];
  client.on('message', (data: Buffer) => messages.push(`${data[0]}:${data.toString('utf8', 1)}`));
  const webSocket = await upgraded.promise;
  webSocket.pause();
  const served = serveAttachV5(webSocket, { socket: near, head: Buffer.alloc(0) }, OPTIONS);
  await once(client, 'open');
  t.after(() => {
    client.terminate();
    for (const socket of [near, runtime]) socket.destroy();
    for (const server of [net, http]) server.close();
  });
  return { client, runtime, messages, served };
}

/** Data of the client by stream, `!` at its end. */
async function until(runtime: Socket, reader: FrameReader, seen: string[], wanted: string): Promise<void> {
  while (seen.at(-1) !== wanted) {
    const [chunk] = (await once(runtime, 'data')) as [Buffer];
    for (const frame of reader.push(chunk))
      if (frame.type === 'data') seen.push(`${frame.stream}:${frame.data.toString()}${frame.fin ? '!' : ''}`);
  }
}

test('channels are streams, the input has an end, and the status comes with it', async (t) => {
  const { client, runtime, messages, served } = await attached(t);
  const seen: string[] = [];
  const reader = new FrameReader();
  client.send(Buffer.from('\0typed'));
  await until(runtime, reader, seen, '3:typed');
  client.send(Buffer.from([0]));
  client.send(Buffer.from([255, 0]));
  await until(runtime, reader, seen, '3:!');
  assert.deepEqual(seen, ['3:typed', '3:!']);

  const ping = Buffer.from('800300060000000400000001', 'hex');
  runtime.write(ping);
  const status = '{"metadata":{},"status":"Success"}';
  const output = dataFrame(5, Buffer.from('out'), { fin: true });
  runtime.write(output.subarray(0, 9));
  runtime.write(Buffer.concat([output.subarray(9), dataFrame(7, Buffer.from('err'), { fin: true })]));
  runtime.write(dataFrame(1, Buffer.from(status), { fin: true }));
  const [[code], [pong]] = await Promise.all([once(client, 'close'), once(runtime, 'data')]);
  await served;
  assert.deepEqual([code, messages], [1000, ['1:out', '2:err', `3:${status}`]]);
  assert.deepEqual(pong, ping);
});

test('when one side leaves the other is left, too', async (t) => {
  const first = await attached(t);
  first.runtime.resume();
  first.client.terminate();
  await Promise.all([first.served, once(first.runtime, 'close')]);
  const second = await attached(t);
  second.runtime.destroy();
  await Promise.all([second.served, once(second.client, 'close')]);
});

test('headers of streams are one compression, each readable when it has come', async () => {
  const inflate = createInflate();
  const blocks: Buffer[] = [];
  for (const [i, type] of ['error', 'stdin', 'stdout'].entries()) {
    const bytes = openStream(2 * i + 1, 'streamtype', type, { first: i === 0 });
    assert.equal(bytes.readUInt32BE(0), 0x80030001);
    assert.equal(bytes.readUIntBE(5, 3), bytes.length - 8);
    assert.equal(bytes.readUInt32BE(8), 2 * i + 1);
    inflate.write(bytes.subarray(18));
    blocks.push(((await once(inflate, 'data')) as [Buffer])[0]);
  }
  assert.deepEqual(
    blocks.map((block) => block.toString('latin1')),
    ['error', 'stdin', 'stdout'].map(
      (type) => `\0\0\0\x01\0\0\0\x0astreamtype\0\0\0${String.fromCharCode(type.length)}${type}`,
    ),
  );
});

test('what is no frame ends the reading', () => {
  const reader = new FrameReader();
  assert.throws(() => reader.push(Buffer.from('HTTP/1.1 200 OK\r\n')), /SPDY frame of/);
  const all: Frame[] = [];
  const other = new FrameReader();
  for (const byte of Buffer.from(
    '800300030000000800000005000000018003000700000008000000000000000080030002000000040000000100000003010000026869',
    'hex',
  ))
    all.push(...other.push(Buffer.from([byte])));
  assert.deepEqual(all, [
    { type: 'reset', stream: 5 },
    { type: 'goaway' },
    { type: 'data', stream: 3, data: Buffer.from('hi'), fin: true },
  ]);
});
