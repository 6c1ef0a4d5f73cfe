import { keyOf, type KubeObject } from '#api';
import type { Lister } from './types.ts';

type ValuesOf<T> = (object: T) => readonly string[];

interface Index<T> {
  readonly valuesOf: ValuesOf<T>;
  readonly byValue: Map<string, Set<T>>;
}

/** uid of the owner that controls the object, if one does. Source: metav1.GetControllerOf. */
export const controllerUidOf = ({ metadata }: KubeObject): string | undefined =>
  metadata.ownerReferences?.find((owner) => owner.controller === true)?.uid;

const byNamespace = ({ metadata }: KubeObject): readonly string[] => [metadata.namespace ?? ''];
const byController = (object: KubeObject): readonly string[] => {
  const uid = controllerUidOf(object);
  return uid === undefined ? [] : [uid];
};

/**
 * Objects by key, with indexes kept up to date. The indexes by namespace and by controller cost memory for each object, so each is
 * made when somebody first asks for it.
 */
export class Indexer<T extends KubeObject> implements Lister<T> {
  readonly #objects = new Map<string, T>();
  readonly #indexes = new Map<string, Index<T>>();
  #namespaces: Index<T> | undefined;
  #controllers: Index<T> | undefined;
  /** What list() gave last, as long as nothing has changed. */
  #all: readonly T[] | undefined;

  get size(): number {
    return this.#objects.size;
  }

  keys(): IterableIterator<string> {
    return this.#objects.keys();
  }

  get(key: string): T | undefined {
    return this.#objects.get(key);
  }

  list(namespace?: string): readonly T[] {
    if (namespace === undefined) return (this.#all ??= [...this.#objects.values()]);
    this.#namespaces ??= this.#build(byNamespace);
    return [...(this.#namespaces.byValue.get(namespace) ?? [])];
  }

  byIndex(name: string, value: string): readonly T[] {
    const index = this.#indexes.get(name);
    if (index === undefined) throw new Error(`there is no index "${name}"`);
    return [...(index.byValue.get(value) ?? [])];
  }

  controlledBy(uid: string): readonly T[] {
    this.#controllers ??= this.#build(byController);
    return [...(this.#controllers.byValue.get(uid) ?? [])];
  }

  /** The same index may be asked for again, by another who shares the cache. */
  addIndex(name: string, valuesOf: ValuesOf<T>): void {
    const present = this.#indexes.get(name);
    if (present?.valuesOf === valuesOf) return;
    if (present !== undefined) throw new Error(`there is already an index "${name}"`);
    this.#indexes.set(name, this.#build(valuesOf));
  }

  /** Puts `object` in place of the one with its key, which is returned. */
  set(object: T): T | undefined {
    const key = keyOf(object);
    const old = this.#objects.get(key);
    this.#objects.set(key, object);
    this.#all = undefined;
    for (const index of this.#everyIndex()) {
      if (old !== undefined) drop(index, old);
      file(index, object);
    }
    return old;
  }

  delete(key: string): T | undefined {
    const old = this.#objects.get(key);
    if (old === undefined) return undefined;
    this.#objects.delete(key);
    this.#all = undefined;
    for (const index of this.#everyIndex()) drop(index, old);
    return old;
  }

  *#everyIndex(): Generator<Index<T>> {
    if (this.#namespaces !== undefined) yield this.#namespaces;
    if (this.#controllers !== undefined) yield this.#controllers;
    yield* this.#indexes.values();
  }

  #build(valuesOf: ValuesOf<T>): Index<T> {
    const index: Index<T> = { valuesOf, byValue: new Map() };
    for (const object of this.#objects.values()) file(index, object);
    return index;
  }
}

function file<T>({ valuesOf, byValue }: Index<T>, object: T): void {
  for (const value of valuesOf(object)) {
    const objects = byValue.get(value);
    if (objects === undefined) byValue.set(value, new Set([object]));
    else objects.add(object);
  }
}

function drop<T>({ valuesOf, byValue }: Index<T>, object: T): void {
  for (const value of valuesOf(object)) {
    const objects = byValue.get(value);
    if (objects === undefined) continue;
    objects.delete(object);
    if (objects.size === 0) byValue.delete(value);
  }
}
