import { run } from './run.ts';

/** Where to look: in the network namespace of a process, or (absent) in our own. */
export interface NetworkNamespace {
  ofPid?: number;
  signal?: AbortSignal;
}

export interface Link {
  readonly index: number;
  readonly name: string;
  readonly up: boolean;
  /** Name of the bridge it belongs to. */
  readonly master?: string;
  readonly alias?: string;
  /** In CIDR notation, IPv4 and IPv6. */
  readonly addresses: readonly string[];
}

export interface Route {
  /** `default` or a CIDR, or a single address. */
  readonly destination: string;
  readonly gateway?: string;
  readonly device?: string;
}

interface IpLinkJson {
  ifindex: number;
  ifname: string;
  flags: string[];
  master?: string;
  ifalias?: string;
  addr_info?: { local?: string; prefixlen?: number }[];
}

function ip(args: readonly string[], { ofPid, signal }: NetworkNamespace, input?: string): Promise<string> {
  const options = { ...(signal && { signal }), ...(input !== undefined && { input }) };
  if (ofPid === undefined) return run('ip', args, options);
  // Not `ip -n` or `ip netns exec`: those want a name in /run/netns, and the latter remounts /sys without its cgroups.
  return run('nsenter', ['-t', String(ofPid), '-n', 'ip', ...args], options);
}

export async function listLinks(where: NetworkNamespace = {}): Promise<Link[]> {
  // `ip addr` does not tell aliases, `ip link` no addresses.
  const [links, addressed] = await Promise.all(
    [['link'], ['addr']].map(async (args): Promise<IpLinkJson[]> =>
      JSON.parse((await ip(['-j', ...args], where)) || '[]'),
    ),
  );
  const addressesOf = new Map((addressed ?? []).map((link) => [link.ifindex, link.addr_info ?? []]));
  return (links ?? [])
    .filter((link) => link.ifname !== undefined)
    .map((link) => ({
      index: link.ifindex,
      name: link.ifname,
      up: link.flags.includes('UP'),
      ...(link.master !== undefined && { master: link.master }),
      ...(link.ifalias !== undefined && { alias: link.ifalias }),
      addresses: (addressesOf.get(link.ifindex) ?? []).flatMap((a) =>
        a.local === undefined ? [] : [`${a.local}/${a.prefixlen}`],
      ),
    }));
}

/** The IPv4 routes of every table. */
export async function listRoutes(where: NetworkNamespace = {}): Promise<Route[]> {
  const text = await ip(['-j', '-4', 'route', 'show', 'table', 'all'], where);
  const routes: { dst: string; gateway?: string; dev?: string }[] = JSON.parse(text || '[]');
  return routes.map((route) => ({
    destination: route.dst,
    ...(route.gateway !== undefined && { gateway: route.gateway }),
    ...(route.dev !== undefined && { device: route.dev }),
  }));
}

/** Runs `ip` commands (without the word `ip`) in one process, in order, stopping at the first that fails. */
export async function ipBatch(commands: readonly string[], where: NetworkNamespace = {}): Promise<void> {
  await ip(['-batch', '-'], where, commands.map((line) => `${line}\n`).join(''));
}

/** Deletes a link; one that is already gone is no error. */
export async function deleteLink(name: string, where: NetworkNamespace = {}): Promise<void> {
  try {
    await ip(['link', 'del', 'dev', name], where);
  } catch (error) {
    if ((await listLinks(where)).some((link) => link.name === name)) throw error;
  }
}
