/** What a power cut or a bad disk makes of SQLite's write-ahead log: https://www.sqlite.org/fileformat2.html#the_write_ahead_log */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { Random } from '../../fuzz/api/random.ts';

const HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;
const GARBAGE_BYTES = 40_000;

interface Wal {
  readonly bytes: Buffer;
  readonly frameBytes: number;
  /** Where each transaction that is whole ends. */
  readonly ends: readonly number[];
}

function readWal(file: string): Wal | undefined {
  if (!existsSync(file)) return undefined;
  const bytes = readFileSync(file);
  if (bytes.length < HEADER_BYTES) return undefined;
  const frameBytes = FRAME_HEADER_BYTES + bytes.readUInt32BE(8);
  const bigEndian = (bytes.readUInt32BE(0) & 1) === 1;
  let [a, b] = [bytes.readUInt32BE(24), bytes.readUInt32BE(28)];
  const add = (from: number, to: number): void => {
    for (let at = from; at < to; at += 8) {
      a = (a + (bigEndian ? bytes.readUInt32BE(at) : bytes.readUInt32LE(at)) + b) >>> 0;
      b = (b + (bigEndian ? bytes.readUInt32BE(at + 4) : bytes.readUInt32LE(at + 4)) + a) >>> 0;
    }
  };
  const ends: number[] = [];
  for (let at = HEADER_BYTES; at + frameBytes <= bytes.length; at += frameBytes) {
    add(at, at + 8);
    add(at + FRAME_HEADER_BYTES, at + frameBytes);
    const current = bytes.compare(bytes, 16, 24, at + 8, at + 16) === 0;
    if (!current || bytes.readUInt32BE(at + 16) !== a || bytes.readUInt32BE(at + 20) !== b) break;
    if (bytes.readUInt32BE(at + 4) !== 0) ends.push(at + frameBytes);
  }
  return { bytes, frameBytes, ends };
}

/** Leaves behind the last whole transaction what a write that was cut off could have: nothing, garbage, or pieces of a transaction. */
export function tearTail(file: string, random: Random): string {
  const wal = readWal(file);
  if (wal === undefined) return 'no log to tear';
  const { bytes, frameBytes, ends } = wal;
  const end = ends.at(-1) ?? HEADER_BYTES;
  const whole = bytes.subarray(0, end);
  const garbage = Buffer.from(Array.from({ length: random.below(GARBAGE_BYTES) }, () => random.below(256)));
  switch (random.below(3)) {
    case 0:
      writeFileSync(file, whole);
      return `cut off after byte ${end}`;
    case 1:
      writeFileSync(file, Buffer.concat([whole, garbage]));
      return `${garbage.length} bytes of garbage after byte ${end}`;
    default: {
      const begin = ends.at(-2) ?? HEADER_BYTES;
      const again = Buffer.from(bytes.subarray(begin, Math.max(begin, end - random.below(frameBytes))));
      writeFileSync(file, Buffer.concat([whole, again]));
      return `${again.length} bytes of a transaction after byte ${end}`;
    }
  }
}

/** Changes a byte of a transaction that others follow. False: there are too few. */
export function damageMiddle(file: string, random: Random): boolean {
  const wal = readWal(file);
  if (wal === undefined || wal.ends.length < 6) return false;
  const last = wal.ends.at(-4)!;
  const at = HEADER_BYTES + random.below(last - HEADER_BYTES);
  wal.bytes[at] = wal.bytes[at]! ^ (1 << random.below(8));
  writeFileSync(file, wal.bytes);
  return true;
}
