/** `pods`, and which pods a set of filters means. */
import type { PodSandbox, PodSandboxState } from '#cri';
import { UsageError } from '../command.ts';
import { labelSelector, newest, pattern } from './containers.ts';
import { bool, int, string, strings, type Values } from './flags.ts';
import { ago, goTime, labelLines, table, truncatedId } from './format.ts';
import { listFormat, OUTPUT_USAGE, printMessage } from './output.ts';
import { type Context, defineVerb, during } from './verb.ts';

export const POD_FILTERS = {
  name: string('Filter by pod name regular expression pattern'),
  namespace: string('Filter by pod namespace regular expression pattern'),
  state: string('Filter by pod state: ready or notready', 's'),
  label: strings('Filter by key=value label'),
  latest: bool('Show the most recently created pod', 'l'),
  last: int('Show last n recently created pods. Set 0 for unlimited', 'n'),
} as const;

type Filters = Values<typeof POD_FILTERS> & { readonly id?: string | undefined };

const STATES: Readonly<Record<string, PodSandboxState>> = { ready: 'SANDBOX_READY', notready: 'SANDBOX_NOTREADY' };
const STATE_NAMES: Readonly<Record<PodSandboxState, string>> = { SANDBOX_READY: 'Ready', SANDBOX_NOTREADY: 'NotReady' };

/** Newest first. */
export async function listPods(context: Context, filters: Filters): Promise<PodSandbox[]> {
  const state = filters.state === undefined ? undefined : STATES[filters.state.toLowerCase()];
  if (filters.state !== undefined && state === undefined) throw new UsageError('--state should be ready or notready');
  const filter = {
    id: filters.id,
    state: state === undefined ? undefined : { state },
    label_selector: labelSelector(filters.label),
  };
  const { items } = await during('listing pod sandboxes', context.runtime.listPodSandbox({ filter }, context.query));
  const name = pattern(filters.name);
  const namespace = pattern(filters.namespace);
  const found = items.filter(
    ({ metadata }) => name.test(metadata?.name ?? '') && namespace.test(metadata?.namespace ?? ''),
  );
  return newest(found, { latest: filters.latest, last: filters.last ?? 0 });
}

export const pods = defineVerb({
  name: 'pods',
  summary: 'List pods',
  flags: {
    ...POD_FILTERS,
    id: string('Filter by pod id'),
    quiet: bool('List only pod IDs', 'q'),
    verbose: bool('Show verbose info for pods', 'v'),
    output: string(OUTPUT_USAGE, 'o'),
    'no-trunc': bool('Show output without truncating the ID'),
  },
  async run(context, values, args) {
    if (args.length > 0) throw new UsageError(`it takes no arguments, and not ${JSON.stringify(args[0])}`);
    const format = listFormat(values.output);
    const items = await listPods(context, values);
    const { io } = context;
    if (format !== 'table') printMessage(context, format, 'ListPodSandboxResponse', { items });
    else if (values.quiet) io.out(items.map(({ id }) => `${id}\n`).join(''));
    else if (values.verbose) io.out(items.map(verbose).join(''));
    else io.out(table([HEADER, ...items.map((pod) => row(pod, context.clock.now(), values['no-trunc']))]));
  },
});

const HEADER = ['POD ID', 'CREATED', 'STATE', 'NAME', 'NAMESPACE', 'ATTEMPT', 'RUNTIME'];

const runtimeOf = (pod: PodSandbox): string => (pod.runtime_handler === '' ? '(default)' : pod.runtime_handler);

function row(pod: PodSandbox, nowMs: number, whole: boolean): string[] {
  const { metadata } = pod;
  return [
    whole ? pod.id : truncatedId(pod.id),
    ago(pod.created_at, nowMs),
    STATE_NAMES[pod.state],
    metadata?.name ?? '',
    metadata?.namespace ?? '',
    String(metadata?.attempt ?? 0),
    runtimeOf(pod),
  ];
}

function verbose(pod: PodSandbox): string {
  const { metadata } = pod;
  return [
    `ID: ${pod.id}\n`,
    metadata === undefined ? '' : `Name: ${metadata.name}\nUID: ${metadata.uid}\nNamespace: ${metadata.namespace}\n`,
    metadata === undefined || metadata.attempt === 0 ? '' : `Attempt: ${metadata.attempt}\n`,
    `Status: ${STATE_NAMES[pod.state]}\n`,
    `Created: ${goTime(pod.created_at)}\n`,
    labelLines('Labels', pod.labels),
    labelLines('Annotations', pod.annotations),
    `Runtime: ${runtimeOf(pod)}\n\n`,
  ].join('');
}
