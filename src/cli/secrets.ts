import { parseArgs } from 'node:util';
import { type EncryptionReport, encryptionReport, openCluster, type Rotated, rotateEncryptionKeys } from '#cluster';
import { type Command, formatTable, type Io, UsageError } from './command.ts';

const help = `Tell how Secrets are encrypted in the datastore, and change the key

Usage: pirogue secrets encrypt status [--name NAME]
       pirogue secrets encrypt rotate [--dry-run] [--keep-old-keys] [--only-control-plane]
                                      [--name NAME]

  status     how many objects of each resource are under which key, as the datastore has them
  rotate     puts a new key first in the file of --encryption-provider-config, has every object
             written by it, and takes the old key away when nothing is under it. It can be
             interrupted anywhere: the same command goes on

  --dry-run              only say what would be done
  --keep-old-keys        leave the old key in the file: snapshots from before, and going back
                         to a moment before, need it
  --only-control-plane   with --store=etcd: no other control plane shares the data
  --name NAME            name of the cluster (default pirogue)

\`pirogue up --encryption-provider-config FILE\` begins to encrypt.
`;

const options = {
  name: { type: 'string' },
  'dry-run': { type: 'boolean' },
  'keep-old-keys': { type: 'boolean' },
  'only-control-plane': { type: 'boolean' },
} as const;

async function run(argv: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parseArgs({ args: [...argv], options, strict: true, allowPositionals: true });
  const [what, action, ...more] = positionals;
  if (more.length > 0) throw new UsageError(`what is ${more.join(' ')}?`);
  if (what !== 'encrypt') throw new UsageError(what === undefined ? 'encrypt?' : `there is no \`secrets ${what}\``);
  if (action !== 'status' && action !== 'rotate')
    throw new UsageError(action === undefined ? 'status or rotate?' : `there is no \`secrets encrypt ${action}\``);
  const cluster = await openCluster({ ...(values.name === undefined ? {} : { name: values.name }), signal: io.signal });
  if (action === 'status') {
    io.out(reportText(await encryptionReport(cluster)));
    return 0;
  }
  const dryRun = values['dry-run'] ?? false;
  const keepOldKeys = values['keep-old-keys'] ?? false;
  const onlyControlPlane = values['only-control-plane'] ?? false;
  const rotated = await rotateEncryptionKeys(cluster, { dryRun, keepOldKeys, onlyControlPlane });
  io.out(rotatedText(rotated, { dryRun, keepOldKeys }));
  return 0;
}

/** For people, and for tests. */
export function reportText({ encryption, usage, rotating }: EncryptionReport): string {
  const reload = encryption.automaticReload ? ', taken as it changes' : '';
  const rows = usage.map(({ resource, provider, key, objects, writes }) => [
    resource,
    provider,
    key === '' ? '-' : key,
    String(objects),
    writes ? 'as written now' : 'to be written anew',
  ]);
  const table =
    rows.length === 0
      ? 'No objects yet.\n'
      : formatTable([['RESOURCE', 'PROVIDER', 'KEY', 'OBJECTS', 'STATE'], ...rows]);
  const note = rotating ? 'A rotation was interrupted; `pirogue secrets encrypt rotate` goes on with it.\n' : '';
  return `Configuration: ${encryption.configFile}${reload}\n${table}${note}`;
}

export function rotatedText(
  { plan, resumed, objects }: Rotated,
  { dryRun, keepOldKeys }: { readonly dryRun: boolean; readonly keepOldKeys: boolean },
): string {
  const old = plan.retired.map(({ provider, name }) => `${provider}/${name}`).join(', ');
  const counted = `${objects} ${objects === 1 ? 'object' : 'objects'}`;
  if (dryRun)
    return `${resumed ? 'Would go on: ' : ''}${counted} would be written by a new key${keepOldKeys ? '' : `, and then ${old} taken away`}.\n`;
  const begun = resumed ? 'Went on with a rotation that was interrupted: ' : '';
  const end = keepOldKeys
    ? `${old} can still read.`
    : `${old} is gone: snapshots and moments from before need it back to be read.`;
  return `${begun}${counted} written by ${plan.newKey}. ${end}\n`;
}

export const secrets: Command = {
  name: 'secrets',
  summary: 'Tell how Secrets are encrypted in the datastore, and change the key',
  help,
  run,
};
