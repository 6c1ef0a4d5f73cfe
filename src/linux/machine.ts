import { constants } from 'node:fs';
import { access, readFile, statfs } from 'node:fs/promises';
import { release } from 'node:os';
import { delimiter, join } from 'node:path';
import { type CgroupSystem, detectCgroups } from './cgroup.ts';
import { CommandError, run } from './run.ts';

/** What the machine has, as far as running nodes on it goes. */
export interface Machine {
  readonly platform: NodeJS.Platform;
  readonly kernelRelease: string;
  readonly isRoot: boolean;
  /** Effective capabilities of this process, by number: capabilities(7). */
  readonly capabilities: ReadonlySet<number>;
  readonly cgroups?: CgroupSystem;
  /** Path of each program asked for that was found. */
  readonly programs: Readonly<Record<string, string>>;
  /** File systems the kernel knows now (modules not loaded yet are missing). */
  readonly fileSystems: ReadonlySet<string>;
  /** As `1.6.20`. */
  readonly containerdVersion?: string;
  /** Directory with the CNI plugins `bridge` and `host-local`. */
  readonly cniBinDir?: string;
}

/** One thing that is missing, and what can be done. */
export interface Requirement {
  readonly missing: string;
  readonly remedy: string;
}

const CAP_NET_ADMIN = 12;
const CAP_SYS_ADMIN = 21;
export const CAP_SYS_RESOURCE = 24;

/** Program → Debian package. `env`, `mount` and the like are part of every Debian; they are named to tell what is used. */
const PROGRAMS: Readonly<Record<string, string>> = {
  sh: 'dash',
  env: 'coreutils',
  find: 'findutils',
  rm: 'coreutils',
  mount: 'mount',
  umount: 'mount',
  unshare: 'util-linux',
  nsenter: 'util-linux',
  pivot_root: 'util-linux',
  script: 'bsdutils',
  ip: 'iproute2',
  nft: 'nftables',
  tini: 'tini',
  catatonit: 'catatonit',
  containerd: 'containerd',
  ctr: 'containerd',
  'containerd-shim-runc-v2': 'containerd',
  runc: 'runc',
};

/** Debian's place, upstream's, and Fedora's. */
const CNI_DIRECTORIES = ['/usr/lib/cni', '/opt/cni/bin', '/usr/libexec/cni'];

const OVERLAYFS_MAGIC = 0x794c7630; // linux/magic.h

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

async function findPrograms(searchPath: string): Promise<Record<string, string>> {
  // Root's PATH may lack the sbin directories (su without -).
  const directories = [
    ...new Set([...searchPath.split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin', '/usr/bin', '/bin']),
  ];
  const found: Record<string, string> = {};
  for (const program of Object.keys(PROGRAMS)) {
    for (const directory of directories) {
      const path = join(directory, program);
      if (!(await isExecutable(path))) continue;
      found[program] = path;
      break;
    }
  }
  return found;
}

async function findCniBinDir(): Promise<string | undefined> {
  for (const directory of CNI_DIRECTORIES) {
    const all = await Promise.all(['ptp', 'host-local', 'loopback'].map((name) => isExecutable(join(directory, name))));
    if (all.every(Boolean)) return directory;
  }
  return undefined;
}

/** `containerd github.com/containerd/containerd 1.6.20~ds1 …` → `1.6.20`; also `v2.0.1`. */
export function parseContainerdVersion(text: string): string | undefined {
  return /\bv?(\d+\.\d+\.\d+)\S*/.exec(text.split(' ').slice(2).join(' '))?.[1];
}

async function containerdVersion(path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined;
  try {
    return parseContainerdVersion(await run(path, ['--version']));
  } catch (error) {
    if (error instanceof CommandError) return undefined;
    throw error;
  }
}

/** Capability numbers of the hexadecimal mask in the line `CapEff:` of /proc/self/status. */
export function parseCapabilities(status: string): Set<number> {
  const mask = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`);
  const capabilities = new Set<number>();
  for (let i = 0; i < 64; i++) if ((mask >> BigInt(i)) & 1n) capabilities.add(i);
  return capabilities;
}

/** Looks; changes nothing. Works on any system: off Linux it says little more than that. */
export async function detectMachine({ searchPath = process.env['PATH'] ?? '' } = {}): Promise<Machine> {
  const base = { platform: process.platform, kernelRelease: release(), isRoot: process.geteuid?.() === 0 };
  if (process.platform !== 'linux') return { ...base, capabilities: new Set(), programs: {}, fileSystems: new Set() };
  const programs = await findPrograms(searchPath);
  const cgroups = await detectCgroups();
  const version = await containerdVersion(programs['containerd']);
  const cniBinDir = await findCniBinDir();
  const fileSystems = (await readFile('/proc/filesystems', 'utf8'))
    .split('\n')
    .map((line) => line.split('\t').at(-1) ?? '');
  return {
    ...base,
    capabilities: parseCapabilities(await readFile('/proc/self/status', 'utf8')),
    programs,
    fileSystems: new Set(fileSystems.filter((name) => name !== '')),
    ...(cgroups && { cgroups }),
    ...(version !== undefined && { containerdVersion: version }),
    ...(cniBinDir !== undefined && { cniBinDir }),
  };
}

/** What the machine lacks for nodes made of namespaces; empty: nothing. */
export function unmetRequirements(machine: Machine): Requirement[] {
  if (machine.platform !== 'linux') {
    return [{ missing: `Linux (this is ${machine.platform})`, remedy: 'run it in a Linux virtual machine' }];
  }
  const unmet: Requirement[] = [];
  if (!machine.isRoot) unmet.push({ missing: 'root', remedy: 'run the command with sudo' });
  else if (!machine.capabilities.has(CAP_SYS_ADMIN) || !machine.capabilities.has(CAP_NET_ADMIN)) {
    unmet.push({
      missing: 'the capabilities CAP_SYS_ADMIN and CAP_NET_ADMIN',
      remedy: 'in a container, start it privileged (docker run --privileged)',
    });
  }
  if (machine.cgroups === undefined) unmet.push({ missing: 'cgroups mounted at /sys/fs/cgroup', remedy: 'mount them' });
  const packages = new Set<string>();
  const missing = Object.keys(PROGRAMS).filter((program) => machine.programs[program] === undefined);
  for (const program of missing) packages.add(PROGRAMS[program] ?? program);
  if (machine.cniBinDir === undefined) {
    missing.push('CNI plugins');
    packages.add('containernetworking-plugins');
  }
  if (missing.length > 0) {
    unmet.push({ missing: `programs: ${missing.join(', ')}`, remedy: `apt-get install ${[...packages].join(' ')}` });
  }
  return unmet;
}

/** Whether containerd's overlay snapshotter can keep its data in this directory: overlay does not stand on overlay. */
export async function supportsOverlay(directory: string): Promise<boolean> {
  return (await statfs(directory)).type !== OVERLAYFS_MAGIC;
}
