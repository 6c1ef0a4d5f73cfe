/**
 * JSON patch (RFC 6902) as gopkg.in/evanphx/json-patch.v4 v4.13 applies it: indices may be negative, `replace` of a key that is not there
 * adds it, a value left out is null. The document is never changed: containers on the way to a change are copied once.
 */
import { MAX_DEPTH } from '../codec/depth.ts';
import { equalValues, setOwn } from '../equality.ts';

/** A patch that does not apply; the message is the library's. */
export class PatchError extends Error {
  override readonly name = 'PatchError';
}

export interface JsonPatchOptions {
  /** Bytes all `copy` operations together may add. Default 3 MiB. Source: JSONPatchMaxCopyBytes, apiserver pkg/server/config.go v0.36. */
  readonly maxCopyBytes?: number;
}

const MAX_COPY_BYTES = 3 * 1024 * 1024;

type JsonObject = Record<string, unknown>;
type Container = JsonObject | unknown[];

const isContainer = (value: unknown): value is Container => typeof value === 'object' && value !== null;

/** The text of an operation's field; undefined when it is missing or no string. */
function textOf(operation: unknown, field: 'op' | 'path' | 'from'): string | undefined {
  const own = isContainer(operation) && Object.hasOwn(operation, field) ? (operation as JsonObject)[field] : undefined;
  return typeof own === 'string' ? own : undefined;
}

function valueOf(operation: unknown): unknown {
  return Object.hasOwn(operation as object, 'value') ? (operation as JsonObject)['value'] : null;
}

const unescape = (part: string): string => part.replaceAll('~1', '/').replaceAll('~0', '~');

const MISSING = 'missing value';
const badIndex = (index: number): PatchError =>
  new PatchError(`Unable to access invalid index: ${index}: invalid index referenced`);

function parseIndex(key: string): number {
  if (!/^[+-]?[0-9]{1,15}$/.test(key))
    throw new PatchError(`strconv.Atoi: parsing ${JSON.stringify(key)}: invalid syntax`);
  return Number(key);
}

/** The place `key` names among `length` ones; negative keys count from the end. */
function placeIn(length: number, key: string): number {
  const index = parseIndex(key);
  if (index >= length || index < -length) throw badIndex(index);
  return index < 0 ? index + length : index;
}

class Document {
  root: unknown;
  /** Containers made here, which may be written to. */
  readonly #own = new Set<object>();
  #copyBytesLeft: number;

  constructor(root: unknown, maxCopyBytes: number) {
    this.root = root;
    this.#copyBytesLeft = maxCopyBytes;
  }

  /** The container a path ends in and the key there; undefined when some part of the way is missing. */
  find(path: string): { container: Container; key: string } | undefined {
    const parts = path.split('/').map(unescape);
    if (parts.length < 2 || parts.length > MAX_DEPTH) return undefined;
    let at: unknown = this.root;
    for (const part of parts.slice(1, -1)) {
      at = isContainer(at) ? peek(at, part) : undefined;
    }
    return isContainer(at) ? { container: at, key: parts.at(-1)! } : undefined;
  }

  /** The container `path` ends in as one that may be written to; `path` must have been found. */
  #writable(path: string): Container {
    const parts = path.split('/').map(unescape).slice(1, -1);
    let at = (this.root = this.#owned(this.root as Container));
    for (const part of parts) {
      const next = this.#owned(peek(at, part) as Container);
      if (Array.isArray(at)) at[placeIn(at.length, part)] = next;
      else setOwn(at, part, next);
      at = next;
    }
    return at;
  }

  #owned(container: Container): Container {
    if (this.#own.has(container)) return container;
    const fresh: Container = Array.isArray(container) ? [...container] : { ...container };
    this.#own.add(fresh);
    return fresh;
  }

  get({ container, key }: { container: Container; key: string }): unknown {
    if (!Array.isArray(container)) return Object.hasOwn(container, key) ? container[key] : undefined;
    return container[placeIn(container.length, key)];
  }

  add(path: string, value: unknown): void {
    const { container, key } = this.find(path)!;
    if (!Array.isArray(container)) return setOwn(this.#writable(path) as JsonObject, key, value);
    if (key === '-') return void (this.#writable(path) as unknown[]).push(value);
    let index: number;
    try {
      index = parseIndex(key);
    } catch (error) {
      throw new PatchError(`value was not a proper array index: '${key}': ${(error as Error).message}`, {
        cause: error,
      });
    }
    const size = container.length + 1;
    if (index >= size || index < -size) throw badIndex(index);
    (this.#writable(path) as unknown[]).splice(index < 0 ? index + size : index, 0, value);
  }

  set(path: string, value: unknown): void {
    const { container, key } = this.find(path)!;
    if (Array.isArray(container)) (this.#writable(path) as unknown[])[placeIn(container.length, key)] = value;
    else setOwn(this.#writable(path) as JsonObject, key, value);
  }

  remove(path: string): void {
    const { container, key } = this.find(path)!;
    if (Array.isArray(container)) {
      const place = placeIn(container.length, key);
      (this.#writable(path) as unknown[]).splice(place, 1);
    } else {
      if (!Object.hasOwn(container, key)) throw new PatchError(`Unable to remove nonexistent key: ${key}: ${MISSING}`);
      delete (this.#writable(path) as JsonObject)[key];
    }
  }

  /** From now on both places share `value`, so that nothing in it may be written to in place. */
  share(value: unknown): void {
    this.#copyBytesLeft -= Buffer.byteLength(JSON.stringify(value ?? null));
    if (this.#copyBytesLeft < 0)
      throw new PatchError('Unable to complete the copy, the accumulated size increase of copy is too large');
    this.#disown(value);
  }

  #disown(value: unknown): void {
    if (!isContainer(value)) return;
    this.#own.delete(value);
    for (const part of Object.values(value)) this.#disown(part);
  }
}

/** The value at a key or an index, undefined when there is none. */
function peek(container: Container, key: string): unknown {
  if (!Array.isArray(container)) return Object.hasOwn(container, key) ? container[key] : undefined;
  if (!/^[+-]?[0-9]{1,15}$/.test(key)) return undefined;
  return container.at(Number(key));
}

/** Applies the operations in order. Throws PatchError at the first that does not apply. */
export function applyJsonPatch(
  document: unknown,
  operations: readonly unknown[],
  { maxCopyBytes = MAX_COPY_BYTES }: JsonPatchOptions = {},
): unknown {
  const result = new Document(document, maxCopyBytes);
  for (const operation of operations) applyOperation(result, operation);
  return result.root;
}

function applyOperation(document: Document, operation: unknown): void {
  const op = textOf(operation, 'op') ?? 'unknown';
  const path = textOf(operation, 'path');
  switch (op) {
    case 'add': {
      const to = found(document, path, 'add', (p) => `doc is missing path: "${p}"`);
      return wrapped(`error in add for path: '${to}'`, () => document.add(to, valueOf(operation)));
    }
    case 'remove': {
      const from = found(document, path, 'remove', (p) => `doc is missing path: "${p}"`);
      return wrapped(`error in remove for path: '${from}'`, () => document.remove(from));
    }
    case 'replace':
      return replace(document, path, valueOf(operation));
    case 'move':
      return move(document, textOf(operation, 'from'), path);
    case 'copy':
      return copy(document, textOf(operation, 'from'), path);
    case 'test':
      return check(document, path, valueOf(operation));
    default:
      throw new PatchError(`Unexpected kind: ${op}`);
  }
}

function wrapped<T>(frame: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (error instanceof PatchError) throw new PatchError(`${frame}: ${error.message}`, { cause: error });
    throw error;
  }
}

/** The path, once it is known to be given and its container to be there. */
function found(
  document: Document,
  path: string | undefined,
  op: string,
  missing: (path: string) => string,
  field = 'path',
): string {
  if (path === undefined) throw new PatchError(`${op} operation failed to decode ${field}: ${MISSING}`);
  if (document.find(path) === undefined)
    throw new PatchError(`${op} operation does not apply: ${missing(path)}: ${MISSING}`);
  return path;
}

function replace(document: Document, path: string | undefined, value: unknown): void {
  if (path === '') {
    if (!isContainer(value)) throw new PatchError('replace operation value must be object or array');
    document.root = value;
    return;
  }
  const at = found(document, path, 'replace', (p) => `doc is missing path: ${p}`);
  try {
    document.get(document.find(at)!);
  } catch (cause) {
    throw new PatchError(`replace operation does not apply: doc is missing key: ${at}: ${MISSING}`, { cause });
  }
  document.set(at, value);
}

function move(document: Document, from: string | undefined, path: string | undefined): void {
  const source = found(document, from, 'move', (p) => `doc is missing from path: ${p}`, 'from');
  const { key } = document.find(source)!;
  const value = wrapped(`error in move for path: '${key}'`, () => {
    const own = document.get(document.find(source)!);
    document.remove(source);
    return own;
  });
  const to = found(document, path, 'move', (p) => `doc is missing destination path: ${p}`);
  wrapped(`error in move for path: '${to}'`, () => document.add(to, value));
}

function copy(document: Document, from: string | undefined, path: string | undefined): void {
  const source = found(document, from, 'copy', (p) => `doc is missing from path: ${p}`, 'from');
  const value = wrapped(`error in copy for from: '${source}'`, () => document.get(document.find(source)!));
  const to = found(document, path, 'copy', (p) => `doc is missing destination path: ${p}`);
  document.share(value);
  wrapped('error while adding value during copy', () => document.add(to, value ?? null));
}

function check(document: Document, path: string | undefined, expected: unknown): void {
  const failed = (): PatchError => new PatchError(`testing value ${path} failed: test failed`);
  if (path === '') {
    if (!equalValues(document.root, expected)) throw failed();
    return;
  }
  const at = found(document, path, 'test', (p) => `is missing path: ${p}`);
  const value = wrapped(`error in test for path: '${at}'`, () => document.get(document.find(at)!));
  if (!equalValues(value ?? null, expected)) throw failed();
}
