/**
 * HTTP/2 as a server speaks it, for calls that are small and many: RFC 9113. What is sent in one turn of the event loop goes out in one write, and an answer
 * is one piece of memory. Node's own http2 takes several times the processor time of a call; see docs/benchmarks.md.
 *
 * Does not: push, weigh streams, speak HTTP/1.1.
 */
import type { Socket } from 'node:net';
import {
  bare,
  CODE,
  ConnectionError,
  DEFAULT_WINDOW,
  FLAG,
  FRAME,
  FRAME_BYTES,
  FRAME_HEADER_BYTES,
  frameOf,
  LARGEST_FRAME,
  LARGEST_WINDOW,
  numberFrame,
  PREFACE,
  SETTING,
  settingsFrame,
} from './frames.ts';
import { HeaderReader, HpackError, type RequestHeaders } from './hpack.ts';
import { Http2Stream, type Outlet, type StreamHandler } from './stream.ts';

const MAX_STREAMS = 4096;
/** What a stream may send before we give it more; a request fits in. */
const STREAM_WINDOW = 4 << 20;
const CONNECTION_WINDOW = 64 << 20;
const MAX_BLOCK_BYTES = 64 << 10;
/** A block of headers may come in so many pieces. */
const MAX_CONTINUATIONS = 32;
/** Data waits in its stream while so much is on its way to a peer that does not read. */
const UNSENT_BYTES = 1 << 20;
/** A peer that lets answers to pings, settings and calls pile up like this has no need of them. */
const UNREAD_BYTES = 16 << 20;
/** Of each stream in turn, while many wait for the window of the connection. */
const QUANTUM = 64 << 10;

export interface SessionOptions {
  /** A request has begun. What it throws ends the connection. */
  readonly onStream: (stream: Http2Stream) => StreamHandler;
  /** The connection has ended because of what the peer sent. */
  readonly onError: (error: Error) => void;
}

interface Block {
  readonly stream: number;
  readonly endStream: boolean;
  readonly pieces: Buffer[];
  bytes: number;
}

export class Http2Session implements Outlet {
  readonly #socket: Socket;
  readonly #options: SessionOptions;
  readonly #headers = new HeaderReader();
  readonly #streams = new Map<number, Http2Stream>();
  /** Streams whose data waits for room, in turn. */
  readonly #blocked = new Set<Http2Stream>();
  /** Bytes that are not a whole frame yet. */
  #rest: Buffer | undefined;
  #begun = false;
  #block: Block | undefined;
  #lastStream = 0;
  /** Answers that are worked on, those of streams that the peer has given up included. */
  #unanswered = 0;
  #window = DEFAULT_WINDOW;
  #streamWindow = DEFAULT_WINDOW;
  #maxFrameBytes = FRAME_BYTES;
  #received = 0;
  #out: Buffer[] = [];
  #outBytes = 0;
  #over = false;

  constructor(socket: Socket, options: SessionOptions) {
    this.#socket = socket;
    this.#options = options;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#onChunk(chunk));
    socket.on('drain', () => this.#unblock());
    socket.on('error', (error) => this.#end(error));
    socket.on('end', () => this.destroy());
    socket.on('close', () => this.#end(undefined));
    this.#send(
      settingsFrame([
        [SETTING.maxStreams, MAX_STREAMS],
        [SETTING.initialWindow, STREAM_WINDOW],
      ]),
    );
    this.#send(numberFrame(FRAME.windowUpdate, 0, CONNECTION_WINDOW - DEFAULT_WINDOW));
  }

  get room(): number {
    return this.#socket.writableLength + this.#outBytes < UNSENT_BYTES ? this.#window : 0;
  }

  get maxFrameBytes(): number {
    return this.#maxFrameBytes;
  }

  push(frames: Buffer, dataBytes: number): void {
    this.#window -= dataBytes;
    this.#send(frames);
  }

  block(stream: Http2Stream): void {
    this.#blocked.add(stream);
  }

  reset(stream: Http2Stream, code: number): void {
    this.#send(numberFrame(FRAME.reset, stream.id, code));
    this.#close(stream);
  }

  finished(stream: Http2Stream): void {
    if (stream.remoteEnded) this.#streams.delete(stream.id);
    else this.reset(stream, CODE.none);
  }

  settled(): void {
    this.#unanswered--;
  }

  destroy(): void {
    this.#socket.destroy();
    this.#end(undefined);
  }

  #onChunk(chunk: Buffer): void {
    if (this.#over) return;
    try {
      this.#read(this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk]));
    } catch (error) {
      const code =
        error instanceof ConnectionError ? error.code : error instanceof HpackError ? CODE.compression : CODE.internal;
      const payload = Buffer.alloc(8);
      payload.writeUInt32BE(this.#lastStream);
      payload.writeUInt32BE(code, 4);
      this.#send(frameOf(FRAME.goAway, FLAG.none, 0, payload));
      this.#flush();
      this.#socket.destroySoon();
      this.#end(error as Error);
    }
  }

  #read(bytes: Buffer): void {
    let at = this.#readPreface(bytes);
    while (this.#begun && bytes.length - at >= FRAME_HEADER_BYTES && !this.#over) {
      const length = bytes.readUIntBE(at, 3);
      if (length > FRAME_BYTES) throw new ConnectionError(CODE.frameSize, `a frame of ${length} bytes`);
      const end = at + FRAME_HEADER_BYTES + length;
      if (end > bytes.length) break;
      const stream = bytes.readUInt32BE(at + 5) & LARGEST_WINDOW;
      this.#onFrame(bytes[at + 3]!, bytes[at + 4]!, stream, bytes.subarray(at + FRAME_HEADER_BYTES, end));
      at = end;
    }
    this.#rest = at === bytes.length ? undefined : bytes.subarray(at);
  }

  #readPreface(bytes: Buffer): number {
    if (this.#begun) return 0;
    const length = Math.min(PREFACE.length, bytes.length);
    if (PREFACE.compare(bytes, 0, length, 0, length) !== 0)
      throw new ConnectionError(CODE.protocol, 'this is not HTTP/2');
    this.#begun = length === PREFACE.length;
    return this.#begun ? length : 0;
  }

  #onFrame(type: number, flags: number, id: number, payload: Buffer): void {
    if (this.#block !== undefined && type !== FRAME.continuation)
      throw new ConnectionError(CODE.protocol, 'a block of headers has no end');
    switch (type) {
      case FRAME.data:
        return this.#onData(id, flags, payload);
      case FRAME.headers:
        return this.#onHeaders(id, flags, payload);
      case FRAME.continuation:
        return this.#onContinuation(id, flags, payload);
      case FRAME.reset: {
        expectLength(payload, 4);
        const stream = this.#known(id);
        if (stream !== undefined) this.#close(stream);
        return;
      }
      case FRAME.settings:
        return this.#onSettings(flags, payload);
      case FRAME.ping:
        expectLength(payload, 8);
        if ((flags & FLAG.ack) === 0) this.#send(frameOf(FRAME.ping, FLAG.ack, 0, payload));
        return;
      case FRAME.windowUpdate:
        return this.#onWindowUpdate(id, payload);
      case FRAME.pushPromise:
        throw new ConnectionError(CODE.protocol, 'a client cannot push');
    }
  }

  #onData(id: number, flags: number, payload: Buffer): void {
    const stream = this.#known(id);
    // Padding counts, and so does what nobody wants any more.
    this.#received += payload.length;
    if (this.#received > CONNECTION_WINDOW)
      throw new ConnectionError(CODE.flowControl, 'more data than there is room for');
    if (this.#received > CONNECTION_WINDOW / 2) {
      this.#send(numberFrame(FRAME.windowUpdate, 0, this.#received));
      this.#received = 0;
    }
    const data = bare(payload, flags & FLAG.padded);
    if (stream === undefined) return;
    if (stream.remoteEnded) throw new ConnectionError(CODE.streamClosed, 'data behind the end of a request');
    stream.received += payload.length;
    if (stream.received > STREAM_WINDOW)
      throw new ConnectionError(CODE.flowControl, 'more data than there is room for');
    stream.handler?.onData(data);
    if ((flags & FLAG.endStream) !== 0) return this.#endRemote(stream);
    if (stream.received <= STREAM_WINDOW / 2) return;
    this.#send(numberFrame(FRAME.windowUpdate, id, stream.received));
    stream.received = 0;
  }

  #onHeaders(id: number, flags: number, payload: Buffer): void {
    if (id % 2 === 0) throw new ConnectionError(CODE.protocol, `stream ${id} is not a client’s`);
    const piece = bare(payload, flags);
    this.#block = { stream: id, endStream: (flags & FLAG.endStream) !== 0, pieces: [piece], bytes: piece.length };
    if ((flags & FLAG.endHeaders) !== 0) this.#endBlock(this.#block);
  }

  #onContinuation(id: number, flags: number, payload: Buffer): void {
    const block = this.#block;
    if (block === undefined || block.stream !== id)
      throw new ConnectionError(CODE.protocol, 'headers continue that have not begun');
    block.pieces.push(payload);
    block.bytes += payload.length;
    if (block.bytes > MAX_BLOCK_BYTES || block.pieces.length > MAX_CONTINUATIONS)
      throw new ConnectionError(CODE.enhanceYourCalm, 'headers are too large');
    if ((flags & FLAG.endHeaders) !== 0) this.#endBlock(block);
  }

  #endBlock({ stream: id, endStream, pieces }: Block): void {
    this.#block = undefined;
    // Read in any case: the table of headers is all streams'.
    const request = this.#headers.read(pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces));
    if (id > this.#lastStream) return this.#begin(id, request, endStream);
    const stream = this.#streams.get(id);
    if (stream === undefined) return; // closed, and trailers on their way
    if (!endStream || stream.remoteEnded) throw new ConnectionError(CODE.protocol, 'headers within a request');
    this.#endRemote(stream);
  }

  #begin(id: number, request: RequestHeaders, endStream: boolean): void {
    this.#lastStream = id;
    if (this.#unanswered >= MAX_STREAMS) return this.#send(numberFrame(FRAME.reset, id, CODE.refusedStream));
    if (request.method === '' || request.path === '') return this.#send(numberFrame(FRAME.reset, id, CODE.protocol));
    const stream = new Http2Stream(id, request, this, this.#streamWindow);
    this.#streams.set(id, stream);
    this.#unanswered++;
    stream.handler = this.#options.onStream(stream);
    if (endStream) this.#endRemote(stream);
  }

  #endRemote(stream: Http2Stream): void {
    if (this.#streams.get(stream.id) !== stream) return; // closed by what it heard last
    stream.remoteEnded = true;
    stream.handler?.onEnd();
  }

  #onSettings(flags: number, payload: Buffer): void {
    if ((flags & FLAG.ack) !== 0) return;
    if (payload.length % 6 !== 0) throw new ConnectionError(CODE.frameSize, 'settings are cut off');
    for (let at = 0; at < payload.length; at += 6) {
      const value = payload.readUInt32BE(at + 2);
      switch (payload.readUInt16BE(at)) {
        case SETTING.initialWindow: {
          if (value > LARGEST_WINDOW) throw new ConnectionError(CODE.flowControl, 'a window is too large');
          const more = value - this.#streamWindow;
          this.#streamWindow = value;
          for (const stream of this.#streams.values()) stream.widen(more);
          break;
        }
        case SETTING.maxFrame:
          if (value < FRAME_BYTES || value > LARGEST_FRAME)
            throw new ConnectionError(CODE.protocol, 'frames of no size');
          this.#maxFrameBytes = value;
          break;
      }
    }
    this.#send(frameOf(FRAME.settings, FLAG.ack, 0, Buffer.alloc(0)));
  }

  #onWindowUpdate(id: number, payload: Buffer): void {
    expectLength(payload, 4);
    const bytes = payload.readUInt32BE(0) & LARGEST_WINDOW;
    if (bytes === 0) throw new ConnectionError(CODE.protocol, 'a window grows by nothing');
    if (id === 0) {
      this.#window += bytes;
      if (this.#window > LARGEST_WINDOW) throw new ConnectionError(CODE.flowControl, 'a window is too large');
      return this.#unblock();
    }
    const stream = this.#known(id);
    if (stream === undefined) return;
    if (stream.window + bytes > LARGEST_WINDOW) return this.reset(stream, CODE.flowControl);
    stream.widen(bytes);
  }

  /** The stream of a frame; undefined: it is over. */
  #known(id: number): Http2Stream | undefined {
    if (id === 0 || id > this.#lastStream) throw new ConnectionError(CODE.protocol, `stream ${id} has not begun`);
    return this.#streams.get(id);
  }

  /** Lets streams that wait send in turn. */
  #unblock(): void {
    while (this.#blocked.size > 0 && this.room > 0) {
      let stuck = true;
      const inTurn = Array.from(this.#blocked); // those that still wait come in again
      for (const stream of inTurn) {
        this.#blocked.delete(stream);
        const before = stream.queuedBytes;
        stream.pump(QUANTUM);
        stuck &&= stream.queuedBytes === before;
      }
      if (stuck) return;
    }
  }

  #close(stream: Http2Stream): void {
    if (!this.#streams.delete(stream.id)) return;
    this.#blocked.delete(stream);
    stream.close();
    stream.handler?.onClose();
  }

  #send(bytes: Buffer): void {
    if (this.#over) return;
    if (this.#out.length === 0) process.nextTick(() => this.#flush());
    this.#out.push(bytes);
    this.#outBytes += bytes.length;
    if (this.#socket.writableLength + this.#outBytes <= UNREAD_BYTES) return;
    this.#socket.destroy();
    this.#end(new ConnectionError(CODE.enhanceYourCalm, 'the peer does not read'));
  }

  #flush(): void {
    const out = this.#out;
    if (out.length === 0) return;
    const bytes = out.length === 1 ? out[0]! : Buffer.concat(out, this.#outBytes);
    this.#out = [];
    this.#outBytes = 0;
    if (!this.#socket.destroyed) this.#socket.write(bytes);
    // No event says so when all of it was taken at once.
    if (this.#blocked.size > 0) this.#unblock();
  }

  #end(error: Error | undefined): void {
    if (this.#over) return;
    this.#over = true;
    for (const stream of this.#streams.values()) this.#close(stream);
    if (error !== undefined) this.#options.onError(error);
  }
}

function expectLength(payload: Buffer, bytes: number): void {
  if (payload.length !== bytes)
    throw new ConnectionError(CODE.frameSize, `${payload.length} bytes where ${bytes} should be`);
}
