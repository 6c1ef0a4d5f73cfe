import type { Kind, KubeObject } from '#api';
import type { Client } from '#client';
import { backoffMs, type Clock, type Logger, messageOf, sleep } from '#util';

/** One object that is being watched because somebody refers to it. */
interface Entry<T> {
  readonly namespace: string;
  readonly name: string;
  users: number;
  object: T | undefined;
  /** Resolves once it is known whether the object exists. */
  readonly known: PromiseWithResolvers<void>;
  readonly stop: AbortController;
}

/** The right to read an object until it is disposed. */
export interface ObjectHandle<T> extends Disposable {
  /** The object; undefined when there is none. Waits only until the API has answered once. */
  get(options: { signal: AbortSignal }): Promise<T | undefined>;
}

const INITIAL_EVENTS_END = 'k8s.io/initial-events-end';

/**
 * The ConfigMaps or Secrets that the pods of this node refer to, each by a watch of its own (the node may not list them all), shared by
 * all who ask. Source: pkg/kubelet/util/manager/watch_based_manager.go v1.36.
 */
export class ObjectCache<T extends KubeObject> {
  readonly #client: Client;
  readonly #kind: Kind<T>;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #random: () => number;
  readonly #entries = new Map<string, Entry<T>>();
  readonly #onChange: (namespace: string, name: string) => void;

  constructor(options: {
    client: Client;
    kind: Kind<T>;
    clock: Clock;
    log: Logger;
    random: () => number;
    /** Called when an object appears, changes or goes. */
    onChange: (namespace: string, name: string) => void;
  }) {
    this.#client = options.client;
    this.#kind = options.kind;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#random = options.random;
    this.#onChange = options.onChange;
  }

  acquire(namespace: string, name: string): ObjectHandle<T> {
    const key = `${namespace}/${name}`;
    const entry = this.#entries.get(key) ?? this.#start(key, namespace, name);
    entry.users++;
    let held = true;
    return {
      get: async ({ signal }) => {
        await raceAbort(entry.known.promise, signal);
        return entry.object;
      },
      [Symbol.dispose]: () => {
        if (!held) return;
        held = false;
        if (--entry.users > 0) return;
        entry.stop.abort(new Error('no longer referred to'));
        if (this.#entries.get(key) === entry) this.#entries.delete(key);
      },
    };
  }

  #start(key: string, namespace: string, name: string): Entry<T> {
    const entry: Entry<T> = {
      namespace,
      name,
      users: 0,
      object: undefined,
      known: Promise.withResolvers(),
      stop: new AbortController(),
    };
    this.#entries.set(key, entry);
    void this.#follow(entry);
    return entry;
  }

  async #follow(entry: Entry<T>): Promise<void> {
    const { signal } = entry.stop;
    for (let failures = 0; !signal.aborted;) {
      try {
        await this.#watchOnce(entry, signal);
        failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        failures++;
        this.#log.warn('watch of a referenced object ended', {
          kind: this.#kind.kind,
          namespace: entry.namespace,
          name: entry.name,
          error: messageOf(error),
        });
      }
      const delayMs = backoffMs(failures, { baseMs: 200, maxMs: 10_000, jitter: 0.5, random: this.#random });
      await sleep(this.#clock, delayMs, { signal }).catch(() => {}); // aborted: the loop ends
    }
  }

  #watchOnce(entry: Entry<T>, signal: AbortSignal): Promise<void> {
    // A new watch tells first what there is: an object it does not name before the bookmark is gone.
    let initial = true;
    let seen = false;
    return this.#client.watch(this.#kind, {
      namespace: entry.namespace,
      fieldSelector: `metadata.name=${entry.name}`,
      sendInitialEvents: true,
      signal,
      onEvents: (events) => {
        for (const { type, object } of events) {
          if (type === 'BOOKMARK') {
            if (!initial || object.metadata.annotations?.[INITIAL_EVENTS_END] !== 'true') continue;
            initial = false;
            if (!seen) this.#set(entry, undefined);
            entry.known.resolve();
          } else {
            seen = true;
            this.#set(entry, type === 'DELETED' ? undefined : (object as T));
          }
        }
      },
    });
  }

  #set(entry: Entry<T>, object: T | undefined): void {
    const before = entry.object?.metadata.resourceVersion;
    if (before === object?.metadata.resourceVersion) return;
    entry.object = object;
    this.#onChange(entry.namespace, entry.name);
  }
}

/** Rejects with the signal's reason if it aborts first; leaves no listener behind. */
function raceAbort(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason as Error);
    const onAbort = (): void => reject(signal.reason as Error);
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
