/**
 * The command line: what users type and read. One file per verb; each parses its own options, calls `#cluster`, and prints. It holds no logic of clusters.
 */
import { crictl } from './crictl.ts';
import { down } from './down.ts';
import { image } from './image.ts';
import { node } from './node.ts';
import { type Command, type Io, UsageError } from './command.ts';
import { status } from './status.ts';
import { up } from './up.ts';

export type { Io } from './command.ts';
export type { ProgramPaths } from './command.ts';

const COMMANDS: readonly Command[] = [up, down, status, node, image, crictl];

/** Runs one command line, without the program's name; resolves with the exit code. */
export async function runCli(argv: readonly string[], io: Io): Promise<number> {
  const [verb, ...rest] = argv;
  if (verb === undefined || verb === 'help' || verb === '--help' || verb === '-h') {
    const wanted = COMMANDS.find((c) => c.name === rest[0]);
    io.out(wanted === undefined ? overview(io.version) : wanted.help);
    return 0;
  }
  if (verb === 'version' || verb === '--version') {
    io.out(`pirogue ${io.version}\n`);
    return 0;
  }
  const command = COMMANDS.find((c) => c.name === verb);
  if (command === undefined) {
    io.err(`pirogue: there is no command ${JSON.stringify(verb)}; see \`pirogue --help\`\n`);
    return 2;
  }
  // Behind `--` stands another program's command line, whose --help is not ours.
  const own = rest.includes('--') ? rest.slice(0, rest.indexOf('--')) : rest;
  if (command.ownHelp !== true && (own.includes('--help') || own.includes('-h'))) {
    io.out(command.help);
    return 0;
  }
  try {
    return await command.run(rest, io);
  } catch (error) {
    if (error instanceof UsageError || isParseError(error)) {
      io.err(`pirogue ${verb}: ${(error as Error).message}\nSee \`pirogue ${verb} --help\`.\n`);
      return 2;
    }
    io.err(`pirogue ${verb}: ${(error as Error).message}${isRefused(error) ? `\n${ROOT_IS_NEEDED}` : ''}\n`);
    return 1;
  }
}

const ROOT_IS_NEEDED = 'Clusters are made and handled by root: run the command with sudo.';

const isRefused = (error: unknown): boolean =>
  ['EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '');

/** node:util parseArgs throws these for options it does not know. */
const isParseError = (error: unknown): boolean =>
  ((error as NodeJS.ErrnoException).code ?? '').startsWith('ERR_PARSE_ARGS');

const overview = (
  version: string,
): string => `pirogue ${version}: Kubernetes on one machine, with no Docker and no virtual machine

Usage: pirogue COMMAND [OPTIONS]

${COMMANDS.map((c) => `  ${c.name.padEnd(10)} ${c.summary}`).join('\n')}
  version    Print the version

\`pirogue COMMAND --help\` tells more. With a cluster up, kubectl does the rest.
`;
