/**
 * The service proxy against this machine's kernel, in a network namespace of its own: what the rules of many services cost to compute and to
 * apply, whole and one change at a time. `npm run bench -- proxy`. Needs root; some seconds.
 */
import { spawnSync } from 'node:child_process';
import type { EndpointSlice, Service } from '#api';
import { Rules, type RulesetOptions, systemKernel } from '#proxy';

const OPTIONS: RulesetOptions = {
  nodeName: 'n1',
  nodePortAddresses: ['172.18.0.2'],
  clusterCIDR: '10.244.0.0/16',
  serviceCIDR: '10.96.0.0/12',
};
const CHANGES = 50;
const metadata = { uid: '', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z', namespace: 'ns' };

/** Runs itself again where there are no rules but its own. */
export async function run(): Promise<void> {
  const { status } = spawnSync('unshare', ['--net', process.execPath, import.meta.filename], { stdio: 'inherit' });
  if (status !== 0) throw new Error(`the benchmark ended with ${status}`);
}

async function measure(count: number): Promise<void> {
  const rules = new Rules(OPTIONS);
  const signal = new AbortController().signal;
  const computeMs = await timed(() => {
    for (let i = 0; i < count; i++) rules.set(`ns/s${i}`, service(i), [slice(i, 1 + (i % 4))]);
  });
  let text = '';
  const textMs = await timed(() => void ({ text } = rules.full()));
  const firstMs = await timed(() => systemKernel.apply(text, { signal }));
  const replaceMs = await timed(() => systemKernel.apply(text, { signal }));
  const changes: number[] = [];
  for (let i = 0; i < CHANGES; i++) {
    const of = (i * 7919) % count;
    changes.push(
      await timed(async () => {
        rules.set(`ns/s${of}`, service(of), [slice(of, 2 + (i % 3), 100)]);
        await systemKernel.apply(rules.update()?.text ?? '', { signal });
      }),
    );
  }
  const { rss } = process.memoryUsage();
  console.log(
    `${count} services: rules ${computeMs.toFixed(0)} ms, text ${textMs.toFixed(0)} ms (${(text.length / 1e6).toFixed(1)} MB), ` +
      `applied ${firstMs.toFixed(0)} ms, replaced ${replaceMs.toFixed(0)} ms, one change ${median(changes).toFixed(1)} ms ` +
      `(longest ${Math.max(...changes).toFixed(1)} ms), rss ${(rss / 1e6).toFixed(0)} MB`,
  );
}

function service(i: number): Service {
  const spec = {
    type: 'ClusterIP',
    clusterIP: `10.${97 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}`,
    ports: [{ port: 80 }],
  };
  return { apiVersion: 'v1', kind: 'Service', metadata: { ...metadata, name: `s${i}` }, spec, status: {} };
}

function slice(i: number, endpoints: number, firstNode = 1): EndpointSlice {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { ...metadata, name: `s${i}`, labels: { 'kubernetes.io/service-name': `s${i}` } },
    addressType: 'IPv4',
    endpoints: Array.from({ length: endpoints }, (_, n) => ({
      addresses: [`10.244.${firstNode + n}.${1 + (i % 250)}`],
      nodeName: `n${firstNode + n}`,
    })),
    ports: [{ port: 8080, protocol: 'TCP' }],
  };
}

async function timed(work: () => void | Promise<void>): Promise<number> {
  const startedMs = performance.now();
  await work();
  return performance.now() - startedMs;
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;

if (import.meta.main) for (const count of [1000, 10_000]) await measure(count);
