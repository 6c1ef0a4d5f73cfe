/**
 * What the containers of this node use, by the runtime's counters: the Summary of kubelet/pkg/apis/stats/v1alpha1 and the
 * metrics of /metrics/resource, as far as CRI knows. Left out: file systems of the node, volumes, networks, logs.
 */
import type { Pod } from '#api';
import type { ContainerStats as CriContainerStats, CriClient, Int64 } from '#cri';

export interface CpuStats {
  time: string;
  usageNanoCores?: number;
  usageCoreNanoSeconds?: number;
}

export interface MemoryStats {
  time: string;
  availableBytes?: number;
  usageBytes?: number;
  workingSetBytes?: number;
  rssBytes?: number;
  pageFaults?: number;
  majorPageFaults?: number;
}

export interface ContainerStats {
  name: string;
  startTime: string;
  cpu?: CpuStats;
  memory?: MemoryStats;
  rootfs?: { time: string; usedBytes?: number; inodesUsed?: number };
}

export interface PodStats {
  podRef: { name: string; namespace: string; uid: string };
  startTime: string;
  containers: ContainerStats[];
  cpu?: CpuStats;
  memory?: MemoryStats;
}

/** The node as a whole, which only the kubelet can measure. */
export interface NodeStats {
  startTime: string;
  cpu?: CpuStats;
  memory?: MemoryStats;
}

export interface Summary {
  node: NodeStats & { nodeName: string };
  pods: PodStats[];
}

export interface StatsDependencies {
  cri: CriClient;
  nodeName: string;
  allPods: () => readonly Pod[];
  nodeStats: () => Promise<NodeStats>;
}

interface Sample {
  timeNanos: bigint;
  usageNanos: bigint;
}

/** Rates come from two readings: at least this far apart. */
const RATE_WINDOW_NANOS = 1_000_000_000n;

export function newStats({ cri, nodeName, allPods, nodeStats }: StatsDependencies): {
  summary(options: { signal: AbortSignal }): Promise<Summary>;
} {
  /** Last reading by container id, with the rate found then. */
  let samples = new Map<string, Sample & { nanoCores: number | undefined }>();

  function nanoCores(id: string, cpu: NonNullable<CriContainerStats['cpu']>): number | undefined {
    const given = numberOf(cpu.usage_nano_cores?.value);
    const now = { timeNanos: BigInt(cpu.timestamp), usageNanos: BigInt(cpu.usage_core_nano_seconds?.value ?? 0) };
    const before = samples.get(id);
    const elapsed = before === undefined ? 0n : now.timeNanos - before.timeNanos;
    if (before !== undefined && elapsed < RATE_WINDOW_NANOS) return before.nanoCores;
    const rate =
      before === undefined || now.usageNanos < before.usageNanos
        ? undefined
        : Number(((now.usageNanos - before.usageNanos) * 1_000_000_000n) / elapsed);
    const result = given === undefined || given === 0 ? rate : given;
    samples.set(id, { ...now, nanoCores: result });
    return result;
  }

  return {
    async summary({ signal }) {
      const [{ stats }, { containers }, node] = await Promise.all([
        cri.runtime.listContainerStats({}, { signal }),
        cri.runtime.listContainers({ filter: { state: { state: 'CONTAINER_RUNNING' } } }, { signal }),
        nodeStats(),
      ]);
      const running = new Map(containers.map((container) => [container.id, container]));
      const byPod = Map.groupBy(
        stats.filter((entry) => running.has(entry.attributes?.id ?? '')),
        (entry) => entry.attributes?.labels['io.kubernetes.pod.uid'] ?? '',
      );
      samples = new Map([...samples].filter(([id]) => running.has(id)));
      const pods = allPods().flatMap((pod): PodStats[] => {
        const own = byPod.get(pod.metadata.uid ?? '');
        if (own === undefined) return [];
        return [
          podStats(
            pod,
            own.map((entry) => {
              const id = entry.attributes?.id ?? '';
              const rate = entry.cpu && nanoCores(id, entry.cpu);
              return containerStats(entry, running.get(id)?.created_at ?? '0', rate);
            }),
          ),
        ];
      });
      return { node: { nodeName, ...node }, pods };
    },
  };
}

function containerStats(entry: CriContainerStats, createdAt: Int64, nanoCores: number | undefined): ContainerStats {
  const { attributes, cpu, memory, writable_layer: layer } = entry;
  return {
    name: attributes?.labels['io.kubernetes.container.name'] ?? attributes?.metadata?.name ?? '',
    startTime: timeOf(createdAt),
    ...(cpu && {
      cpu: compact({
        time: timeOf(cpu.timestamp),
        usageNanoCores: nanoCores,
        usageCoreNanoSeconds: numberOf(cpu.usage_core_nano_seconds?.value),
      }),
    }),
    ...(memory && {
      memory: compact({
        time: timeOf(memory.timestamp),
        availableBytes: numberOf(memory.available_bytes?.value),
        usageBytes: numberOf(memory.usage_bytes?.value),
        workingSetBytes: numberOf(memory.working_set_bytes?.value),
        rssBytes: numberOf(memory.rss_bytes?.value),
        pageFaults: numberOf(memory.page_faults?.value),
        majorPageFaults: numberOf(memory.major_page_faults?.value),
      }),
    }),
    ...(layer && {
      rootfs: compact({
        time: timeOf(layer.timestamp),
        usedBytes: numberOf(layer.used_bytes?.value),
        inodesUsed: numberOf(layer.inodes_used?.value),
      }),
    }),
  };
}

/** A pod uses what its containers use: upstream's CRI stats provider sums them too. */
function podStats(pod: Pod, containers: ContainerStats[]): PodStats {
  const { name, namespace, uid, creationTimestamp } = pod.metadata;
  const cpus = containers.flatMap(({ cpu }) => cpu ?? []);
  const memories = containers.flatMap(({ memory }) => memory ?? []);
  return {
    podRef: { name, namespace: namespace ?? '', uid },
    startTime: pod.status.startTime ?? creationTimestamp,
    containers,
    ...(cpus[0] && {
      cpu: { time: cpus[0].time, ...sums(cpus, ['usageNanoCores', 'usageCoreNanoSeconds']) },
    }),
    ...(memories[0] && {
      memory: {
        time: memories[0].time,
        ...sums(memories, [
          'availableBytes',
          'usageBytes',
          'workingSetBytes',
          'rssBytes',
          'pageFaults',
          'majorPageFaults',
        ]),
      },
    }),
  };
}

function sums<K extends string>(
  parts: readonly { readonly [key in K]?: number }[],
  keys: readonly K[],
): { [key in K]?: number } {
  const result: { [key in K]?: number } = {};
  for (const key of keys) {
    const values = parts.flatMap((part) => part[key] ?? []);
    if (values.length > 0) result[key] = values.reduce((sum, value) => sum + value, 0);
  }
  return result;
}

function compact<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}

function numberOf(value: Int64 | undefined): number | undefined {
  return value === undefined ? undefined : Number(value);
}

/** meta/v1 Time: whole seconds. */
function timeOf(nanos: Int64): string {
  return `${new Date(Number(BigInt(nanos) / 1_000_000n)).toISOString().slice(0, 19)}Z`;
}

/** The text of /metrics/resource: pkg/kubelet/metrics/collectors/resource_metrics.go v1.33. */
export function resourceMetrics({ node, pods }: Summary): string {
  const families = new Map<string, string[]>();
  const add = (name: string, labels: Record<string, string>, value: number | undefined, time?: string): void => {
    if (value === undefined) return;
    const text = Object.entries(labels).map(([key, label]) => `${key}=${JSON.stringify(label)}`);
    const at = time === undefined ? '' : ` ${Date.parse(time)}`;
    const lines = families.get(name) ?? [];
    families.set(name, lines);
    lines.push(`${name}${text.length > 0 ? `{${text.join(',')}}` : ''} ${value}${at}\n`);
  };
  const seconds = (cpu: CpuStats | undefined): number | undefined =>
    cpu?.usageCoreNanoSeconds === undefined ? undefined : cpu.usageCoreNanoSeconds / 1e9;
  for (const pod of pods) {
    const { name, namespace } = pod.podRef;
    for (const container of pod.containers) {
      const labels = { container: container.name, namespace, pod: name };
      add('container_cpu_usage_seconds_total', labels, seconds(container.cpu), container.cpu?.time);
      add('container_memory_working_set_bytes', labels, container.memory?.workingSetBytes, container.memory?.time);
      add('container_start_time_seconds', labels, Date.parse(container.startTime) / 1000);
    }
  }
  add('node_cpu_usage_seconds_total', {}, seconds(node.cpu), node.cpu?.time);
  add('node_memory_working_set_bytes', {}, node.memory?.workingSetBytes, node.memory?.time);
  for (const { podRef, cpu, memory } of pods) {
    const labels = { namespace: podRef.namespace, pod: podRef.name };
    add('pod_cpu_usage_seconds_total', labels, seconds(cpu), cpu?.time);
    add('pod_memory_working_set_bytes', labels, memory?.workingSetBytes, memory?.time);
  }
  add('resource_scrape_error', {}, 0);
  return [...families]
    .map(
      ([name, lines]) =>
        `# HELP ${name} [STABLE] ${HELP[name] ?? name}\n# TYPE ${name} ${typeOf(name)}\n${lines.join('')}`,
    )
    .join('');
}

const HELP: Readonly<Record<string, string>> = {
  container_cpu_usage_seconds_total: 'Cumulative cpu time consumed by the container in core-seconds',
  container_memory_working_set_bytes: 'Current working set of the container in bytes',
  container_start_time_seconds: 'Start time of the container since unix epoch in seconds',
  node_cpu_usage_seconds_total: 'Cumulative cpu time consumed by the node in core-seconds',
  node_memory_working_set_bytes: 'Current working set of the node in bytes',
  pod_cpu_usage_seconds_total: 'Cumulative cpu time consumed by the pod in core-seconds',
  pod_memory_working_set_bytes: 'Current working set of the pod in bytes',
  resource_scrape_error: '1 if there was an error while getting container metrics, 0 otherwise',
};

function typeOf(name: string): string {
  return name.endsWith('_total') ? 'counter' : 'gauge';
}
