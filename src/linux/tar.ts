import { createReadStream } from 'node:fs';
import { lstat, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';

/** One member of a tar archive (POSIX.1-2001 pax). Owners default to root, times to the epoch: the same input gives the same bytes. */
export interface TarEntry {
  /** Relative, without leading `./` or trailing slash. */
  readonly path: string;
  readonly type: 'file' | 'directory' | 'symlink' | 'hardlink' | 'character-device' | 'block-device' | 'fifo';
  /** Permission bits. Default 0755 for directories, 0644 for the rest. */
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly mtimeSeconds?: number;
  /** Of a symlink: its text. Of a hard link: the path of an earlier member. */
  readonly target?: string;
  /** Of a file: its bytes, or where to read exactly `sizeBytes` of them. */
  readonly content?: Buffer | { readonly file: string; readonly sizeBytes: number };
  readonly device?: { readonly major: number; readonly minor: number };
}

const BLOCK = 512;
const TYPE_FLAG: Record<TarEntry['type'], string> = {
  file: '0',
  hardlink: '1',
  symlink: '2',
  'character-device': '3',
  'block-device': '4',
  directory: '5',
  fifo: '6',
};
/** Largest number in an octal field of eleven digits. */
const MAX_OCTAL_SIZE = 8 ** 11 - 1;
const MAX_OCTAL_ID = 8 ** 7 - 1;

interface Header {
  name: string;
  mode: number;
  uid: number;
  gid: number;
  size: number;
  mtime: number;
  flag: string;
  link: string;
  major: number;
  minor: number;
}

function encodeHeader(h: Header): Buffer {
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, offset: number, length: number): void =>
    void block.write(`${value.toString(8).padStart(length - 1, '0')}\0`, offset, 'latin1');
  block.write(h.name, 0, 100);
  octal(h.mode, 100, 8);
  octal(h.uid, 108, 8);
  octal(h.gid, 116, 8);
  octal(h.size, 124, 12);
  octal(h.mtime, 136, 12);
  block.write(' '.repeat(8), 148, 'latin1'); // the checksum counts its own field as spaces
  block.write(h.flag, 156, 'latin1');
  block.write(h.link, 157, 100);
  block.write('ustar\x0000', 257, 'latin1');
  octal(h.major, 329, 8);
  octal(h.minor, 337, 8);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

/** A pax record says its own length in front, digits of the length included. */
function paxRecord(key: string, value: string): Buffer {
  const rest = Buffer.byteLength(` ${key}=${value}\n`);
  let length = rest;
  while (length !== rest + String(length).length) length = rest + String(length).length;
  return Buffer.from(`${length} ${key}=${value}\n`);
}

function padding(size: number): Buffer {
  return Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK);
}

/** Whether a header field of 100 bytes can hold the text; else a pax record does. */
function fits(text: string): boolean {
  return Buffer.byteLength(text) <= 100 && /^[\x20-\x7e]*$/.test(text);
}

function encodeEntry(entry: TarEntry): Buffer[] {
  const { type, content } = entry;
  const name = type === 'directory' ? `${entry.path}/` : entry.path;
  const link = entry.target ?? '';
  const size = content === undefined ? 0 : Buffer.isBuffer(content) ? content.length : content.sizeBytes;
  const { uid = 0, gid = 0, mtimeSeconds: mtime = 0, mode = type === 'directory' ? 0o755 : 0o644 } = entry;
  const records: Buffer[] = [];
  if (!fits(name)) records.push(paxRecord('path', name));
  if (!fits(link)) records.push(paxRecord('linkpath', link));
  if (size > MAX_OCTAL_SIZE) records.push(paxRecord('size', String(size)));
  if (uid > MAX_OCTAL_ID) records.push(paxRecord('uid', String(uid)));
  if (gid > MAX_OCTAL_ID) records.push(paxRecord('gid', String(gid)));
  const header: Header = {
    name: fits(name)
      ? name
      : Buffer.from(name)
          .subarray(0, 100)
          .toString('latin1')
          .replaceAll(/[^\x20-\x7e]/g, '_'),
    mode,
    uid: uid > MAX_OCTAL_ID ? 0 : uid,
    gid: gid > MAX_OCTAL_ID ? 0 : gid,
    size: size > MAX_OCTAL_SIZE ? 0 : size,
    mtime,
    flag: TYPE_FLAG[type],
    link: fits(link) ? link : '',
    major: entry.device?.major ?? 0,
    minor: entry.device?.minor ?? 0,
  };
  if (records.length === 0) return [encodeHeader(header)];
  const body = Buffer.concat(records);
  const extended: Header = { ...header, name: 'pax', size: body.length, flag: 'x', link: '', major: 0, minor: 0 };
  return [encodeHeader(extended), body, padding(body.length), encodeHeader(header)];
}

/** The bytes of a tar archive, end mark included. Rejects when a file has not the size its entry says. */
export async function* encodeTar(entries: Iterable<TarEntry> | AsyncIterable<TarEntry>): AsyncGenerator<Buffer> {
  for await (const entry of entries) {
    yield* encodeEntry(entry);
    const { content } = entry;
    if (content === undefined) continue;
    if (Buffer.isBuffer(content)) {
      yield content;
      yield padding(content.length);
      continue;
    }
    let read = 0;
    for await (const chunk of createReadStream(content.file, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>) {
      read += chunk.length;
      if (read > content.sizeBytes) break;
      yield chunk;
    }
    if (read !== content.sizeBytes) throw new Error(`${content.file} changed while it was archived`);
    yield padding(read);
  }
  yield Buffer.alloc(2 * BLOCK);
}

/**
 * What lies below a directory, as archive members sorted by path, parents first. Hard links between members are kept. Owners are root's
 * unless `keepOwners`. Sockets are left out; extended attributes (file capabilities) are not kept, since Node cannot read them.
 */
export async function* directoryEntries(root: string, { keepOwners = false } = {}): AsyncGenerator<TarEntry> {
  const seen = new Map<string, string>();
  async function* visit(relative: string): AsyncGenerator<TarEntry> {
    const names = (await readdir(join(root, relative))).toSorted((a, b) => (a < b ? -1 : 1));
    for (const name of names) {
      const path = relative === '' ? name : `${relative}/${name}`;
      const file = join(root, path);
      const info = await lstat(file);
      const common = { path, mode: info.mode & 0o7777, ...(keepOwners && { uid: info.uid, gid: info.gid }) };
      const inode = `${info.dev}:${info.ino}`;
      const earlier = info.isDirectory() ? undefined : seen.get(inode);
      if (earlier !== undefined) {
        yield { ...common, type: 'hardlink', target: earlier };
        continue;
      }
      if (info.nlink > 1 && !info.isDirectory()) seen.set(inode, path);
      if (info.isDirectory()) {
        yield { ...common, type: 'directory' };
        yield* visit(path);
      } else if (info.isSymbolicLink()) yield { ...common, type: 'symlink', target: await readlink(file) };
      else if (info.isFile()) yield { ...common, type: 'file', content: { file, sizeBytes: info.size } };
      else if (info.isFIFO()) yield { ...common, type: 'fifo' };
      else if (info.isCharacterDevice())
        yield { ...common, type: 'character-device', device: deviceNumbers(info.rdev) };
      else if (info.isBlockDevice()) yield { ...common, type: 'block-device', device: deviceNumbers(info.rdev) };
    }
  }
  yield* visit('');
}

/** The layout of a 64-bit device number on Linux: makedev(3). */
function deviceNumbers(rdev: number): { major: number; minor: number } {
  const value = BigInt(rdev);
  const major = ((value >> 8n) & 0xfffn) | ((value >> 32n) & 0xfffff000n);
  const minor = (value & 0xffn) | ((value >> 12n) & 0xffffff00n);
  return { major: Number(major), minor: Number(minor) };
}
