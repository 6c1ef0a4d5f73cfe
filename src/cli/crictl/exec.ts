/**
 * `exec`: a further process in a container. Its streams go through containerd's task service, not through the runtime's
 * streaming server: so the end of the input arrives, and no port is needed.
 */
import { type ContainerExec, endInput, startContainerExec } from '#cri';
import { UsageError } from '../command.ts';
import { CONTAINER_FILTERS, listContainers } from './containers.ts';
import { bool, int, string } from './flags.ts';
import { type StreamWriter, writer } from './output.ts';
import { type Context, defineVerb, during, forEach } from './verb.ts';

export const exec = defineVerb({
  name: 'exec',
  args: '[CONTAINER-ID] COMMAND [ARG...]',
  summary: 'Run a command in a running container, or, without an id, in all that match the filters',
  stopAtArgument: true,
  flags: {
    ...CONTAINER_FILTERS,
    state: string('Filter by container state'),
    sync: bool('Run the command synchronously: its output comes when it has ended', 's'),
    timeout: int('Timeout in seconds, with --sync'),
    tty: bool('Allocate a pseudo-TTY', 't'),
    interactive: bool('Keep STDIN open', 'i'),
    quiet: bool('Do not print the container ID if multiple containers are selected', 'q'),
    'ignore-errors': bool('Ignore errors during command execution', 'e'),
    parallel: bool('Run the command in parallel if multiple containers are selected', 'x'),
  },
  async run(context, values, args) {
    const { name, namespace, pod, image, state, label, latest, last } = values;
    const filtered =
      [name, namespace, pod, image, state, last].some((value) => value !== undefined) || label.length > 0 || latest;
    const command = filtered ? args : args.slice(1);
    if (command.length === 0) throw new UsageError(`which ${args.length === 0 ? 'container and ' : ''}command?`);
    const ids = filtered ? (await listContainers(context, values)).map(({ id }) => id) : args.slice(0, 1);
    if (ids.length === 0) throw new Error('No containers found per filter flags');
    const { sync, tty, interactive } = values;
    if (tty) requireTerminal(context, interactive);
    if (interactive && ids.length > 1) throw new UsageError(`one input cannot go to ${ids.length} containers`);
    const one = async (id: string): Promise<void> => {
      if (filtered && !values.quiet && !values.parallel) context.io.out(`${id}:\n`);
      if (sync) {
        const what = `execing command in container ${id} synchronously`;
        await during(what, execSync(context, id, command, values.timeout ?? 0));
      } else
        await during(`execing command in container ${id}`, execStreams(context, id, command, { tty, interactive }));
    };
    try {
      if (values.parallel) await forEach(ids, one);
      else for (const id of ids) await one(id);
    } catch (error) {
      if (!values['ignore-errors']) throw error;
    }
  },
});

function requireTerminal({ io }: Context, interactive: boolean): void {
  if (!interactive) throw new UsageError('tty=true must be specified with interactive=true');
  if (!io.tty.in) throw new Error('input is not a terminal');
}

async function execSync(
  { io, runtime, call }: Context,
  id: string,
  cmd: readonly string[],
  timeout: number,
): Promise<void> {
  const { stdout, stderr, exit_code } = await runtime.execSync({ container_id: id, cmd, timeout }, call);
  const output = writer(io, call.signal);
  await output.write('out', stdout);
  await output.write('err', stderr);
  if (exit_code !== 0) throw new Error(`command ${JSON.stringify(cmd.join(' '))} exited with ${exit_code}`);
}

async function execStreams(
  context: Context,
  containerId: string,
  command: readonly string[],
  { tty, interactive }: { readonly tty: boolean; readonly interactive: boolean },
): Promise<void> {
  const { io, runtime, tasks, clock, fifoDirectory, query, call } = context;
  // The task service, unlike the CRI, wants whole ids.
  const { status } = await runtime.containerStatus({ container_id: containerId }, query);
  const id = status?.id ?? containerId;
  await using process = await startContainerExec(
    { containerId: id, command, tty, stdin: interactive, stdout: true, stderr: !tty },
    { cri: { runtime, tasks }, clock, fifoDirectory },
  );
  const output = writer(io, call.signal);
  using terminal = new DisposableStack();
  if (tty) terminal.use(takeTerminal(context, process));
  if (interactive) terminal.use(passInput(context, process));
  const pumps = [pump(output, 'out', process.stdout), pump(output, 'err', process.stderr)];
  const exitCode = await process.wait({ signal: output.signal });
  await Promise.all(pumps);
  call.signal.throwIfAborted();
  if (exitCode !== 0) throw new Error(`command terminated with exit code ${exitCode}`);
}

/** Keys go to the process as they are, and it learns how large the terminal is. */
function takeTerminal({ io: { streams } }: Context, process: ContainerExec): Disposable {
  const resize = (): void => {
    const { columns, rows } = streams.out;
    // A process that has just ended has no size; nobody waits for the answer.
    if (columns !== undefined && rows !== undefined) process.resize(columns, rows).catch(() => {});
  };
  resize();
  streams.out.on('resize', resize);
  streams.in.setRawMode?.(true);
  return {
    [Symbol.dispose]: () => {
      streams.in.setRawMode?.(false);
      streams.out.off('resize', resize);
    },
  };
}

/** Our input is the process's, until one of them ends. */
function passInput({ io: { streams } }: Context, { stdin }: ContainerExec): Disposable {
  const input = streams.in;
  const onData = (chunk: Buffer): void => {
    if (stdin?.writable === true && !stdin.write(chunk)) input.pause();
  };
  stdin?.on('drain', () => input.resume());
  input.on('data', onData);
  input.once('end', () => endInput(stdin));
  input.once('error', () => endInput(stdin));
  // An input that nobody reads any more must not keep us.
  return { [Symbol.dispose]: () => void input.off('data', onData).destroy() };
}

async function pump(output: StreamWriter, to: 'out' | 'err', stream: ContainerExec['stdout']): Promise<void> {
  if (stream === undefined) return;
  try {
    for await (const chunk of stream) if (!output.signal.aborted) await output.write(to, chunk as Buffer);
  } catch (error) {
    if (!stream.destroyed && !output.signal.aborted) throw error;
  }
}
