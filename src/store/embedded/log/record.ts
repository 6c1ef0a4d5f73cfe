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

/** The version in a record that lies from `from` to `end`; its value is a copy. Call {@link isIntact} first. */
export function readRecord(source: Buffer, from: number, end: number): KeyValue {
  const keyAt = from + RECORD_HEADER_BYTES;
  const valueAt = keyAt + source.readUInt32LE(from + 4);
  const key: Key = source.toString('latin1', keyAt, valueAt);
  return {
    key,
    value: ownCopy(source, valueAt, end),
    modRevision: readInteger(source, from + 8),
    createRevision: readInteger(source, from + 16),
    version: readInteger(source, from + 24),
    lease: readInteger(source, from + 32),
  };
}

function ownCopy(source: Buffer, from: number, end: number): Buffer {
  const own = Buffer.allocUnsafeSlow(end - from);
  source.copy(own, 0, from, end);
  return own;
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
