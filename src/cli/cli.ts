/**
 * The command line: what users type and read. One file per verb; each parses its own options, calls `#cluster`, and prints. It holds no logic of clusters.
 */
import { RequirementsError } from '#cluster';
import { messageOf } from '#util';
import { crictl } from './crictl.ts';
import { datastore } from './datastore.ts';
import { down } from './down.ts';
import { image } from './image.ts';
import { node } from './node.ts';
import { type Command, type Io, UsageError } from './command.ts';
import { rewind } from './rewind.ts';
import { secrets } from './secrets.ts';
import { snapshot } from './snapshot.ts';
import { status } from './status.ts';
import { up } from './up.ts';

export type { Io } from './command.ts';
export type { ProgramPaths } from './command.ts';

const COMMANDS: readonly Command[] = [up, down, status, node, image, snapshot, rewind, datastore, secrets, crictl];

/** Exit codes: it failed; the command line is wrong. */
const FAILED = 1;
const WRONG_USAGE = 2;

/** Runs one command line, without the program's name; resolves with the exit code. */
export async function runCli(argv: readonly string[], io: Io): Promise<number> {
  const [first = 'help', ...rest] = argv;
  if (first === 'version' || first === '--version') {
    io.out(`pirogue ${io.version}\n`);
    return 0;
  }
  const asksForHelp = ['help', '--help', '-h'].includes(first);
  const verb = asksForHelp ? rest[0] : first;
  if (verb === undefined) {
    io.out(overview(io.version));
    return 0;
  }
  const command = COMMANDS.find((c) => c.name === verb);
  if (command === undefined) {
    io.err(`pirogue: there is no command ${JSON.stringify(verb)}; see \`pirogue --help\`\n`);
    return WRONG_USAGE;
  }
  if (asksForHelp || (command.ownHelp !== true && includesHelp(rest))) {
    io.out(command.help);
    return 0;
  }
  try {
    return await command.run(rest, io);
  } catch (error) {
    const wrong = error instanceof UsageError || isParseError(error);
    const advice = wrong ? `\nSee \`pirogue ${verb} --help\`.` : isRefused(error) ? `\n${ROOT_IS_NEEDED}` : '';
    io.err(`pirogue ${verb}: ${explain(error)}${advice}\n`);
    return wrong ? WRONG_USAGE : FAILED;
  }
}

/** Behind `--` stands another program's command line, whose --help is not ours. */
function includesHelp(args: readonly string[]): boolean {
  const own = args.includes('--') ? args.slice(0, args.indexOf('--')) : args;
  return own.includes('--help') || own.includes('-h');
}

function explain(error: unknown): string {
  if (!(error instanceof RequirementsError)) return messageOf(error);
  return `no cluster can run here as things are\n${error.message.replaceAll(/^/gm, '  ')}`;
}

const ROOT_IS_NEEDED = 'Clusters are made and handled by root: run the command with sudo.';

/** Anything can be thrown, and not all codes are text. */
function codeOf(error: unknown): string {
  const { code } = (error ?? {}) as { readonly code?: unknown };
  return typeof code === 'string' ? code : '';
}

const isRefused = (error: unknown): boolean => ['EACCES', 'EPERM'].includes(codeOf(error));

/** node:util parseArgs throws these for options it does not know. */
const isParseError = (error: unknown): boolean => codeOf(error).startsWith('ERR_PARSE_ARGS');

const overview = (
  version: string,
): string => `pirogue ${version}: Kubernetes on one machine, with no Docker and no virtual machine

Usage: pirogue COMMAND [OPTIONS]

${COMMANDS.map((c) => `  ${c.name.padEnd(10)} ${c.summary}`).join('\n')}
  version    Print the version

\`pirogue COMMAND --help\` tells more. With a cluster up, kubectl does the rest.
`;
