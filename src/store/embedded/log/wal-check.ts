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

function checkFrames(file: number, size: number): string | undefined {
  const header = Buffer.alloc(HEADER_BYTES);
  if (size < HEADER_BYTES || readSync(file, header, 0, HEADER_BYTES, 0) < HEADER_BYTES) return undefined;
  // Never written: the file was made longer but the machine stopped before its first sector.
  if (header.every((byte) => byte === 0)) return undefined;
  const magic = header.readUInt32BE(0);
  const bigEndian = (magic & 1) === 1;
  const pageBytes = header.readUInt32BE(8);
  let sum = checksum(header, 0, HEADER_BYTES - 8, { a: 0, b: 0 }, bigEndian);
  const intact = (magic & ~1) === MAGIC && matches(sum, header, HEADER_BYTES - 8);
  if (!intact) return size > HEADER_BYTES ? 'the header of the write-ahead log is damaged' : undefined;

  const frame = Buffer.allocUnsafe(FRAME_HEADER_BYTES + pageBytes);
  const frames = Math.floor((size - HEADER_BYTES) / frame.length);
  let broken = -1;
  let commitsBehind = 0;
  for (let i = 0; i < frames; i++) {
    const need = broken < 0 ? frame.length : FRAME_HEADER_BYTES;
    readSync(file, frame, 0, need, HEADER_BYTES + i * frame.length);
    const current = frame.compare(header, 16, 24, 8, 16) === 0;
    if (broken < 0) {
      sum = checksum(frame, 0, 8, sum, bigEndian);
      sum = checksum(frame, FRAME_HEADER_BYTES, frame.length, sum, bigEndian);
      if (!current || !matches(sum, frame, 16)) broken = i;
    }
    // Only the last frame of a transaction says how large the database is now.
    if (broken >= 0 && current && frame.readUInt32BE(4) !== 0) commitsBehind++;
  }
  if (commitsBehind < 2) return undefined;
  return `frame ${broken + 1} of the write-ahead log is damaged, and ${commitsBehind} transactions end behind it`;
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
