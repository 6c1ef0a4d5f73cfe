/**
 * Debian packages as the stuff of test images: which ones are needed, fetched once into a folder by apt, then taken from there
 * with no network. Nothing is installed on the machine.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '#linux';

/** A named set of packages. `alone` leaves out what they depend on: right for a static binary. */
interface PackageSet {
  readonly packages: readonly string[];
  readonly alone?: boolean;
}

export const PACKAGE_SETS = {
  busybox: { packages: ['busybox-static'], alone: true },
  python: { packages: ['python3-flask', 'python3-redis', 'python3-requests'] },
  redis: { packages: ['redis-server'] },
  registry: { packages: ['docker-registry'], alone: true }, // its only library is the C library of the machine
  etcd: { packages: ['etcd-client', 'etcd-server'], alone: true }, // static
} as const satisfies Record<string, PackageSet>;

export type PackageSetName = keyof typeof PACKAGE_SETS;

/**
 * What a running program in a container has no use for: the packaging system, init, accounts, documentation, and the shell tools
 * that busybox stands in for.
 */
const LEFT_OUT = new RegExp(
  `^(${[
    'adduser|apache2-utils|base-files|base-passwd|bash|ca-certificates|coreutils|cron.*|dash|debconf|debianutils|diffutils',
    'dpkg|findutils|grep|gzip|hostname|init-system-helpers|insserv|install-info|iproute2|iptables|javascript-common',
    'lib.*-perl|libaudit.*|libblkid1|libbpf.*|libcap-ng0|libdebconfclient0|libelf1|libfdisk1|libgdbm.*|libjs-.*|libmnl0|libmount1',
    'libncurses.*|libpam.*|libperl.*|libproc2-0|libsemanage.*|libsmartcols1|libsystemd-shared|libxtables12|login|logrotate',
    'lsb-base|mailcap|media-types|mount|ncurses-.*|netbase|openssl|passwd|perl.*|procps|readline-common|runit.*|sed',
    'sensible-utils|sgml-base|ssl-cert|startpar|systemd.*|sysvinit-utils|tar|tzdata|ucf|usrmerge|util-linux.*',
  ].join('|')})$`,
);

/** Archives of each set by file name, as apt resolved them once. `sets` is the definition they were resolved for. */
interface Index {
  readonly definition: string;
  readonly archives: Readonly<Record<PackageSetName, readonly string[]>>;
}

const INDEX = 'index.json';

/** Absolute paths of the archives of a set. Throws when {@link fetchPackages} has not been here. */
export async function packageArchives(directory: string, set: PackageSetName): Promise<readonly string[]> {
  const index = await readIndex(directory);
  if (index === undefined)
    throw new Error(`the Debian archives in ${directory} are missing or out of date: run npm run setup`);
  return index.archives[set].map((name) => join(directory, name));
}

/** Brings the archives of all sets into `directory`; false when they were all there. */
export async function fetchPackages(directory: string, progress: (text: string) => void): Promise<boolean> {
  if ((await readIndex(directory)) !== undefined) return false;
  progress('Debian archives of test images');
  await mkdir(directory, { recursive: true });
  const scratch = await mkdtemp(join(directory, 'new-'));
  try {
    const archives = await resolveAndDownload(scratch, directory).catch(async () => {
      await run('apt-get', ['-qq', 'update']); // the package lists are missing, or older than what the mirror has
      return await resolveAndDownload(scratch, directory);
    });
    const index: Index = { definition: definition(), archives };
    await writeFile(join(scratch, INDEX), JSON.stringify(index, undefined, 1));
    await rename(join(scratch, INDEX), join(directory, INDEX));
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
  return true;
}

/** apt solves for a machine that has nothing (an empty status file), so the result does not depend on what is installed on this one. */
async function resolveAndDownload(scratch: string, directory: string): Promise<Index['archives']> {
  await mkdir(join(scratch, 'archives/partial'), { recursive: true });
  await writeFile(join(scratch, 'status'), '');
  const resolved: [string, readonly string[]][] = [];
  for (const [name, set] of Object.entries(PACKAGE_SETS)) resolved.push([name, await resolve(scratch, set)]);
  const archives = Object.fromEntries(resolved) as Index['archives'];
  const files = new Set(Object.values(archives).flat());
  await download(
    scratch,
    directory,
    [...files].filter((file) => !existsSync(join(directory, file))),
  );
  return archives;
}

async function readIndex(directory: string): Promise<Index | undefined> {
  const path = join(directory, INDEX);
  if (!existsSync(path)) return undefined;
  const index = JSON.parse(await readFile(path, 'utf8')) as Index;
  const complete = Object.values(index.archives).every((names) =>
    names.every((name) => existsSync(join(directory, name))),
  );
  return complete && index.definition === definition() ? index : undefined;
}

/** Changes when the sets change, or what is left out of them, or the machine's architecture. */
function definition(): string {
  return createHash('sha256')
    .update(JSON.stringify([process.arch, PACKAGE_SETS, LEFT_OUT.source]))
    .digest('hex');
}

/** File names of the archives of a set, in order. Lines of apt: `'URI' FILE SIZE SHA256:…`. */
async function resolve(scratch: string, { packages, alone = false }: PackageSet): Promise<readonly string[]> {
  const verb = alone ? ['download'] : ['install', '--no-install-recommends'];
  const lines = await apt(scratch, ['--print-uris', ...verb, ...packages], scratch);
  return lines
    .split('\n')
    .flatMap((line) => /^'[^']+' (\S+)/.exec(line)?.[1] ?? [])
    .filter((file) => alone || !LEFT_OUT.test(packageOf(file)))
    .sort();
}

/** apt checks what it fetches against the signed lists. */
async function download(scratch: string, directory: string, files: readonly string[]): Promise<void> {
  if (files.length === 0) return;
  const versioned = files.map((file) => `${packageOf(file)}=${decodeURIComponent(file.split('_')[1] ?? '')}`);
  await apt(scratch, ['download', ...versioned], scratch);
  for (const file of files) await rename(join(scratch, file), join(directory, file)); // whole, or not at all
}

function packageOf(file: string): string {
  return file.slice(0, file.indexOf('_'));
}

async function apt(scratch: string, args: readonly string[], cwd: string): Promise<string> {
  const settings = {
    'Dir::State::status': join(scratch, 'status'),
    'Dir::Cache::archives': join(scratch, 'archives'),
    'Dir::Cache::pkgcache': join(scratch, 'pkgcache.bin'), // solved once for all sets, and the machine's own stays as it is
    'Dir::Cache::srcpkgcache': '',
    'APT::Sandbox::User': 'root',
  };
  const options = Object.entries(settings).flatMap(([key, value]) => ['-o', `${key}=${value}`]);
  return await run('apt-get', ['-y', '-qq', ...options, ...args], { cwd });
}
