import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CommandError, deleteLink, ipBatch, type Link, listLinks, listRoutes, run } from '#linux';
import type { ClusterContext, KnownCluster } from './context.ts';
import { readOptional, writeFileAtomic } from './files.ts';
import { kernelNames, vethName, vethPrefix } from './names.ts';
import { type ClusterState, listClusters, type NodeState } from './state.ts';
import { parseCidr } from './subnets.ts';

const IP_FORWARD = '/proc/sys/net/ipv4/ip_forward';

/** Every IPv4 network the machine has an address in or a route to. */
export async function networksInUse(options: { signal?: AbortSignal } = {}): Promise<string[]> {
  const links = await listLinks(options);
  const routes = await listRoutes(options);
  return [...links.flatMap((link) => link.addresses), ...routes.map((route) => route.destination)];
}

/** The way out for nodes: what leaves their subnet gets an address of the machine. A file for `nft -f` that replaces the table as a whole. */
export function nftRules({ name, nodeSubnet, podCIDR }: Pick<ClusterState, 'name' | 'nodeSubnet' | 'podCIDR'>): string {
  const { nftTable } = kernelNames(name);
  return `table ip ${nftTable}
delete table ip ${nftTable}
table ip ${nftTable} {
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr ${nodeSubnet} ip daddr != ${nodeSubnet} ip daddr != ${podCIDR} masquerade
  }
}
`;
}

async function tableExists(name: string, signal: AbortSignal | undefined): Promise<boolean> {
  const tables = await run('nft', ['list', 'tables', 'ip'], { ...(signal && { signal }) });
  return tables.split('\n').includes(`table ip ${kernelNames(name).nftTable}`);
}

function machineFile(stateRoot: string): string {
  return join(stateRoot, '.machine.json');
}

/** Turns on forwarding, remembering what it was, for {@link restoreForwarding}. */
async function enableForwarding(stateRoot: string): Promise<boolean> {
  const before = (await readFile(IP_FORWARD, 'utf8')).trim();
  if (before === '1') return false;
  await mkdir(stateRoot, { recursive: true });
  await writeFileAtomic(machineFile(stateRoot), JSON.stringify({ ipForward: before }));
  await writeFile(IP_FORWARD, '1');
  return true;
}

/** When no cluster is left: puts back what {@link enableForwarding} changed. */
export async function restoreForwarding(stateRoot: string): Promise<void> {
  const text = await readOptional(machineFile(stateRoot));
  if (text === undefined || (await listClusters(stateRoot)).length > 0) return;
  const { ipForward }: { ipForward?: string } = JSON.parse(text);
  if (ipForward !== undefined) await writeFile(IP_FORWARD, ipForward);
  await rm(machineFile(stateRoot), { force: true });
}

/** Our links carry a mark. For an instant after its creation one has none yet: then it has no address either, and the name must do. */
function isOurs({ name: link, alias, addresses }: Link, cluster: string): boolean {
  const { bridge, linkAlias } = kernelNames(cluster);
  if (alias !== undefined) return alias === linkAlias;
  const named = link === bridge || link.startsWith(vethPrefix(cluster));
  return named && !addresses.some((address) => !address.includes(':'));
}

/** Makes the bridge, its address, the way out, and forwarding. Returns whether anything was missing. */
export async function ensureNetwork({ state, stateRoot, signal }: KnownCluster): Promise<boolean> {
  const { bridge, linkAlias } = kernelNames(state.name);
  const prefix = parseCidr(state.nodeSubnet)?.prefix;
  const address = `${state.gateway}/${prefix}`;
  const options = { ...(signal && { signal }) };
  const existing = (await listLinks(options)).find((link) => link.name === bridge);
  if (existing !== undefined && !isOurs(existing, state.name)) {
    throw new Error(
      `the machine has a link ${bridge} that is not this cluster's; rename or delete it, or name the cluster otherwise`,
    );
  }
  let changed = false;
  const commands: string[] = [];
  if (existing === undefined) commands.push(`link add name ${bridge} type bridge`);
  if (existing?.alias === undefined) commands.push(`link set dev ${bridge} alias "${linkAlias}"`);
  if (!existing?.addresses.includes(address)) commands.push(`address replace ${address} dev ${bridge}`);
  if (existing?.up !== true) commands.push(`link set dev ${bridge} up`);
  if (commands.length > 0) {
    await ipBatch(commands, options);
    changed = true;
  }
  if (await enableForwarding(stateRoot)) changed = true;
  if (!(await tableExists(state.name, signal))) {
    await run('nft', ['-f', '-'], { input: nftRules(state), ...options });
    changed = true;
  }
  return changed;
}

/** Lays a cable from the bridge to `eth0` in the network namespace of a node's init, and a route to the node's pods. */
export async function connectNode({ state, signal }: KnownCluster, node: NodeState, initPid: number): Promise<void> {
  const { bridge } = kernelNames(state.name);
  const veth = vethName(state.name, node.index);
  const { linkAlias } = kernelNames(state.name);
  await ipBatch(
    [
      `link add name ${veth} type veth peer name eth0 netns ${initPid}`,
      `link set dev ${veth} alias "${linkAlias}" master ${bridge} up`,
      `route replace ${node.podCIDR} via ${node.ip} dev ${bridge}`,
    ],
    { ...(signal && { signal }) },
  );
}

/** Takes away what {@link connectNode} made, if it is still there. */
export async function disconnectNode({ state, signal }: KnownCluster, node: NodeState): Promise<void> {
  await deleteLink(vethName(state.name, node.index), { ...(signal && { signal }) });
  const { bridge } = kernelNames(state.name);
  const routes = await listRoutes({ ...(signal && { signal }) });
  if (routes.some((route) => route.destination === node.podCIDR && route.device === bridge)) {
    await ipBatch([`route del ${node.podCIDR} dev ${bridge}`], { ...(signal && { signal }) });
  }
}

/** Removes every link and table of the cluster, known to its state or not. */
export async function removeNetwork({ name, signal }: ClusterContext): Promise<void> {
  const { nftTable } = kernelNames(name);
  const options = { ...(signal && { signal }) };
  const ours = (await listLinks(options)).filter((link) => isOurs(link, name)); // routes go with the bridge
  for (const link of ours.toReversed()) await deleteLink(link.name, options);
  try {
    if (await tableExists(name, signal)) await run('nft', ['delete', 'table', 'ip', nftTable], options);
  } catch (error) {
    // Without nft there cannot be a table of ours: `up` makes one or fails.
    if (!(error instanceof CommandError && error.exitCode === undefined)) throw error;
  }
}
