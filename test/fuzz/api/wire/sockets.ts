/** The same requests over real connections, and what no client would send: broken heads, cut bodies, frames out of order, hostile WebSockets. */
import { once } from 'node:events';
import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2';
import { setTimeout as turn } from 'node:timers/promises';
import { connect, type SecureContextOptions } from 'node:tls';
import { errorText, newLogger } from '#util';
import { askH1, type HttpsServer, startHttpsServer } from '../../../../src/apiserver/testdata/https.ts';
import { temporaryKey } from '../../../../src/apiserver/serviceaccount/keys.ts';
import { judge } from '../judge/judge.ts';
import { newRandom, type Random } from '../random.ts';
import { type FuzzRequest, requestLine } from '../request.ts';
import { generate } from '../requests/generate.ts';
import type { Live } from '../server/live.ts';
import { joinedHeaders, newLive } from '../server/target.ts';
import { startBackend } from './backend.ts';
import { h1Bytes } from './h1.ts';
import { h2Bytes } from './h2.ts';
import { webSocketBytes } from './websocket.ts';

/** Who is silent for so long is left. */
const SILENCE_MS = 300;
/** An answer may take so long. */
const ANSWER_MS = 20 * SILENCE_MS;
const AT_ONCE = 64;
/** What leads to the backend is made again after so many. */
const FILL = 100;
/** What the server still holds after all clients have left, it lets go of within this. */
const LET_GO_MS = 10_000;

export interface SocketsResult {
  /** Requests that were answered with a status. */
  readonly answers: number;
  readonly problems: readonly string[];
}

interface Client {
  readonly server: HttpsServer;
  readonly live: Live;
  session: ClientHttp2Session;
}

/** Sends so many requests, most of them as raw bytes; returns what went wrong. */
export async function runSockets(runs: number, seed: number): Promise<SocketsResult> {
  const problems: string[] = [];
  const onError = (error: unknown): void => void problems.push(errorText(error));
  process.on('unhandledRejection', onError);
  process.on('uncaughtException', onError);
  // What was refused with a status of 500 and more is judged by its answer.
  const write = (line: string): void => {
    if (!line.includes('"message":"Request failed"')) problems.push(line);
  };
  let answers = 0;
  try {
    await using backend = await startBackend(newRandom(seed));
    const key = temporaryKey();
    const log = newLogger({ level: 'error', write, now: () => 0 });
    await using server = await startHttpsServer({ log, serviceAccountKey: key }, { egress: backend.egress });
    const live = await newLive(server.test.client, key);
    await statusOf(server);
    const open = openSockets();
    let next = 0;
    const worker = async (): Promise<void> => {
      const client: Client = { server, live, session: server.connect() };
      while (next < runs && problems.length === 0) {
        if (next % FILL === 0) await backend.fill(server.test.client);
        const random = newRandom(Math.imul(seed, 0x9e3779b1) + next++);
        const { answered, problem } = await sendOne(client, random);
        if (answered) answers++;
        if (problem !== undefined) problems.push(problem);
      }
      client.session.close();
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    problems.push(...(await stateOf(server, open)));
  } finally {
    process.off('unhandledRejection', onError);
    process.off('uncaughtException', onError);
  }
  return { answers, problems };
}

/** Of `/readyz`, on a connection of its own. */
async function statusOf(server: HttpsServer): Promise<number> {
  return (await askH1(server, '/readyz', { headers: { connection: 'close' } })).status;
}

const openSockets = (): number => process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length;

/** Whether the server still answers, and holds no connection of those who left; `open` were there before. */
async function stateOf(server: HttpsServer, open: number): Promise<string[]> {
  const status = await statusOf(server);
  // 403: the requests have taken the administrator's role away.
  if (status !== 200 && status !== 403) return [`/readyz answers ${status}`];
  const latest = performance.now() + LET_GO_MS;
  while (openSockets() > open && performance.now() < latest) await turn(20);
  return openSockets() > open ? [`${openSockets() - open} sockets are still open`] : [];
}

interface Sent {
  readonly answered: boolean;
  readonly problem?: string | undefined;
}

async function sendOne(client: Client, random: Random): Promise<Sent> {
  const { server, live } = client;
  const request = async (): Promise<FuzzRequest> => await live.fill(generate(random));
  switch (random.below(6)) {
    case 0:
      return await rawH1(server, await request(), random);
    case 1: {
      const requests = [await request(), await request(), await request()];
      await exchange(server, h2Bytes(requests.slice(0, random.below(4)), random), undefined, 'h2');
      return { answered: false };
    }
    case 2: {
      const { first, after } = webSocketBytes(random);
      const answer = await exchange(server, first, after, 'http/1.1');
      return { answered: answer.length > 0 };
    }
    default:
      if (client.session.destroyed || client.session.closed) client.session = server.connect();
      return await overH2(client.session, await request());
  }
}

/** What comes back for `first`, and for `after` once it is answered, on a connection of their own, until it is silent. */
async function exchange(
  server: HttpsServer,
  first: Buffer,
  after: Buffer | undefined,
  protocol: string,
): Promise<Buffer> {
  const credentials: SecureContextOptions = server.admin;
  const { port, ca } = server;
  const socket = connect({ host: '127.0.0.1', port, ca, ALPNProtocols: [protocol], ...credentials });
  const chunks: Buffer[] = [];
  // The server may cut it as it likes.
  socket.on('error', () => undefined);
  socket.on('data', (chunk: Buffer) => {
    if (chunks.length === 0 && after !== undefined) socket.write(after);
    chunks.push(chunk);
  });
  socket.setTimeout(SILENCE_MS, () => socket.destroy());
  socket.on('secureConnect', () => socket.write(first));
  await once(socket, 'close');
  return Buffer.concat(chunks);
}

/** Of a request whose bytes were changed only its failures are judged. */
async function rawH1(server: HttpsServer, request: FuzzRequest, random: Random): Promise<Sent> {
  const answer = await exchange(server, h1Bytes(request, random), undefined, 'http/1.1');
  const end = answer.indexOf('\r\n\r\n');
  const [line = '', ...lines] = answer.toString('latin1', 0, Math.max(end, 0)).split('\r\n');
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(line)?.[1]);
  if (Number.isNaN(status)) return { answered: false };
  const headers = Object.fromEntries(
    lines.map((text) => [text.slice(0, text.indexOf(':')).toLowerCase(), text.slice(text.indexOf(':') + 1).trim()]),
  );
  const whole = end + 4 + Number(headers['content-length']);
  if (status < 500 || answer.length < whole || headers['content-length'] === undefined) return { answered: true };
  const body = answer.subarray(end + 4, whole);
  return { answered: true, problem: problemOf(request, status, headers, body, false) };
}

function problemOf(
  request: FuzzRequest,
  status: number,
  headers: Record<string, string | undefined>,
  body: Buffer,
  endless: boolean,
): string | undefined {
  // By its own words, not this server's.
  if (request.url.includes('/proxy')) return undefined;
  const problem = judge(request, { status, headers, body, endless, waited: true, holdMs: 0 });
  return problem === undefined ? undefined : `${problem}: ${requestLine(request)}`;
}

/** Through a client. A watch is left as soon as it has begun, a body that is cut is reset. */
async function overH2(session: ClientHttp2Session, request: FuzzRequest): Promise<Sent> {
  const { method, url, body, cutAt } = request;
  const { promise, resolve } = Promise.withResolvers<void>();
  const { 'content-length': _length, ...own } = joinedHeaders(request);
  const chunks: Buffer[] = [];
  let headers: Record<string, string | undefined> = {};
  let left = false;
  let stream: ClientHttp2Stream;
  try {
    stream = session.request({ ':method': method, ':path': url, ...own }, { endStream: body === undefined });
  } catch {
    return { answered: false }; // headers that the client refuses to send
  }
  const leave = (): void => {
    left = true;
    stream.close();
  };
  stream.on('response', (answer) => {
    headers = answer as typeof headers;
    if (/watch|follow/.test(url)) leave();
  });
  stream.on('data', (chunk: Buffer) => void chunks.push(chunk));
  stream.on('error', () => undefined);
  stream.on('close', () => resolve());
  stream.setTimeout(ANSWER_MS, leave);
  if (cutAt !== undefined) stream.write(body!.subarray(0, cutAt), leave);
  else if (body !== undefined) stream.end(body);
  await promise;
  const status = Number(headers[':status']);
  if (Number.isNaN(status)) return { answered: false };
  if (left || stream.rstCode !== 0 || method === 'HEAD') return { answered: true };
  return { answered: true, problem: problemOf(request, status, headers, Buffer.concat(chunks), false) };
}
