import type { Pod } from '#api';

export interface DnsConfig {
  readonly servers: readonly string[];
  readonly searches: readonly string[];
  readonly options: readonly string[];
}

/** Limits and texts: pkg/kubelet/network/dns/dns.go and apis/core/validation v1.36. */
const MAX_NAMESERVERS = 3;
const MAX_SEARCH_PATHS = 32;
const MAX_SEARCH_LIST_CHARS = 2048;
const MAX_DOMAIN_CHARS = 253;

const unique = (items: readonly string[]): string[] => [...new Set(items)];

/** Source: parseResolvConf. */
export function parseResolvConf(text: string): DnsConfig {
  const servers: string[] = [];
  let searches: string[] = [];
  let options: string[] = [];
  for (const line of text.split('\n')) {
    const [word, ...rest] = line.trim().split(/\s+/);
    if (word === 'nameserver' && rest[0] !== undefined) servers.push(rest[0]);
    if (word === 'search') searches = rest.map((domain) => (domain.length > 1 ? domain.replace(/\.$/, '') : domain));
    if (word === 'options') options = rest;
  }
  return { servers, searches, options };
}

function merge(
  config: DnsConfig,
  { nameservers = [], searches = [], options = [] }: NonNullable<Pod['spec']['dnsConfig']>,
): DnsConfig {
  const merged = new Map<string, string>();
  for (const option of config.options) {
    const colon = option.indexOf(':');
    if (colon < 0) merged.set(option, '');
    else merged.set(option.slice(0, colon), option.slice(colon + 1));
  }
  for (const { name = '', value = '' } of options) merged.set(name, value);
  return {
    servers: unique([...config.servers, ...nameservers]),
    searches: unique([...config.searches, ...searches]),
    options: [...merged].map(([name, value]) => (value === '' ? name : `${name}:${value}`)),
  };
}

function fitLimits(config: DnsConfig, warnings: string[]): DnsConfig {
  let { servers } = config;
  if (servers.length > MAX_NAMESERVERS) {
    servers = servers.slice(0, MAX_NAMESERVERS);
    const line = servers.join(' ');
    warnings.push(
      `Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: ${line}`,
    );
  }
  const searches = config.searches.slice(0, MAX_SEARCH_PATHS).filter((domain) => domain.length <= MAX_DOMAIN_CHARS);
  while (searches.join(' ').length > MAX_SEARCH_LIST_CHARS) searches.pop();
  if (searches.length < config.searches.length) {
    const line = searches.join(' ');
    warnings.push(
      `Search Line limits were exceeded, some search paths have been omitted, the applied search line is: ${line}`,
    );
  }
  return { ...config, servers, searches };
}

/** What goes into a pod's /etc/resolv.conf; warnings become events `DNSConfigForming`. Source: GetPodDNS. */
export function podDns(
  pod: Pod,
  { host, clusterDNS, clusterDomain }: { host: DnsConfig; clusterDNS: string; clusterDomain: string },
): { config: DnsConfig; warnings: string[] } {
  const { dnsPolicy = 'ClusterFirst', hostNetwork = false, dnsConfig } = pod.spec;
  const cluster = dnsPolicy === 'ClusterFirstWithHostNet' || (dnsPolicy === 'ClusterFirst' && !hostNetwork);
  let config = host;
  if (dnsPolicy === 'None') config = { servers: [], searches: [], options: [] };
  else if (cluster) {
    const domains = [`${pod.metadata.namespace}.svc.${clusterDomain}`, `svc.${clusterDomain}`, clusterDomain];
    config = { servers: [clusterDNS], searches: unique([...domains, ...host.searches]), options: ['ndots:5'] };
  }
  const warnings: string[] = [];
  return { config: fitLimits(dnsConfig === undefined ? config : merge(config, dnsConfig), warnings), warnings };
}
