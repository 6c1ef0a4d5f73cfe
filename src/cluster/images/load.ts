import { stat } from 'node:fs/promises';
import { CommandError, errorCode } from '#linux';
import type { KnownCluster } from '../context.ts';
import { importImage, nodeInit } from '../node/node.ts';

export interface LoadedImage {
  readonly node: string;
  /** What containerd's client said. */
  readonly output: string;
}

async function checkFile(file: string): Promise<void> {
  const found = await stat(file).catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') throw new Error(`there is no file ${file}`, { cause: error });
    throw error;
  });
  if (!found.isFile()) throw new Error(`${file} is not a file`);
}

/** What containerd's client said about the file, without the command line that made it say so. */
async function importInto(cluster: KnownCluster, node: string, file: string): Promise<LoadedImage> {
  try {
    return { node, output: await importImage(cluster, node, file) };
  } catch (error) {
    if (!(error instanceof CommandError) || error.exitCode === undefined) throw error;
    throw new Error(`${node} cannot import ${file}: ${error.stderr.trim()}`, { cause: error });
  }
}

/** Imports a tar of images (OCI layout or `docker save`) into the nodes named, by default all that run. */
export async function loadImage(
  cluster: KnownCluster,
  file: string,
  nodes?: readonly string[],
): Promise<LoadedImage[]> {
  await checkFile(file);
  const known = cluster.state.nodes.map((node) => node.name);
  const unknown = (nodes ?? []).filter((name) => !known.includes(name));
  if (unknown.length > 0)
    throw new Error(`cluster ${cluster.name} has no node ${unknown.join(', ')}; its nodes are ${known.join(', ')}`);
  const targets: string[] = [];
  for (const name of nodes ?? known)
    if (nodes !== undefined || (await nodeInit(cluster, name)) !== undefined) targets.push(name);
  if (targets.length === 0) throw new Error(`no node of cluster ${cluster.name} runs`);
  return await Promise.all(targets.map((node) => importInto(cluster, node, file)));
}
