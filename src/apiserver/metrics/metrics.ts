import { readdirSync } from 'node:fs';
import type { Clock } from '#util';
import type { InFlight } from '../http/filters.ts';
import type { VersionInfo } from '../http/nonresource.ts';
import { Pace } from '../registry/pace.ts';
import type { Registry } from '../registry/registry.ts';
import { header, labelText, sample } from '#util';

/** Metrics in Prometheus' text format. */
export interface MetricsSource {
  lines(): Iterable<string>;
}

export interface MetricsOptions {
  readonly registry: Registry;
  readonly inFlight: InFlight;
  readonly version: VersionInfo;
  readonly clock: Clock;
  readonly sources: readonly MetricsSource[];
}

/** Everything `/metrics` tells, under the names upstream has for it; others have their turn between. */
export async function metricsText({ registry, inFlight, version, clock, sources }: MetricsOptions): Promise<string> {
  const own = [
    () => inFlightLines(inFlight),
    () => storageLines(registry),
    () => buildLines(version),
    () => processLines(clock),
  ];
  const pace = new Pace(clock);
  const lines: string[] = [];
  for (const source of [...sources, ...own.map((each) => ({ lines: each }))]) {
    for (const line of source.lines()) {
      lines.push(line);
      if (pace.due) await pace.turn();
    }
  }
  lines.push('');
  return lines.join('\n');
}

/** Source: apiserver_current_inflight_requests: the most there were of late. */
const inFlightLines = ({ readOnly, mutating }: InFlight): string[] => [
  ...header(
    'apiserver_current_inflight_requests',
    'gauge',
    '[STABLE] The most requests under way at once since this was last asked.',
  ),
  sample('apiserver_current_inflight_requests', labelText({ request_kind: 'mutating' }), mutating.highest()),
  sample('apiserver_current_inflight_requests', labelText({ request_kind: 'readOnly' }), readOnly.highest()),
];

/** Source: apiserver pkg/storage/etcd3/metrics v1.36; the first is the old name of the second. */
function storageLines(registry: Registry): string[] {
  const counts = registry.counts();
  return [
    ...header('apiserver_storage_objects', 'gauge', '[STABLE] Stored objects by resource.'),
    ...counts.map(({ resource, objects }) => sample('apiserver_storage_objects', labelText({ resource }), objects)),
    ...header('apiserver_resource_objects', 'gauge', '[ALPHA] Stored objects by group and resource.'),
    ...counts.map(({ resource: name, objects }) => {
      const [resource = '', ...group] = name.split('.');
      return sample('apiserver_resource_objects', labelText({ group: group.join('.'), resource }), objects);
    }),
    ...header('apiserver_registered_watchers', 'gauge', '[ALPHA] Watchers by resource.'),
    ...counts.map(({ resource, watchers }) =>
      sample('apiserver_registered_watchers', labelText({ resource }), watchers),
    ),
  ];
}

/** Source: component-base metrics/version v1.36. */
const buildLines = (version: VersionInfo): string[] => [
  ...header('kubernetes_build_info', 'gauge', '[ALPHA] Always 1; its labels tell the version.'),
  sample(
    'kubernetes_build_info',
    labelText({
      build_date: version.buildDate,
      compiler: version.compiler,
      git_commit: version.gitCommit,
      git_tree_state: version.gitTreeState,
      git_version: version.gitVersion,
      go_version: version.goVersion,
      major: version.major,
      minor: version.minor,
      platform: version.platform,
    }),
    1,
  ),
];

/** Source: the process collector of prometheus/client_golang. */
function processLines(clock: Clock): string[] {
  const { user, system } = process.cpuUsage();
  const memory = process.memoryUsage();
  return [
    ...header('process_cpu_seconds_total', 'counter', 'Time the processor worked for this process.'),
    sample('process_cpu_seconds_total', '', (user + system) / 1e6),
    ...header('process_open_fds', 'gauge', 'Open files.'),
    sample('process_open_fds', '', openFiles()),
    ...header('process_resident_memory_bytes', 'gauge', 'Memory in use.'),
    sample('process_resident_memory_bytes', '', memory.rss),
    ...header('process_start_time_seconds', 'gauge', 'When the process began, since 1970.'),
    sample('process_start_time_seconds', '', clock.now() / 1000 - process.uptime()),
  ];
}

function openFiles(): number {
  try {
    return readdirSync('/proc/self/fd').length;
  } catch {
    return 0; // no such folder outside Linux
  }
}
