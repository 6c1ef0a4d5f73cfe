import type { RequestHeaders } from './hpack.ts';
import { DEFAULT_WINDOW, FLAG, FRAME, FRAME_HEADER_BYTES, writeFrameHeader } from './frames.ts';

/** What a connection lends its streams. */
export interface Outlet {
  /** Room in the connection's window; nothing while the peer does not read. */
  readonly room: number;
  readonly maxFrameBytes: number;
  /** Sends frames that carry so many bytes of data. */
  push(frames: Buffer, dataBytes: number): void;
  /** Data waits for room. */
  block(stream: Http2Stream): void;
  reset(stream: Http2Stream, code: number): void;
  /** Everything of the answer is sent. */
  finished(stream: Http2Stream): void;
  /** No answer is to come any more, sent or not. */
  settled(): void;
}

/** What hears a stream. */
export interface StreamHandler {
  onData(chunk: Buffer): void;
  /** The peer sends no more. */
  onEnd(): void;
  /** The stream is over before it was finished on both sides: reset, or its connection is gone. */
  onClose(): void;
}

/** A request and its answer. Blocks of headers come encoded. */
export class Http2Stream {
  readonly id: number;
  readonly request: RequestHeaders;
  handler: StreamHandler | undefined;
  /** The peer has sent all of the request. */
  remoteEnded = false;
  /** Bytes of data that came since the peer was last given room for more. */
  received = 0;
  readonly #outlet: Outlet;
  #window: number;
  #queue: Buffer[] = [];
  #queuedBytes = 0;
  /** Sent behind the data. */
  #trailers: Buffer | undefined;
  #closed = false;
  #settled = false;
  #drained: (() => void)[] = [];

  constructor(id: number, request: RequestHeaders, outlet: Outlet, window = DEFAULT_WINDOW) {
    this.id = id;
    this.request = request;
    this.#outlet = outlet;
    this.#window = window;
  }

  /** Nothing can be sent any more. */
  get closed(): boolean {
    return this.#closed || this.#trailers !== undefined;
  }

  get window(): number {
    return this.#window;
  }

  /** Data that waits for the peer. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  respond(headers: Buffer): void {
    if (!this.closed) this.#outlet.push(this.#headersFrame(headers, FLAG.endHeaders), 0);
  }

  write(...chunks: readonly Buffer[]): void {
    if (this.closed) return;
    for (const chunk of chunks) {
      this.#queue.push(chunk);
      this.#queuedBytes += chunk.length;
    }
    this.pump(Infinity);
  }

  end(trailers: Buffer): void {
    this.abandon();
    if (this.closed) return;
    this.#trailers = trailers;
    this.pump(Infinity);
  }

  /** Headers, a prefix with its message, and trailers. Where all fit into one frame they go out as one piece of memory. */
  answer(headers: Buffer, prefix: Buffer, message: Buffer, trailers: Buffer): void {
    this.abandon();
    if (this.closed) return;
    const data = prefix.length + message.length;
    if (data > Math.min(this.#window, this.#outlet.room, this.#outlet.maxFrameBytes)) {
      this.respond(headers);
      this.write(prefix, message);
      this.end(trailers);
      return;
    }
    const bytes = Buffer.allocUnsafe(3 * FRAME_HEADER_BYTES + headers.length + data + trailers.length);
    let at = writeFrameHeader(bytes, 0, FRAME.headers, FLAG.endHeaders, this.id, headers.length);
    at += headers.copy(bytes, at);
    at = writeFrameHeader(bytes, at, FRAME.data, FLAG.none, this.id, data);
    at += prefix.copy(bytes, at);
    at += message.copy(bytes, at);
    at = writeFrameHeader(bytes, at, FRAME.headers, FLAG.endHeaders | FLAG.endStream, this.id, trailers.length);
    trailers.copy(bytes, at);
    this.#window -= data;
    this.#outlet.push(bytes, data);
    this.#finish();
  }

  /** Headers and nothing else. What the peer has yet to send is not waited for. */
  answerHeaders(headers: Buffer): void {
    this.abandon();
    if (this.closed) return;
    this.#outlet.push(this.#headersFrame(headers, FLAG.endHeaders | FLAG.endStream), 0);
    this.#finish();
  }

  /** Nobody works on an answer any more. To be called for a stream that closes before there is one. */
  abandon(): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#outlet.settled();
  }

  /** Resolves when all data is on its way, or nobody wants it any more. */
  drained(): Promise<void> {
    if (this.#closed || this.#queuedBytes === 0) return Promise.resolve();
    return new Promise((resolve) => this.#drained.push(resolve));
  }

  /** The peer gives room for more, or takes some. */
  widen(bytes: number): void {
    this.#window += bytes;
    if (bytes > 0) this.pump(Infinity);
  }

  /** Sends what there is room for, at most about so many bytes. */
  pump(budget: number): void {
    if (this.#closed) return;
    for (let left = budget; this.#queuedBytes > 0 && left > 0;) {
      const size = Math.min(this.#queuedBytes, this.#window, this.#outlet.room, this.#outlet.maxFrameBytes);
      if (size <= 0) break;
      this.#sendData(size);
      left -= size;
    }
    if (this.#queuedBytes > 0) return this.#outlet.block(this);
    for (const resolve of this.#drained.splice(0)) resolve();
    if (this.#trailers === undefined) return;
    this.#outlet.push(this.#headersFrame(this.#trailers, FLAG.endHeaders | FLAG.endStream), 0);
    this.#finish();
  }

  /** Nothing more is sent or heard. */
  close(): void {
    this.#closed = true;
    this.#queue = [];
    this.#queuedBytes = 0;
    for (const resolve of this.#drained.splice(0)) resolve();
  }

  /** One frame from the beginning of the queue. */
  #sendData(size: number): void {
    const bytes = Buffer.allocUnsafe(FRAME_HEADER_BYTES + size);
    let at = writeFrameHeader(bytes, 0, FRAME.data, FLAG.none, this.id, size);
    let taken = 0;
    while (at < bytes.length) {
      const chunk = this.#queue[taken]!;
      const copied = chunk.copy(bytes, at);
      at += copied;
      if (copied === chunk.length) taken++;
      else this.#queue[taken] = chunk.subarray(copied);
    }
    this.#queue.splice(0, taken);
    this.#queuedBytes -= size;
    this.#window -= size;
    this.#outlet.push(bytes, size);
  }

  #headersFrame(block: Buffer, flags: number): Buffer {
    const frame = Buffer.allocUnsafe(FRAME_HEADER_BYTES + block.length);
    block.copy(frame, writeFrameHeader(frame, 0, FRAME.headers, flags, this.id, block.length));
    return frame;
  }

  #finish(): void {
    this.#closed = true;
    this.#outlet.finished(this);
  }
}
