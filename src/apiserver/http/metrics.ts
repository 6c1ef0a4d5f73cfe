import type { Clock } from '#util';
import type { VirtualResources } from '../virtual/virtual.ts';
import type { Registry } from '../registry/registry.ts';
import type { Filter } from './context.ts';

/** Upper bounds of the duration buckets, seconds. Source: apiserver pkg/endpoints/metrics v1.36, thinned. */
const BUCKETS = [0.005, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60];

interface ResourceName {
  readonly kind: { readonly group: string; readonly version: string; readonly plural: string };
}

interface Series {
  readonly labels: string;
  /** Requests by the code of the answer. */
  readonly codes: Map<number, number>;
  count: number;
  sumSeconds: number;
  readonly buckets: number[];
}

export interface Metrics {
  /** `of` is the resource that was asked for, if there is one. */
  observe(of: ResourceName | undefined, verb: string, code: number, seconds: number): void;
  text(): string;
}

/** Counts requests by what they asked and how they ended, under upstream's metric names. */
export function newMetrics(registry: Registry): Metrics {
  const all = new Map<string, Series>();
  /** The same by what they are of, so that a request needs no text to find its own. */
  const known = new WeakMap<ResourceName, Map<string, Series>>();
  const seriesOf = (of: ResourceName, verb: string): Series => {
    const { group, version, plural } = of.kind;
    const labels = `group="${group}",resource="${plural}",verb="${verb}",version="${version}"`;
    let series = all.get(labels);
    if (series === undefined) {
      series = { labels, codes: new Map(), count: 0, sumSeconds: 0, buckets: BUCKETS.map(() => 0) };
      all.set(labels, series);
    }
    return series;
  };
  return {
    observe(of = NO_RESOURCE, verb, code, seconds) {
      let byVerb = known.get(of);
      if (byVerb === undefined) known.set(of, (byVerb = new Map()));
      let series = byVerb.get(verb);
      if (series === undefined) byVerb.set(verb, (series = seriesOf(of, verb)));
      series.codes.set(code, (series.codes.get(code) ?? 0) + 1);
      series.count++;
      series.sumSeconds += seconds;
      let at = 0;
      while (at < BUCKETS.length && seconds > BUCKETS[at]!) at++;
      if (at < BUCKETS.length) series.buckets[at]!++;
    },
    text() {
      const lines = ['# TYPE apiserver_request_total counter'];
      for (const { labels, codes } of all.values())
        for (const [code, count] of codes) lines.push(`apiserver_request_total{code="${code}",${labels}} ${count}`);
      lines.push('# TYPE apiserver_request_duration_seconds histogram');
      for (const series of all.values())
        lines.push(...histogram('apiserver_request_duration_seconds', series.labels, series));
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

const NO_RESOURCE: ResourceName = { kind: { group: '', version: '', plural: '' } };

/** Verbs that get a series of their own, with their labels; clients may send any method. */
const VERBS: ReadonlyMap<string, string> = new Map(
  ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete', 'deletecollection', 'post', 'put'].map((verb) => [
    verb,
    verb.toUpperCase(),
  ]),
);

/** Resources and methods clients invent must not become series without end: only served ones get a name. */
export const withMetrics =
  (metrics: Metrics, registry: Registry, virtual: VirtualResources, clock: Clock): Filter =>
  (next) =>
  async (context) => {
    const response = await next(context);
    const { verb, resource, group, version, isResourceRequest } = context.info;
    const code = 'status' in response ? response.status : 101;
    const of = isResourceRequest
      ? (registry.find(group, version, resource) ?? virtual.find(group, version, resource))
      : undefined;
    metrics.observe(of, VERBS.get(verb) ?? 'OTHER', code, (clock.monotonic() - context.startedMs) / 1000);
    return response;
  };
