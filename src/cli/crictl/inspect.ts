/** `inspect`, `inspectp` and `inspecti`: all there is to know about a container, a pod, an image. */
import { type ContainerStatusResponse, type ImageStatusResponse, type PodSandboxStatusResponse, protoJson } from '#cri';
import { UsageError } from '../command.ts';
import { CONTAINER_FILTERS, listContainers } from './containers.ts';
import { bool, string } from './flags.ts';
import { ago, goMap, goTime, humanSize, labelLines, rfc3339Nano, ZERO_TIME } from './format.ts';
import { IMAGE_FILTER, listImages } from './images.ts';
import { printStatuses, statusFormat, type StatusDocument } from './output.ts';
import { listPods, POD_FILTERS } from './pods.ts';
import { type Context, defineVerb, during, quote } from './verb.ts';

const FLAGS = {
  output: string('Output format, One of: json|yaml|table', 'o'),
  quiet: bool('Do not show verbose information', 'q'),
} as const;

interface Inspection<T> {
  readonly ids: readonly string[];
  readonly output: string | undefined;
  readonly quiet: boolean;
  ask(id: string): Promise<T>;
  document(answer: T): StatusDocument;
  /** For people. */
  text(answer: T): string;
}

async function print<T extends { readonly info: Readonly<Record<string, string>> }>(
  context: Context,
  { ids, output, quiet, ask, document, text }: Inspection<T>,
): Promise<void> {
  const format = statusFormat(output);
  if (ids.length === 0) throw new UsageError('No IDs provided or nothing found per filter');
  const answers: T[] = [];
  for (const id of ids) answers.push(await ask(id));
  if (format !== 'table') return printStatuses(context, format, answers.map(document));
  for (const answer of answers) context.io.out(`${text(answer)}${quiet ? '' : `Info: ${goMap(answer.info)}\n`}`);
}

export const inspect = defineVerb({
  name: 'inspect',
  args: 'CONTAINER-ID [CONTAINER-ID...]',
  summary: 'Display the status of one or more containers',
  flags: { ...CONTAINER_FILTERS, ...FLAGS, all: bool('Show all containers', 'a') },
  async run(context, values, args) {
    const { runtime, query, clock } = context;
    await print<ContainerStatusResponse>(context, {
      ids: args.length > 0 ? args : (await listContainers(context, values)).map(({ id }) => id),
      output: values.output,
      quiet: values.quiet,
      ask: (id) =>
        during('get container status', runtime.containerStatus({ container_id: id, verbose: !values.quiet }, query)),
      document: containerDocument,
      text: (answer) => containerText(answer, clock.now()),
    });
  },
});

function containerDocument({ status, info }: ContainerStatusResponse): StatusDocument {
  if (status === undefined) throw new Error('the runtime tells no status');
  const { state, started_at, finished_at } = status;
  const finished = state === 'CONTAINER_EXITED' || (state === 'CONTAINER_UNKNOWN' && finished_at !== '0');
  const times = {
    createdAt: rfc3339Nano(status.created_at),
    startedAt: state === 'CONTAINER_CREATED' ? ZERO_TIME : rfc3339Nano(started_at),
    finishedAt: finished ? rfc3339Nano(finished_at) : ZERO_TIME,
  };
  return { status: { ...protoJson('ContainerStatus', status), ...times }, info };
}

function containerText({ status }: ContainerStatusResponse, nowMs: number): string {
  if (status === undefined) throw new Error('the runtime tells no status');
  const { metadata, state } = status;
  const exited = state === 'CONTAINER_EXITED';
  return [
    `ID: ${status.id}\n`,
    metadata === undefined ? '' : `Name: ${metadata.name}\n`,
    metadata === undefined || metadata.attempt === 0 ? '' : `Attempt: ${metadata.attempt}\n`,
    `State: ${state}\n`,
    `Created: ${ago(status.created_at, nowMs)}\n`,
    state === 'CONTAINER_CREATED' ? '' : `Started: ${ago(status.started_at, nowMs)}\n`,
    exited && status.finished_at !== '0' ? `Finished: ${ago(status.finished_at, nowMs)}\n` : '',
    exited ? `Exit Code: ${status.exit_code}\n` : '',
    labelLines('Labels', status.labels),
    labelLines('Annotations', status.annotations),
  ].join('');
}

export const inspectp = defineVerb({
  name: 'inspectp',
  args: 'POD-ID [POD-ID...]',
  summary: 'Display the status of one or more pods',
  flags: { ...POD_FILTERS, ...FLAGS },
  async run(context, values, args) {
    const { runtime, query } = context;
    await print<PodSandboxStatusResponse>(context, {
      ids: args.length > 0 ? args : (await listPods(context, values)).map(({ id }) => id),
      output: values.output,
      quiet: values.quiet,
      ask: (id) =>
        during(
          'get pod sandbox status',
          runtime.podSandboxStatus({ pod_sandbox_id: id, verbose: !values.quiet }, query),
        ),
      document: ({ status, info }) => {
        if (status === undefined) throw new Error('the runtime tells no status');
        const createdAt = rfc3339Nano(status.created_at);
        return { status: { ...protoJson('PodSandboxStatus', status), createdAt }, info };
      },
      text: podText,
    });
  },
});

function podText({ status }: PodSandboxStatusResponse): string {
  if (status === undefined) throw new Error('the runtime tells no status');
  const { metadata, network } = status;
  return [
    `ID: ${status.id}\n`,
    metadata === undefined
      ? ''
      : `Name: ${metadata.name}\nUID: ${metadata.uid}\nNamespace: ${metadata.namespace}\nAttempt: ${metadata.attempt}\n`,
    `Status: ${status.state}\n`,
    `Created: ${goTime(status.created_at)}\n`,
    network === undefined ? '' : `IP Addresses: ${network.ip}\n`,
    ...(network?.additional_ips ?? []).map(({ ip }) => `Additional IP: ${ip}\n`),
    labelLines('Labels', status.labels),
    labelLines('Annotations', status.annotations),
  ].join('');
}

export const inspecti = defineVerb({
  name: 'inspecti',
  args: 'IMAGE-ID [IMAGE-ID...]',
  summary: 'Return the status of one or more images',
  flags: { ...FLAGS, name: string('Filter by image name'), filter: IMAGE_FILTER },
  async run(context, values, args) {
    const { image: images, query } = context;
    await print<ImageStatusResponse>(context, {
      ids: args.length > 0 ? args : (await listImages(context, values.name, values.filter)).map(({ id }) => id),
      output: values.output,
      quiet: values.quiet,
      ask: async (id) => {
        const answer = await during(
          `image status for ${quote(id)} request`,
          images.imageStatus({ image: { image: id }, verbose: !values.quiet }, query),
        );
        if (answer.image === undefined) throw new Error(`no such image ${quote(id)} present`);
        return answer;
      },
      document: ({ image, info }) => ({ status: protoJson('Image', image ?? {}), info }),
      text: ({ image }) =>
        [
          `ID: ${image?.id}\n`,
          ...(image?.repo_tags ?? []).map((tag) => `Tag: ${tag}\n`),
          ...(image?.repo_digests ?? []).map((digest) => `Digest: ${digest}\n`),
          `Size: ${humanSize(Number(image?.size ?? 0), 3)}\n`,
        ].join(''),
    });
  },
});
