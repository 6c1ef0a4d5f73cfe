import type { Pod } from '#api';
import type { Container, ContainerStats, CriClient } from '#cri';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newStats, resourceMetrics } from './stats.ts';

const pod = {
  metadata: { name: 'web', namespace: 'default', uid: 'u', creationTimestamp: '2026-11-21T08:00:00Z' },
  status: {},
} as Pod;

const START_NANOS = 1_795_852_800_000_000_000n; // 2026-11-28T08:00:00Z

function entry(id: string, name: string, seconds: number, cpuSeconds: number): ContainerStats {
  const timestamp = `${START_NANOS + BigInt(seconds) * 1_000_000_000n}` as const;
  return {
    attributes: {
      id,
      labels: { 'io.kubernetes.pod.uid': 'u', 'io.kubernetes.container.name': name },
      annotations: {},
    },
    cpu: {
      timestamp,
      usage_core_nano_seconds: { value: `${BigInt(cpuSeconds) * 1_000_000_000n}` },
      usage_nano_cores: { value: '0' },
    },
    memory: { timestamp, working_set_bytes: { value: '1000' } },
  };
}

function runtime(readings: () => ContainerStats[], running: string[]): CriClient {
  const containers = running.map((id) => ({ id, created_at: `${START_NANOS}` }) as unknown as Container);
  return {
    runtime: {
      listContainerStats: () => Promise.resolve({ stats: readings() }),
      listContainers: () => Promise.resolve({ containers }),
    },
  } as unknown as CriClient;
}

const signal = new AbortController().signal;

test('a pod uses what its running containers use, at the rate between two readings', async () => {
  let seconds = 0;
  const cri = runtime(
    () => [entry('a', 'main', seconds, seconds / 2), entry('b', 'side', seconds, 0), entry('dead', 'old', seconds, 0)],
    ['a', 'b'],
  );
  const stats = newStats({
    cri,
    nodeName: 'node1',
    allPods: () => [pod],
    nodeStats: () => Promise.resolve({ startTime: '2026-11-28T07:00:00Z' }),
  });
  const first = await stats.summary({ signal });
  assert.equal(first.pods[0]?.cpu?.usageNanoCores, undefined);
  seconds = 10;
  const { node, pods } = await stats.summary({ signal });
  assert.deepEqual(node, { nodeName: 'node1', startTime: '2026-11-28T07:00:00Z' });
  assert.equal(pods.length, 1);
  const time = '2026-11-28T08:00:10Z';
  assert.deepEqual(pods[0], {
    podRef: { name: 'web', namespace: 'default', uid: 'u' },
    startTime: '2026-11-21T08:00:00Z',
    containers: [
      {
        name: 'main',
        startTime: '2026-11-28T08:00:00Z',
        cpu: { time, usageNanoCores: 500_000_000, usageCoreNanoSeconds: 5_000_000_000 },
        memory: { time, workingSetBytes: 1000 },
      },
      {
        name: 'side',
        startTime: '2026-11-28T08:00:00Z',
        cpu: { time, usageNanoCores: 0, usageCoreNanoSeconds: 0 },
        memory: { time, workingSetBytes: 1000 },
      },
    ],
    cpu: { time, usageNanoCores: 500_000_000, usageCoreNanoSeconds: 5_000_000_000 },
    memory: { time, workingSetBytes: 2000 },
  });
  const text = resourceMetrics({ node, pods });
  assert.ok(text.includes('# TYPE pod_cpu_usage_seconds_total counter\n'));
  assert.ok(text.includes(`pod_cpu_usage_seconds_total{namespace="default",pod="web"} 5 ${Date.parse(time)}\n`));
  assert.ok(text.includes('container_start_time_seconds{container="main",namespace="default",pod="web"} '));
});
