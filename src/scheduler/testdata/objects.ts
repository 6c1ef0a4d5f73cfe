import { everything, type Node, type Pod, type PodSpec, selectorFromSet } from '#api';
import { SchedulerCache } from '../cache.ts';
import type { Cluster, FilterPlugin, Rejection, ScorePlugin } from '../framework.ts';
import { podInfo } from '../nodeinfo.ts';

const SERVER_SET = { creationTimestamp: '2026-01-01T00:00:00Z', resourceVersion: '1' };
export const ROOM = { cpu: '4', memory: '8Gi', pods: '110' };

interface NodeParts {
  readonly labels?: Record<string, string>;
  readonly spec?: Node['spec'];
  readonly allocatable?: Record<string, string>;
  readonly images?: Record<string, number>;
}

/** A node with 4 cpus and 8 GiB that is labelled with its name. */
export const testNode = (
  name: string,
  { labels = {}, spec = {}, allocatable = ROOM, images = {} }: NodeParts = {},
): Node => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { ...SERVER_SET, name, labels: { 'kubernetes.io/hostname': name, ...labels }, uid: `uid-${name}` },
  spec,
  status: {
    allocatable,
    images: Object.entries(images).map(([image, sizeBytes]) => ({ names: [image], sizeBytes })),
  },
});

interface PodParts {
  readonly requests?: Record<string, string>;
  readonly labels?: Record<string, string>;
  readonly namespace?: string;
  readonly metadata?: Partial<Pod['metadata']>;
  readonly spec?: Partial<PodSpec>;
  readonly status?: Partial<Pod['status']>;
}

/** A pod of one container; its uid is its name. */
export const testPod = (
  name: string,
  { requests, labels = {}, namespace = 'default', metadata = {}, spec = {}, status = {} }: PodParts = {},
): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { ...SERVER_SET, name, namespace, uid: name, labels, generation: 1, ...metadata },
  spec: {
    schedulerName: 'default-scheduler',
    containers: [
      { name: 'c', image: 'registry/app:1', ...(requests === undefined ? {} : { resources: { requests } }) },
    ],
    ...spec,
  },
  status: { phase: 'Pending', ...status },
});

export const onNode = (pod: Pod, nodeName: string): Pod => ({ ...pod, spec: { ...pod.spec, nodeName } });

interface ClusterParts {
  readonly running?: readonly (readonly [Pod, string])[];
  /** Labels that Services of the pod select. */
  readonly service?: Record<string, string>;
  readonly namespaces?: Record<string, Record<string, string>>;
}

/** What plugins see of these nodes with these pods. */
export function testCluster(
  nodes: readonly Node[],
  { running = [], service, namespaces = {} }: ClusterParts = {},
): Cluster {
  const cache = new SchedulerCache();
  for (const node of nodes) cache.setNode(node);
  for (const [pod, nodeName] of running) cache.setPod(onNode(pod, nodeName));
  return {
    nodes: cache.nodes,
    nodesWithImage: (image) => cache.nodesWithImage(image),
    defaultSelector: () => (service === undefined ? everything : selectorFromSet(service)),
    namespaceLabels: (name) => namespaces[name] ?? {},
  };
}

/** Per node why the plugin rejects it, or `ok`; or the one text that concerns them all. `!` marks what preemption could not resolve. */
export function filterAll(plugin: FilterPlugin, pod: Pod, cluster: Cluster): Record<string, string> | string {
  const plan = plugin.prepare(podInfo(pod), cluster);
  if (typeof plan === 'string') return plan;
  const text = (rejection: Rejection | undefined): string =>
    rejection === undefined ? 'ok' : `${rejection.reasons.join(', ')}${rejection.resolvable ? '' : '!'}`;
  return Object.fromEntries(
    cluster.nodes.map((info) => [info.node.metadata.name, plan === undefined ? 'ok' : text(plan.check(info))]),
  );
}

export const scoreAll = (plugin: ScorePlugin, pod: Pod, cluster: Cluster): readonly number[] | undefined =>
  plugin.score(podInfo(pod), cluster.nodes, cluster);
