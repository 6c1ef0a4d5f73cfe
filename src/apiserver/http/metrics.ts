import type { Clock } from '#util';
import type { VirtualResources } from '../virtual/virtual.ts';
import type { Registry } from '../registry/registry.ts';
import type { Filter } from './context.ts';

/** Upper bounds of the duration buckets, seconds. Source: apiserver pkg/endpoints/metrics v1.36, thinned. */
const BUCKETS = [0.005, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60];

interface Series {
  count: number;
  sumSeconds: number;
  readonly buckets: number[];
}

export interface Metrics {
  observe(
    labels: { verb: string; resource: string; group: string; version: string; code: number },
    seconds: number,
  ): void;
  text(): string;
}

/** Counts requests by what they asked and how they ended, under upstream's metric names. */
export function newMetrics(registry: Registry): Metrics {
  const requests = new Map<string, number>();
  const durations = new Map<string, Series>();
  return {
    observe({ verb, resource, group, version, code }, seconds) {
      const own = `group="${group}",resource="${resource}",verb="${verb}",version="${version}"`;
      const key = `code="${code}",${own}`;
      requests.set(key, (requests.get(key) ?? 0) + 1);
      let series = durations.get(own);
      if (series === undefined)
        durations.set(own, (series = { count: 0, sumSeconds: 0, buckets: BUCKETS.map(() => 0) }));
      series.count++;
      series.sumSeconds += seconds;
      const at = BUCKETS.findIndex((bound) => seconds <= bound);
      if (at >= 0) series.buckets[at]!++;
    },
    text() {
      const lines = ['# TYPE apiserver_request_total counter'];
      for (const [labels, count] of requests) lines.push(`apiserver_request_total{${labels}} ${count}`);
      lines.push('# TYPE apiserver_request_duration_seconds histogram');
      for (const [labels, series] of durations)
        lines.push(...histogram('apiserver_request_duration_seconds', labels, series));
      lines.push('# TYPE apiserver_storage_objects gauge');
      const counts = registry.counts();
      for (const { resource, objects } of counts)
        lines.push(`apiserver_storage_objects{resource="${resource}"} ${objects}`);
      lines.push('# TYPE apiserver_longrunning_requests gauge');
      for (const { resource, watchers } of counts)
        lines.push(`apiserver_longrunning_requests{resource="${resource}",verb="WATCH"} ${watchers}`);
      lines.push(
        '# TYPE process_resident_memory_bytes gauge',
        `process_resident_memory_bytes ${process.memoryUsage.rss()}`,
      );
      return `${lines.join('\n')}\n`;
    },
  };
}

function histogram(name: string, labels: string, { count, sumSeconds, buckets }: Series): string[] {
  let below = 0;
  const lines = BUCKETS.map((bound, i) => {
    below += buckets[i]!;
    return `${name}_bucket{${labels},le="${bound}"} ${below}`;
  });
  return [
    ...lines,
    `${name}_bucket{${labels},le="+Inf"} ${count}`,
    `${name}_sum{${labels}} ${sumSeconds}`,
    `${name}_count{${labels}} ${count}`,
  ];
}

/** Verbs that get a series of their own; clients may send any method. */
const VERBS = new Set([
  'get',
  'list',
  'watch',
  'create',
  'update',
  'patch',
  'delete',
  'deletecollection',
  'post',
  'put',
]);

/** Resources and methods clients invent must not become series without end: only served ones get a name. */
export const withMetrics =
  (metrics: Metrics, registry: Registry, virtual: VirtualResources, clock: Clock): Filter =>
  (next) =>
  async (context) => {
    const response = await next(context);
    const { verb, resource, group, version, isResourceRequest } = context.info;
    const code = 'status' in response ? response.status : 101;
    const known =
      isResourceRequest &&
      (registry.find(group, version, resource) ?? virtual.find(group, version, resource)) !== undefined;
    const labels = { verb: VERBS.has(verb) ? verb.toUpperCase() : 'OTHER', code };
    const of = known ? { resource, group, version } : { resource: '', group: '', version: '' };
    metrics.observe({ ...labels, ...of }, (clock.monotonic() - context.startedMs) / 1000);
    return response;
  };
