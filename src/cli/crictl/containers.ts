/** `ps`, and which containers a set of filters means. */
import type { Container, ContainerState } from '#cri';
import { UsageError } from '../command.ts';
import { bool, int, string, strings, type Values } from './flags.ts';
import { ago, labelLines, table, truncatedId } from './format.ts';
import { listFormat, OUTPUT_USAGE, printMessage } from './output.ts';
import { type Context, defineVerb, during, ifFound } from './verb.ts';

/** Of whatever takes containers by filters. */
export const CONTAINER_FILTERS = {
  name: string('Filter by container name regular expression pattern'),
  namespace: string('Filter by pod namespace regular expression pattern'),
  pod: string('Filter by pod id', 'p'),
  image: string('Filter by container image'),
  state: string('Filter by container state: created, running, exited or unknown', 's'),
  label: strings('Filter by key=value label'),
  latest: bool('Show the most recently created container (includes all states)', 'l'),
  last: int('Show last n recently created containers (includes all states). Set 0 for unlimited.', 'n'),
} as const;

type Filters = Values<typeof CONTAINER_FILTERS> & { readonly id?: string | undefined; readonly all?: boolean };

const STATES: Readonly<Record<string, ContainerState>> = {
  created: 'CONTAINER_CREATED',
  running: 'CONTAINER_RUNNING',
  exited: 'CONTAINER_EXITED',
  unknown: 'CONTAINER_UNKNOWN',
};

const STATE_NAMES: Readonly<Record<ContainerState, string>> = {
  CONTAINER_CREATED: 'Created',
  CONTAINER_RUNNING: 'Running',
  CONTAINER_EXITED: 'Exited',
  CONTAINER_UNKNOWN: 'Unknown',
};

const POD_NAME_LABEL = 'io.kubernetes.pod.name';
const POD_NAMESPACE_LABEL = 'io.kubernetes.pod.namespace';

/** Newest first. */
export async function listContainers(context: Context, filters: Filters): Promise<Container[]> {
  const { all = false, id, latest, last = 0 } = filters;
  const state = filters.state === undefined ? (all ? undefined : 'CONTAINER_RUNNING') : stateNamed(filters.state);
  const { containers } = await during(
    'listing containers',
    context.runtime.listContainers(
      {
        filter: {
          id,
          pod_sandbox_id: filters.pod,
          state: state === undefined || latest || last > 0 ? undefined : { state },
          label_selector: labelSelector(filters.label),
        },
      },
      context.query,
    ),
  );
  const name = pattern(filters.name);
  const namespace = pattern(filters.namespace);
  const ofImage = await imageFilter(context, filters.image);
  const found: Container[] = [];
  for (const container of containers) {
    if (!name.test(container.metadata?.name ?? '')) continue;
    if (!namespace.test(container.labels[POD_NAMESPACE_LABEL] ?? 'unknown')) continue;
    if (await ofImage(container)) found.push(container);
  }
  return newest(found, { latest, last });
}

function stateNamed(text: string): ContainerState {
  const state = STATES[text.toLowerCase()];
  if (state === undefined) throw new UsageError('--state should be one of created, running, exited or unknown');
  return state;
}

export function labelSelector(labels: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    labels.map((label) => {
      const [key, value, ...more] = label.split('=');
      if (key === undefined || value === undefined || more.length > 0)
        throw new UsageError(`incorrectly specified label: ${label}`);
      return [key, value];
    }),
  );
}

/** Nothing given matches everything. */
export function pattern(text: string | undefined): RegExp {
  try {
    return new RegExp(text ?? '');
  } catch (error) {
    throw new UsageError(`invalid regular expression ${JSON.stringify(text)}: ${(error as Error).message}`);
  }
}

/** The newest first, and of them all, one or so many. */
export function newest<T extends { readonly created_at: string }>(
  items: readonly T[],
  { latest, last }: { readonly latest: boolean; readonly last: number },
): T[] {
  const sorted = items.toSorted((a, b) => Number(BigInt(b.created_at) - BigInt(a.created_at)));
  return sorted.slice(0, last > 0 ? last : latest ? 1 : undefined);
}

/** Images have many names; they are the same when the runtime knows them by the same id. */
async function imageFilter(context: Context, wanted = ''): Promise<(container: Container) => Promise<boolean>> {
  if (wanted === '') return () => Promise.resolve(true);
  const ids = new Map<string, Promise<string | undefined>>();
  const idOf = (image: string): Promise<string | undefined> => {
    const asked = ids.get(image) ?? imageId(context, image);
    ids.set(image, asked);
    return asked;
  };
  const id = await idOf(wanted);
  return async (container) => id !== undefined && (await idOf(container.image?.image ?? '')) === id;
}

async function imageId({ image: images, query }: Context, image: string): Promise<string | undefined> {
  const answer = await ifFound(images.imageStatus({ image: { image } }, query));
  return answer?.image?.id;
}

export const ps = defineVerb({
  name: 'ps',
  summary: 'List containers',
  flags: {
    ...CONTAINER_FILTERS,
    id: string('Filter by container id'),
    all: bool('Show all containers', 'a'),
    quiet: bool('Only display container IDs', 'q'),
    verbose: bool('Show verbose information for containers', 'v'),
    output: string(OUTPUT_USAGE, 'o'),
    'no-trunc': bool('Show output without truncating the ID'),
    'resolve-image-path': bool('Show image path instead of image id', 'r'),
  },
  async run(context, values, args) {
    if (args.length > 0) throw new UsageError(`it takes no arguments, and not ${JSON.stringify(args[0])}`);
    const format = listFormat(values.output);
    const containers = await listContainers(context, values);
    const { io, clock } = context;
    if (format !== 'table') printMessage(context, format, 'ListContainersResponse', { containers });
    else if (values.quiet) io.out(containers.map(({ id }) => `${id}\n`).join(''));
    else if (values.verbose) io.out(containers.map((container) => verbose(container, clock.now())).join(''));
    else io.out(table([HEADER, ...(await Promise.all(containers.map((c) => row(context, c, values))))]));
  },
});

const HEADER = ['CONTAINER', 'IMAGE', 'CREATED', 'STATE', 'NAME', 'ATTEMPT', 'POD ID', 'POD', 'NAMESPACE'];

interface RowOptions {
  readonly 'no-trunc': boolean;
  readonly 'resolve-image-path': boolean;
}

async function row(context: Context, container: Container, options: RowOptions): Promise<string[]> {
  const short = options['no-trunc'] ? (id: string): string => id : truncatedId;
  const image = container.image?.image ?? '';
  // An image is an id when the kubelet asked for it, a name when somebody else did.
  const shown = options['resolve-image-path']
    ? await imagePath(context, image)
    : image.startsWith('sha256:')
      ? short(image)
      : image;
  return [
    short(container.id),
    shown,
    ago(container.created_at, context.clock.now()),
    STATE_NAMES[container.state],
    container.metadata?.name ?? '',
    String(container.metadata?.attempt ?? 0),
    short(container.pod_sandbox_id),
    container.labels[POD_NAME_LABEL] ?? 'unknown',
    container.labels[POD_NAMESPACE_LABEL] ?? 'unknown',
  ];
}

async function imagePath({ image: images, query }: Context, image: string): Promise<string> {
  const answer = await ifFound(images.imageStatus({ image: { image } }, query));
  return answer?.image?.repo_tags[0] ?? image;
}

function verbose(container: Container, nowMs: number): string {
  const { metadata } = container;
  return [
    `ID: ${container.id}\n`,
    `PodID: ${container.pod_sandbox_id}\n`,
    `Namespace: ${container.labels[POD_NAMESPACE_LABEL] ?? 'unknown'}\n`,
    metadata === undefined ? '' : `Name: ${metadata.name}\nAttempt: ${metadata.attempt}\n`,
    `State: ${STATE_NAMES[container.state]}\n`,
    container.image === undefined ? '' : `Image: ${container.image.image}\n`,
    `Created: ${ago(container.created_at, nowMs)}\n`,
    labelLines('Labels', container.labels),
    labelLines('Annotations', container.annotations),
    '\n',
  ].join('');
}
