import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import {
  listSnapshots,
  openCluster,
  readSchedule,
  rewindCluster,
  saveSnapshot,
  type Snapshot,
  writeSchedule,
} from '#cluster';
import { type Command, formatTable, type Io, UsageError } from './command.ts';
import { printRewound } from './rewind.ts';
import { parseDuration } from './time.ts';
import { clusterCommands } from './up.ts';

const help = `Save everything the cluster knows, and bring it back

Usage: pirogue snapshot save [FILE] [--name NAME]
       pirogue snapshot list [--name NAME]
       pirogue snapshot restore FILE [--dry-run] [--force] [--name NAME]
       pirogue snapshot schedule [--every DURATION --keep N | --off] [--name NAME]

  save       into FILE, or a new file in the cluster's directory, in the format of \`etcdctl snapshot save\`:
             \`etcdctl snapshot status\` reads it, and \`etcdctl snapshot restore\` makes a real etcd of it
  list       the files in the cluster's directory
  restore    makes all objects what they were; the control plane is away for a moment, pods go on.
             FILE may be a real etcd's, too. \`pirogue rewind\` undoes it
  schedule   take one every DURATION (30m, 6h, 1d) and keep the newest N of them; without options
             says how it is

  --dry-run     only say what would change
  --force       restore also what was encrypted by a key that the cluster no longer has
  --name NAME   name of the cluster (default pirogue)
`;

const options = {
  name: { type: 'string' },
  'dry-run': { type: 'boolean' },
  force: { type: 'boolean' },
  every: { type: 'string' },
  keep: { type: 'string' },
  off: { type: 'boolean' },
} as const;

async function run(argv: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parseArgs({ args: [...argv], options, strict: true, allowPositionals: true });
  const [action, file, ...more] = positionals;
  if (more.length > 0) throw new UsageError(`what is ${more.join(' ')}?`);
  const cluster = await openCluster({ ...(values.name === undefined ? {} : { name: values.name }), signal: io.signal });
  switch (action) {
    case 'save': {
      const saved = await saveSnapshot(cluster, {
        file: file === undefined ? undefined : resolve(file),
        nowMs: cluster.clock.now(),
      });
      io.out(`${saved.file}: revision ${saved.revision}, ${sizeText(saved.bytes)}\n`);
      return 0;
    }
    case 'list':
      io.out(listText(await listSnapshots(cluster)));
      return 0;
    case 'restore': {
      if (file === undefined) throw new UsageError('restore which file?');
      const dryRun = values['dry-run'] ?? false;
      const force = values.force ?? false;
      const target = { type: 'snapshot', file: resolve(file) } as const;
      printRewound(
        io,
        await rewindCluster(cluster, { target, dryRun, force, commands: clusterCommands(io) }),
        cluster,
        dryRun,
      );
      return 0;
    }
    case 'schedule':
      return await schedule(cluster, values, io);
    default:
      throw new UsageError(
        action === undefined ? 'save, list, restore or schedule?' : `there is no \`snapshot ${action}\``,
      );
  }
}

type Values = { every?: string | undefined; keep?: string | undefined; off?: boolean | undefined };

async function schedule(
  cluster: Parameters<typeof readSchedule>[0],
  { every, keep, off }: Values,
  io: Io,
): Promise<number> {
  if (off === true) {
    await writeSchedule(cluster, undefined);
  } else if (every !== undefined || keep !== undefined) {
    const everyMs = parseDuration(every ?? '');
    if (everyMs === undefined || everyMs < MIN_EVERY_MS)
      throw new UsageError('--every takes a duration of a minute or more, like 30m or 1d');
    if (!/^[1-9]\d{0,5}$/.test(keep ?? '')) throw new UsageError('--keep takes a number from 1 on');
    await writeSchedule(cluster, { everyMs, keep: Number(keep) });
  }
  const now = await readSchedule(cluster);
  io.out(
    now === undefined
      ? 'No snapshots are scheduled.\n'
      : `A snapshot is taken every ${durationText(now.everyMs)}; the newest ${now.keep} are kept.\n`,
  );
  return 0;
}

const MIN_EVERY_MS = 60_000;

function durationText(ms: number): string {
  const parts = [
    [86_400_000, 'd'],
    [3_600_000, 'h'],
    [60_000, 'm'],
    [1000, 's'],
  ] as const;
  let left = ms;
  let text = '';
  for (const [unit, letter] of parts) {
    const count = Math.floor(left / unit);
    left -= count * unit;
    if (count > 0) text += `${count}${letter}`;
  }
  return text;
}

function listText(snapshots: readonly Snapshot[]): string {
  if (snapshots.length === 0) return 'No snapshots in the cluster’s directory.\n';
  return formatTable([
    ['TAKEN', 'REVISION', 'SIZE', 'FILE'],
    ...snapshots.map(({ takenAt, revision, bytes, file }) => [
      `${takenAt.toISOString().slice(0, 19)}Z`,
      revision === undefined ? '-' : String(revision),
      sizeText(bytes),
      file,
    ]),
  ]);
}

const sizeText = (bytes: number): string =>
  bytes < 1e6 ? `${Math.ceil(bytes / 1000)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;

export const snapshot: Command = {
  name: 'snapshot',
  summary: 'Save everything the cluster knows, and bring it back',
  help,
  run,
};
