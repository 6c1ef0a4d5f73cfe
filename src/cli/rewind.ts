import { parseArgs } from 'node:util';
import {
  type KnownCluster,
  openCluster,
  rewindCluster,
  type RewindTarget,
  type Rewound,
  unreadableText,
} from '#cluster';
import { type Command, type Io, UsageError } from './command.ts';
import { parseMoment } from './time.ts';
import { clusterCommands } from './up.ts';

const help = `Go back to any moment of the last hour

Usage: pirogue rewind --to TIME|REVISION [--dry-run] [--force] [--name NAME]

  --to TIME|REVISION   a time (2026-01-31T10:15:00Z), how long ago (5m, 1h30m), or a resourceVersion
  --dry-run            only say what would change
  --force              also what was encrypted by a key that the cluster no longer has
  --name NAME          name of the cluster (default pirogue)

All objects become what they were; the control plane is away for a moment, pods that are to stay go on.
It is one more change: to undo it, rewind to the moment before it. A busy cluster remembers less than an hour.
`;

async function run(argv: readonly string[], io: Io): Promise<number> {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      name: { type: 'string' },
      to: { type: 'string' },
      'dry-run': { type: 'boolean' },
      force: { type: 'boolean' },
    },
    strict: true,
  });
  if (values.to === undefined) throw new UsageError('--to which time or revision?');
  const cluster = await openCluster({ ...(values.name === undefined ? {} : { name: values.name }), signal: io.signal });
  const dryRun = values['dry-run'] ?? false;
  const force = values.force ?? false;
  const target = targetOf(values.to, cluster.clock.now());
  printRewound(
    io,
    await rewindCluster(cluster, { target, dryRun, force, commands: clusterCommands(io) }),
    cluster,
    dryRun,
  );
  return 0;
}

const targetOf = (text: string, nowMs: number): RewindTarget =>
  /^\d+$/.test(text)
    ? { type: 'revision', revision: Number(text) }
    : { type: 'time', timeMs: parseMoment(text, nowMs) };

const SIGNS = { create: '+', update: '~', delete: '-' } as const;
/** What is done, or would be, to an object to go back. */
const WORDS = { create: 'brought back', update: 'changed back', delete: 'removed' } as const;

/** A line for each object, and how many there are. */
export function printRewound(
  io: Io,
  { changes, revision, time, unreadable }: Rewound,
  { state }: Pick<KnownCluster, 'state'>,
  dryRun: boolean,
): void {
  for (const { type, path } of changes) io.out(`${SIGNS[type]} ${path}\n`);
  const when = time === undefined ? '' : `, ${time.toISOString().slice(0, 19)}Z`;
  const counts = (['create', 'update', 'delete'] as const).flatMap((type) => {
    const count = changes.filter((change) => change.type === type).length;
    return count === 0 ? [] : [`${count} ${dryRun ? 'would be ' : ''}${WORDS[type]}`];
  });
  const what = counts.length === 0 ? 'nothing differs' : counts.join(', ');
  io.out(`${dryRun ? 'To go' : 'Went'} back to revision ${revision}${when}: ${what}.\n`);
  if (unreadable.length > 0) io.err(`pirogue: ${unreadableText(unreadable, state.encryption?.configFile)}\n`);
}

export const rewind: Command = { name: 'rewind', summary: 'Go back to any moment of the last hour', help, run };
