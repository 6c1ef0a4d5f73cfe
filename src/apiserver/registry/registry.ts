import { allKinds, type Kind, resourceText, servedKinds, StatusError } from '#api';
import type { Store } from '#store';
import type { Clock, Logger } from '#util';
import type { Transformers } from '../encryption/providers.ts';
import type { StorageMetrics } from '../metrics/storage.ts';
import { WatchCache } from '../watchcache/watchcache.ts';
import { Expiry } from './expiry.ts';
import { RangeAllocation } from './range.ts';
import { Resource } from './resource.ts';

const pathOf = ({ group, version, plural }: Kind): string => `${group}/${version}/${plural}`;

export interface CustomResources {
  readonly resources: readonly Resource[];
  /** Clients are told of them. */
  readonly listed: boolean;
}

/** What the server keeps for itself: nobody can ask for it. */
const internalKinds: readonly Kind[] = [RangeAllocation];

/** All served kinds with their storage: those built in, and custom ones as long as they are defined. Kinds that share a storage share its cache. */
export class Registry {
  readonly #resources = new Map<Kind, Resource>();
  readonly #byPath = new Map<string, Resource>();
  readonly #groups = new Set<string>();
  readonly #caches = new Map<string, WatchCache>();
  /** By how long objects are to last. */
  readonly #expiries = new Map<number, Expiry>();
  /** By the name of the definition. */
  readonly #custom = new Map<string, CustomResources>();
  #kinds: readonly Kind[] = servedKinds;

  constructor(
    store: Store,
    environment: {
      readonly clock: Clock;
      readonly log: Logger;
      readonly storageMetrics: StorageMetrics;
      readonly transformerOf?: Transformers | undefined;
    },
  ) {
    for (const { group } of servedKinds) this.#groups.add(group);
    const all = [...allKinds, ...internalKinds];
    for (const kind of all) {
      const storage = kind.storedAs?.kind ?? kind;
      const prefix = `/registry/${storage.storagePrefix ?? storage.plural}/`;
      let cache = this.#caches.get(prefix);
      if (cache === undefined) {
        const { transformerOf, ...common } = environment;
        const transformer = transformerOf?.({ group: storage.group, resource: storage.plural });
        const kinds = all.filter((own) => (own.storedAs?.kind ?? own) === storage);
        this.#caches.set(prefix, (cache = new WatchCache(store, prefix, { ...common, transformer, kinds })));
      }
      const resource = new Resource(kind, cache, store, {
        expiry: this.#expiryOf(storage, store, environment.clock),
        timed: environment.storageMetrics.of({ group: storage.group, resource: storage.plural }),
      });
      this.#resources.set(kind, resource);
      if (!internalKinds.includes(kind)) this.#byPath.set(pathOf(kind), resource);
    }
  }

  #expiryOf({ ttlSeconds }: Kind, store: Store, clock: Clock): Expiry | undefined {
    if (ttlSeconds === undefined) return undefined;
    let expiry = this.#expiries.get(ttlSeconds);
    if (expiry === undefined) this.#expiries.set(ttlSeconds, (expiry = new Expiry(store, clock, ttlSeconds)));
    return expiry;
  }

  /** Loads every cache. */
  async start(): Promise<void> {
    await Promise.all([...this.#caches.values()].map((cache) => cache.start()));
  }

  endWatches(): void {
    for (const cache of this.#allCaches()) cache.endWatches();
  }

  stop(): void {
    for (const cache of this.#allCaches()) cache.stop();
  }

  /** Every kind that is served, those that are not stored too. The same array as long as nothing changes. */
  get kinds(): readonly Kind[] {
    return this.#kinds;
  }

  /**
   * The kinds of one definition, in place of those it had; their caches are its own affair. Kinds that are not listed are served all the same. A path that
   * a built-in kind has stays its own.
   */
  setCustom(definition: string, { resources, listed }: CustomResources): void {
    for (const { kind } of this.#custom.get(definition)?.resources ?? []) this.#byPath.delete(pathOf(kind));
    const own = resources.filter(({ kind }) => !this.#byPath.has(pathOf(kind)));
    for (const resource of own) this.#byPath.set(pathOf(resource.kind), resource);
    if (own.length > 0) this.#custom.set(definition, { resources: own, listed });
    else this.#custom.delete(definition);
    const all = [...this.#custom.values()].filter((custom) => custom.listed);
    this.#kinds = [...servedKinds, ...all.flatMap((custom) => custom.resources.map(({ kind }) => kind))];
  }

  resource(kind: Kind): Resource {
    const found = this.#resources.get(kind) ?? this.find(kind.group, kind.version, kind.plural);
    if (found === undefined) throw new StatusError('NotFound', 'the server could not find the requested resource');
    return found;
  }

  find(group: string, version: string, plural: string): Resource | undefined {
    return this.#byPath.get(`${group}/${version}/${plural}`);
  }

  /** Whether any built-in kind is of the group: what is not there in one of custom resources is as if there were no group. */
  serves(group: string): boolean {
    return this.#groups.has(group);
  }

  /** Every version a kind is served in, its own among them. */
  versions(kind: Kind): Kind[] {
    const { cache } = this.resource(kind);
    const { group, plural } = kind;
    // Each version of a custom resource has a cache of its own; built-in kinds that are one share theirs.
    const isVersion = (other: Resource): boolean =>
      kind.custom === undefined ? other.cache === cache : other.kind.group === group && other.kind.plural === plural;
    return [...this.#byPath.values()].filter(isVersion).map((resource) => resource.kind);
  }

  /** Built-in resources whose cache does not follow the store. */
  get unsynced(): readonly string[] {
    const lost = [...this.#resources.values()].filter(({ cache }) => !cache.isSynced);
    return [...new Set(lost.map(({ kind }) => resourceText(kind)))];
  }

  /** Objects and watchers by kind, for metrics. */
  counts(): { resource: string; objects: number; watchers: number }[] {
    const caches = new Map<string, Set<WatchCache>>();
    for (const { kind, cache } of this.#byPath.values()) {
      const resource = resourceText(kind);
      const own = caches.get(resource);
      if (own === undefined) caches.set(resource, new Set([cache]));
      else own.add(cache);
    }
    // Each version of a custom resource has a cache of the same objects, and watchers of its own.
    return [...caches].map(([resource, own]) => ({
      resource,
      objects: Math.max(...[...own].map(({ size }) => size)),
      watchers: [...own].reduce((sum, { watchers }) => sum + watchers, 0),
    }));
  }

  *#allCaches(): Generator<WatchCache> {
    yield* this.#caches.values();
    for (const { resources } of this.#custom.values()) for (const { cache } of resources) yield cache;
  }
}
