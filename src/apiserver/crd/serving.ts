/**
 * A definition in service: its versions compiled, a resource for each that is served, conversion between them. It lasts as long as the spec and the
 * accepted names say the same. Source: crdInfo of apiextensions-apiserver pkg/apiserver/customresource_handler.go v0.36.
 */
import {
  apiVersionOf,
  type CustomResourceDefinition,
  deepClone,
  equalValues,
  type KubeObject,
  StatusError,
} from '#api';
import type { Store } from '#store';
import type { Clock, Logger } from '#util';
import type { Transformers } from '../encryption/providers.ts';
import type { StorageMetrics } from '../metrics/storage.ts';
import { LARGE_BYTES, Pace } from '../registry/pace.ts';
import { Resource } from '../registry/resource.ts';
import { encodeStored, Entry } from '../watchcache/entry.ts';
import type { Viewed } from '../watchcache/viewer.ts';
import { WatchCache } from '../watchcache/watchcache.ts';
import type { ServiceResolver } from '../webhook/resolver.ts';
import { conversionError, convertByName, type Converted, type Converter, newWebhookConverter } from './convert.ts';
import { customKind } from './kind.ts';
import { type CompiledVersion, compileVersion } from './version.ts';
import { newConversionWebhook } from './webhook.ts';

export interface ServingEnvironment {
  readonly store: Store;
  readonly storageMetrics: StorageMetrics;
  readonly clock: Clock;
  readonly log: Logger;
  readonly newUid: () => string;
  readonly resolve: ServiceResolver;
  /** How the values of a resource are kept in the store. */
  readonly transformerOf: Transformers;
}

/** Watches end this long after their definition has changed, and what else is under way has its time. Source: tearDown. */
const DRAIN_MS = 1000;

type JsonObject = Record<string, unknown>;

export class Serving {
  readonly #definition: CustomResourceDefinition;
  readonly #environment: ServingEnvironment;
  readonly #versions = new Map<string, CompiledVersion>();
  readonly #caches = new Map<string, Lifecycle>();
  readonly #storageVersion: string;
  readonly #converter: Converter;

  constructor(definition: CustomResourceDefinition, environment: ServingEnvironment) {
    this.#definition = definition;
    this.#environment = environment;
    const { spec } = definition;
    for (const version of spec.versions) this.#versions.set(version.name, compileVersion(version));
    this.#storageVersion = spec.versions.find(({ storage }) => storage)!.name;
    const webhook = spec.conversion?.strategy === 'Webhook' ? spec.conversion.webhook : undefined;
    this.#converter =
      webhook === undefined ? convertByName : newWebhookConverter(newConversionWebhook(webhook, environment));
    const prefix = `/registry/${spec.group}/${this.#plural}/`;
    for (const [name, version] of this.#versions) {
      const cache = new WatchCache(environment.store, prefix, {
        ...environment,
        transformer: environment.transformerOf({ group: spec.group, resource: this.#plural }),
        view: (stored) => this.#view(stored, version),
      });
      this.#caches.set(name, new Lifecycle(cache));
    }
  }

  get #plural(): string {
    return (this.#definition.status.acceptedNames ?? this.#definition.spec.names).plural;
  }

  /** Whether it still does for what a definition has become. */
  fits({ metadata, spec, status }: CustomResourceDefinition): boolean {
    const own = this.#definition;
    return (
      metadata.uid === own.metadata.uid &&
      equalValues(spec, own.spec) &&
      equalValues(status.acceptedNames, own.status.acceptedNames)
    );
  }

  /** The resources of all versions that are served, as the definition's conditions want them. */
  resources(definition: CustomResourceDefinition): Resource[] {
    return definition.spec.versions.filter(({ served }) => served).map(({ name }) => this.#resource(definition, name));
  }

  /** Where objects are as they are stored. */
  stored(definition: CustomResourceDefinition): Resource {
    return this.#resource(definition, this.#storageVersion);
  }

  #resource(definition: CustomResourceDefinition, name: string): Resource {
    const version = this.#versions.get(name)!;
    const lifecycle = this.#caches.get(name)!;
    const convert = (object: KubeObject, apiVersion: string): KubeObject | Promise<KubeObject> =>
      this.#convert(object, apiVersion);
    const kind = customKind({
      definition,
      version,
      storageVersion: this.#storageVersion,
      clock: this.#environment.clock,
      convert,
    });
    const toStored =
      name === this.#storageVersion
        ? (object: KubeObject) => object
        : (object: KubeObject) => this.#convert(object, this.#apiVersion(this.#storageVersion));
    return new Resource(kind, lifecycle.cache, this.#environment.store, {
      toStored,
      lifecycle,
      timed: this.#environment.storageMetrics.of({ group: kind.group, resource: kind.plural }),
    });
  }

  /** Ends the watches soon, and everything else when nobody uses it any more. */
  retire(): void {
    this.#environment.clock.after(DRAIN_MS, () => {
      for (const lifecycle of this.#caches.values()) lifecycle.retire();
    });
  }

  stop(): void {
    for (const { cache } of this.#caches.values()) cache.stop();
  }

  #apiVersion(version: string): string {
    return apiVersionOf({ group: this.#definition.spec.group, version });
  }

  #versionOf(apiVersion: string): CompiledVersion | undefined {
    const { group } = this.#definition.spec;
    return apiVersion.startsWith(`${group}/`) ? this.#versions.get(apiVersion.slice(group.length + 1)) : undefined;
  }

  /** One object, a private copy, in another version. */
  #convert(object: KubeObject, apiVersion: string): KubeObject | Promise<KubeObject> {
    if (object.apiVersion === apiVersion) return object;
    const target = this.#versionOf(apiVersion);
    if (target === undefined) throw conversionError(`request to convert CR to an invalid group/version: ${apiVersion}`);
    const { resourceVersion: _, ...metadata } = object.metadata;
    const source = { ...object, metadata } as KubeObject;
    const taken = ([converted]: readonly Converted[]): KubeObject => {
      const made = readConverted(converted!, target);
      if (made instanceof StatusError) throw made;
      return made;
    };
    const converted = this.#converter([source], apiVersion);
    return converted instanceof Promise ? converted.then(taken) : taken(converted);
  }

  /** What stored entries are in a version: read by the schema they were written in, with its defaults, converted, and read by their new schema. */
  #view(stored: readonly Entry[], target: CompiledVersion): readonly Viewed[] | Promise<readonly Viewed[]> {
    let bytes = 0;
    for (const { value } of stored) bytes += value.length;
    if (bytes > LARGE_BYTES) return this.#viewInTurns(stored, target);
    const read = stored.map((entry) => this.#readStored(entry));
    const show = (converted: Conversions): Viewed[] =>
      stored.map((entry, i) => shownIn(target, entry, read[i]!, converted));
    const converted = this.#convertAll(read, target);
    return converted instanceof Promise ? converted.then(show) : show(converted);
  }

  /** The same of much: others have their turn in between. */
  async #viewInTurns(stored: readonly Entry[], target: CompiledVersion): Promise<readonly Viewed[]> {
    const pace = new Pace(this.#environment.clock);
    const read: Converted[] = [];
    for (const entry of stored) {
      read.push(this.#readStored(entry));
      if (pace.due) await pace.turn();
    }
    const converted = await this.#convertAll(read, target);
    const shown: Viewed[] = [];
    for (const [i, entry] of stored.entries()) {
      shown.push(shownIn(target, entry, read[i]!, converted));
      if (pace.due) await pace.turn();
    }
    return shown;
  }

  /** Those of another version, in the target's. */
  #convertAll(read: readonly Converted[], target: CompiledVersion): Conversions | Promise<Conversions> {
    const apiVersion = this.#apiVersion(target.name);
    const foreign = read.filter(
      (own): own is KubeObject => !(own instanceof StatusError) && own.apiVersion !== apiVersion,
    );
    if (foreign.length === 0) return NOTHING_CONVERTED;
    const paired = (made: readonly Converted[]): Conversions =>
      new Map(foreign.map((object, i): [KubeObject, Converted] => [object, made[i]!]));
    const converted = this.#converter(foreign, apiVersion);
    return converted instanceof Promise ? converted.then(paired) : paired(converted);
  }

  /** A private copy, without resourceVersion. */
  #readStored(entry: Entry): Converted {
    const object = deepClone(entry.object);
    delete (object.metadata as Partial<KubeObject['metadata']>).resourceVersion;
    const version = this.#versionOf(object.apiVersion);
    if (version === undefined)
      return conversionError(`request to convert CR from an invalid group/version: ${object.apiVersion}`);
    try {
      version.read(object as unknown as JsonObject, { fromStore: true });
    } catch (error) {
      return conversionError((error as Error).message);
    }
    object.metadata.generation ??= 1;
    version.defaults(object);
    return object;
  }
}

/** What became of objects that were converted. */
type Conversions = ReadonlyMap<KubeObject, Converted>;

const NOTHING_CONVERTED: Conversions = new Map();

function shownIn(target: CompiledVersion, entry: Entry, read: Converted, converted: Conversions): Viewed {
  if (read instanceof StatusError) return read;
  const other = converted.get(read);
  if (other === undefined) return shownAs(entry, read);
  const made = readConverted(other, target);
  return made instanceof StatusError ? made : shownAs(entry, made);
}

/** What conversion made, by its own schema. */
function readConverted(object: Converted, version: CompiledVersion): Converted {
  if (object instanceof StatusError) return object;
  try {
    version.read(object as unknown as JsonObject, {});
    return object;
  } catch (error) {
    return conversionError((error as Error).message);
  }
}

/** The entry itself where it says the same. */
function shownAs(entry: Entry, object: KubeObject): Entry {
  const { resourceVersion: _, ...metadata } = entry.object.metadata;
  if (equalValues(object, { ...entry.object, metadata })) return entry;
  return new Entry(entry.key, encodeStored(object), entry.revision, object, entry.writer);
}

/** A cache that starts when somebody asks for it, and stops when nobody does after its time is over. */
class Lifecycle {
  readonly cache: WatchCache;
  #started: Promise<void> | undefined;
  #isStarted = false;
  #users = 0;
  #retired = false;

  constructor(cache: WatchCache) {
    this.cache = cache;
  }

  /** Before a request looks at anything; `key` as of WatchCache.settled. Undefined: it may at once. */
  enter(key: string | undefined): Promise<void> | undefined {
    this.#users++;
    return this.#isStarted ? this.cache.settled(key) : this.#start(key);
  }

  leave(): void {
    this.#users--;
    if (this.#retired && this.#users === 0) this.cache.stop();
  }

  retire(): void {
    this.#retired = true;
    this.cache.endWatches();
    if (this.#users === 0) this.cache.stop();
  }

  async #start(key: string | undefined): Promise<void> {
    this.#started ??= this.cache.start().then(() => void (this.#isStarted = true));
    try {
      await this.#started;
    } catch (error) {
      this.#started = undefined;
      throw error;
    }
    await this.cache.settled(key);
  }
}
