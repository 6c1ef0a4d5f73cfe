import type { Socket } from 'node:net';
import { BufferPool } from '../buffer-pool.ts';
import { FLAG, FRAME, FRAME_BYTES, FRAME_HEADER_BYTES, frameOf, writeFrameHeader } from './frames.ts';
import { type HeaderFields, HeaderWriter } from './hpack-writer.ts';

/** Most turns of a connection bring little; those that bring more go on in a larger piece. Each piece is a write. */
const POOLS = [
  { bytes: 16 << 10, pool: new BufferPool(16 << 10, 256) },
  { bytes: 64 << 10, pool: new BufferPool(64 << 10, 64) },
  { bytes: 256 << 10, pool: new BufferPool(256 << 10, 16) },
] as const;
/** A peer that lets answers to pings, settings and requests pile up like this has no need of them. */
const UNREAD_BYTES = 16 << 20;

const NONE = Buffer.alloc(0);

interface Piece {
  readonly buffer: Buffer;
  readonly length: number;
}

export interface OutputListener {
  /** The peer has taken something: there is room for more. */
  onTaken(): void;
  /** Far too much waits for the peer. */
  onUnread(): void;
}

/**
 * What goes out on a connection: gathered, and written at the end of the turn of the event loop, since each write is encrypted by itself and costs more than
 * a small answer does. Frames are made right here, in buffers that are used again.
 */
export class Output {
  readonly headerWriter = new HeaderWriter();
  readonly #socket: Socket;
  readonly #listener: OutputListener;
  /** Where to write next; see {@link reserve}. */
  buffer: Buffer = NONE;
  /** Which of the pools it is of. */
  #size = 0;
  #at = 0;
  #full: Piece[] = [];
  #fullBytes = 0;
  #scheduled = false;
  #writing = false;

  constructor(socket: Socket, listener: OutputListener) {
    this.#socket = socket;
    this.#listener = listener;
  }

  /** Gathered here and not taken by the peer. */
  get bytes(): number {
    return this.#socket.writableLength + this.#fullBytes + this.#at;
  }

  /** Makes room for so many bytes in {@link buffer}; returns the offset they begin at. `ahead`: about how many come, with these. */
  reserve(bytes: number, ahead = bytes): number {
    if (this.#at + bytes > this.buffer.length) this.#next(bytes, ahead);
    return this.#at;
  }

  /** {@link buffer} is written to up to here. */
  advance(to: number): void {
    this.#at = to;
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.flush);
  }

  send(bytes: Buffer): void {
    const at = this.reserve(bytes.length);
    this.advance(at + bytes.copy(this.buffer, at));
    this.#check();
  }

  /** Sends headers, encoded already or those of an answer with this status (0: none); `more` of them. */
  headers(
    id: number,
    block: Buffer | HeaderFields,
    status: number,
    { more, ends = false }: { readonly more?: HeaderFields | undefined; readonly ends?: boolean },
  ): void {
    const isEncoded = Buffer.isBuffer(block);
    const most = isEncoded ? block.length : HeaderWriter.most(status, block, more);
    if (most > FRAME_BYTES) return this.#longHeaders(id, isEncoded ? block : this.#encoded(status, block, more), ends);
    const from = this.reserve(FRAME_HEADER_BYTES + most);
    const { buffer } = this;
    const at = from + FRAME_HEADER_BYTES;
    const end = isEncoded ? at + block.copy(buffer, at) : this.headerWriter.write(buffer, at, status, block, more);
    writeFrameHeader(buffer, from, FRAME.headers, FLAG.endHeaders | (ends ? FLAG.endStream : 0), id, end - at);
    this.advance(end);
    this.#check();
  }

  /** Hands over what was gathered, unless the peer has yet to take what was handed over before: then it goes with what is gathered until it has. */
  readonly flush = (): void => {
    this.#scheduled = false;
    if (this.#writing) return;
    if (this.#at > 0 && this.#full.length === 0) this.#close();
    const next = this.#full.shift();
    if (next !== undefined) this.#write(next);
  };

  /** Hands over all there is, before the socket is ended. */
  finish(): void {
    if (this.#at > 0) this.#close();
    for (const piece of this.#full.splice(0)) this.#write(piece);
  }

  #write({ buffer, length }: Piece): void {
    this.#fullBytes -= length;
    if (this.#socket.destroyed || this.#socket.writableEnded) return;
    this.#writing = true;
    this.#socket.write(buffer.subarray(0, length), (error) => {
      if (error) return;
      this.#writing = false;
      give(buffer);
      this.flush();
      this.#listener.onTaken();
    });
  }

  #encoded(status: number, fields: HeaderFields, more: HeaderFields | undefined): Buffer {
    const block = Buffer.allocUnsafe(HeaderWriter.most(status, fields, more));
    return block.subarray(0, this.headerWriter.write(block, 0, status, fields, more));
  }

  #longHeaders(id: number, block: Buffer, ends: boolean): void {
    for (let at = 0; at < block.length; at += FRAME_BYTES) {
      const isLast = at + FRAME_BYTES >= block.length;
      const flags = (isLast ? FLAG.endHeaders : 0) | (at === 0 && ends ? FLAG.endStream : 0);
      this.send(
        frameOf(at === 0 ? FRAME.headers : FRAME.continuation, flags, id, block.subarray(at, at + FRAME_BYTES)),
      );
    }
  }

  #check(): void {
    if (this.bytes > UNREAD_BYTES) this.#listener.onUnread();
  }

  #close(): void {
    this.#full.push({ buffer: this.buffer, length: this.#at });
    this.#fullBytes += this.#at;
    this.buffer = NONE;
    this.#at = 0;
    this.#size = 0;
  }

  /** A larger piece that what is here goes into too; or, from the largest on, one more. */
  #next(bytes: number, ahead: number): void {
    const { buffer } = this;
    const length = this.#at;
    if (buffer !== NONE && length + bytes > LARGEST) this.#close();
    const needed = this.#at + bytes;
    let size = this.#size;
    while (size < POOLS.length - 1 && POOLS[size]!.bytes < this.#at + ahead) size++;
    const larger = POOLS[size]!.pool.take(needed);
    if (this.#at > 0) {
      buffer.copy(larger, 0, 0, length);
      give(buffer);
    }
    this.buffer = larger;
    this.#size = size;
  }
}

const LARGEST = POOLS.at(-1)!.bytes;

const give = (buffer: Buffer): void => POOLS.find(({ bytes }) => bytes === buffer.length)?.pool.give(buffer);
