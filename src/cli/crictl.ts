import type { Command, Io } from './command.ts';

const help = 'See `pirogue crictl --help`.\n';

async function run(argv: readonly string[], io: Io): Promise<number> {
  // Loaded on demand: no other command needs it.
  const { runCrictl } = await import('./crictl/crictl.ts');
  return await runCrictl(argv, io);
}

/** What nodes without a crictl of their machine's have under that name. */
export const crictl: Command = {
  name: 'crictl',
  summary: 'Look at pods, containers and images through the container runtime; for use on a node',
  help,
  ownHelp: true,
  run,
};
