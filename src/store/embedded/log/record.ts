import { crc32 } from 'node:zlib';
import type { Key, KeyValue } from '../../types.ts';

/**
 * How a version is written down, little endian:
 *
 *     0  CRC-32 of everything behind it, begun with the number of the row, so that a row in the wrong place is noticed
 *     4  length of the key
 *     8  revision, 16 create revision, 24 version (0: the key was deleted), 32 lease: 64-bit integers
 *    40  the key, then the value
 *
 * Rows travel between threads as frames: the length of the record in 4 bytes, then the record.
 */
const RECORD_HEADER_BYTES = 40;
export const FRAME_HEADER_BYTES = 4;

export function frameBytes(version: KeyValue): number {
  return FRAME_HEADER_BYTES + RECORD_HEADER_BYTES + version.key.length + version.value.length;
}

/** Writes a frame, without the checksum; returns the offset behind it. */
export function writeFrame(target: Buffer, offset: number, version: KeyValue): number {
  const { key, value } = version;
  target.writeUInt32LE(RECORD_HEADER_BYTES + key.length + value.length, offset);
  const at = offset + FRAME_HEADER_BYTES;
  target.writeUInt32LE(0, at);
  target.writeUInt32LE(key.length, at + 4);
  writeInteger(target, at + 8, version.modRevision);
  writeInteger(target, at + 16, version.createRevision);
  writeInteger(target, at + 24, version.version);
  writeInteger(target, at + 32, version.lease);
  target.write(key, at + RECORD_HEADER_BYTES, key.length, 'latin1');
  target.set(value, at + RECORD_HEADER_BYTES + key.length);
  return at + RECORD_HEADER_BYTES + key.length + value.length;
}

/** The version in a record; its value is the end of the record, not a copy. Call {@link isIntact} first. */
export function readRecord(record: Buffer): KeyValue {
  const valueAt = RECORD_HEADER_BYTES + record.readUInt32LE(4);
  const key: Key = record.toString('latin1', RECORD_HEADER_BYTES, valueAt);
  return {
    key,
    value: record.subarray(valueAt),
    modRevision: readInteger(record, 8),
    createRevision: readInteger(record, 16),
    version: readInteger(record, 24),
    lease: readInteger(record, 32),
  };
}

/** Writes the checksum into the first four bytes. `row` is the number of the row in its table. */
export function seal(record: Buffer, row: number): void {
  record.writeUInt32LE(checksum(record, row), 0);
}

export function isIntact(record: Buffer, row: number): boolean {
  return record.length >= 4 && record.readUInt32LE(0) === checksum(record, row);
}

export function writeInteger(target: Buffer, offset: number, value: number): void {
  target.writeUInt32LE(value % 2 ** 32, offset);
  target.writeUInt32LE(Math.floor(value / 2 ** 32), offset + 4);
}

export function readInteger(source: Buffer, offset: number): number {
  return source.readUInt32LE(offset) + source.readUInt32LE(offset + 4) * 2 ** 32;
}

function checksum(record: Buffer, row: number): number {
  return crc32(record.subarray(4), row % 2 ** 32);
}
