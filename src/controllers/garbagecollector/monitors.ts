import { apiVersionOf, CustomResourceDefinition, type Kind, type KubeObject } from '#api';
import type { Informer, InformerEvent, Informers } from '#client';
import { customKindOf } from '../common/custom-kinds.ts';

/** What changes of a kind's objects are told to. */
export type Observe = (kind: Kind, event: InformerEvent<KubeObject>) => void;

interface Monitor {
  readonly kind: Kind;
  readonly informer: Informer<KubeObject>;
  readonly handle: Disposable;
}

const METADATA = { metadataOnly: true } as const;
const pathOf = (kind: Kind): string => `${apiVersionOf(kind)}/${kind.plural}/${kind.kind}`;

/**
 * Every kind that may own or be owned, with the metadata of its objects: those built in for good, custom ones as long as they are defined.
 * Source: resyncMonitors in pkg/controller/garbagecollector/graph_builder.go v1.36.
 */
export class Monitors {
  readonly #informers: Informers;
  readonly #definitions: Informer<CustomResourceDefinition>;
  readonly #caches = new Map<Kind, Informer<KubeObject>>();
  readonly #byReference = new Map<string, Kind>();
  readonly #byName = new Map<string, Kind>();
  /** By the name of the definition. */
  readonly #custom = new Map<string, Monitor>();
  /** Items that name an owner of a kind nobody knew, by that kind. */
  readonly #waiting = new Map<string, Set<string>>();

  constructor(kinds: readonly Kind[], informers: Informers) {
    this.#informers = informers;
    this.#definitions = informers.informer(CustomResourceDefinition);
    for (const kind of kinds) this.#add(kind, informers.informer(kind, METADATA));
  }

  /** By group and kind, as owner references name them. */
  byReference(group: string, kind: string): Kind | undefined {
    return this.#byReference.get(`${group}/${kind}`);
  }

  /** By `plural.version.group`. */
  byName(name: string): Kind | undefined {
    return this.#byName.get(name);
  }

  get(kind: Kind, key: string): KubeObject | undefined {
    return this.#caches.get(kind)?.get(key);
  }

  /** Has no strategic merge patch. */
  isCustom(kind: Kind): boolean {
    return this.#custom.values().some((monitor) => monitor.kind === kind);
  }

  /** The item gets another look when the kind of its owner is known. */
  awaitKind(group: string, kind: string, itemKey: string): void {
    const name = `${group}/${kind}`;
    const items = this.#waiting.get(name);
    if (items === undefined) this.#waiting.set(name, new Set([itemKey]));
    else items.add(itemKey);
  }

  /** Brings the monitor of a definition in line with what it says now. Resolves with the items that waited for its kind. */
  async follow(name: string, observe: Observe, { signal }: { signal: AbortSignal }): Promise<Iterable<string>> {
    const definition = this.#definitions.get(name);
    const wanted = definition === undefined ? undefined : customKindOf(definition);
    const known = this.#custom.get(name);
    if (known !== undefined && (wanted === undefined || pathOf(known.kind) !== pathOf(wanted))) {
      this.#remove(known, observe);
      this.#custom.delete(name);
    }
    // A kind that is built in keeps its own monitor.
    if (wanted === undefined || this.#custom.has(name) || this.#byName.has(nameOf(wanted))) return [];
    const informer = this.#informers.informer(wanted, METADATA);
    this.#add(wanted, informer);
    const handle = informer.addHandler((event) => observe(wanted, event));
    this.#custom.set(name, { kind: wanted, informer, handle });
    await informer.whenSynced({ signal });
    const reference = `${wanted.group}/${wanted.kind}`;
    const items = this.#waiting.get(reference) ?? [];
    this.#waiting.delete(reference);
    return items;
  }

  #add(kind: Kind, informer: Informer<KubeObject>): void {
    this.#caches.set(kind, informer);
    this.#byReference.set(`${kind.group}/${kind.kind}`, kind);
    this.#byName.set(nameOf(kind), kind);
  }

  #remove({ kind, informer, handle }: Monitor, observe: Observe): void {
    handle[Symbol.dispose]();
    for (const object of informer.list()) observe(kind, { type: 'delete', object });
    this.#informers.forget(kind, METADATA);
    this.#caches.delete(kind);
    this.#byReference.delete(`${kind.group}/${kind.kind}`);
    this.#byName.delete(nameOf(kind));
  }
}

const nameOf = (kind: Kind): string => `${kind.plural}.${kind.version}.${kind.group}`;
