/**
 * exec over a WebSocket with the sub-protocol v5.channel.k8s.io: each message is a byte that names the channel, and data.
 * The end of the standard input is a message of its own, which the older protocols lack (KEP-4006).
 */
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import type { WebSocket } from 'ws';
import {
  type ContainerExec,
  type ContainerExecDependencies,
  type ContainerExecOptions,
  endInput,
  startContainerExec,
} from '#cri';
import type { Clock, Logger } from '#util';
import { execFailure, execStatus } from './exec-status.ts';

export const REMOTE_COMMAND_V5 = 'v5.channel.k8s.io';

const STDIN = 0;
const STDOUT = 1;
const STDERR = 2;
const ERROR = 3;
const RESIZE = 4;
const CLOSE = 255;

/** A client that vanished without a word is found out by this, even while its input is not being read. */
const PING_EVERY_MS = 30_000;

export interface RemoteCommandDependencies extends ContainerExecDependencies {
  log: Logger;
}

/** Serves one exec from start to end; resolves when the socket is closed and the process gone. Never rejects. */
export async function serveExecV5(
  socket: { webSocket: WebSocket; transport: Socket },
  options: ContainerExecOptions,
  dependencies: RemoteCommandDependencies,
): Promise<void> {
  const { webSocket, transport } = socket;
  const gone = new AbortController();
  const onClose = (): void => gone.abort(new Error('the client has gone'));
  webSocket.on('close', onClose);
  webSocket.on('error', onClose);
  transport.on('close', onClose); // ws tells only after it has read everything, and reading may be paused
  using scope = new DisposableStack();
  scope.use(pinging(webSocket, dependencies.clock));
  const input = new ChannelInput(webSocket);
  try {
    await using process = await startContainerExec(options, dependencies);
    input.connect(process);
    const outputs = [pump(webSocket, STDOUT, process.stdout), pump(webSocket, STDERR, process.stderr)];
    const exitCode = await process.wait({ signal: gone.signal });
    await Promise.all(outputs);
    await send(webSocket, ERROR, Buffer.from(JSON.stringify(execStatus(exitCode))));
  } catch (error) {
    dependencies.log.info('exec failed', { containerId: options.containerId, error });
    await send(webSocket, ERROR, Buffer.from(JSON.stringify(execFailure(error))));
  } finally {
    webSocket.resume(); // else the closing handshake is never read
    webSocket.close(1000);
  }
}

/** What comes from the client: kept in order until the process is there, then passed on at the process's pace. */
class ChannelInput {
  readonly #webSocket: WebSocket;
  #process: ContainerExec | undefined;

  constructor(webSocket: WebSocket) {
    this.#webSocket = webSocket;
    webSocket.pause();
    webSocket.on('message', (data: Buffer) => this.#message(data));
  }

  connect(process: ContainerExec): void {
    this.#process = process;
    process.stdin?.on('drain', () => this.#webSocket.resume());
    process.stdin?.on('close', () => this.#webSocket.resume());
    this.#webSocket.resume();
  }

  #message(data: Buffer): void {
    const process = this.#process;
    if (process === undefined || data.length === 0) return;
    const { stdin } = process;
    switch (data[0]) {
      case STDIN:
        if (stdin?.writable === true && !stdin.write(data.subarray(1))) this.#webSocket.pause();
        break;
      case CLOSE:
        if (data[1] === STDIN) endInput(stdin);
        break;
      case RESIZE: {
        const size = parseSize(data.toString('utf8', 1));
        // A process that has just ended has no size; nobody waits for the answer.
        if (size !== undefined) process.resize(size.width, size.height).catch(() => {});
        break;
      }
      default: // the other channels are ours to write
    }
  }
}

export function parseSize(text: string): { width: number; height: number } | undefined {
  let size: unknown;
  try {
    size = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof size !== 'object' || size === null || !('Width' in size) || !('Height' in size)) return undefined;
  const { Width: width, Height: height } = size;
  return isUint16(width) && isUint16(height) ? { width, height } : undefined;
}

function isUint16(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 0xffff;
}

async function pump(webSocket: WebSocket, channel: number, stream: Readable | undefined): Promise<void> {
  if (stream === undefined) return;
  try {
    // A client that has gone must not stop the process: then its output is read and dropped.
    for await (const chunk of stream) await send(webSocket, channel, chunk as Buffer);
  } catch (error) {
    if (!stream.destroyed) throw error; // destroyed: what was left behind held it open too long
  }
}

/** Resolves when the message has been handed to the kernel, or the client is no longer there. */
function send(webSocket: WebSocket, channel: number, data: Buffer): Promise<void> {
  if (webSocket.readyState !== webSocket.OPEN) return Promise.resolve();
  const message = Buffer.allocUnsafe(data.length + 1);
  message[0] = channel;
  data.copy(message, 1);
  return new Promise((resolve) => webSocket.send(message, () => resolve()));
}

function pinging(webSocket: WebSocket, clock: Clock): Disposable {
  let timer: Disposable;
  const schedule = (): void => {
    timer = clock.after(PING_EVERY_MS, () => {
      if (webSocket.readyState === webSocket.OPEN) webSocket.ping();
      schedule();
    });
  };
  schedule();
  return { [Symbol.dispose]: () => timer[Symbol.dispose]() };
}
