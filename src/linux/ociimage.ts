import { createHash, randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { rename, rm, stat } from 'node:fs/promises';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { encodeTar, type TarEntry } from './tar.ts';

/** The `config` object of an image: OCI image-spec v1.1, config.md. */
export interface OciImageConfig {
  readonly User?: string;
  readonly ExposedPorts?: Readonly<Record<string, Record<string, never>>>;
  readonly Env?: readonly string[];
  readonly Entrypoint?: readonly string[];
  readonly Cmd?: readonly string[];
  readonly Volumes?: Readonly<Record<string, Record<string, never>>>;
  readonly WorkingDir?: string;
  readonly Labels?: Readonly<Record<string, string>>;
  readonly StopSignal?: string;
}

export interface OciImage {
  /** Full name, as `registry.k8s.io/pause:3.10`. */
  readonly reference: string;
  /** From the lowest to the topmost. */
  readonly layers: readonly (Iterable<TarEntry> | AsyncIterable<TarEntry>)[];
  readonly config: OciImageConfig;
  /** As Go names it: amd64, arm64. Default: this machine's. */
  readonly architecture?: string;
  /** Compress layers. Default false: local imports are faster without. */
  readonly gzip?: boolean;
}

interface Blob {
  readonly digest: string;
  readonly size: number;
  readonly content: Buffer | { file: string; sizeBytes: number };
}

const GO_ARCHITECTURE: Partial<Record<NodeJS.Architecture, string>> = { x64: 'amd64', arm64: 'arm64' };

function blobOf(value: unknown): Blob {
  const content = Buffer.from(JSON.stringify(value));
  return { digest: `sha256:${createHash('sha256').update(content).digest('hex')}`, size: content.length, content };
}

/** Passes bytes through and adds them to the digest. */
function digesting(hash: ReturnType<typeof createHash>): Transform {
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      done(undefined, chunk);
    },
  });
}

/** A layer goes through a file beside the image: its digest must be known before the archive names it. */
async function writeLayer(
  entries: OciImage['layers'][number],
  file: string,
  gzip: boolean,
): Promise<Blob & { diffId: string }> {
  const plain = createHash('sha256');
  const stored = createHash('sha256');
  const source = Readable.from(encodeTar(entries), { objectMode: false });
  const target = createWriteStream(file);
  if (gzip) await pipeline(source, digesting(plain), createGzip({ level: 6 }), digesting(stored), target);
  else await pipeline(source, digesting(plain), target);
  const diffId = `sha256:${plain.digest('hex')}`;
  const { size } = await stat(file);
  return { diffId, digest: gzip ? `sha256:${stored.digest('hex')}` : diffId, size, content: { file, sizeBytes: size } };
}

/**
 * Writes an image as a tar of an OCI layout, which `ctr image import`, skopeo and podman read. The same input gives the same bytes.
 * The file appears whole or not at all. Returns the digest of the manifest.
 */
export async function writeOciImage(file: string, image: OciImage): Promise<string> {
  const { reference, gzip = false, architecture = GO_ARCHITECTURE[process.arch] ?? process.arch } = image;
  const temporary = `${file}.${randomUUID()}`;
  const layerFiles = image.layers.map((_, i) => `${temporary}.layer${i}`);
  try {
    const layers = [];
    for (const [i, entries] of image.layers.entries())
      layers.push(await writeLayer(entries, layerFiles[i] ?? '', gzip));
    const config = blobOf({
      created: '1970-01-01T00:00:00Z',
      architecture,
      os: 'linux',
      config: image.config,
      rootfs: { type: 'layers', diff_ids: layers.map((layer) => layer.diffId) },
      history: layers.map(() => ({ created: '1970-01-01T00:00:00Z', created_by: 'pirogue' })),
    });
    const describe = (mediaType: string, { digest, size }: Blob): object => ({ mediaType, digest, size });
    const layerType = `application/vnd.oci.image.layer.v1.tar${gzip ? '+gzip' : ''}`;
    const manifest = blobOf({
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      config: describe('application/vnd.oci.image.config.v1+json', config),
      layers: layers.map((layer) => describe(layerType, layer)),
    });
    const index = blobOf({
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.index.v1+json',
      manifests: [
        {
          ...describe('application/vnd.oci.image.manifest.v1+json', manifest),
          platform: { architecture, os: 'linux' },
          // containerd takes the whole name from its own annotation, the others the tag from the specified one.
          annotations: { 'io.containerd.image.name': reference, 'org.opencontainers.image.ref.name': tagOf(reference) },
        },
      ],
    });
    const blobs = new Map([config, manifest, ...layers].map((blob) => [blob.digest, blob]));
    const entries: TarEntry[] = [
      { path: 'oci-layout', type: 'file', content: Buffer.from('{"imageLayoutVersion":"1.0.0"}') },
      { path: 'index.json', type: 'file', content: index.content },
      { path: 'blobs', type: 'directory' },
      { path: 'blobs/sha256', type: 'directory' },
      ...[...blobs.values()].map(({ digest, content }): TarEntry => ({
        path: `blobs/${digest.replace(':', '/')}`,
        type: 'file',
        content,
      })),
    ];
    await pipeline(Readable.from(encodeTar(entries), { objectMode: false }), createWriteStream(temporary));
    await rename(temporary, file);
    return manifest.digest;
  } finally {
    for (const leftover of [...layerFiles, temporary]) await rm(leftover, { force: true });
  }
}

function tagOf(reference: string): string {
  const name = reference.slice(reference.lastIndexOf('/') + 1);
  const colon = name.lastIndexOf(':');
  return colon < 0 ? 'latest' : name.slice(colon + 1);
}
