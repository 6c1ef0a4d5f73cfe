import { allKinds, type Kind, StatusError } from '#api';
import type { Store } from '#store';
import type { Clock, Logger } from '#util';
import { WatchCache } from '../watchcache/watchcache.ts';
import { Resource } from './resource.ts';

/** All served kinds with their storage. Kinds that share a storage share its cache. */
export class Registry {
  readonly #resources = new Map<Kind, Resource>();
  readonly #byPath = new Map<string, Resource>();
  readonly #groups = new Set<string>();
  readonly #caches = new Map<string, WatchCache>();

  constructor(store: Store, environment: { readonly clock: Clock; readonly log: Logger }) {
    for (const kind of allKinds) {
      const storage = kind.storedAs?.kind ?? kind;
      const prefix = `/registry/${storage.storagePrefix ?? storage.plural}/`;
      let cache = this.#caches.get(prefix);
      if (cache === undefined) this.#caches.set(prefix, (cache = new WatchCache(store, prefix, environment)));
      const resource = new Resource(kind, cache, store);
      this.#resources.set(kind, resource);
      this.#groups.add(kind.group);
      this.#byPath.set(`${kind.group}/${kind.version}/${kind.plural}`, resource);
    }
  }

  /** Loads every cache. */
  async start(): Promise<void> {
    await Promise.all([...this.#caches.values()].map((cache) => cache.start()));
  }

  endWatches(): void {
    for (const cache of this.#caches.values()) cache.endWatches();
  }

  stop(): void {
    for (const cache of this.#caches.values()) cache.stop();
  }

  resource(kind: Kind): Resource {
    const found = this.#resources.get(kind) ?? this.find(kind.group, kind.version, kind.plural);
    if (found === undefined) throw new StatusError('NotFound', 'the server could not find the requested resource');
    return found;
  }

  find(group: string, version: string, plural: string): Resource | undefined {
    return this.#byPath.get(`${group}/${version}/${plural}`);
  }

  /** Whether any kind of the group is served. */
  serves(group: string): boolean {
    return this.#groups.has(group);
  }

  /** Objects and watchers by kind, for metrics. */
  counts(): { resource: string; objects: number; watchers: number }[] {
    return [...this.#resources.values()].map(({ kind, cache }) => ({
      resource: kind.group === '' ? kind.plural : `${kind.plural}.${kind.group}`,
      objects: cache.size,
      watchers: cache.watchers,
    }));
  }
}
