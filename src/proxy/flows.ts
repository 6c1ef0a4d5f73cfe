import type { Rules } from './rules.ts';
import type { DynamicElement } from './kernel.ts';

/** A UDP flow that goes to an endpoint it should no longer go to. */
export interface StaleFlow {
  /** Key of the map of moved flows: source, source port, destination, destination port. */
  readonly key: string;
  /** The conntrack zone the kernel knows it in. */
  readonly zone: number;
}

const ZONES = 65_535;

/**
 * UDP flows to a service whose answers come from none of its endpoints. Such a flow lives as long as its client sends, since each packet
 * renews what the kernel remembers of it. Source: CleanStaleEntries in pkg/proxy/conntrack/cleanup.go v1.36.
 */
export function staleFlows(connections: string, rules: Pick<Rules, 'servingIPs'>): StaleFlow[] {
  const stale: StaleFlow[] = [];
  for (const line of connections.split('\n')) {
    if (!line.startsWith('ipv4') || !line.includes(' udp ')) continue;
    // Each of these is there twice: of the packet that began the flow, and of its answer.
    const values = (name: string): string[] =>
      [...line.matchAll(new RegExp(` ${name}=(\\S+)`, 'g'))].map((m) => m[1] ?? '');
    const [source = '', answerer = ''] = values('src');
    const [destination = ''] = values('dst');
    const [sourcePort = ''] = values('sport');
    const [port = ''] = values('dport');
    const serving = rules.servingIPs(destination, Number(port));
    if (serving === undefined || serving.includes(answerer)) continue;
    const zone = Number(values('zone-orig')[0] ?? 0);
    stale.push({ key: `${source} . ${sourcePort} . ${destination} . ${port}`, zone });
  }
  return stale;
}

/**
 * What the map of moved flows must hold so that stale flows start anew: each is put into the next conntrack zone, where the kernel knows
 * nothing of it and chooses an endpoint as for a new one. What it knows in the old zone ends by itself, as nothing renews it there.
 * The kernel's own way, deleting the entry, needs a netlink socket.
 */
export function movedFlows(
  stale: readonly StaleFlow[],
  present: readonly DynamicElement[],
  timeoutSeconds: number,
): { readonly remove: readonly DynamicElement[]; readonly add: readonly DynamicElement[] } {
  const byKey = new Map(present.map((element) => [element.key, element]));
  const remove: DynamicElement[] = [];
  const add = new Map<string, DynamicElement>();
  for (const { key, zone } of stale) {
    const known = byKey.get(key);
    // Of the entries of one flow in several zones, only the one it is in now counts.
    if ((known?.value ?? 0) !== zone) continue;
    if (known !== undefined) remove.push(known);
    add.set(key, { key, value: (zone % ZONES) + 1, timeoutSeconds, expiresSeconds: timeoutSeconds });
  }
  return { remove, add: [...add.values()] };
}
