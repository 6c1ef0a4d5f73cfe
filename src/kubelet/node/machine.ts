import { createHash } from 'node:crypto';
import { readdir, readFile, statfs } from 'node:fs/promises';
import { arch, availableParallelism, release } from 'node:os';

/** What the node runs on. */
export interface Machine {
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly ephemeralStorageBytes: number;
  /** Page sizes of which the kernel can have huge ones, as in resource names: `2Mi`. */
  readonly hugePageSizes: readonly string[];
  readonly machineID: string;
  readonly systemUUID: string;
  readonly bootID: string;
  readonly kernelVersion: string;
  readonly osImage: string;
  /** As Go names it. */
  readonly architecture: string;
}

async function firstOf(paths: readonly string[]): Promise<string> {
  for (const path of paths) {
    try {
      const text = (await readFile(path, 'utf8')).trim();
      if (text !== '') return text;
    } catch {
      // A node may lack any of these; the caller has a stand-in.
    }
  }
  return '';
}

const GO_ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386' };

function pageSize(directory: string): string | undefined {
  const kib = Number(/^hugepages-(\d+)kB$/.exec(directory)?.[1]);
  if (Number.isNaN(kib)) return undefined;
  return kib % (1024 * 1024) === 0 ? `${kib / 1024 / 1024}Gi` : `${kib / 1024}Mi`;
}

/** Several nodes share a machine: `identity` makes what the machine has only once the node's own. */
export async function readMachine({
  storagePath,
  identity,
}: {
  storagePath: string;
  identity: string;
}): Promise<Machine> {
  const [memory, storage, osRelease, machineId, uuid, bootID, pages] = await Promise.all([
    readFile('/proc/meminfo', 'utf8'),
    statfs(storagePath),
    firstOf(['/etc/os-release', '/usr/lib/os-release']),
    firstOf(['/etc/machine-id']),
    firstOf(['/sys/class/dmi/id/product_uuid']),
    firstOf(['/proc/sys/kernel/random/boot_id']),
    readdir('/sys/kernel/mm/hugepages').catch(() => []), // none in this kernel
  ]);
  const own = createHash('sha256').update(`${machineId}/${identity}`).digest('hex').slice(0, 32);
  return {
    cpus: availableParallelism(),
    memoryBytes: Number(/^MemTotal:\s+(\d+) kB$/m.exec(memory)?.[1] ?? 0) * 1024,
    ephemeralStorageBytes: storage.blocks * storage.bsize,
    hugePageSizes: pages.flatMap((name) => pageSize(name) ?? []).toSorted(),
    machineID: own,
    systemUUID: uuid === '' ? own : uuid.toLowerCase(),
    bootID,
    kernelVersion: release(),
    osImage: /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(osRelease)?.[1] ?? 'Linux',
    architecture: GO_ARCHITECTURES[arch()] ?? arch(),
  };
}
