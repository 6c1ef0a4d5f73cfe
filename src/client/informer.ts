import { apiVersionOf, keyOf, type Kind, type KubeObject, type WatchEvent } from '#api';
import type { Clock, Logger } from '#util';
import { Indexer } from './indexer.ts';
import { Reflector } from './reflector.ts';
import type { Client, Informer, InformerEvent, InformerOptions, Informers } from './types.ts';

/** Longest stretch the cache may keep the event loop busy before it lets others go first. */
const SLICE_MS = 10;
/** Events between two looks at the clock. */
const SLICE_EVENTS = 64;

export interface InformersOptions {
  readonly client: Client;
  readonly clock: Clock;
  /** In [0,1). */
  readonly random: () => number;
  readonly log: Logger;
}

/** The informers of one process. They run until the signal given to `start` aborts. */
export function newInformers(options: InformersOptions): Informers {
  const informers = new Map<string, SharedInformer<KubeObject>>();
  let running: AbortSignal | undefined;

  const informer = <T extends KubeObject>(kind: Kind<T>, selector: InformerOptions = {}): Informer<T> => {
    const { namespace, labelSelector, fieldSelector, metadataOnly } = selector;
    const id = (own: boolean): string => idOf(kind, { namespace, labelSelector, fieldSelector }, own);
    const known = informers.get(id(false)) ?? (metadataOnly === true ? informers.get(id(true)) : undefined);
    // The map is keyed by kind, so what it holds for this kind is an informer of T.
    if (known !== undefined) return known as unknown as Informer<T>;
    const made = new SharedInformer<T>({ ...options, kind, selector });
    informers.set(id(metadataOnly === true), made as unknown as SharedInformer<KubeObject>);
    if (running !== undefined) made.start(running);
    return made;
  };

  return {
    informer,
    forget(kind, { namespace, labelSelector, fieldSelector, metadataOnly = false } = {}) {
      const id = idOf(kind, { namespace, labelSelector, fieldSelector }, metadataOnly);
      informers.get(id)?.stop();
      informers.delete(id);
    },
    async start({ signal }) {
      running = signal;
      const all = [...informers.values()];
      for (const each of all) each.start(signal);
      await Promise.all(all.map((each) => each.whenSynced({ signal })));
    },
  };
}

const idOf = (
  { group, version, plural }: Pick<Kind, 'group' | 'version' | 'plural'>,
  { namespace, labelSelector, fieldSelector }: InformerOptions,
  metadataOnly: boolean,
): string => JSON.stringify([group, version, plural, namespace, labelSelector, fieldSelector, metadataOnly]);

type Handler<T> = (event: InformerEvent<T>) => void;

interface SharedInformerOptions<T extends KubeObject> extends InformersOptions {
  readonly kind: Kind<T>;
  readonly selector: InformerOptions;
}

/**
 * A cache and those who listen to it. What arrives is applied and told to every handler in order; long work (a first list of a hundred
 * thousand objects) is cut into slices so that the process stays responsive.
 */
class SharedInformer<T extends KubeObject> implements Informer<T> {
  readonly kind: Kind<T>;
  readonly #options: SharedInformerOptions<T>;
  readonly #cache = new Indexer<T>();
  readonly #handlers = new Set<Handler<T>>();
  /** Not yet applied; the first generator is under way. */
  readonly #work: Generator<void>[] = [];
  /** Told when the cache is synced. */
  readonly #waiters = new Set<() => void>();
  #draining = false;
  #synced = false;
  #started = false;
  readonly #stop = new AbortController();

  constructor(options: SharedInformerOptions<T>) {
    this.kind = options.kind;
    this.#options = options;
  }

  get synced(): boolean {
    return this.#synced;
  }

  get(key: string): T | undefined {
    return this.#cache.get(key);
  }

  list(namespace?: string): readonly T[] {
    return this.#cache.list(namespace);
  }

  byIndex(name: string, value: string): readonly T[] {
    return this.#cache.byIndex(name, value);
  }

  controlledBy(uid: string): readonly T[] {
    return this.#cache.controlledBy(uid);
  }

  addIndex(name: string, valuesOf: (object: T) => readonly string[]): void {
    if (this.#started) throw new Error(`index "${name}" of ${this.kind.kind} comes after the start of the informer`);
    this.#cache.addIndex(name, valuesOf);
  }

  addHandler(handler: Handler<T>): Disposable {
    this.#handlers.add(handler);
    for (const object of this.#cache.list()) this.#tell(handler, { type: 'add', object });
    return { [Symbol.dispose]: () => void this.#handlers.delete(handler) };
  }

  whenSynced({ signal }: { signal?: AbortSignal | undefined } = {}): Promise<void> {
    if (this.#synced) return Promise.resolve();
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) return reject(signal.reason);
      const onAbort = (): void => {
        this.#waiters.delete(onSynced);
        reject(signal?.reason);
      };
      const onSynced = (): void => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      };
      this.#waiters.add(onSynced);
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  start(signal: AbortSignal): void {
    if (this.#started) return;
    this.#started = true;
    const reflector = new Reflector<T>({
      ...this.#options,
      sink: {
        replace: (objects) => this.#enqueue(this.#replace(objects)),
        apply: (changes) => this.#enqueue(this.#apply(changes)),
      },
    });
    void reflector.run({ signal: AbortSignal.any([signal, this.#stop.signal]) });
  }

  stop(): void {
    this.#stop.abort(new Error('the informer is not needed any more'));
  }

  *#replace(objects: readonly T[]): Generator<void> {
    const gone = new Set(this.#cache.keys());
    for (const object of objects) {
      gone.delete(keyOf(object));
      this.#upsert(object);
      yield;
    }
    for (const key of gone) {
      this.#remove(key);
      yield;
    }
    this.#synced = true;
    for (const tell of this.#waiters) tell();
    this.#waiters.clear();
  }

  *#apply(changes: readonly WatchEvent<T>[]): Generator<void> {
    for (const { type, object } of changes) {
      if (type === 'DELETED') this.#remove(keyOf(object), object);
      else this.#upsert(object);
      yield;
    }
  }

  #upsert(received: T): void {
    const key = keyOf(received);
    let old = this.#cache.get(key);
    if (old !== undefined && old.metadata.uid !== received.metadata.uid) {
      // Deleted and made again while we were away: that is a new object under an old name.
      this.#remove(key);
      old = undefined;
    }
    if (old?.metadata.resourceVersion === received.metadata.resourceVersion && old !== undefined) return;
    const object = this.#options.selector.metadataOnly === true ? metadataOf(received, this.kind) : received;
    this.#cache.set(object);
    this.#tellAll(old === undefined ? { type: 'add', object } : { type: 'update', object, old });
  }

  /** `last` is the object as it was when it was deleted, where that is known. */
  #remove(key: string, last?: T): void {
    const cached = this.#cache.delete(key);
    if (cached === undefined) return;
    const object = last === undefined || this.#options.selector.metadataOnly === true ? cached : last;
    this.#tellAll({ type: 'delete', object });
  }

  #tellAll(event: InformerEvent<T>): void {
    for (const handler of this.#handlers) this.#tell(handler, event);
  }

  #tell(handler: Handler<T>, event: InformerEvent<T>): void {
    try {
      handler(event);
    } catch (error) {
      this.#options.log.error('informer handler failed', { kind: this.kind.kind, key: keyOf(event.object), error });
    }
  }

  #enqueue(work: Generator<void>): void {
    this.#work.push(work);
    if (!this.#draining) this.#drain();
  }

  #drain(): void {
    this.#draining = true;
    const { clock } = this.#options;
    const until = clock.monotonic() + SLICE_MS;
    for (let n = 1; this.#work.length > 0; n++) {
      if (this.#work[0]?.next().done === true) this.#work.shift();
      if (n % SLICE_EVENTS !== 0 || clock.monotonic() < until) continue;
      setImmediate(() => this.#drain());
      return;
    }
    this.#draining = false;
  }
}

function metadataOf<T extends KubeObject>(object: T, kind: Kind<T>): T {
  const { metadata } = object;
  // Whoever asks for metadataOnly reads nothing else; the type cannot say so without a second informer interface.
  return { apiVersion: apiVersionOf(kind), kind: kind.kind, metadata } as T;
}
