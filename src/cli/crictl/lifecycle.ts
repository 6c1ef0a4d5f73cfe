/** `start`, `stop`, `rm`, `stopp` and `rmp`. What they end the kubelet starts again, as on every node. */
import { readdir, rm as removeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { messageOf } from '#util';
import { UsageError } from '../command.ts';
import { listContainers } from './containers.ts';
import { bool, int } from './flags.ts';
import { type Context, defineVerb, during, forEach, quote } from './verb.ts';

const CONTAINERS = 'CONTAINER-ID [CONTAINER-ID...]';
const PODS = 'POD-ID [POD-ID...]';

function someOf(ids: readonly string[]): readonly string[] {
  if (ids.length === 0 || ids.includes('')) throw new UsageError('ID cannot be empty');
  return ids;
}

export const start = defineVerb({
  name: 'start',
  args: CONTAINERS,
  summary: 'Start one or more created containers',
  flags: {},
  async run({ io, runtime, call }, _values, args) {
    for (const id of someOf(args)) {
      await during(`starting the container ${quote(id)}`, runtime.startContainer({ container_id: id }, call));
      io.out(`${id}\n`);
    }
  },
});

export const stop = defineVerb({
  name: 'stop',
  args: CONTAINERS,
  summary: 'Stop one or more running containers',
  flags: {
    timeout: int('Seconds to wait to kill the container after a graceful stop is requested', 't'),
    all: bool('Stop all running containers', 'a'),
  },
  async run(context, values, args) {
    if (values.all && args.length > 0) throw new UsageError('cannot specify CONTAINER-ID(s) when using --all');
    const ids = values.all ? await running(context) : someOf(args);
    if (ids.length === 0) context.io.out('No running containers found.\n');
    for (const id of ids) await stopContainer(context, id, values.timeout ?? 0);
  },
});

async function running(context: Context): Promise<readonly string[]> {
  const found = await listContainers(context, {
    label: [],
    latest: false,
    last: undefined,
    name: undefined,
    namespace: undefined,
    pod: undefined,
    image: undefined,
    state: 'running',
  });
  return found.map(({ id }) => id);
}

async function stopContainer({ io, runtime, call }: Context, id: string, timeout: number): Promise<void> {
  await during(`stopping the container ${quote(id)}`, runtime.stopContainer({ container_id: id, timeout }, call));
  io.out(`${id}\n`);
}

export const rm = defineVerb({
  name: 'rm',
  args: CONTAINERS,
  summary: 'Remove one or more containers',
  flags: {
    force: bool('Force removal of the container, disregarding if running', 'f'),
    all: bool('Remove all containers', 'a'),
    'keep-logs': bool('Preserve the container log file and its rotations', 'k'),
  },
  async run(context, values, args) {
    const { io, runtime, query, call } = context;
    const ids = values.all ? (await runtime.listContainers({}, query)).containers.map(({ id }) => id) : someOf(args);
    if (ids.length === 0) io.err('No containers to remove\n');
    await forEach(ids, async (id) => {
      const { status } = await during(
        `getting container status ${quote(id)}`,
        runtime.containerStatus({ container_id: id }, query),
      );
      if (status?.state === 'CONTAINER_RUNNING') {
        if (!values.force) throw new Error(`container ${quote(id)} is running, please stop it first`);
        await stopContainer(context, id, 0);
      }
      await during(`removing container ${quote(id)}`, runtime.removeContainer({ container_id: id }, call));
      io.out(`${id}\n`);
      if (!values['keep-logs'] && (status?.log_path ?? '') !== '')
        await removeLogs(context, id, status?.log_path ?? '');
    });
  },
});

/** The container is gone by now: a log that stays is told, and no failure. */
async function removeLogs({ io }: Context, id: string, path: string): Promise<void> {
  const rotations = (await readdir(dirname(path)).catch(() => [])).filter((name) =>
    name.startsWith(`${basename(path)}.`),
  );
  for (const file of [...rotations.map((name) => join(dirname(path), name)), path]) {
    try {
      await removeFile(file);
    } catch (error) {
      io.err(`removing log file ${file} for container ${quote(id)} failed: ${messageOf(error)}\n`);
    }
  }
}

export const stopp = defineVerb({
  name: 'stopp',
  args: PODS,
  summary: 'Stop one or more running pods',
  flags: {},
  async run(context, _values, args) {
    for (const id of someOf(args)) await stopPod(context, id);
  },
});

async function stopPod({ io, runtime, call }: Context, id: string): Promise<void> {
  await during(`stopping the pod sandbox ${quote(id)}`, runtime.stopPodSandbox({ pod_sandbox_id: id }, call));
  io.out(`Stopped sandbox ${id}\n`);
}

export const rmp = defineVerb({
  name: 'rmp',
  args: PODS,
  summary: 'Remove one or more pods',
  flags: {
    force: bool('Force removal of the pod sandbox, disregarding if running', 'f'),
    all: bool('Remove all pods', 'a'),
  },
  async run(context, values, args) {
    const { io, runtime, query, call } = context;
    const ids = values.all ? (await runtime.listPodSandbox({}, query)).items.map(({ id }) => id) : someOf(args);
    if (ids.length === 0) io.err('No pods to remove\n');
    await forEach(ids, async (id) => {
      const { status } = await during(
        `getting sandbox status of pod ${quote(id)}`,
        runtime.podSandboxStatus({ pod_sandbox_id: id }, query),
      );
      if (status?.state === 'SANDBOX_READY') {
        if (!values.force) throw new Error(`pod sandbox ${quote(id)} is running, please stop it first`);
        await stopPod(context, id);
      }
      await during(`removing the pod sandbox ${quote(id)}`, runtime.removePodSandbox({ pod_sandbox_id: id }, call));
      io.out(`Removed sandbox ${id}\n`);
    });
  },
});
