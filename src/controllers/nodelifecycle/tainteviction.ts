import { keyOf, Node, Pod, type Taint } from '#api';
import { type Controller, type ControllerContext, mapped } from '#runtime';
import { deletePod, markDisrupted } from '../common/disruption.ts';
import { isActive } from '../common/pods.ts';
import { toleratedSeconds } from './taints.ts';

const BY_NODE = 'tainteviction-pods-by-node';

/** Deletes pods from nodes whose NoExecute taints they do not tolerate, or no longer. Source: pkg/controller/tainteviction v1.36. */
export function newTaintEvictionController({ client, informers, recorder, clock }: ControllerContext): Controller {
  const nodes = informers.informer(Node);
  const pods = informers.informer(Pod);
  pods.addIndex(BY_NODE, ({ spec }) => (spec.nodeName === undefined ? [] : [spec.nodeName]));
  /** Since when each pod has been on borrowed time, by uid. */
  const since = new Map<string, number>();

  return {
    name: 'taint-eviction-controller',
    concurrency: 8, // UpdateWorkerSize
    sources: [
      mapped(Node, (node, { object, old }) =>
        JSON.stringify(noExecute(object)) === JSON.stringify(noExecute(old))
          ? []
          : pods.byIndex(BY_NODE, node.metadata.name).map(keyOf),
      ),
      mapped(Pod, (pod, { type, object, old }) => {
        if (type === 'delete') since.delete(pod.metadata.uid);
        const concerns =
          object.spec.nodeName !== old?.spec.nodeName || object.spec.tolerations !== old?.spec.tolerations;
        return concerns && noExecute(nodes.get(object.spec.nodeName ?? '')).length > 0 ? [keyOf(pod)] : [];
      }),
    ],

    async reconcile(key, { signal }) {
      const pod = pods.get(key);
      if (pod === undefined || !isActive(pod)) return undefined;
      const { uid } = pod.metadata;
      const taints = noExecute(nodes.get(pod.spec.nodeName ?? ''));
      const seconds =
        taints.length === 0 ? Number.POSITIVE_INFINITY : toleratedSeconds(taints, pod.spec.tolerations ?? []);
      if (seconds === Number.POSITIVE_INFINITY) {
        if (since.delete(uid))
          recorder.event(pod, 'Normal', 'TaintManagerEviction', `Cancelling deletion of Pod ${key}`);
        return undefined;
      }
      const now = clock.monotonic();
      const startedAt = since.get(uid) ?? now;
      since.set(uid, startedAt);
      const leftMs = startedAt + seconds * 1000 - now;
      if (leftMs > 0) return { requeueAfterMs: leftMs };

      recorder.event(pod, 'Normal', 'TaintManagerEviction', `Marking for deletion Pod ${key}`);
      const why = { reason: 'DeletionByTaintManager', message: 'Taint manager: deleting due to NoExecute taint' };
      await markDisrupted(pod, why, { client, nowMs: clock.now(), signal });
      await deletePod(pod, { client, signal });
      since.delete(uid);
      return undefined;
    },
  };
}

const noExecute = (node: Node | undefined): readonly Taint[] =>
  (node?.spec.taints ?? []).filter(({ effect }) => effect === 'NoExecute');
