/**
 * crictl, the client of the container runtime that every Kubernetes node has: its verbs, options, columns and formats, of the version
 * that goes with v1.36 (kubernetes-sigs/cri-tools cmd/crictl). For nodes of a machine that has no crictl of its own.
 *
 * Not here: the verbs of {@link ABSENT}, Go templates as an output format, `--filter before=` and `since=`, and detaching from a terminal
 * by Ctrl-P Ctrl-Q.
 */
import { type CriClient, newCriClient } from '#cri';
import { type Clock, errorText, messageOf, silentLogger, systemClock } from '#util';
import { type Io, UsageError } from '../command.ts';
import { type CrictlConfig, GLOBAL_FLAGS, readConfig, socketPath } from './config.ts';
import { ps } from './containers.ts';
import { exec } from './exec.ts';
import { describeFlags, parseFlags } from './flags.ts';
import { images, pull, rmi } from './images.ts';
import { inspect, inspecti, inspectp } from './inspect.ts';
import { rm, rmp, start, stop, stopp } from './lifecycle.ts';
import { logs } from './logs.ts';
import { pods } from './pods.ts';
import { info, version } from './runtime.ts';
import { stats, statsp } from './stats.ts';
import { type Context, criErrorOf, type Verb } from './verb.ts';

const VERBS: readonly Verb[] = [
  exec,
  images,
  info,
  inspect,
  inspecti,
  inspectp,
  logs,
  pods,
  ps,
  pull,
  rm,
  rmi,
  rmp,
  start,
  stats,
  statsp,
  stop,
  stopp,
  version,
];

/** What the real one has besides: making pods and containers by hand, and what few need on a node. */
const ABSENT = [
  'attach',
  'checkpoint',
  'completion',
  'config',
  'create',
  'events',
  'imagefsinfo',
  'metricdescs',
  'metricsp',
  'port-forward',
  'run',
  'runp',
  'runtime-config',
  'update',
  'update-runtime-config',
];

/** Seen by containerd's shims under the same path. */
const FIFO_DIRECTORY = '/run/pirogue/crictl';

interface Dependencies {
  connect(socketPath: string): Pick<CriClient, 'runtime' | 'image' | 'tasks'> & Disposable;
  readonly clock: Clock;
}

const DEPENDENCIES: Dependencies = {
  connect: (path) => newCriClient({ socketPath: path, clock: systemClock, log: silentLogger }),
  clock: systemClock,
};

/** Runs one command line, without the program's name; resolves with the exit code. */
export async function runCrictl(
  argv: readonly string[],
  io: Io,
  { connect, clock }: Dependencies = DEPENDENCIES,
): Promise<number> {
  let config: CrictlConfig | undefined;
  try {
    const { values, args, help } = parseFlags(GLOBAL_FLAGS, argv, { stopAtArgument: true });
    const [name, ...rest] = args;
    if (values.version) {
      io.out(`crictl version ${io.version}\n`);
      return 0;
    }
    const asksHelp = name === 'help' || name === 'h';
    if (help || name === undefined || (asksHelp && rest[0] === undefined)) {
      io.out(overview());
      return 0;
    }
    const verb = verbNamed(asksHelp ? (rest[0] ?? '') : name);
    config = await readConfig(values, io.env);
    using clients = new DisposableStack();
    const context = contextOf(config, io, { clock, connect: (path) => clients.use(connect(path)) });
    if (asksHelp || !(await verb.run(context, rest))) io.out(helpOf(verb));
    return 0;
  } catch (error) {
    io.err(`crictl: ${explain(error, config)}\n`);
    if (error instanceof UsageError) io.err('See `crictl --help` and `crictl VERB --help`.\n');
    if (config?.debug === true) io.err(`${errorText(error)}\n`);
    return 1;
  }
}

/** Connects when a verb asks for it, as help does not. */
function contextOf(config: CrictlConfig, io: Io, { connect, clock }: Dependencies): () => Context {
  return () => {
    const [runtimePath, imagePath] = [socketPath(config.runtimeEndpoint), socketPath(config.imageEndpoint)];
    const client = connect(runtimePath);
    const { image } = imagePath === runtimePath ? client : connect(imagePath);
    return {
      io,
      runtime: client.runtime,
      tasks: client.tasks,
      image,
      clock,
      query: { signal: io.signal, deadlineMs: config.timeoutMs },
      call: { signal: io.signal },
      fifoDirectory: FIFO_DIRECTORY,
    };
  };
}

function verbNamed(name: string): Verb {
  const verb = VERBS.find((v) => v.name === name || v.aliases.includes(name));
  if (verb !== undefined) return verb;
  if (ABSENT.includes(name)) throw new UsageError(`this crictl has no ${name}; it has no ${ABSENT.join(', ')}`);
  throw new UsageError(`no such verb: ${JSON.stringify(name)}`);
}

function explain(error: unknown, config: CrictlConfig | undefined): string {
  const message = messageOf(error);
  switch (criErrorOf(error)?.code) {
    case 'Unavailable': {
      const [runtime, image] = [config?.runtimeEndpoint, config?.imageEndpoint];
      const where = runtime === image ? runtime : `${runtime} or ${image}`;
      return `${message}\nIs there a container runtime at ${where}? --runtime-endpoint names another.`;
    }
    case 'DeadlineExceeded':
      return `${message}\nNo answer within ${(config?.timeoutMs ?? 0) / 1000} s; --timeout allows more.`;
    default:
      return message;
  }
}

function overview(): string {
  const names = VERBS.map((verb) => [[verb.name, ...verb.aliases].join(', '), verb.summary] as const);
  const width = Math.max(...names.map(([name]) => name.length)) + 2;
  return `crictl: client for CRI

Usage: crictl [OPTIONS] VERB [OPTIONS] [ARGUMENT...]

${names.map(([name, summary]) => `  ${name.padEnd(width)}${summary}\n`).join('')}
Options:
${describeFlags(GLOBAL_FLAGS)}
\`crictl VERB --help\` tells more. This crictl is pirogue's own; it has no ${ABSENT.join(', ')}.
`;
}

function helpOf({ name, aliases, args, summary, flags }: Verb): string {
  const also = aliases.length === 0 ? '' : `\nAlso called ${aliases.join(', ')}.\n`;
  return `${summary}\n\nUsage: crictl ${[name, '[OPTIONS]', args].join(' ').trim()}\n${also}\nOptions:\n${describeFlags(flags)}`;
}
