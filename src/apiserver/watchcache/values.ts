import { internalError, type Kind, type KubeObject, StatusError } from '#api';
import type { KeyValue, StoreEvent } from '#store';
import { identity, type ValueTransformer } from '../encryption/transformer.ts';
import { Entry } from './entry.ts';
import { isOwn, readForeign } from './foreign.ts';

/** What this process wrote, and what it was made of. */
interface Written {
  readonly value: Buffer;
  readonly writer: string;
  readonly object: KubeObject;
}

interface Unreadable {
  readonly kv: KeyValue;
  readonly cause: unknown;
}

export interface ReadEvents {
  /** A put that cannot be read stands here as the removal of what was: nobody may watch by then. */
  readonly events: readonly StoreEvent[];
  /** Of the puts, in order. */
  readonly entries: readonly Entry[];
  readonly failure: StatusError | undefined;
}

/** The values of one cache between the store and its entries. What cannot be read is kept aside and said to whoever asks for it. */
export class Values {
  readonly #transformer: ValueTransformer;
  readonly #kinds: readonly Kind[];
  /** By the bytes in the store. Once it is in an entry, the entry's own cache says how long the parsed form stays. */
  readonly #written = new WeakMap<Buffer, Written>();
  readonly #unreadable = new Map<string, Unreadable>();
  /** Of the transformer, when the unreadable were last tried. */
  #tried: number | undefined;

  /** `kinds`: as of {@link readForeign}; the list may grow until the first value is read. */
  constructor(transformer: ValueTransformer = identity, kinds: readonly Kind[] = []) {
    this.#transformer = transformer;
    this.#kinds = kinds;
  }

  get writer(): string {
    return this.#transformer.writer;
  }

  encode(key: string, value: Buffer, object: KubeObject): Buffer {
    let data: Buffer;
    try {
      data = this.#transformer.toStorage(value, key);
    } catch (error) {
      throw internalError(error);
    }
    this.#written.set(data, { value, object, writer: this.#transformer.writer });
    return data;
  }

  /** Undefined: it cannot be read, and is kept aside. */
  read(kv: KeyValue): Entry | undefined {
    const read = this.#entry(kv);
    if (read instanceof Entry) {
      if (this.#unreadable.size > 0) this.#unreadable.delete(kv.key);
      return read;
    }
    this.#unreadable.set(kv.key, read);
    return undefined;
  }

  /** Of a list. */
  readOrThrow(kv: KeyValue): Entry {
    const read = this.#entry(kv);
    if (read instanceof Entry) return read;
    throw ofList(kv.key, read.cause);
  }

  readEvents(events: readonly StoreEvent[]): ReadEvents {
    const entries: Entry[] = [];
    let failure: StatusError | undefined;
    const readable = events.map((event): StoreEvent => {
      const { type, kv } = event;
      if (type === 'delete') {
        if (this.#unreadable.size > 0) this.#unreadable.delete(kv.key);
        return event;
      }
      const entry = this.read(kv);
      if (entry !== undefined) {
        entries.push(entry);
        return event;
      }
      failure ??= ofList(kv.key, this.#unreadable.get(kv.key)!.cause);
      return { type: 'delete', kv };
    });
    return { events: failure === undefined ? events : readable, entries, failure };
  }

  get anyUnreadable(): boolean {
    return this.#unreadable.size > 0;
  }

  isUnreadable(key: string): boolean {
    return this.#unreadable.has(key);
  }

  forgetUnreadable(): void {
    this.#unreadable.clear();
  }

  /** What can be read by now, since there are other keys. */
  readAgain(): Entry[] {
    const { generation } = this.#transformer;
    if (generation === this.#tried) return [];
    this.#tried = generation;
    const entries: Entry[] = [];
    for (const { kv } of this.#unreadable.values()) {
      const read = this.#entry(kv);
      if (!(read instanceof Entry)) continue;
      this.#unreadable.delete(kv.key);
      entries.push(read);
    }
    return entries;
  }

  /** Throws why the value of that key cannot be read. Source: etcd3 store.go Get v1.36. */
  check(key: string): void {
    const own = this.#unreadable.get(key);
    if (own !== undefined) throw internalError(own.cause);
  }

  /** Throws why a value below the prefix cannot be read. Source: etcd3 store.go GetList v1.36. */
  checkAll(prefix: string): void {
    for (const [key, { cause }] of this.#unreadable) if (key.startsWith(prefix)) throw ofList(key, cause);
  }

  #entry(kv: KeyValue): Entry | Unreadable {
    const { key, value: data, modRevision } = kv;
    const written = this.#written.get(data);
    if (written !== undefined) {
      this.#written.delete(data);
      return new Entry(key, written.value, modRevision, written.object, written.writer);
    }
    try {
      const { value, writer } = this.#transformer.fromStorage(data, key);
      if (isOwn(value)) return new Entry(key, value, modRevision, undefined, writer);
      // Upstream compares the bytes of what it would write, so that what is in another form is written anew with nothing changed.
      return new Entry(key, readForeign(value, this.#kinds), modRevision, undefined, `foreign ${writer}`);
    } catch (cause) {
      return { kv, cause };
    }
  }
}

const ofList = (key: string, cause: unknown): StatusError =>
  internalError(new Error(`unable to transform key ${JSON.stringify(key)}: ${(cause as Error).message}`, { cause }));
