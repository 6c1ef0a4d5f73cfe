import { access } from 'node:fs/promises';
import type { KnownCluster } from '../context.ts';
import { importImage, nodeInit } from '../node/node.ts';

export interface LoadedImage {
  readonly node: string;
  /** What containerd's client said. */
  readonly output: string;
}

/** Imports a tar of images (OCI layout or `docker save`) into the nodes named, by default all that run. */
export async function loadImage(
  cluster: KnownCluster,
  file: string,
  nodes?: readonly string[],
): Promise<LoadedImage[]> {
  await access(file);
  const known = cluster.state.nodes.map((node) => node.name);
  const unknown = (nodes ?? []).filter((name) => !known.includes(name));
  if (unknown.length > 0)
    throw new Error(`cluster ${cluster.name} has no node ${unknown.join(', ')}; its nodes are ${known.join(', ')}`);
  const targets: string[] = [];
  for (const name of nodes ?? known)
    if (nodes !== undefined || (await nodeInit(cluster, name)) !== undefined) targets.push(name);
  if (targets.length === 0) throw new Error(`no node of cluster ${cluster.name} runs`);
  return Promise.all(targets.map(async (node) => ({ node, output: await importImage(cluster, node, file) })));
}
