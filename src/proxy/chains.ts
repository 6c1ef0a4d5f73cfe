/** The parts of the table that are the same whatever services there are, and the chains that many services share. */
export const TABLE = 'ip pirogue';

/** Address, protocol and port a packet is sent to: the key of most maps. */
const FRONTEND = 'ip daddr . meta l4proto . th dport';
const FRONTEND_TYPE = 'ipv4_addr . inet_proto . inet_service';

/** Flag in the mark of a connection: source address to be rewritten. Upstream's masquerade bit, there in the mark of the packet. */
const MASQUERADE = '0x4000';
/** Indices of local endpoints begin above this, in the same map as those of all endpoints. */
export const LOCAL_OFFSET = 0x10000;
/** How many clients of services with affinity are remembered, and how many flows led to another endpoint. */
const DYNAMIC_SIZE = 262_144;
/** Longer than a UDP flow is kept by the kernel when nothing passes (nf_conntrack_udp_timeout_stream, 120 s). */
export const FLOW_SECONDS = 180;

export const REJECT = 'goto reject-traffic';

export type Collection =
  | 'services'
  | 'endpoints'
  | 'affinity-choices'
  | 'no-endpoints'
  | 'cluster-ips'
  | 'own-endpoints'
  | 'firewalled'
  | 'firewall-allowed';

const COLLECTIONS: Readonly<Record<Collection, string>> = {
  services: `map services { type ${FRONTEND_TYPE} : verdict; }`,
  endpoints: `map endpoints { type ${FRONTEND_TYPE} . mark : ipv4_addr . inet_service; }`,
  'affinity-choices': `map affinity-choices { type ${FRONTEND_TYPE} . mark : mark; }`,
  'no-endpoints': `map no-endpoints { type ${FRONTEND_TYPE} : verdict; }`,
  'cluster-ips': 'set cluster-ips { type ipv4_addr; }',
  'own-endpoints': 'set own-endpoints { type ipv4_addr . ipv4_addr; }',
  firewalled: `set firewalled { type ${FRONTEND_TYPE}; }`,
  'firewall-allowed': `set firewall-allowed { type ${FRONTEND_TYPE} . ipv4_addr; flags interval; }`,
};
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- keys of a record of collections
export const collectionNames = Object.keys(COLLECTIONS) as Collection[];

/** Maps the kernel fills while packets pass; they outlive a replacement of the table. */
export const AFFINITY = 'affinity';
export const MOVED_FLOWS = 'moved-flows';
const FLOW = 'ip saddr . udp sport . ip daddr . udp dport';
const DYNAMIC = `flags dynamic,timeout; size ${DYNAMIC_SIZE};`;

/**
 * A table without services. Names are ours to change, except the table's. Order of hooks and what each does: as upstream's nftables mode
 * (pkg/proxy/nftables/README.md v1.36); one map for all endpoints instead of chains per service makes ten thousand services a matter of
 * half a second instead of twenty.
 */
export function emptyTable({ clusterCIDR, serviceCIDR }: { clusterCIDR: string; serviceCIDR: string }): string {
  // A flow that was led to an endpoint which is gone starts anew: in a zone of its own the kernel does not find what it remembers of it.
  const move = `meta l4proto udp ct original zone set ${FLOW} map @${MOVED_FLOWS} update @${MOVED_FLOWS} { ${FLOW} timeout ${FLOW_SECONDS}s : 1 }`;
  const firewall = `ct state new ${FRONTEND} @firewalled ${FRONTEND} . ip saddr != @firewall-allowed drop`;
  const noEndpoints = `ct state new ${FRONTEND} vmap @no-endpoints`;
  const notServed = [
    `ct state new ip daddr @cluster-ips ${REJECT} comment "a port that the service does not have"`,
    `ct state new ip daddr ${serviceCIDR} drop comment "an address that no service has"`,
  ];
  const dispatch = `${FRONTEND} vmap @services`;
  return [
    `table ${TABLE} {`,
    ...Object.values(COLLECTIONS).map((line) => `  ${line}`),
    `  map ${AFFINITY} { type ipv4_addr . ${FRONTEND_TYPE} : mark; ${DYNAMIC} }`,
    `  map ${MOVED_FLOWS} { typeof ${FLOW} : ct zone; ${DYNAMIC} }`,
    ...chain('to-endpoint', `meta l4proto { tcp, udp, sctp } dnat ip to ${FRONTEND} . meta mark map @endpoints`),
    ...chain('reject-traffic', 'meta l4proto tcp reject with tcp reset', 'reject with icmp port-unreachable'),
    ...chain('raw-prerouting', hook('filter', 'prerouting', 'raw'), move),
    ...chain('raw-output', hook('filter', 'output', 'raw'), move),
    ...chain('firewall-prerouting', hook('filter', 'prerouting', 'dstnat - 10'), firewall),
    ...chain('firewall-output', hook('filter', 'output', '-110'), firewall),
    ...chain('nat-prerouting', hook('nat', 'prerouting', 'dstnat'), dispatch),
    ...chain('nat-output', hook('nat', 'output', '-100'), dispatch),
    ...chain('filter-input', hook('filter', 'input', 'filter'), noEndpoints),
    ...chain('filter-forward', hook('filter', 'forward', 'filter'), noEndpoints, ...notServed),
    ...chain('filter-output', hook('filter', 'output', 'filter'), noEndpoints, ...notServed),
    ...chain(
      'nat-postrouting',
      hook('nat', 'postrouting', 'srcnat'),
      `ct mark & ${MASQUERADE} == ${MASQUERADE} masquerade fully-random`,
      `ip saddr != ${clusterCIDR} ct original ip daddr @cluster-ips masquerade fully-random`,
      'ct status dnat ip saddr . ip daddr @own-endpoints masquerade fully-random comment "a pod that meets itself"',
    ),
    '}',
    '',
  ].join('\n');
}

const hook = (type: string, name: string, priority: string): string =>
  `type ${type} hook ${name} priority ${priority}; policy accept;`;

function chain(name: string, ...rules: readonly string[]): string[] {
  return [`  chain ${name} {`, ...rules.map((rule) => `    ${rule}`), '  }'];
}

/** A chain that services with the same numbers share. */
export interface SharedChain {
  readonly name: string;
  readonly rules: readonly string[];
  /** Chains it goes to. */
  readonly needs: readonly SharedChain[];
}

export interface Choice {
  readonly count: number;
  readonly local: boolean;
  /** 0: none. */
  readonly affinitySeconds: number;
}

/** Chooses one of `count` endpoints. */
export function choiceChain({ count, local, affinitySeconds }: Choice): SharedChain {
  const among = `${local ? 'local-' : ''}${count}`;
  const offset = (local ? LOCAL_OFFSET : 0) + 1;
  const choose = count === 1 ? `meta mark set ${offset}` : `meta mark set numgen random mod ${count} offset ${offset}`;
  if (affinitySeconds === 0) return { name: `pick-${among}`, rules: [choose, 'goto to-endpoint'], needs: [] };
  const client = `ip saddr . ${FRONTEND}`;
  const remember = `update @${AFFINITY} { ${client} timeout ${affinitySeconds}s : meta mark }`;
  return {
    name: `stick-${among}-${affinitySeconds}`,
    rules: [
      'meta mark set 0',
      `meta mark set ${client} map @${AFFINITY}`,
      // Comes back when the endpoint is no longer there.
      `meta mark != 0 ${remember} jump to-endpoint`,
      choose,
      `meta mark set ${FRONTEND} . meta mark map @affinity-choices`,
      remember,
      'goto to-endpoint',
    ],
    needs: [],
  };
}

/** External traffic policy Cluster: answers must come back through this node. */
export function externalChain(choice: Choice): SharedChain {
  const next = choiceChain(choice);
  return {
    name: `external-${next.name}`,
    rules: [`ct mark set ct mark or ${MASQUERADE}`, `goto ${next.name}`],
    needs: [next],
  };
}

/**
 * External traffic policy Local: pods and this node's own processes, who need no such favour, get any endpoint, others a local one.
 * Where there is none, the packet goes on and is dropped by the map `no-endpoints`.
 */
export function splitChain(all: Choice, local: Choice, clusterCIDR: string): SharedChain {
  const inside = choiceChain(all);
  const own = externalChain(all);
  const outside = local.count === 0 ? undefined : choiceChain(local);
  return {
    name: `split-${inside.name}-${outside?.name ?? 'none'}`,
    rules: [
      `ip saddr ${clusterCIDR} goto ${inside.name}`,
      `fib saddr type local goto ${own.name}`,
      ...(outside === undefined ? [] : [`goto ${outside.name}`]),
    ],
    needs: [inside, own, ...(outside === undefined ? [] : [outside])],
  };
}

export function chainText({ name, rules }: SharedChain): string {
  return chain(name, ...rules).join('\n');
}
