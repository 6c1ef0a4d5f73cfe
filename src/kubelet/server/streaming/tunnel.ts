/** Carries an upgraded connection (SPDY/3.1 or WebSocket) to containerd's streaming server as bytes, without reading them. */
import { type IncomingMessage, request as httpRequest, STATUS_CODES } from 'node:http';
import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type Clock } from '#util';

/** Upstream's --streaming-connection-idle-timeout. */
const STREAMING_IDLE_TIMEOUT_MS = 4 * 60 * 60_000;
/** Time for the last bytes to leave towards the other side once one side has finished. */
const LINGER_MS = 10_000;
const CONNECT_TIMEOUT_MS = 30_000;

/** An upgrade request of a client, as Node's server hands it over. */
export interface UpgradeRequest {
  request: IncomingMessage;
  socket: Socket;
  /** What the client sent after its request. */
  head: Buffer;
}

export type UpgradeAnswer =
  | { readonly kind: 'upgraded'; readonly response: IncomingMessage; readonly socket: Socket; readonly head: Buffer }
  | { readonly kind: 'refused'; readonly response: IncomingMessage };

/** Asks `target` for an upgrade. `headers` are raw: names and values in turn. */
export function requestUpgrade(
  target: URL,
  { method, headers }: { method: string; headers: readonly string[] },
  { signal }: { signal: AbortSignal },
): Promise<UpgradeAnswer> {
  return new Promise((resolve, reject) => {
    const { hostname, port, pathname, search } = target;
    const request = httpRequest({
      method,
      path: `${pathname}${search}`,
      // Without a length Node would send an empty chunked body, whose end the other side takes for the first bytes of the stream.
      headers: ['Host', target.host, ...(method === 'GET' ? [] : ['Content-Length', '0']), ...headers],
      // Half-open, so that one side may finish sending while the other goes on.
      createConnection: () => connect({ host: hostname, port: Number(port), allowHalfOpen: true }),
      signal,
      timeout: CONNECT_TIMEOUT_MS,
    });
    request.on('timeout', () =>
      request.destroy(new Error('the streaming server of the container runtime does not answer')),
    );
    request.on('error', reject);
    request.on('response', (response) => resolve({ kind: 'refused', response }));
    request.on('upgrade', (response, socket: Socket, head) => {
      socket.setTimeout(0);
      resolve({ kind: 'upgraded', response, socket, head });
    });
    request.end();
  });
}

/** Headers that are about the hop from the API server to here, or could leak its credentials. */
const OWN_HEADERS = new Set(['host', 'authorization', 'cookie', 'content-length', 'transfer-encoding']);

/**
 * Repeats the client's upgrade request to `target` and joins the two connections; a refusal goes to the client as it is.
 * Resolves when both connections are closed; rejects when the target cannot be asked, with nothing sent to the client.
 */
export async function tunnel(
  { request, socket, head }: UpgradeRequest,
  target: URL,
  { signal, clock }: { signal: AbortSignal; clock: Clock },
): Promise<void> {
  const headers = withoutHeaders(request.rawHeaders, OWN_HEADERS);
  const answer = await requestUpgrade(target, { method: request.method ?? 'GET', headers }, { signal });
  if (answer.kind === 'refused') return passRefusal(answer.response, socket);
  const { response, socket: upstream } = answer;
  socket.write(`HTTP/1.1 101 ${STATUS_CODES[101]}\r\n${headerLines(response.rawHeaders)}\r\n`);
  if (answer.head.length > 0) socket.write(answer.head);
  if (head.length > 0) upstream.write(head);
  await join(socket, upstream, { signal, clock });
}

/** The connection ends with the refusal: it must not be used again, as nothing here reads further requests from it. */
export async function passRefusal(response: IncomingMessage, socket: Socket): Promise<void> {
  const code = response.statusCode ?? 502;
  const headers = withoutHeaders(response.rawHeaders, new Set(['connection', 'transfer-encoding', 'keep-alive']));
  socket.write(`HTTP/1.1 ${code} ${STATUS_CODES[code] ?? ''}\r\n${headerLines(headers)}Connection: close\r\n\r\n`);
  try {
    for await (const chunk of response) socket.write(chunk as Buffer); // a sentence, not a stream
    socket.end();
  } catch {
    socket.destroy(); // the client sees the answer break off, as it did
  }
}

function withoutHeaders(raw: readonly string[], names: ReadonlySet<string>): string[] {
  return raw.filter((_, index) => !names.has((raw[index - (index % 2)] ?? '').toLowerCase()));
}

function headerLines(raw: readonly string[]): string {
  let text = '';
  for (let i = 0; i < raw.length; i += 2) text += `${raw[i]}: ${raw[i + 1]}\r\n`;
  return text;
}

/**
 * Passes bytes both ways, each side at the other's pace, until both are closed. The client's end is passed on as an end; when
 * the runtime has ended nothing is left to say, and the client gets ten seconds to close. A break, an abort or four idle
 * hours close both.
 */
export async function join(
  client: Duplex,
  runtime: Duplex,
  { signal, clock }: { signal: AbortSignal; clock: Clock },
): Promise<void> {
  const destroyBoth = (): void => {
    client.destroy();
    runtime.destroy();
  };
  using scope = new DisposableStack();
  scope.use(idleTimer([client, runtime], clock, destroyBoth));
  scope.defer(() => signal.removeEventListener('abort', destroyBoth));
  runtime.once('end', () => scope.use(clock.after(LINGER_MS, destroyBoth)));
  signal.addEventListener('abort', destroyBoth, { once: true });
  const both = Promise.all([forward(client, runtime, clock), forward(runtime, client, clock)]);
  if (signal.aborted) destroyBoth();
  await both;
}

/** Resolves when `from` is closed. */
function forward(from: Duplex, to: Duplex, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    const onClose = (): void => {
      resolve();
      if (to.destroyed) return;
      if (!from.readableEnded) return void to.destroy();
      // What was sent in time still gets through; what the other side says has no reader any more.
      to.end();
      to.resume();
      const timer = clock.after(LINGER_MS, () => to.destroy());
      to.once('close', () => timer[Symbol.dispose]());
    };
    from.on('error', () => from.destroy());
    from.once('close', onClose);
    if (from.destroyed) onClose();
    else from.pipe(to);
  });
}

function idleTimer(streams: readonly Duplex[], clock: Clock, expire: () => void): Disposable {
  let lastMs = clock.monotonic();
  const touch = (): void => void (lastMs = clock.monotonic());
  for (const stream of streams) stream.on('data', touch);
  let timer: Disposable;
  const schedule = (delayMs: number): void => {
    timer = clock.after(delayMs, () => {
      const idleMs = clock.monotonic() - lastMs;
      if (idleMs >= STREAMING_IDLE_TIMEOUT_MS) expire();
      else schedule(STREAMING_IDLE_TIMEOUT_MS - idleMs);
    });
  };
  schedule(STREAMING_IDLE_TIMEOUT_MS);
  return { [Symbol.dispose]: () => timer[Symbol.dispose]() };
}
