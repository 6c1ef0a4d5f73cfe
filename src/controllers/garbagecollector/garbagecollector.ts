import { CustomResourceDefinition, type Kind, type KubeObject, type OwnerReference, splitKey, StatusError } from '#api';
import type { InformerEvent } from '#client';
import { type Controller, type ControllerContext, mapped, type ReconcileContext } from '#runtime';
import { LruMap } from '#util';
import {
  deletesDependents,
  type FindOwner,
  FOREGROUND,
  Graph,
  hasFinalizer,
  isLeaving,
  type Item,
  itemKey,
  ORPHAN,
  orphansDependents,
  ownersOf,
} from './graph.ts';
import { Monitors } from './monitors.ts';

/** Owners known to be gone, so that a thousand orphans ask once. Source: absentOwnerCache in pkg/controller/garbagecollector v1.36. */
const ABSENT_OWNERS = 500;
/** An owner that the server has and the cache does not will show up, or not; look again. */
const UNSEEN_OWNER_RETRY_MS = 5000;
/** Keys of definitions, whose objects come and go as kinds; no item's begins like this. */
const DEFINITION = 'definition:';

export interface GarbageCollectorOptions {
  /** Every kind that may own or be owned. Events are left out by whoever makes the list. */
  readonly kinds: readonly Kind[];
}

/**
 * Deletes what has lost its last owner; holds an owner deleted in the foreground until what blocks it is gone; takes the owner references
 * off what is to be orphaned. Keeps nothing but who depends on whom: an owner missing in the caches is asked for at the server before
 * anything is deleted, and the deletion names uid and resourceVersion. Source: pkg/controller/garbagecollector v1.36.
 */
export function newGarbageCollector(
  { client, informers }: ControllerContext,
  { kinds }: GarbageCollectorOptions,
): Controller {
  const monitors = new Monitors(kinds, informers);
  const absent = new LruMap<string, true>(ABSENT_OWNERS);

  const find: FindOwner = (ref, namespace) => {
    const kind = monitors.byReference(groupOf(ref.apiVersion), ref.kind);
    if (kind === undefined) return { kind, object: undefined };
    const object = monitors.get(kind, kind.namespaced ? `${namespace ?? ''}/${ref.name}` : ref.name);
    return { kind, object: object?.metadata.uid === ref.uid ? object : undefined };
  };
  const graph = new Graph(find);

  return {
    name: 'garbagecollector',
    concurrency: 20, // default of --concurrent-gc-syncs
    sources: [
      ...kinds.map((kind) => ({
        ...mapped(kind, () => [], { metadataOnly: true }),
        keys: (event: InformerEvent<KubeObject>) => observe(kind, event),
      })),
      mapped(CustomResourceDefinition, ({ metadata }) => [`${DEFINITION}${metadata.name}`]),
    ],

    async reconcile(key, context) {
      if (key.startsWith(DEFINITION)) return follow(key.slice(DEFINITION.length), context);
      const item = parse(key);
      if (item === undefined) return undefined; // its kind is gone, and it with it
      const object = monitors.get(item.kind, item.key);
      if (object === undefined || object.metadata.uid !== item.uid) return undefined;
      if (orphansDependents(object)) return orphan(item, context);
      if (deletesDependents(object)) return awaitDependents(item, context);
      if (isLeaving(object) || ownersOf(object).length === 0) return undefined;
      return collect(item, object, context);
    },
  };

  function observe(kind: Kind, event: InformerEvent<KubeObject>): string[] {
    if (event.type === 'delete') absent.set(event.object.metadata.uid, true);
    return graph.observe(kind, event).map(itemKey);
  }

  async function follow(definition: string, { signal, enqueue }: ReconcileContext): Promise<undefined> {
    const tell = (kind: Kind, event: InformerEvent<KubeObject>): void => {
      for (const key of observe(kind, event)) enqueue(key);
    };
    for (const key of await monitors.follow(definition, tell, { signal })) enqueue(key);
  }

  function parse(key: string): Item | undefined {
    const [name = '', uid = '', ...rest] = key.split('|');
    const kind = monitors.byName(name);
    return kind === undefined ? undefined : { kind, uid, key: rest.join('|') };
  }

  /** Deletes the object if no owner is left to hold it; else takes off the references that lead nowhere. */
  async function collect(
    item: Item,
    cached: KubeObject,
    { signal }: ReconcileContext,
  ): Promise<{ requeueAfterMs: number } | undefined> {
    const { namespace } = cached.metadata;
    // Mostly all owners are there: then there is no need to ask the server.
    if (ownersOf(cached).every((ref) => isSolid(find(ref, namespace).object))) return undefined;
    const latest = await getLatest(item, signal);
    if (latest === undefined || isLeaving(latest)) return undefined;
    const { solid, dangling, waiting, unseen } = await classify(item, latest, signal);
    if (solid.length > 0) {
      const lost = [...dangling, ...waiting].map(({ uid }) => uid);
      if (lost.length > 0) await removeOwners(item, lost, signal);
      return unseen ? { requeueAfterMs: UNSEEN_OWNER_RETRY_MS } : undefined;
    }
    if (dangling.length + waiting.length === 0) return undefined;
    if (waiting.length > 0 && graph.hasDependents(item.uid)) {
      await unblockCycle(item, latest, signal);
      await remove(item, latest, 'Foreground', signal);
      return undefined;
    }
    const policy = hasFinalizer(latest, ORPHAN)
      ? 'Orphan'
      : hasFinalizer(latest, FOREGROUND)
        ? 'Foreground'
        : 'Background';
    await remove(item, latest, policy, signal);
    return undefined;
  }

  interface Classified {
    readonly solid: OwnerReference[];
    readonly dangling: OwnerReference[];
    /** The owner waits for this object to go. */
    readonly waiting: OwnerReference[];
    /** An owner is solid only by the word of the server. */
    unseen: boolean;
  }

  async function classify(item: Item, object: KubeObject, signal: AbortSignal): Promise<Classified> {
    const result: Classified = { solid: [], dangling: [], waiting: [], unseen: false };
    for (const ref of ownersOf(object)) {
      const { kind, object: cached } = find(ref, object.metadata.namespace);
      // A kind we do not serve, or an owner that cannot be one: never a reason to delete anything.
      if (kind === undefined || (kind.namespaced && (object.metadata.namespace ?? '') === '')) {
        result.solid.push(ref);
        if (kind === undefined) monitors.awaitKind(groupOf(ref.apiVersion), ref.kind, itemKey(item));
        continue;
      }
      const owner = cached ?? (await getOwner(kind, ref, object.metadata.namespace, signal));
      if (owner === undefined) result.dangling.push(ref);
      else if (deletesDependents(owner)) result.waiting.push(ref);
      else {
        result.solid.push(ref);
        if (cached === undefined) result.unseen = true;
      }
    }
    return result;
  }

  async function getOwner(
    kind: Kind,
    ref: OwnerReference,
    namespace: string | undefined,
    signal: AbortSignal,
  ): Promise<KubeObject | undefined> {
    if (absent.get(ref.uid) === true) return undefined;
    const owner = await getOrUndefined(
      kind,
      { namespace: kind.namespaced ? namespace : undefined, name: ref.name },
      signal,
    );
    if (owner?.metadata.uid === ref.uid) return owner;
    absent.set(ref.uid, true);
    return undefined;
  }

  /** Of two that wait for each other one must stop blocking. */
  async function unblockCycle(item: Item, object: KubeObject, signal: AbortSignal): Promise<void> {
    const inCycle = graph.dependentsOf(item.uid).some((dependent) => {
      const cached = monitors.get(dependent.kind, dependent.key);
      return cached !== undefined && deletesDependents(cached);
    });
    if (!inCycle) return;
    const unblocked = (ref: OwnerReference): OwnerReference => ({ ...ref, blockOwnerDeletion: false });
    if (monitors.isCustom(item.kind)) return rewriteOwners(item, (refs) => refs.map(unblocked), signal);
    const ownerReferences = ownersOf(object)
      .filter((ref) => ref.blockOwnerDeletion === true)
      .map(unblocked);
    await patch(item, { metadata: { ownerReferences, uid: item.uid } }, signal);
  }

  /** Lets an owner deleted in the foreground go when nothing blocks it any more; else sees to what does. */
  async function awaitDependents(item: Item, { signal, enqueue }: ReconcileContext): Promise<undefined> {
    const blocking = graph.dependentsOf(item.uid).filter((dependent) => {
      const object = monitors.get(dependent.kind, dependent.key);
      return (
        object !== undefined && ownersOf(object).some((ref) => ref.uid === item.uid && ref.blockOwnerDeletion === true)
      );
    });
    if (blocking.length === 0) return removeFinalizer(item, FOREGROUND, signal);
    for (const dependent of blocking) enqueue(itemKey(dependent));
    return undefined;
  }

  async function orphan(item: Item, { signal }: ReconcileContext): Promise<undefined> {
    await Promise.all(graph.dependentsOf(item.uid).map((dependent) => removeOwners(dependent, [item.uid], signal)));
    return removeFinalizer(item, ORPHAN, signal);
  }

  async function removeFinalizer(item: Item, finalizer: string, signal: AbortSignal): Promise<undefined> {
    const latest = await getLatest(item, signal);
    if (latest === undefined || !hasFinalizer(latest, finalizer)) return;
    const { resourceVersion } = latest.metadata;
    const finalizers = latest.metadata.finalizers?.filter((each) => each !== finalizer);
    await ignoringNotFound(
      client.patch(
        item.kind,
        splitKey(item.key),
        { metadata: { resourceVersion, finalizers } },
        { type: 'application/merge-patch+json', signal },
      ),
    );
  }

  function removeOwners(item: Item, uids: readonly string[], signal: AbortSignal): Promise<void> {
    if (monitors.isCustom(item.kind))
      return rewriteOwners(item, (refs) => refs.filter(({ uid }) => !uids.includes(uid)), signal);
    const ownerReferences = uids.map((uid) => ({ $patch: 'delete', uid }));
    return patch(item, { metadata: { ownerReferences, uid: item.uid } }, signal);
  }

  /** For kinds whose lists cannot be merged. Source: deleteOwnerRefJSONMergePatch in pkg/controller/garbagecollector/patch.go v1.36. */
  async function rewriteOwners(
    item: Item,
    change: (refs: readonly OwnerReference[]) => OwnerReference[],
    signal: AbortSignal,
  ): Promise<void> {
    const latest = await getLatest(item, signal);
    if (latest === undefined) return;
    const { resourceVersion } = latest.metadata;
    const metadata = { resourceVersion, ownerReferences: change(ownersOf(latest)) };
    const type = 'application/merge-patch+json';
    await ignoringNotFound(client.patch(item.kind, splitKey(item.key), { metadata }, { type, signal }));
  }

  function patch(item: Item, body: unknown, signal: AbortSignal): Promise<void> {
    return ignoringNotFound(client.patch(item.kind, splitKey(item.key), body, { signal }));
  }

  async function remove(
    item: Item,
    { metadata }: KubeObject,
    propagationPolicy: string,
    signal: AbortSignal,
  ): Promise<void> {
    const preconditions = { uid: item.uid, resourceVersion: metadata.resourceVersion };
    await ignoringNotFound(client.delete(item.kind, metadata, { signal, body: { propagationPolicy, preconditions } }));
  }

  /** The object as the server has it; undefined if it is gone or another one took its name. */
  async function getLatest(item: Item, signal: AbortSignal): Promise<KubeObject | undefined> {
    const latest = await getOrUndefined(item.kind, splitKey(item.key), signal);
    return latest?.metadata.uid === item.uid ? latest : undefined;
  }

  async function getOrUndefined(
    kind: Kind,
    ref: { namespace?: string | undefined; name: string },
    signal: AbortSignal,
  ): Promise<KubeObject | undefined> {
    try {
      return await client.get(kind, ref, { signal });
    } catch (error) {
      if (StatusError.is(error, 'NotFound')) return undefined;
      throw error;
    }
  }
}

const isSolid = (owner: KubeObject | undefined): boolean => owner !== undefined && !deletesDependents(owner);
const groupOf = (apiVersion: string): string =>
  apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '';

async function ignoringNotFound(promise: Promise<unknown>): Promise<void> {
  try {
    await promise;
  } catch (error) {
    if (!StatusError.is(error, 'NotFound')) throw error;
  }
}
