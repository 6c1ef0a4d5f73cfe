import { CustomResourceDefinition, equalValues, type Kind, type KubeObject, Namespace, Pod, StatusError } from '#api';
import { type Controller, type ControllerContext, mapped, primary } from '#runtime';
import { messageOf } from '#util';
import { customKindOf } from '../common/custom-kinds.ts';
import { isTerminal } from '../common/pods.ts';
import { deletionConditions, type Remains } from './conditions.ts';

/** The finalizer in spec that this controller answers for. Source: v1.FinalizerKubernetes. */
const FINALIZER = 'kubernetes';
/** How long objects with finalizers are thought to take. Source: finalizerEstimateSeconds in pkg/controller/namespace/deletion v1.36. */
const FINALIZER_SECONDS = 15;

export interface NamespaceOptions {
  /** Every namespaced kind whose objects go with their namespace. */
  readonly kinds: readonly Kind[];
}

/**
 * Empties a namespace that is being deleted, pods first so that what they need outlives them, tells in its status what still remains, and
 * lets it go when nothing does.
 */
export function newNamespaceController(
  { client, informers, clock }: ControllerContext,
  { kinds }: NamespaceOptions,
): Controller {
  const namespaces = informers.informer(Namespace);
  const pods = informers.informer(Pod);
  const definitions = informers.informer(CustomResourceDefinition);
  const others = kinds.filter((kind) => kind.namespaced && kind.plural !== Pod.plural && can(kind, 'list'));

  return {
    name: 'namespace',
    concurrency: 10, // default of --concurrent-namespace-syncs
    sources: [
      primary(Namespace),
      // The last pod is gone: go on at once.
      mapped(Pod, ({ metadata: { namespace = '' } }, { type }) =>
        type === 'delete' && isTerminating(namespaces.get(namespace)) && pods.list(namespace).length === 0
          ? [namespace]
          : [],
      ),
    ],

    async reconcile(name, { signal }) {
      const namespace = namespaces.get(name);
      if (namespace === undefined || !isTerminating(namespace)) return undefined;
      if (namespace.spec.finalizers?.includes(FINALIZER) !== true) return undefined;

      const failures: string[] = [];
      const podsLeft = await empty(Pod, name, failures, signal);
      const left = podsLeft.length > 0 ? podsLeft : [];
      if (podsLeft.length === 0 && failures.length === 0) {
        for (const kind of [...others, ...customKinds()]) left.push(...(await empty(kind, name, failures, signal)));
      }
      await writeConditions(namespace, remainsOf(left, failures), signal);
      if (failures.length > 0) throw new StatusError('InternalError', failures.join(', '));
      if (left.length > 0)
        return { requeueAfterMs: (estimateSeconds(podsLeft.map(({ object }) => object as Pod)) / 2 + 1) * 1000 };
      await finalize(name, signal);
      return undefined;
    },
  };

  function customKinds(): Kind[] {
    return definitions.list().flatMap((definition) => {
      const kind = customKindOf(definition);
      return kind?.namespaced === true ? [kind] : [];
    });
  }

  /** Deletes all objects of a kind; returns those that are still there, waiting for pods to end or finalizers to go. */
  async function empty(kind: Kind, namespace: string, failures: string[], signal: AbortSignal): Promise<Left[]> {
    try {
      let { items } = await client.list(kind, { namespace, signal });
      if (items.length === 0) return [];
      if (can(kind, 'deletecollection')) {
        await client.deleteCollection(kind, { namespace, signal, body: { propagationPolicy: 'Background' } });
      } else {
        for (const { metadata } of items) await remove(kind, metadata, signal);
      }
      ({ items } = await client.list(kind, { namespace, signal }));
      return items.map((object) => ({ kind, object }));
    } catch (error) {
      if (signal.aborted) throw error;
      failures.push(messageOf(error));
      return [];
    }
  }

  async function remove(kind: Kind, ref: KubeObject['metadata'], signal: AbortSignal): Promise<void> {
    try {
      await client.delete(kind, ref, { signal, body: { propagationPolicy: 'Background' } });
    } catch (error) {
      if (!StatusError.is(error, 'NotFound')) throw error;
    }
  }

  async function writeConditions(namespace: Namespace, remains: Remains, signal: AbortSignal): Promise<void> {
    const old = namespace.status.conditions ?? [];
    const conditions = deletionConditions(old, remains, clock.now());
    if (equalValues(conditions, old)) return;
    await client.updateStatus(Namespace, { ...namespace, status: { ...namespace.status, conditions } }, { signal });
  }

  async function finalize(name: string, signal: AbortSignal): Promise<void> {
    try {
      const fresh = await client.get(Namespace, { name }, { signal });
      const finalizers = fresh.spec.finalizers?.filter((finalizer) => finalizer !== FINALIZER) ?? [];
      await client.updateSubresource(Namespace, { ...fresh, spec: { ...fresh.spec, finalizers } }, 'finalize', {
        signal,
      });
    } catch (error) {
      if (!StatusError.is(error, 'NotFound')) throw error;
    }
  }
}

interface Left {
  readonly kind: Kind;
  readonly object: KubeObject;
}

const isTerminating = (namespace: Namespace | undefined): boolean =>
  namespace?.metadata.deletionTimestamp !== undefined;

const can = ({ verbs }: Kind, verb: string): boolean => verbs === undefined || verbs.includes(verb);

/** How long the pods may take to end. Source: estimateGracefulTerminationForPods. */
function estimateSeconds(pods: readonly Pod[]): number {
  if (pods.length === 0) return FINALIZER_SECONDS;
  const graces = pods.filter((pod) => !isTerminal(pod)).map(({ spec }) => spec.terminationGracePeriodSeconds ?? 0);
  return graces.reduce((a, b) => Math.max(a, b), 0);
}

function remainsOf(left: readonly Left[], failures: readonly string[]): Remains {
  const objects = new Map<string, number>();
  const finalizers = new Map<string, number>();
  const count = (map: Map<string, number>, key: string): void => void map.set(key, (map.get(key) ?? 0) + 1);
  for (const { kind, object } of left) {
    count(objects, `${kind.plural}.${kind.group}`);
    for (const finalizer of object.metadata.finalizers ?? []) count(finalizers, finalizer);
  }
  return { objects, finalizers, failures };
}
