/** `stats` and `statsp`: what containers and pods use. */
import type { ContainerStats, CpuUsage, MemoryUsage, PodSandboxStats } from '#cri';
import { sleep } from '#util';
import { UsageError } from '../command.ts';
import { labelSelector } from './containers.ts';
import { bool, int, string, strings } from './flags.ts';
import { humanSize, table, truncatedId } from './format.ts';
import { listFormat, OUTPUT_USAGE, printMessage } from './output.ts';
import { type Context, defineVerb, during } from './verb.ts';

const FLAGS = {
  id: string('Filter by id'),
  label: strings('Filter by key=value label'),
  output: string(OUTPUT_USAGE, 'o'),
  seconds: int('Sample duration for CPU usage in seconds (default 1)', 's'),
  watch: bool('Watch resources', 'w'),
} as const;

const CLEAR_SCREEN = '\u001B[2J\u001B[H';
const WATCH_EVERY_MS = 500;

interface Usage {
  readonly attributes?: { readonly id: string };
  readonly cpu: CpuUsage | undefined;
  readonly memory: MemoryUsage | undefined;
}

interface Reading<T> {
  readonly seconds: number | undefined;
  readonly watch: boolean;
  readonly header: readonly string[];
  read(): Promise<readonly T[]>;
  row(item: T, cpuPercent: string): readonly string[];
  usage(item: T): Usage;
  /** Whether those that use nothing, as they do not run, are shown. */
  readonly all: boolean;
}

async function printUsage<T>(context: Context, reading: Reading<T>): Promise<void> {
  const { seconds = 1, watch } = reading;
  if (seconds < 0) throw new UsageError('--seconds takes no negative number');
  if (!watch) return context.io.out(await usageTable(context, reading, seconds * 1000));
  const { io, clock, call } = context;
  try {
    for (;;) {
      io.out(`${CLEAR_SCREEN}${await usageTable(context, reading, seconds * 1000)}`);
      await sleep(clock, WATCH_EVERY_MS, call);
    }
  } catch (error) {
    if (!call.signal.aborted) throw error; // else the user has seen enough
  }
}

async function usageTable<T>({ clock, call }: Context, reading: Reading<T>, sampleMs: number): Promise<string> {
  const before = new Map((await reading.read()).map((item) => [reading.usage(item).attributes?.id, item]));
  await sleep(clock, sampleMs, call);
  const rows = (await reading.read()).flatMap((item) => {
    const now = reading.usage(item);
    const then = before.get(now.attributes?.id);
    if (then === undefined) return []; // new
    if (!reading.all && cpuNanos(now) === 0n && memoryBytes(now) === 0) return [];
    return [reading.row(item, cpuPercent(reading.usage(then), now))];
  });
  return table([reading.header, ...rows]);
}

const cpuNanos = ({ cpu }: Usage): bigint => BigInt(cpu?.usage_core_nano_seconds?.value ?? 0);
const memoryBytes = ({ memory }: Usage): number => Number(memory?.working_set_bytes?.value ?? 0);

function cpuPercent(then: Usage, now: Usage): string {
  if (cpuNanos(now) === 0n) return '0.00';
  const nanos = BigInt(now.cpu?.timestamp ?? 0) - BigInt(then.cpu?.timestamp ?? 0);
  if (nanos === 0n) throw new Error('cpu stat is not updated during sample');
  return ((Number(cpuNanos(now) - cpuNanos(then)) / Number(nanos)) * 100).toFixed(2);
}

export const stats = defineVerb({
  name: 'stats',
  args: '[ID]',
  summary: 'List container(s) resource usage statistics',
  flags: {
    ...FLAGS,
    all: bool('Show all containers (default shows just running)', 'a'),
    pod: string('Filter by pod id', 'p'),
  },
  async run(context, values, [id, ...more]) {
    if (more.length > 0) throw new UsageError('it takes one ID at most');
    const filter = { id: values.id ?? id, pod_sandbox_id: values.pod, label_selector: labelSelector(values.label) };
    const read = async (): Promise<ContainerStats[]> => {
      const answer = await during('get container stats', context.runtime.listContainerStats({ filter }, context.query));
      return answer.stats.toSorted((a, b) => ((a.attributes?.id ?? '') < (b.attributes?.id ?? '') ? -1 : 1));
    };
    const format = listFormat(values.output);
    if (format !== 'table') return printMessage(context, format, 'ListContainerStatsResponse', { stats: await read() });
    await printUsage<ContainerStats>(context, {
      ...values,
      read,
      header: ['CONTAINER', 'NAME', 'CPU %', 'MEM', 'DISK', 'INODES', 'SWAP'],
      usage: ({ attributes, cpu, memory }) => ({ ...(attributes && { attributes }), cpu, memory }),
      row: ({ attributes, memory, writable_layer, swap }, percent) => [
        truncatedId(attributes?.id ?? ''),
        attributes?.metadata?.name ?? '',
        percent,
        humanSize(Number(memory?.working_set_bytes?.value ?? 0)),
        humanSize(Number(writable_layer?.used_bytes?.value ?? 0)),
        writable_layer?.inodes_used?.value ?? '0',
        humanSize(Number(swap?.swap_usage_bytes?.value ?? 0)),
      ],
    });
  },
});

export const statsp = defineVerb({
  name: 'statsp',
  args: '[ID]',
  summary: 'List pod statistics',
  flags: FLAGS,
  async run(context, values, [id, ...more]) {
    if (more.length > 0) throw new UsageError('it takes one ID at most');
    const filter = { id: values.id ?? id, label_selector: labelSelector(values.label) };
    const read = async (): Promise<PodSandboxStats[]> => {
      const answer = await during('get pod stats', context.runtime.listPodSandboxStats({ filter }, context.query));
      return answer.stats.toSorted((a, b) => ((a.attributes?.id ?? '') < (b.attributes?.id ?? '') ? -1 : 1));
    };
    const format = listFormat(values.output);
    if (format !== 'table')
      return printMessage(context, format, 'ListPodSandboxStatsResponse', { stats: await read() });
    await printUsage<PodSandboxStats>(context, {
      ...values,
      all: false,
      read,
      header: ['POD', 'POD ID', 'CPU %', 'MEM'],
      usage: ({ attributes, linux }) => ({ ...(attributes && { attributes }), cpu: linux?.cpu, memory: linux?.memory }),
      row: ({ attributes, linux }, percent) => [
        attributes?.metadata?.name ?? '',
        truncatedId(attributes?.id ?? ''),
        percent,
        humanSize(Number(linux?.memory?.working_set_bytes?.value ?? 0)),
      ],
    });
  },
});
