import { isIP, isIPv4 } from 'node:net';
import { isHeadless, type Service } from '#api';
import { addressOfPodLabel } from './addresses.ts';
import type { DnsEndpoint, DnsRecords } from './cache.ts';
import { type Answer, RCODE, type Resource, TYPE } from './wire.ts';

export interface ZoneOptions {
  /** As `cluster.local`. */
  readonly domain: string;
  /** Address of the service that leads here: what `ns.dns` of the domain stands for. */
  readonly clusterDNS: string;
  readonly serial: number;
}

/** An answer, and what an ExternalName points to outside of the zone: its addresses belong to the answer too. */
export interface ZoneAnswer extends Answer {
  readonly outside?: string;
}

/** kubeadm's Corefile: `ttl 30`. */
export const TTL_SECONDS = 30;
/** Version of the specification. Source: plugin/kubernetes/kubernetes.go of CoreDNS. */
const SCHEMA_VERSION = '1.1.0';
const SCHEMA_TTL_SECONDS = 28_800;
const MAX_CNAMES = 8;

/** One thing that a name stands for. */
interface Found {
  /** Name of its own: that of the service or of an endpoint. */
  readonly name: string;
  /** An IP address, or for an ExternalName the name it points to. */
  readonly host: string;
  /** Absent: none is known. */
  readonly port?: number | undefined;
}

/**
 * Answers for the domain of the cluster. `name` in lower case, within the domain. A name with nothing behind it does not exist; one that
 * exists without records of the type asked for gives an empty answer. Source: plugin/kubernetes, backend_lookup.go of CoreDNS 1.12.
 */
export function answerInZone(name: string, type: number, records: DnsRecords, options: ZoneOptions): ZoneAnswer {
  const { domain } = options;
  if (name === domain && type === TYPE.SOA) return { rcode: RCODE.NOERROR, answers: [soa(options)] };
  if (name === domain && type === TYPE.NS) {
    const answers: Resource[] = [{ name, type: 'NS', ttl: TTL_SECONDS, target: `ns.dns.${domain}` }];
    return { rcode: RCODE.NOERROR, answers, additionals: nameServer(options) };
  }
  if (name === `ns.dns.${domain}`)
    return orEmpty(
      nameServer(options).filter((r) => TYPE[r.type] === type),
      options,
    );
  if (name === `dns-version.${domain}`) {
    const answers: Resource[] = [{ name, type: 'TXT', ttl: SCHEMA_TTL_SECONDS, text: SCHEMA_VERSION }];
    return orEmpty(type === TYPE.TXT ? answers : [], options);
  }
  const found = lookUp(name, records, domain);
  if (found === undefined) return { rcode: RCODE.NXDOMAIN, authorities: [soa(options)] };
  switch (type) {
    case TYPE.A:
    case TYPE.AAAA:
      return addresses(name, type, found, records, options);
    case TYPE.CNAME:
      return orEmpty(
        found.slice(0, 1).flatMap((one) => (isIP(one.host) === 0 ? [cname(name, one.host)] : [])),
        options,
      );
    case TYPE.SRV:
      return services(name, found, options);
    default:
      return orEmpty([], options);
  }
}

/** Names that an address stands for; undefined when it is none of the cluster's. */
export function namesOfAddress(address: string, records: DnsRecords, domain: string): string[] | undefined {
  const service = records.serviceByIP(address);
  if (service !== undefined) return [`${service.metadata.name}.${service.metadata.namespace}.svc.${domain}`];
  const names = records.endpointNames(address).map((name) => `${name}.${domain}`);
  return names.length === 0 ? undefined : names;
}

/** Undefined: there is no such name. Empty: there is, with nothing behind it. */
function lookUp(name: string, records: DnsRecords, domain: string): Found[] | undefined {
  const labels = name === domain ? [] : name.slice(0, -domain.length - 1).split('.');
  const kind = labels.pop();
  if (kind === undefined) return [];
  if (kind !== 'svc' && kind !== 'pod') return undefined;
  const namespace = labels.pop();
  const service = labels.pop();
  if (namespace === undefined || service === undefined) return [];
  if (kind === 'pod') {
    // Pods are not asked for: `pods insecure` of kubeadm's Corefile.
    const address = labels.length === 0 ? addressOfPodLabel(service) : undefined;
    return address === undefined ? undefined : [{ name, host: address }];
  }
  const found = serviceRecords(records.service(namespace, service), labels, records, domain);
  return found.length === 0 ? undefined : found;
}

/** `rest` is what stands before the service: nothing, an endpoint, or port and protocol. */
function serviceRecords(
  service: Service | undefined,
  rest: readonly string[],
  records: DnsRecords,
  domain: string,
): Found[] {
  if (service === undefined || rest.length > 2) return [];
  const { name, namespace = '' } = service.metadata;
  const own = `${name}.${namespace}.svc.${domain}`;
  const endpoint = rest.length === 1 ? rest[0] : undefined;
  const [port, protocol] = rest.length === 2 ? rest.map((label) => label.replace(/^_/, '')) : [];
  const matches = (p: { name?: string | undefined; protocol?: string | undefined }): boolean =>
    (port === undefined || port === '' || (p.name ?? '').toLowerCase() === port) &&
    (protocol === undefined || protocol === '' || (p.protocol ?? 'TCP').toLowerCase() === protocol);

  if (service.spec.type === 'ExternalName') {
    const host = (service.spec.externalName ?? '').replace(/\.$/, '');
    return endpoint !== undefined || host === '' || isIP(host) !== 0 ? [] : [{ name: own, host }];
  }
  if (isHeadless(service) || endpoint !== undefined) {
    return records
      .endpoints(namespace, name)
      .filter(({ hostname }) => endpoint === undefined || hostname.toLowerCase() === endpoint)
      .flatMap((each) => endpointRecords(each, `${each.hostname}.${own}`, matches));
  }
  const ips = service.spec.clusterIPs ?? [service.spec.clusterIP ?? ''];
  return (service.spec.ports ?? [])
    .filter(matches)
    .flatMap(({ port: number }) => ips.map((host) => ({ name: own, host, port: number })));
}

function endpointRecords(
  { ip, ports }: DnsEndpoint,
  name: string,
  matches: (port: { name: string; protocol: string }) => boolean,
): Found[] {
  // Without ports it has a name all the same.
  if (ports.length === 0) return matches({ name: '', protocol: '' }) ? [{ name, host: ip }] : [];
  return ports.filter(matches).map(({ port }) => ({ name, host: ip, port: port === 0 ? undefined : port }));
}

function addresses(
  name: string,
  type: typeof TYPE.A | typeof TYPE.AAAA,
  found: readonly Found[],
  records: DnsRecords,
  options: ZoneOptions,
): ZoneAnswer {
  const chain: Resource[] = [];
  let at = name;
  let here: readonly Found[] = found;
  while (here[0] !== undefined && isIP(here[0].host) === 0) {
    const target = here[0].host;
    if (chain.length === MAX_CNAMES || chain.some((link) => link.name === target) || target === at)
      return orEmpty([], options);
    chain.push(cname(at, target));
    at = target.toLowerCase();
    if (at !== options.domain && !at.endsWith(`.${options.domain}`)) {
      return { rcode: RCODE.NOERROR, answers: chain, outside: target };
    }
    here = lookUp(at, records, options.domain) ?? [];
  }
  const own = addressRecords(at, type, here);
  return own.length === 0 ? orEmpty([], options) : { rcode: RCODE.NOERROR, answers: [...chain, ...own] };
}

function addressRecords(name: string, type: number, found: readonly Found[]): Resource[] {
  const wanted = [...new Set(found.map(({ host }) => host))].filter((host) => isIP(host) === (type === TYPE.A ? 4 : 6));
  return wanted.map((address) => ({ name, ttl: TTL_SECONDS, type: type === TYPE.A ? 'A' : 'AAAA', address }));
}

function services(name: string, found: readonly Found[], options: ZoneOptions): ZoneAnswer {
  const internal = found.filter(({ host }) => isIP(host) !== 0);
  const weight = Math.max(1, Math.floor(100 / Math.max(1, internal.length)));
  const answers = new Map<string, Resource>();
  const additionals = new Map<string, Resource>();
  for (const { name: target, host, port } of internal) {
    if (port === undefined) continue;
    answers.set(`${target}:${port}`, { name, type: 'SRV', ttl: TTL_SECONDS, priority: 0, weight, port, target });
    const type = isIPv4(host) ? 'A' : 'AAAA';
    additionals.set(`${target} ${host}`, { name: target, type, ttl: TTL_SECONDS, address: host });
  }
  if (answers.size === 0) return orEmpty([], options);
  return { rcode: RCODE.NOERROR, answers: [...answers.values()], additionals: [...additionals.values()] };
}

const cname = (name: string, target: string): Resource => ({ name, type: 'CNAME', ttl: TTL_SECONDS, target });

function orEmpty(answers: readonly Resource[], options: ZoneOptions): ZoneAnswer {
  return answers.length > 0 ? { rcode: RCODE.NOERROR, answers } : { rcode: RCODE.NOERROR, authorities: [soa(options)] };
}

function soa({ domain, serial }: ZoneOptions): Resource {
  const [mname, rname] = [`ns.dns.${domain}`, `hostmaster.${domain}`];
  return { name: domain, type: 'SOA', ttl: TTL_SECONDS, mname, rname, serial, minimum: TTL_SECONDS };
}

function nameServer({ domain, clusterDNS }: ZoneOptions): Resource[] {
  const type = isIPv4(clusterDNS) ? 'A' : 'AAAA';
  return [{ name: `ns.dns.${domain}`, type, ttl: TTL_SECONDS, address: clusterDNS }];
}
