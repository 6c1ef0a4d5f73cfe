import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode, type Machine, writeOciImage } from '#linux';
import { PAUSE_IMAGE } from '../node/containerd.ts';

/** Made images, shared by the clusters of the machine. */
export function imageCache(stateRoot: string): string {
  return join(stateRoot, '.images');
}

export interface PauseImage {
  /** Tar of an OCI layout. */
  readonly file: string;
  /** Whether it was there already. */
  readonly cached: boolean;
}

/**
 * The image of pod sandboxes, made of Debian's `catatonit`, a static program whose `-P` does what upstream's pause does: sleep, reap, and
 * end on SIGTERM. Upstream's own cannot be had without a network.
 */
export async function ensurePauseImage(stateRoot: string, machine: Machine): Promise<PauseImage> {
  const program = machine.programs['catatonit'];
  if (program === undefined) throw new Error('catatonit is missing: apt-get install catatonit');
  const { size, mtimeMs } = await stat(program);
  // Another build of the program makes another image.
  const file = join(imageCache(stateRoot), `pause-3.10-${size}-${Math.floor(mtimeMs / 1000)}.tar`);
  try {
    await stat(file);
    return { file, cached: true };
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
  }
  await mkdir(imageCache(stateRoot), { recursive: true });
  await writeOciImage(file, {
    reference: PAUSE_IMAGE,
    layers: [[{ path: 'pause', type: 'file', mode: 0o755, content: { file: program, sizeBytes: size } }]],
    config: { User: '65535:65535', Env: ['PATH=/'], Entrypoint: ['/pause', '-P'], WorkingDir: '/' },
  });
  return { file, cached: false };
}
