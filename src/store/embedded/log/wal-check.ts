import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/** https://www.sqlite.org/fileformat2.html#the_write_ahead_log */
const HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;
const MAGIC = 0x377f0682;

/**
 * Looks for damage in SQLite's write-ahead log that SQLite would take for its end: it stops reading at the first frame whose checksum
 * is wrong and silently drops all that follows. That is right for the last transaction, torn by a power cut. But each transaction
 * is synced before the next begins, so whole transactions behind a bad frame mean that what was once durable is damaged.
 * Returns a description of the damage, or undefined.
 */
export function findWalDamage(path: string): string | undefined {
  const file = openSync(path, 'r');
  try {
    return checkFrames(file, fstatSync(file).size);
  } finally {
    closeSync(file);
  }
}

interface WalHeader {
  readonly bytes: Buffer;
  readonly bigEndian: boolean;
  readonly pageBytes: number;
  /** The checksum of the frames goes on from that of the header. */
  readonly sum: Sum;
  readonly intact: boolean;
}

/** Undefined: there is none. */
function readHeader(file: number, size: number): WalHeader | undefined {
  const bytes = Buffer.alloc(HEADER_BYTES);
  if (size < HEADER_BYTES || readSync(file, bytes, 0, HEADER_BYTES, 0) < HEADER_BYTES) return undefined;
  // Never written: the file was made longer but the machine stopped before its first sector.
  if (bytes.every((byte) => byte === 0)) return undefined;
  const magic = bytes.readUInt32BE(0);
  const bigEndian = (magic & 1) === 1;
  const sum = checksum(bytes, 0, HEADER_BYTES - 8, { a: 0, b: 0 }, bigEndian);
  const intact = (magic & ~1) === MAGIC && matches(sum, bytes, HEADER_BYTES - 8);
  return { bytes, bigEndian, pageBytes: bytes.readUInt32BE(8), sum, intact };
}

/** Of the log that the header begins, and not left of one before it. */
const isCurrent = (frame: Buffer, { bytes }: WalHeader): boolean => frame.compare(bytes, 16, 24, 8, 16) === 0;

function checkFrames(file: number, size: number): string | undefined {
  const header = readHeader(file, size);
  if (header === undefined) return undefined;
  if (!header.intact) return size > HEADER_BYTES ? 'the header of the write-ahead log is damaged' : undefined;
  const { bigEndian, pageBytes } = header;
  let { sum } = header;
  const frame = Buffer.allocUnsafe(FRAME_HEADER_BYTES + pageBytes);
  const frames = Math.floor((size - HEADER_BYTES) / frame.length);
  let broken = -1;
  let commitsBehind = 0;
  for (let i = 0; i < frames; i++) {
    const need = broken < 0 ? frame.length : FRAME_HEADER_BYTES;
    readSync(file, frame, 0, need, HEADER_BYTES + i * frame.length);
    const current = isCurrent(frame, header);
    if (broken < 0) {
      sum = frameSum(frame, sum, bigEndian);
      if (!current || !matches(sum, frame, 16)) broken = i;
    }
    // Only the last frame of a transaction says how large the database is now.
    if (broken >= 0 && current && frame.readUInt32BE(4) !== 0) commitsBehind++;
  }
  if (commitsBehind < 2) return undefined;
  return `frame ${broken + 1} of the write-ahead log is damaged, and ${commitsBehind} transactions end behind it`;
}

function frameSum(frame: Buffer, before: Sum, bigEndian: boolean): Sum {
  return checksum(frame, FRAME_HEADER_BYTES, frame.length, checksum(frame, 0, 8, before, bigEndian), bigEndian);
}

/** A page as the last transaction in the log that wrote it left it. */
export interface WalPage {
  /** From 1 on. */
  readonly number: number;
  readonly bytes: Buffer;
}

/** Whether `holds` says so of every page that the log has of transactions which ended; true for a log with none. */
export function everyPage(file: number, holds: (page: WalPage) => boolean): boolean {
  const { size } = fstatSync(file);
  const header = readHeader(file, size);
  if (header === undefined || !header.intact) return true;
  const frame = Buffer.allocUnsafe(FRAME_HEADER_BYTES + header.pageBytes);
  for (const [number, at] of newestFrames(file, size, header)) {
    readSync(file, frame, 0, frame.length, at);
    if (!holds({ number, bytes: frame.subarray(FRAME_HEADER_BYTES) })) return false;
  }
  return true;
}

/** Where the last frame of each page lies that is still part of the database. */
function newestFrames(file: number, size: number, header: WalHeader): Map<number, number> {
  const frame = Buffer.allocUnsafe(FRAME_HEADER_BYTES + header.pageBytes);
  const newest = new Map<number, number>();
  let { sum } = header;
  let transaction = new Map<number, number>();
  let pages = 0;
  for (let at = HEADER_BYTES; at + frame.length <= size; at += frame.length) {
    readSync(file, frame, 0, frame.length, at);
    sum = frameSum(frame, sum, header.bigEndian);
    if (!isCurrent(frame, header) || !matches(sum, frame, 16)) break;
    transaction.set(frame.readUInt32BE(0), at);
    if (frame.readUInt32BE(4) === 0) continue;
    pages = frame.readUInt32BE(4);
    for (const [number, own] of transaction) newest.set(number, own);
    transaction = new Map();
  }
  for (const number of newest.keys()) if (number > pages) newest.delete(number);
  return newest;
}

interface Sum {
  readonly a: number;
  readonly b: number;
}

function checksum(data: Buffer, from: number, to: number, start: Sum, bigEndian: boolean): Sum {
  let { a, b } = start;
  for (let i = from; i < to; i += 8) {
    a = (a + (bigEndian ? data.readUInt32BE(i) : data.readUInt32LE(i)) + b) >>> 0;
    b = (b + (bigEndian ? data.readUInt32BE(i + 4) : data.readUInt32LE(i + 4)) + a) >>> 0;
  }
  return { a, b };
}

/** Stored checksums are big endian whatever the order they are computed in. */
function matches(sum: Sum, data: Buffer, offset: number): boolean {
  return data.readUInt32BE(offset) === sum.a && data.readUInt32BE(offset + 4) === sum.b;
}
