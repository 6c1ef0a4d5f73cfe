import {
  CODE,
  ConnectionError,
  FLAG,
  FRAME,
  FRAME_BYTES,
  FRAME_HEADER_BYTES,
  LARGEST_STREAM,
  LARGEST_WINDOW,
  PREFACE,
  StreamError,
} from './frames.ts';

/** A block of headers comes in so many frames at most. Those of 16 KiB hold more than anybody may send. */
const MAX_CONTINUATIONS = 256;

/** What hears of frames. Payloads are the bytes from one offset to another, without padding. What it throws is thrown by the reader, but for a StreamError. */
export interface FrameHandler {
  /** `size`: with its padding. */
  onData(id: number, ends: boolean, size: number, bytes: Buffer, from: number, to: number): void;
  /** A whole block of headers. */
  onBlock(id: number, ends: boolean, bytes: Buffer, from: number, to: number): void;
  onReset(id: number): void;
  onSettings(payload: Buffer): void;
  onPing(isAnswer: boolean, payload: Buffer): void;
  onWindowUpdate(id: number, bytes: number): void;
  /** A frame that leads to nothing. */
  onIdleFrame(what: string): void;
  onStreamError(error: StreamError): void;
}

interface Block {
  readonly stream: number;
  readonly ends: boolean;
  readonly pieces: Buffer[];
  bytes: number;
}

/** Cuts what arrives on a connection into frames and checks what can be told of each by itself: RFC 9113, sections 3.4, 4 and 6. */
export class FrameReader {
  readonly #handler: FrameHandler;
  readonly #maxBlockBytes: number;
  /** Bytes that are not a whole frame yet. */
  #rest: Buffer | undefined;
  #state: 'preface' | 'settings' | 'open' = 'preface';
  #block: Block | undefined;
  #stopped = false;

  constructor(handler: FrameHandler, maxBlockBytes: number) {
    this.#handler = handler;
    this.#maxBlockBytes = maxBlockBytes;
  }

  /** The connection, or a block of headers, has begun and is not complete. */
  get isWithin(): boolean {
    return this.#state !== 'open' || this.#block !== undefined;
  }

  /** Nothing more is read. */
  stop(): void {
    this.#stopped = true;
    this.#rest = undefined;
    this.#block = undefined;
  }

  /** Throws a ConnectionError, or what the handler throws. */
  read(chunk: Buffer): void {
    const bytes = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = this.#state === 'preface' ? this.#readPreface(bytes) : 0;
    while (this.#state !== 'preface' && bytes.length - at >= FRAME_HEADER_BYTES && !this.#stopped) {
      const length = (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!;
      if (length > FRAME_BYTES) throw new ConnectionError(CODE.frameSize, `a frame of ${length} bytes`);
      const from = at + FRAME_HEADER_BYTES;
      if (from + length > bytes.length) break;
      try {
        this.#onFrame(
          bytes[at + 3]!,
          bytes[at + 4]!,
          bytes.readUInt32BE(at + 5) & LARGEST_STREAM,
          bytes,
          from,
          from + length,
        );
      } catch (error) {
        if (!(error instanceof StreamError)) throw error;
        this.#handler.onStreamError(error);
      }
      at = from + length;
    }
    this.#rest = at === bytes.length || this.#stopped ? undefined : bytes.subarray(at);
  }

  #readPreface(bytes: Buffer): number {
    const length = Math.min(PREFACE.length, bytes.length);
    if (PREFACE.compare(bytes, 0, length, 0, length) !== 0)
      throw new ConnectionError(CODE.protocol, 'this is not HTTP/2');
    if (length < PREFACE.length) return 0;
    this.#state = 'settings';
    return length;
  }

  #onFrame(type: number, flags: number, id: number, bytes: Buffer, from: number, to: number): void {
    if (this.#state === 'settings') {
      if (type !== FRAME.settings) throw new ConnectionError(CODE.protocol, 'settings do not come first');
      this.#state = 'open';
    }
    if (this.#block !== undefined && type !== FRAME.continuation)
      throw new ConnectionError(CODE.protocol, 'a block of headers has no end');
    switch (type) {
      case FRAME.data:
        return this.#onData(id, flags, bytes, from, to);
      case FRAME.headers:
        return this.#onHeaders(id, flags, bytes, from, to);
      case FRAME.continuation:
        return this.#onContinuation(id, flags, bytes.subarray(from, to));
      case FRAME.priority:
        return this.#onPriority(id, bytes, from, to);
      case FRAME.reset:
        expectStream(id);
        expectLength(to - from, 4);
        return this.#handler.onReset(id);
      case FRAME.settings:
        expectNoStream(id);
        if ((flags & FLAG.ack) !== 0) return expectLength(to - from, 0);
        return this.#handler.onSettings(bytes.subarray(from, to));
      case FRAME.ping:
        expectNoStream(id);
        expectLength(to - from, 8);
        return this.#handler.onPing((flags & FLAG.ack) !== 0, bytes.subarray(from, to));
      case FRAME.windowUpdate:
        expectLength(to - from, 4);
        return this.#handler.onWindowUpdate(id, bytes.readUInt32BE(from) & LARGEST_WINDOW);
      case FRAME.goAway:
        expectNoStream(id);
        if (to - from < 8) throw new ConnectionError(CODE.frameSize, 'an end is cut off');
        return;
      case FRAME.pushPromise:
        throw new ConnectionError(CODE.protocol, 'a client cannot push');
      default:
        this.#handler.onIdleFrame('frames of no sort');
    }
  }

  #onData(id: number, flags: number, bytes: Buffer, from: number, to: number): void {
    expectStream(id);
    const ends = (flags & FLAG.endStream) !== 0;
    if (from === to && !ends) this.#handler.onIdleFrame('empty data');
    const isPadded = (flags & FLAG.padded) !== 0;
    const start = isPadded ? from + 1 : from;
    const end = isPadded ? to - (from === to ? 0 : bytes[from]!) : to;
    if (start > end) throw new ConnectionError(CODE.protocol, 'data is shorter than its padding');
    this.#handler.onData(id, ends, to - from, bytes, start, end);
  }

  #onHeaders(id: number, flags: number, bytes: Buffer, payloadFrom: number, payloadTo: number): void {
    if (id % 2 === 0) throw new ConnectionError(CODE.protocol, `stream ${id} is not a client’s`);
    let from = payloadFrom;
    let to = payloadTo;
    if ((flags & FLAG.padded) !== 0) {
      to -= from === to ? 0 : bytes[from]!;
      from++;
    }
    const priorityAt = from;
    const hasPriority = (flags & FLAG.priority) !== 0;
    if (hasPriority) from += PRIORITY_BYTES;
    if (from > to) throw new ConnectionError(CODE.protocol, 'headers are shorter than their padding');
    const ends = (flags & FLAG.endStream) !== 0;
    if ((flags & FLAG.endHeaders) !== 0) this.#handler.onBlock(id, ends, bytes, from, to);
    else this.#block = { stream: id, ends, pieces: [bytes.subarray(from, to)], bytes: to - from };
    if (hasPriority) checkPriority(id, bytes, priorityAt);
  }

  #onContinuation(id: number, flags: number, payload: Buffer): void {
    const block = this.#block;
    if (block === undefined || block.stream !== id)
      throw new ConnectionError(CODE.protocol, 'headers continue that have not begun');
    block.pieces.push(payload);
    block.bytes += payload.length;
    if (block.bytes > this.#maxBlockBytes || block.pieces.length > MAX_CONTINUATIONS)
      throw new ConnectionError(CODE.enhanceYourCalm, 'headers are too large');
    if ((flags & FLAG.endHeaders) === 0) return;
    this.#block = undefined;
    this.#handler.onBlock(id, block.ends, Buffer.concat(block.pieces, block.bytes), 0, block.bytes);
  }

  /** Nobody heeds them. */
  #onPriority(id: number, bytes: Buffer, from: number, to: number): void {
    expectStream(id);
    this.#handler.onIdleFrame('priorities');
    if (to - from !== PRIORITY_BYTES) throw new StreamError(id, CODE.frameSize, 'a priority is cut off');
    checkPriority(id, bytes, from);
  }
}

const PRIORITY_BYTES = 5;

function expectLength(length: number, bytes: number): void {
  if (length !== bytes) throw new ConnectionError(CODE.frameSize, `${length} bytes where ${bytes} should be`);
}

function expectStream(id: number): void {
  if (id === 0) throw new ConnectionError(CODE.protocol, 'a frame of a stream, of none');
}

function expectNoStream(id: number): void {
  if (id !== 0) throw new ConnectionError(CODE.protocol, 'a frame of the connection, of a stream');
}

/** A stream cannot wait for itself: RFC 7540, section 5.3.1. */
function checkPriority(id: number, bytes: Buffer, at: number): void {
  if ((bytes.readUInt32BE(at) & LARGEST_STREAM) === id)
    throw new StreamError(id, CODE.protocol, 'a stream depends on itself');
}
