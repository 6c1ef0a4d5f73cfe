/**
 * attach over a WebSocket with the sub-protocol v5.channel.k8s.io. containerd, whose streams a container's own process has, knows no v5, so that it is
 * asked by SPDY, which can end the standard input, too. Source: StreamTranslatorHandler of apiserver pkg/util/proxy/streamtranslator.go v1.36.
 */
import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import type { StreamOptions } from './stream-options.ts';
import { dataFrame, type Frame, FrameReader, openStream } from './spdy.ts';

/** Names of streams in the order their channels have. Source: k8s.io/api core/v1 StreamType*. */
const STREAM_TYPES = ['stdin', 'stdout', 'stderr', 'error', 'resize'] as const;
type StreamType = (typeof STREAM_TYPES)[number];
const STDIN = 0;
const RESIZE = 4;
const CLOSE = 255;
/** The server waits for its streams in any order; clients begin with the one for errors. */
const OPENING_ORDER: readonly StreamType[] = ['error', 'stdin', 'stdout', 'stderr', 'resize'];

/** Carries the channels of a WebSocket to streams of a SPDY connection and back, until one side has ended. Never rejects. */
export async function serveAttachV5(
  webSocket: WebSocket,
  { socket: runtime, head }: { readonly socket: Socket; readonly head: Buffer },
  { stdin, stdout, stderr, tty }: StreamOptions,
): Promise<void> {
  const wanted: Readonly<Record<StreamType, boolean>> = { error: true, stdin, stdout, stderr, resize: tty };
  const streams = new Map(OPENING_ORDER.filter((type) => wanted[type]).map((type, i) => [type, 2 * i + 1]));
  for (const [type, stream] of streams) runtime.write(openStream(stream, 'streamtype', type, { first: stream === 1 }));
  const channels = new Map([...streams].map(([type, stream]) => [stream, STREAM_TYPES.indexOf(type)]));

  using scope = new DisposableStack();
  const leave = (): void => void runtime.destroy();
  webSocket.on('close', leave);
  webSocket.on('error', leave);
  runtime.on('error', leave);
  const resume = (): void => webSocket.resume();
  runtime.on('drain', resume);
  scope.defer(() => webSocket.off('close', leave));
  webSocket.on('message', (message: Buffer) => {
    const bytes = fromClient(message, streams);
    if (bytes !== undefined && runtime.writable && !runtime.write(bytes)) webSocket.pause();
  });
  webSocket.resume();
  try {
    const reader = new FrameReader();
    // What tells how it ended is the last; output may come behind it.
    const open = new Set(['error', 'stdout', 'stderr'].flatMap((type) => streams.get(type as StreamType) ?? []));
    if (await take(reader.push(head))) return;
    for await (const chunk of runtime as AsyncIterable<Buffer>) if (await take(reader.push(chunk))) return;

    /** True: nothing more will come. */
    async function take(frames: readonly Frame[]): Promise<boolean> {
      for (const each of frames) {
        if (each.type === 'goaway') return true;
        if (each.type === 'ping') runtime.write(each.bytes);
        else if (each.type === 'reset') open.delete(each.stream);
        else {
          const channel = channels.get(each.stream);
          if (channel !== undefined && each.data.length > 0) await send(webSocket, channel, each.data);
          if (each.fin) open.delete(each.stream);
        }
      }
      return open.size === 0;
    }
  } catch {
    // One side left in the middle: what was sent is all there is.
  } finally {
    runtime.destroy();
    webSocket.resume(); // else the closing handshake is never read
    webSocket.close(1000);
  }
}

/** What a message of the client is on the other side; undefined: nothing. */
function fromClient(message: Buffer, streams: ReadonlyMap<StreamType, number>): Buffer | undefined {
  const [channel] = message;
  const stdin = streams.get('stdin');
  if (channel === CLOSE) {
    return message[1] === STDIN && stdin !== undefined ? dataFrame(stdin, Buffer.alloc(0), { fin: true }) : undefined;
  }
  const stream = channel === STDIN ? stdin : channel === RESIZE ? streams.get('resize') : undefined;
  // An empty one opens no channel and closes none.
  return stream === undefined || message.length === 1
    ? undefined
    : dataFrame(stream, message.subarray(1), { fin: false });
}

/** Resolves when the message has been handed to the kernel, or the client is no longer there. */
function send(webSocket: WebSocket, channel: number, data: Buffer): Promise<void> {
  if (webSocket.readyState !== webSocket.OPEN) return Promise.resolve();
  const { promise, resolve } = Promise.withResolvers<void>();
  webSocket.send(Buffer.concat([Buffer.from([channel]), data]), () => resolve());
  return promise;
}
