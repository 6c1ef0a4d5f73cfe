/**
 * The client's side of SPDY/3.1 as containerd's streaming server speaks it: streams are opened from here and data goes both ways. There is no flow
 * control, as moby/spdystream has none. Headers of answers are not read, so their compression does not matter; our own are compressed without the
 * dictionary of the protocol, which a reader does not need then. Source: draft-mbelshe-httpbis-spdy-00, moby/spdystream v0.5.
 */
import { constants, deflateSync } from 'node:zlib';

const SYN_STREAM = 1;
const RST_STREAM = 3;
const PING = 6;
const GOAWAY = 7;
const HEADER_BYTES = 8;
const FIN = 1;
/** Data frames of servers are of 32 KiB; nobody needs longer ones. */
const MAX_FRAME_BYTES = 1 << 20;
/** Its first bytes are of the compression itself, which goes on from one header to the next. */
const ZLIB_HEADER_BYTES = 2;

/** A frame from the server, as far as it matters. */
export type Frame =
  | { readonly type: 'data'; readonly stream: number; readonly data: Buffer; readonly fin: boolean }
  | { readonly type: 'reset'; readonly stream: number }
  /** To be sent back as it is. */
  | { readonly type: 'ping'; readonly bytes: Buffer }
  | { readonly type: 'goaway' };

function frame(first: number, flags: number, content: Buffer): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32BE(first);
  header.writeUInt32BE(flags * 2 ** 24 + content.length, 4);
  return Buffer.concat([header, content]);
}

const lengthPrefixed = (text: string): Buffer => {
  const bytes = Buffer.alloc(4 + Buffer.byteLength(text));
  bytes.writeUInt32BE(bytes.length - 4);
  bytes.write(text, 4);
  return bytes;
};

/** Opens a stream with one header. Streams of a client have odd numbers; `first`: it is the first of the connection. */
export function openStream(
  stream: number,
  name: string,
  value: string,
  { first }: { readonly first: boolean },
): Buffer {
  const one = Buffer.from([0, 0, 0, 1]);
  const block = Buffer.concat([one, lengthPrefixed(name), lengthPrefixed(value)]);
  // Stored and flushed, each header stands for itself in the one compression of the connection.
  const packed = deflateSync(block, { level: 0, finishFlush: constants.Z_SYNC_FLUSH });
  const content = Buffer.alloc(10);
  content.writeUInt32BE(stream);
  const compressed = first ? packed : packed.subarray(ZLIB_HEADER_BYTES);
  return frame(0x80030000 + SYN_STREAM, 0, Buffer.concat([content, compressed]));
}

export const dataFrame = (stream: number, data: Buffer, { fin }: { readonly fin: boolean }): Buffer =>
  frame(stream, fin ? FIN : 0, data);

/** Cuts what comes into frames; those that do not matter are left out. Throws at what is no SPDY. */
export class FrameReader {
  #rest: Buffer = Buffer.alloc(0);

  push(chunk: Buffer): readonly Frame[] {
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const frames: Frame[] = [];
    while (bytes.length >= HEADER_BYTES) {
      const length = bytes.readUIntBE(5, 3);
      if (length > MAX_FRAME_BYTES) throw new Error(`SPDY frame of ${length} bytes`);
      const end = HEADER_BYTES + length;
      if (bytes.length < end) break;
      const found = read(bytes.subarray(0, end));
      if (found !== undefined) frames.push(found);
      bytes = bytes.subarray(end);
    }
    this.#rest = bytes;
    return frames;
  }
}

function read(bytes: Buffer): Frame | undefined {
  const first = bytes.readUInt32BE();
  const content = bytes.subarray(HEADER_BYTES);
  if (first < 0x80000000) return { type: 'data', stream: first, data: content, fin: (bytes[4]! & FIN) !== 0 };
  switch (first & 0xffff) {
    case PING:
      return { type: 'ping', bytes };
    case RST_STREAM:
      return { type: 'reset', stream: content.length < 4 ? 0 : content.readUInt32BE() };
    case GOAWAY:
      return { type: 'goaway' };
    default:
      return undefined; // answers to our streams, settings, windows
  }
}
