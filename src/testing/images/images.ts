/**
 * Container images for tests and examples, made on the machine and offline: layers of Debian packages and of single files. What was
 * built is kept in `.cache/` under the hash of all that went into it, so building again costs nothing and never gives stale bytes.
 */
import { createHash, randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { directoryEntries, type OciImageConfig, type TarEntry, writeOciImage } from '#linux';
import { fetchPackages, packageArchives, type PackageSetName } from './packages.ts';
import { unpackRootfs } from './rootfs.ts';

export type ImageLayer =
  /** A root file system of these packages; the lowest layer. */
  | { readonly packages: readonly PackageSetName[] }
  /** Files, directories and links, parents first. */
  | { readonly entries: readonly TarEntry[] };

export interface ImageRecipe {
  /** Full name with its tag, as `docker.io/library/busybox:1.35`. */
  readonly reference: string;
  /** From the lowest to the topmost. */
  readonly layers: readonly ImageLayer[];
  readonly config: OciImageConfig;
}

const CACHE = join(import.meta.dirname, '../../../.cache');
const ARCHIVES = join(CACHE, 'debs');
const PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Fetches what images are made of; false when it was there. The only step that needs a network. */
export function fetchImagePackages(progress: (text: string) => void): Promise<boolean> {
  return fetchPackages(ARCHIVES, progress);
}

/** Builds an image unless it is there, and returns the path of its OCI tar, for `ctr images import` or {@link Registry.push}. */
export async function buildImage(recipe: ImageRecipe): Promise<string> {
  const roots = await Promise.all(
    recipe.layers.map(async (layer) => ('packages' in layer ? await buildRootfs(layer.packages) : undefined)),
  );
  const key = hash([recipe, roots.map((root) => root !== undefined && basename(root)), source('images.ts')]);
  const name = recipe.reference.replaceAll(/[^a-z0-9.]+/gi, '_');
  const file = join(CACHE, 'images', `${name}-${key}.tar`);
  if (existsSync(file)) return file;
  await mkdir(join(CACHE, 'images'), { recursive: true });
  await writeOciImage(file, {
    reference: recipe.reference,
    config: { ...recipe.config, Env: [PATH, ...(recipe.config.Env ?? [])] },
    layers: recipe.layers.map((layer, i) =>
      'packages' in layer ? directoryEntries(roots[i] ?? '', { keepOwners: true }) : layer.entries,
    ),
  });
  await forgetOthers(join(CACHE, 'images'), name, basename(file));
  return file;
}

/** A folder with the root file system of some packages, busybox's shell and commands included. Shared: never write to it. */
export async function buildRootfs(packages: readonly PackageSetName[]): Promise<string> {
  const sets = [...new Set([...packages, 'busybox' as const])];
  const archives = (await Promise.all(sets.map((set) => packageArchives(ARCHIVES, set)))).flat();
  const key = hash([archives.map((path) => basename(path)), source('rootfs.ts')]);
  const root = join(CACHE, 'rootfs', `${packages.join('-')}-${key}`);
  if (existsSync(root)) return root;
  const unfinished = `${root}.${randomUUID()}`;
  try {
    await mkdir(unfinished, { recursive: true });
    await unpackRootfs(unfinished, archives);
    await forgetOthers(join(CACHE, 'rootfs'), packages.join('-'), basename(root));
    await rename(unfinished, root).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOTEMPTY') throw error; // ENOTEMPTY: another process has just built the same
    });
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
  return root;
}

/** A shell and 270 commands in 2 MB. */
export function busyboxImage(reference = 'docker.io/library/busybox:1.35'): ImageRecipe {
  return { reference, layers: [{ packages: ['busybox'] }], config: { Cmd: ['sh'] } };
}

/** Redis as its own image has it: user redis, data in /data, nothing written to disk unless asked. */
export function redisImage(reference = 'docker.io/library/redis:7'): ImageRecipe {
  const data: TarEntry = { path: 'data', type: 'directory', uid: 999, gid: 999 };
  return {
    reference,
    layers: [{ packages: ['redis'] }, { entries: [data] }],
    config: {
      User: '999:999',
      WorkingDir: '/data',
      ExposedPorts: { '6379/tcp': {} },
      Cmd: ['redis-server', '--protected-mode', 'no', '--save', ''],
    },
  };
}

/** Removes what was built under the same name from other things. */
async function forgetOthers(directory: string, name: string, kept: string): Promise<void> {
  for (const entry of await readdir(directory)) {
    const key = entry.slice(name.length);
    if (entry === kept || !entry.startsWith(name) || !/^-[0-9a-f]{16}(\.tar)?$/.test(key)) continue;
    await rm(join(directory, entry), { recursive: true, force: true });
  }
}

/** What a change to the builder itself changes. */
function source(file: string): string {
  return readFileSync(join(import.meta.dirname, file), 'utf8');
}

function hash(parts: unknown): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 16);
}
