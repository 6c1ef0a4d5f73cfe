import { apiVersionOf, type Kind, type KubeObject, StatusError } from '#api';
import type { Store, TxnRequest } from '#store';
import { StoreError } from '#store';
import type { StorageOperation, Timed } from '../metrics/storage.ts';
import { encodeStored, Entry } from '../watchcache/entry.ts';
import type { WatchCache } from '../watchcache/watchcache.ts';
import type { Expiry } from './expiry.ts';

/** Makes of an object in the kind's version, a private copy, what is stored. Where it is given, the cache has a view that goes the other way. */
export type ToStored = (object: KubeObject) => KubeObject | Promise<KubeObject>;

/** What stands behind a resource that is not there for good. */
export interface ResourceLifecycle {
  /** A request begins; resolves when what it asks for, `key` or all there is, can be read. */
  enter(key: string | undefined): Promise<void> | undefined;
  leave(): void;
}

export interface ResourceOptions {
  readonly toStored?: ToStored;
  readonly lifecycle?: ResourceLifecycle;
  /** Present: objects go by themselves. */
  readonly expiry?: Expiry | undefined;
  /** Times requests to the datastore. Default: nobody does. */
  readonly timed?: Timed | undefined;
}

const LINE_END = Buffer.from('\n');

/**
 * One served kind bound to its storage: keys, reads from the watch cache, compare-and-swap writes. It knows no verbs and no rules; those are in
 * create.ts, update.ts, delete.ts, list.ts.
 */
export class Resource {
  readonly kind: Kind;
  readonly cache: WatchCache;
  readonly #store: Store;
  readonly #prefix: string;

  readonly #toStored: ToStored | undefined;
  readonly #lifecycle: ResourceLifecycle | undefined;
  readonly #expiry: Expiry | undefined;
  readonly timed: Timed;

  constructor(
    kind: Kind,
    cache: WatchCache,
    store: Store,
    { toStored, lifecycle, expiry, timed = untimed }: ResourceOptions = {},
  ) {
    this.kind = kind;
    this.cache = cache;
    this.#store = store;
    this.#prefix = cache.prefix;
    this.#toStored = toStored;
    this.#lifecycle = lifecycle;
    this.#expiry = expiry;
    this.timed = timed;
  }

  /** Runs what a request for the resource comes to, which may have to be waited for: custom resources come and go. `name` '': it is for all of them. */
  use<T>(namespace: string, name: string, run: () => T | Promise<T>): T | Promise<T> {
    const lifecycle = this.#lifecycle;
    if (lifecycle === undefined) return run();
    return (async () => {
      const ready = lifecycle.enter(name === '' ? undefined : this.key(namespace, name));
      try {
        if (ready !== undefined) await ready;
        return await run();
      } finally {
        lifecycle.leave();
      }
    })();
  }

  /** Objects are shown as they are stored. */
  get isStored(): boolean {
    return this.kind.storedAs === undefined;
  }

  key(namespace: string, name: string): string {
    return this.kind.namespaced ? `${this.prefix(namespace)}${toKey(name)}` : `${this.#prefix}${toKey(name)}`;
  }

  /** Prefix of all keys of a namespace; of all there are for ''. */
  prefix(namespace: string): string {
    return namespace === '' || !this.kind.namespaced ? this.#prefix : `${this.#prefix}${toKey(namespace)}/`;
  }

  get(namespace: string, name: string): Entry | undefined {
    return this.cache.get(this.key(namespace, name));
  }

  /** There is one of that name, readable or not. */
  has(namespace: string, name: string): boolean {
    return this.cache.has(this.key(namespace, name));
  }

  /** The object as this kind's version shows it. Shared: never write to it. */
  object(entry: Entry): KubeObject {
    const { storedAs } = this.kind;
    return storedAs === undefined ? entry.object : storedAs.fromStored(entry.object);
  }

  /** A field as a selector reads it: kept where the object is shown as it is stored. */
  readonly field = (entry: Entry, name: string, read: (object: KubeObject) => string): string =>
    this.kind.storedAs === undefined ? entry.field(name, read) : read(this.object(entry));

  /** {@link bytes} and a line's end, in pieces: an answer of its own, as Go's encoder writes it. */
  document(entry: Entry): readonly Buffer[] {
    return this.kind.storedAs === undefined
      ? [...entry.pieces(), LINE_END]
      : [Buffer.from(`${JSON.stringify(this.object(entry))}\n`)];
  }

  /** JSON of {@link object}. */
  bytes(entry: Entry): Buffer {
    return this.kind.storedAs === undefined ? entry.bytes() : Buffer.from(JSON.stringify(this.object(entry)));
  }

  /** It is to be written anew even if nothing changes, since it was written by another key than the first. */
  isStale(entry: Entry): boolean {
    return entry.writer !== this.cache.writer;
  }

  /** The entry an object would have if it were written now; for dry runs. */
  unwritten(object: KubeObject, current?: Entry): Entry {
    const { key, value, stored } = this.#encode(object);
    return new Entry(key, value, current?.revision ?? 0, stored);
  }

  /** Writes a new object. Undefined when there is one of that name. */
  async insert(object: KubeObject): Promise<Entry | undefined> {
    const { key, value, stored } = await this.#encoded(object);
    return await this.#put(key, value, stored, 0);
  }

  /** Replaces `current`. Undefined when it is no longer the newest. */
  async replace(current: Entry, object: KubeObject): Promise<Entry | undefined> {
    const { value, stored } = await this.#encoded(object);
    return await this.#put(current.key, value, stored, current.revision);
  }

  /** Removes `current`; returns it at the revision of its removal, undefined when it is no longer the newest. */
  async remove(current: Entry): Promise<Entry | undefined> {
    const { succeeded, revision } = await this.#txn('delete', {
      compare: [{ key: current.key, target: 'modRevision', result: '=', number: current.revision }],
      success: [{ type: 'delete', key: current.key }],
    });
    if (!succeeded) {
      await this.cache.settled();
      return undefined;
    }
    await this.cache.reached(revision);
    return new Entry(current.key, current.value, revision);
  }

  /** Built-in kinds are encoded at once. */
  #encoded(object: KubeObject): Encoded | Promise<Encoded> {
    if (this.#toStored === undefined) return this.#encode(object);
    const stored = this.#toStored(object);
    return stored instanceof Promise ? stored.then((made) => this.#encodedAs(made)) : this.#encodedAs(stored);
  }

  #encodedAs(stored: KubeObject): Encoded {
    const key = this.key(stored.metadata.namespace ?? '', stored.metadata.name);
    return { key, value: encodeStored(stored), stored };
  }

  #encode(object: KubeObject): Encoded {
    const { storedAs } = this.kind;
    const stored = storedAs === undefined ? object : storedAs.toStored(object);
    stored.apiVersion = apiVersionOf(storedAs?.kind ?? this.kind);
    stored.kind = (storedAs?.kind ?? this.kind).kind;
    return this.#encodedAs(stored);
  }

  async #put(key: string, value: Buffer, stored: KubeObject, expected: number): Promise<Entry | undefined> {
    const data = this.cache.encode(key, value, stored);
    const { writer } = this.cache;
    const { succeeded, revision } = await this.#write(key, data, expected);
    if (!succeeded) {
      await this.cache.settled();
      return undefined;
    }
    await this.cache.reached(revision);
    const cached = this.cache.get(key);
    if (cached?.revision === revision) return cached;
    const written = new Entry(key, value, revision, stored, writer);
    return this.#toStored === undefined ? written : (await this.cache.shown([written]))[0];
  }

  #write(key: string, value: Buffer, expected: number, lease?: number): ReturnType<Store['txn']> {
    if (this.#expiry !== undefined && lease === undefined)
      return this.#writeForAWhile(key, value, expected, this.#expiry);
    return this.#txn(expected === 0 ? 'create' : 'update', {
      compare: [{ key, target: 'modRevision', result: '=', number: expected }],
      success: [{ type: 'put', key, value, ...(lease === undefined ? {} : { lease }) }],
    });
  }

  /** The lease may be gone before its time: somebody revoked it, or this machine slept. */
  async #writeForAWhile(key: string, value: Buffer, expected: number, expiry: Expiry): ReturnType<Store['txn']> {
    try {
      return await this.#write(key, value, expected, await expiry.lease());
    } catch (error) {
      const cause = error instanceof StatusError ? error.cause : error;
      if (!(cause instanceof StoreError) || cause.code !== 'lease-not-found') throw error;
      expiry.forget();
      return await this.#write(key, value, expected, await expiry.lease());
    }
  }

  async #txn(operation: StorageOperation, request: TxnRequest): ReturnType<Store['txn']> {
    try {
      const result = await this.timed(operation, () => this.#store.txn(request));
      // Somebody else was quicker: the next try must see what they wrote.
      if (!result.succeeded) await this.#store.sync();
      return result;
    } catch (error) {
      throw storeFailure(error);
    }
  }
}

const untimed: Timed = (_operation, request) => request();

interface Encoded {
  readonly key: string;
  readonly value: Buffer;
  readonly stored: KubeObject;
}

/** What a client is told when the datastore refuses. Text of the full disk: etcd's own, since tools look for it. */
export function storeFailure(error: unknown): unknown {
  if (!(error instanceof StoreError)) return error;
  switch (error.code) {
    case 'no-space':
      return new StatusError('InternalError', `etcdserver: mvcc: database space exceeded: ${error.message}`, {
        cause: error,
      });
    case 'compacted':
      return new StatusError('Expired', 'The resourceVersion for the provided list is too old.', { cause: error });
    default:
      return new StatusError('ServiceUnavailable', `the datastore is not available: ${error.message}`, {
        cause: error,
      });
  }
}

/** Store keys are byte strings; almost every name is ASCII and stays as it is. */
function toKey(name: string): string {
  // oxlint-disable-next-line no-control-regex -- the ASCII range is what is meant
  return /^[\x00-\x7f]*$/.test(name) ? name : Buffer.from(name).toString('latin1');
}
