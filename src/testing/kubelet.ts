import { formatMicroTime, formatTime, Lease, Node, Pod, type PodCondition, splitKey, StatusError } from '#api';
import { type Controller, type ControllerContext, primary } from '#runtime';

const LEASES = 'kube-node-lease';
/** As kubelets do: a quarter of the lease's 40 s. Source: nodeStatusUpdateFrequency, nodeLeaseDurationSeconds defaults v1.36. */
const RENEW_MS = 10_000;
const LEASE_SECONDS = 40;

/**
 * Plays the kubelet of every node there is, without running anything: keeps nodes alive by their leases, says of pods bound to a node that they run
 * and are ready, and lets pods go that are to be deleted.
 */
export function newFakeKubelet({ client, informers, clock }: ControllerContext): Controller {
  const pods = informers.informer(Pod);
  const nodes = informers.informer(Node);
  let addresses = 0;

  async function runPod(pod: Pod): Promise<void> {
    const { namespace, name, uid, deletionTimestamp } = pod.metadata;
    if (deletionTimestamp !== undefined)
      return await client.delete(Pod, { namespace, name }, { body: { gracePeriodSeconds: 0, preconditions: { uid } } });
    if (pod.status.phase !== 'Pending') return;
    const now = formatTime(clock.now());
    const podIP = `10.244.${(++addresses >> 8) & 255}.${addresses & 255}`;
    await client.updateStatus(Pod, {
      ...pod,
      status: {
        ...pod.status,
        phase: 'Running',
        startTime: now,
        hostIP: '192.0.2.1',
        podIP,
        podIPs: [{ ip: podIP }],
        conditions: ['PodReadyToStartContainers', 'Initialized', 'Ready', 'ContainersReady', 'PodScheduled'].map(
          (type): PodCondition => ({ type, status: 'True', lastTransitionTime: now }),
        ),
        containerStatuses: pod.spec.containers.map((container) => ({
          name: container.name,
          image: container.image ?? '',
          imageID: `sha256:${container.name}`,
          containerID: `containerd://${uid}-${container.name}`,
          ready: true,
          started: true,
          restartCount: 0,
          state: { running: { startedAt: now } },
        })),
      },
    });
  }

  async function renewLease(node: Node): Promise<{ requeueAfterMs: number }> {
    const { name, uid } = node.metadata;
    const ref = { namespace: LEASES, name };
    const spec = {
      holderIdentity: name,
      leaseDurationSeconds: LEASE_SECONDS,
      renewTime: formatMicroTime(clock.now()),
    };
    const known = await client.get(Lease, ref).catch(orUndefined('NotFound'));
    const owner = { apiVersion: 'v1', kind: 'Node', name, uid };
    if (known === undefined) await client.create(Lease, { metadata: { ...ref, ownerReferences: [owner] }, spec });
    else await client.update(Lease, { ...known, spec });
    return { requeueAfterMs: RENEW_MS };
  }

  return {
    name: 'fake-kubelet',
    concurrency: 10,
    sources: [primary(Pod), primary(Node)],
    async reconcile(key) {
      if (splitKey(key).namespace === '') {
        const node = nodes.get(key);
        return node === undefined ? undefined : await renewLease(node);
      }
      const pod = pods.get(key);
      const bound = pod?.spec.nodeName !== undefined && nodes.get(pod.spec.nodeName) !== undefined;
      return bound ? await runPod(pod).catch(orUndefined('NotFound')) : undefined;
    },
  };
}

const orUndefined =
  (reason: 'NotFound') =>
  (error: unknown): undefined => {
    if (!StatusError.is(error, reason)) throw error;
  };

/** Registers a node that is ready and has room, as its kubelet would. */
export async function createFakeNode(
  { client, clock }: Pick<ControllerContext, 'client' | 'clock'>,
  name: string,
  role?: string,
): Promise<Node> {
  const now = formatTime(clock.now());
  const labels = {
    'kubernetes.io/arch': 'amd64',
    'kubernetes.io/hostname': name,
    'kubernetes.io/os': 'linux',
    ...(role === undefined ? {} : { [`node-role.kubernetes.io/${role}`]: '' }),
  };
  const room = { cpu: '4', memory: '8Gi', pods: '110', 'ephemeral-storage': '100Gi' };
  return await client.create(Node, {
    metadata: { name, labels },
    spec: {},
    status: {
      addresses: [
        { type: 'InternalIP', address: '192.0.2.1' },
        { type: 'Hostname', address: name },
      ],
      allocatable: room,
      capacity: room,
      conditions: [
        {
          type: 'Ready',
          status: 'True',
          reason: 'KubeletReady',
          message: 'kubelet is posting ready status',
          lastHeartbeatTime: now,
          lastTransitionTime: now,
        },
      ],
      nodeInfo: {
        architecture: 'amd64',
        bootID: name,
        containerRuntimeVersion: 'containerd://2.0.0',
        kernelVersion: '6.1.0',
        kubeProxyVersion: '',
        kubeletVersion: 'v1.36.0',
        machineID: name,
        operatingSystem: 'linux',
        osImage: 'Debian GNU/Linux 12 (bookworm)',
        systemUUID: name,
      },
    },
  });
}
