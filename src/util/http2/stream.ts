import { FLAG, FRAME, FRAME_BYTES, FRAME_HEADER_BYTES, writeFrameHeader } from './frames.ts';
import type { FieldList } from './hpack.ts';
import type { HeaderFields } from './hpack-writer.ts';
import type { Output } from './output.ts';

/** What a connection lends its streams. */
export interface Outlet {
  /** Room in the connection's window; nothing while the peer does not read. */
  readonly room: number;
  readonly output: Output;
  /** So many bytes of data are in the output now. */
  spend(bytes: number): void;
  /** So many bytes more, or fewer, wait in a stream. */
  queued(bytes: number): void;
  /** Data waits for room. */
  block(stream: Http2Stream): void;
  reset(stream: Http2Stream, code: number): void;
  /** So many bytes of a stream's data are dealt with: the peer may send as many again. */
  consumed(stream: Http2Stream, bytes: number): void;
  /** Everything of the answer is sent. */
  finished(stream: Http2Stream): void;
  /** No answer is to come any more, sent or not. */
  settled(): void;
}

/** What hears a stream. */
export interface StreamHandler {
  /** True: it is dealt with; false: {@link Http2Stream.consumed} will say so. The chunk lives in memory of its whole read: copy what is small and kept. */
  onData(chunk: Buffer): boolean;
  /** The peer sends no more. */
  onEnd(): void;
  /** The stream is over. `answered`: all of the answer was sent; else it was reset, or its connection is gone. */
  onClose(answered: boolean): void;
}

/** A chunk that waits, and who is told when it may be written to again. */
interface Queued {
  chunk: Buffer;
  readonly written: (() => void) | undefined;
}

export interface AnswerOptions {
  /** 0: the headers say it. */
  readonly status?: number;
  /** Headers besides the others. */
  readonly more?: HeaderFields;
  readonly trailers?: Buffer | HeaderFields;
}

/** A request and its answer. */
export class Http2Stream {
  readonly id: number;
  readonly request: FieldList;
  handler: StreamHandler | undefined;
  /** The peer has sent all of the request. */
  remoteEnded = false;
  /** Bytes of data of the peer that are not dealt with yet, and those that are and that it was not yet told of. */
  held = 0;
  credit = 0;
  /** Bytes of the body that came, padding aside. */
  bodyBytes = 0;
  readonly #outlet: Outlet;
  #window: number;
  #queue: Queued[] = [];
  #head = 0;
  #queuedBytes = 0;
  /** Nothing comes behind what is queued but these. */
  #trailers: Buffer | HeaderFields | undefined;
  #closed = false;
  #answered = false;
  #settled = false;
  #drained: (() => void)[] = [];

  constructor(id: number, request: FieldList, outlet: Outlet, window: number) {
    this.id = id;
    this.request = request;
    this.#outlet = outlet;
    this.#window = window;
  }

  /** Nothing can be sent any more. */
  get closed(): boolean {
    return this.#closed || this.#trailers !== undefined;
  }

  /** Reset, or answered whole, or its connection is gone. */
  get over(): boolean {
    return this.#closed;
  }

  /** All of the answer was sent. */
  get answered(): boolean {
    return this.#answered;
  }

  get window(): number {
    return this.#window;
  }

  /** Data that waits for the peer. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** Headers, encoded already, or those of an answer with this status. */
  respond(block: Buffer | HeaderFields, status = 0, more?: HeaderFields): void {
    if (!this.closed) this.#outlet.output.headers(this.id, block, status, { more });
  }

  /** False: not all could be sent; wait for {@link drained}. `written` is called when the chunk may be written to again. */
  write(chunk: Buffer, written?: () => void): boolean {
    if (this.closed) return true;
    if (chunk.length > 0 && this.#fits(chunk.length)) {
      this.#sendWhole([chunk], chunk.length, FLAG.none);
      written?.();
      return true;
    }
    this.#push(chunk, written);
    this.pump(Infinity);
    return this.#queuedBytes === 0;
  }

  /** Several chunks that go out together. */
  writeParts(...chunks: readonly Buffer[]): boolean {
    if (this.closed) return true;
    for (const chunk of chunks) this.#push(chunk, undefined);
    this.pump(Infinity);
    return this.#queuedBytes === 0;
  }

  end(trailers: Buffer | HeaderFields = NO_TRAILERS): void {
    this.abandon();
    if (this.closed) return;
    this.#trailers = trailers;
    this.pump(Infinity);
  }

  /** A whole answer. */
  answer(
    block: Buffer | HeaderFields,
    chunks: readonly Buffer[],
    { status = 0, more, trailers = NO_TRAILERS }: AnswerOptions = {},
  ): void {
    this.abandon();
    if (this.closed) return;
    const { output } = this.#outlet;
    let size = 0;
    for (const chunk of chunks) size += chunk.length;
    if (trailers === NO_TRAILERS && this.#fits(size)) {
      output.headers(this.id, block, status, { more, ends: size === 0 });
      if (size > 0) this.#sendWhole(chunks, size, FLAG.endStream);
      return this.#finish();
    }
    output.headers(this.id, block, status, { more });
    for (const chunk of chunks) this.#push(chunk, undefined);
    this.#trailers = trailers;
    this.pump(Infinity);
  }

  /** Headers and nothing else. What the peer has yet to send is not waited for. */
  answerHeaders(block: Buffer | HeaderFields, status = 0, more?: HeaderFields): void {
    this.abandon();
    if (this.closed) return;
    this.#outlet.output.headers(this.id, block, status, { more, ends: true });
    this.#finish();
  }

  /** Nobody works on an answer any more. To be called for a stream that closes before there is one. */
  abandon(): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#outlet.settled();
  }

  reset(code: number): void {
    this.abandon();
    if (!this.#closed) this.#outlet.reset(this, code);
  }

  /** So many bytes of what came are dealt with. */
  consumed(bytes: number): void {
    this.#outlet.consumed(this, bytes);
  }

  /** Resolves when all data is on its way, or nobody wants it any more. */
  drained(): Promise<void> {
    if (this.#closed || this.#queuedBytes === 0) return Promise.resolve();
    return new Promise((resolve) => this.#drained.push(resolve));
  }

  /** The peer gives room for more, or takes some. */
  widen(bytes: number): void {
    this.#window += bytes;
    if (bytes > 0 && this.#queuedBytes > 0) this.pump(Infinity);
  }

  /** Sends what there is room for, at most about so many bytes. */
  pump(budget: number): void {
    if (this.#closed) return;
    for (let left = budget; this.#queuedBytes > 0 && left > 0;) {
      const size = Math.min(this.#queuedBytes, this.#window, this.#outlet.room, FRAME_BYTES);
      if (size <= 0) break;
      this.#sendData(size);
      left -= size;
    }
    if (this.#queuedBytes > 0) {
      if (this.#window > 0) this.#outlet.block(this); // else the peer will widen it
      return;
    }
    if (this.#drained.length > 0) for (const resolve of this.#drained.splice(0)) resolve();
    if (this.#trailers === undefined || this.#closed) return;
    if (this.#trailers === NO_TRAILERS) this.#sendData(0);
    else {
      this.#outlet.output.headers(this.id, this.#trailers, 0, { ends: true });
      this.#finish();
    }
  }

  /** Nothing more is sent or heard. */
  close(): void {
    this.#closed = true;
    this.#outlet.queued(-this.#queuedBytes);
    this.#queue = [];
    this.#queuedBytes = 0;
    for (const resolve of this.#drained.splice(0)) resolve();
  }

  #push(chunk: Buffer, written: (() => void) | undefined): void {
    if (chunk.length === 0) return written?.();
    this.#queue.push({ chunk, written });
    this.#queuedBytes += chunk.length;
    this.#outlet.queued(chunk.length);
  }

  /** So much can go out at once, in one frame. */
  #fits(bytes: number): boolean {
    return this.#queuedBytes === 0 && bytes <= Math.min(this.#window, this.#outlet.room, FRAME_BYTES);
  }

  /** All of them in one frame. */
  #sendWhole(chunks: readonly Buffer[], size: number, flags: number): void {
    const { output } = this.#outlet;
    const from = output.reserve(FRAME_HEADER_BYTES + size);
    const { buffer } = output;
    let at = writeFrameHeader(buffer, from, FRAME.data, flags, this.id, size);
    for (const chunk of chunks) at += chunk.copy(buffer, at);
    output.advance(at);
    this.#window -= size;
    this.#outlet.spend(size);
  }

  /** One frame from the beginning of the queue; the last one ends the stream, where no trailers follow. */
  #sendData(size: number): void {
    const { output } = this.#outlet;
    const isLast = size === this.#queuedBytes && this.#trailers === NO_TRAILERS;
    const from = output.reserve(
      FRAME_HEADER_BYTES + size,
      FRAME_HEADER_BYTES + Math.min(this.#queuedBytes, this.#window),
    );
    const { buffer } = output;
    let at = writeFrameHeader(buffer, from, FRAME.data, isLast ? FLAG.endStream : FLAG.none, this.id, size);
    const end = at + size;
    let done: (() => void)[] | undefined;
    while (at < end) {
      const first = this.#queue[this.#head]!;
      const { chunk, written } = first;
      const copied = chunk.copy(buffer, at, 0, end - at);
      at += copied;
      if (copied < chunk.length) {
        first.chunk = chunk.subarray(copied);
        break;
      }
      this.#head++;
      if (written !== undefined) (done ??= []).push(written);
    }
    if (this.#head === this.#queue.length) {
      this.#queue = [];
      this.#head = 0;
    } else if (this.#head > 64) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
    this.#queuedBytes -= size;
    this.#window -= size;
    this.#outlet.queued(-size);
    output.advance(end);
    this.#outlet.spend(size);
    if (isLast) this.#finish();
    if (done !== undefined) for (const written of done) written();
  }

  #finish(): void {
    this.#closed = true;
    this.#answered = true;
    this.#outlet.finished(this);
  }
}

/** The last piece of data is the end. */
const NO_TRAILERS: HeaderFields = {};
