import { formatTime, Lease, Node, type NodeCondition, Pod, timeMs } from '#api';
import { type Controller, type ControllerContext, mapped } from '#runtime';
import { TokenBucket } from '#util';
import { podCondition } from '../common/pods.ts';
import { readyStatus, wantedTaints } from './taints.ts';

/** Source of these: pkg/controller/nodelifecycle and its config defaults v1.36. */
const LEASE_NAMESPACE = 'kube-node-lease';
/** Default of --node-startup-grace-period. */
const STARTUP_GRACE_MS = 60_000;
/** Default of --node-eviction-rate: nodes per second and zone whose pods are sent away. */
const EVICTION_RATE = 0.1;
const CONDITIONS = ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure'];
const ZONE = 'topology.kubernetes.io/zone';
const BY_NODE = 'nodelifecycle-pods-by-node';

export interface NodeLifecycleOptions {
  /** Default of --node-monitor-grace-period: 50 s; it was 40 s in releases long past. */
  readonly nodeMonitorGraceMs?: number;
}

/**
 * Notices nodes that have gone silent (neither lease nor status renewed), says so in their conditions, taints nodes by their conditions,
 * and marks the pods of nodes that are not ready as not ready. Pods are deleted by the taint eviction controller. When no node at all is
 * ready the fault is more likely ours: then no more nodes are emptied.
 */
export function newNodeLifecycleController(
  { client, informers, recorder, clock }: ControllerContext,
  { nodeMonitorGraceMs = 50_000 }: NodeLifecycleOptions = {},
): Controller {
  const nodes = informers.informer(Node);
  const pods = informers.informer(Pod);
  pods.addIndex(BY_NODE, ({ spec }) => (spec.nodeName === undefined ? [] : [spec.nodeName]));
  /** When each node was last heard of, on our own clock: clocks of nodes need not agree with it. */
  const heard = new Map<string, number>();
  const zones = new Map<string, TokenBucket>();

  return {
    name: 'nodelifecycle',
    concurrency: 1,
    sources: [
      mapped(Node, (node, { type, object, old }) => {
        const { name } = node.metadata;
        if (type === 'delete') heard.delete(name);
        else if (!heard.has(name) || heartbeat(object) !== heartbeat(old)) heard.set(name, clock.monotonic());
        return [name];
      }),
      // A renewal alone asks for nothing: the timer finds the newer time when it rings.
      mapped(
        Lease,
        ({ metadata: { name, namespace } }, { type, object, old }) => {
          if (namespace === LEASE_NAMESPACE && type !== 'delete' && object.spec.renewTime !== old?.spec.renewTime) {
            heard.set(name, clock.monotonic());
          }
          return [];
        },
        { namespace: LEASE_NAMESPACE },
      ),
    ],

    async reconcile(name, { signal }) {
      const cached = nodes.get(name);
      if (cached === undefined) return undefined;
      const silentMs = clock.monotonic() - (heard.get(name) ?? clock.monotonic());
      const graceMs =
        cached.status.conditions?.some(({ type }) => type === 'Ready') === true ? nodeMonitorGraceMs : STARTUP_GRACE_MS;
      const node = silentMs < graceMs ? cached : await declareUnknown(cached, signal);

      const settled = await taint(node, signal);
      if (readyStatus(node) !== 'True' && node.status.conditions !== undefined) await markPodsNotReady(node, signal);
      const waitMs = silentMs < graceMs ? graceMs - silentMs : nodeMonitorGraceMs;
      return { requeueAfterMs: settled ? waitMs : Math.min(waitMs, 1000 / EVICTION_RATE) };
    },
  };

  /** Nothing is known of the node any more: says so in its conditions. */
  async function declareUnknown(node: Node, signal: AbortSignal): Promise<Node> {
    const now = formatTime(clock.now());
    const old = node.status.conditions ?? [];
    const unknown = CONDITIONS.map((type): NodeCondition => {
      const before = old.find((condition) => condition.type === type);
      if (before?.status === 'Unknown') return before;
      return {
        type,
        status: 'Unknown',
        reason: before === undefined ? 'NodeStatusNeverUpdated' : 'NodeStatusUnknown',
        message: before === undefined ? 'Kubelet never posted node status.' : 'Kubelet stopped posting node status.',
        lastHeartbeatTime: before?.lastHeartbeatTime ?? node.metadata.creationTimestamp,
        lastTransitionTime: now,
      };
    });
    if (unknown.every((condition) => old.includes(condition))) return node;
    const conditions = [...old.filter(({ type }) => !CONDITIONS.includes(type)), ...unknown];
    const { name } = node.metadata;
    recorder.event(node, 'Normal', 'NodeNotReady', `Node ${name} status is now: NodeNotReady`);
    return client.updateStatus(Node, { ...node, status: { ...node.status, conditions } }, { signal });
  }

  /** Writes the taints that follow from the conditions; false if the pods are to be sent away but the rate does not allow it yet. */
  async function taint(node: Node, signal: AbortSignal): Promise<boolean> {
    const notReady = readyStatus(node) !== 'True' && node.status.conditions !== undefined;
    const now = formatTime(clock.now());
    const emptied = wantedTaints(node, { evict: notReady, now });
    const wantsEviction =
      emptied !== node.spec.taints &&
      emptied.some(({ effect, timeAdded }) => effect === 'NoExecute' && timeAdded === now);
    const mayEvict =
      !wantsEviction || (nodes.list().some((each) => readyStatus(each) === 'True') && bucketOf(node).tryTake());
    const taints = mayEvict ? emptied : wantedTaints(node, { evict: false, now });
    const current = node.spec.taints ?? [];
    if (taints.length !== current.length || taints.some((each) => !current.includes(each))) {
      const { taints: _, ...spec } = node.spec;
      const left = taints.length > 0 && { taints: [...taints] }; // an empty list is no list
      await client.update(Node, { ...node, spec: { ...spec, ...left } }, { signal });
    }
    return mayEvict;
  }

  function bucketOf({ metadata }: Node): TokenBucket {
    const zone = metadata.labels?.[ZONE] ?? '';
    let bucket = zones.get(zone);
    if (bucket === undefined) {
      bucket = new TokenBucket({ perSecond: EVICTION_RATE, burst: 1, clock });
      zones.set(zone, bucket);
    }
    return bucket;
  }

  /** No kubelet says so any more: whoever sends traffic to these pods must stop. */
  async function markPodsNotReady(node: Node, signal: AbortSignal): Promise<void> {
    const ready = pods
      .byIndex(BY_NODE, node.metadata.name)
      .filter((pod) => podCondition(pod, 'Ready')?.status === 'True');
    for (const pod of ready) {
      const condition = { type: 'Ready', status: 'False', lastTransitionTime: formatTime(clock.now()) };
      const patch = { metadata: { uid: pod.metadata.uid }, status: { conditions: [condition] } };
      recorder.event(pod, 'Warning', 'NodeNotReady', 'Node is not ready');
      await client.patch(Pod, pod.metadata, patch, { subresource: 'status', signal });
    }
  }
}

/** Newest time at which the kubelet says it has looked at itself. */
const heartbeat = (node: Node | undefined): number =>
  (node?.status.conditions ?? []).reduce(
    (newest, { lastHeartbeatTime }) => Math.max(newest, timeMs(lastHeartbeatTime ?? '') || 0),
    0,
  );
