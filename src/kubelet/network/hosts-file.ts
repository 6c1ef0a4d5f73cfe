import type { HostAlias, Pod } from '#api';

/** Source of the texts: pkg/kubelet/kubelet_pods.go v1.36, managedHostsFileContent and nodeHostsFileContent. */
const HEADER = '# Kubernetes-managed hosts file.\n';
const HEADER_HOST_NETWORK = '# Kubernetes-managed hosts file (host network).\n';

function aliases(hostAliases: readonly HostAlias[] | undefined): string {
  if (hostAliases === undefined || hostAliases.length === 0) return '';
  const lines = hostAliases.map(({ ip, hostnames = [] }) => `${ip}\t${hostnames.join('\t')}\n`);
  return `\n# Entries added by HostAliases.\n${lines.join('')}`;
}

export interface PodHostname {
  readonly hostname: string;
  /** Empty: the pod has no name of its own in the DNS. */
  readonly domain: string;
}

/** /etc/hosts of a pod with an address of its own. */
export function podHostsFile(pod: Pod, podIPs: readonly string[], { hostname, domain }: PodHostname): string {
  const own = podIPs.map((ip) =>
    domain === '' ? `${ip}\t${hostname}\n` : `${ip}\t${hostname}.${domain}\t${hostname}\n`,
  );
  return [
    HEADER,
    '127.0.0.1\tlocalhost\n',
    '::1\tlocalhost ip6-localhost ip6-loopback\n',
    'fe00::0\tip6-localnet\n',
    'fe00::0\tip6-mcastprefix\n',
    'fe00::1\tip6-allnodes\n',
    'fe00::2\tip6-allrouters\n',
    ...own,
    aliases(pod.spec.hostAliases),
  ].join('');
}

/** /etc/hosts of a pod that shares the node's network. */
export const hostNetworkHostsFile = (pod: Pod, nodeHosts: string): string =>
  HEADER_HOST_NETWORK + nodeHosts + aliases(pod.spec.hostAliases);

/** Longest host name that Linux takes, and longest label of DNS. */
const HOSTNAME_MAX_CHARS = 63;
const FQDN_MAX_CHARS = 64;

/** Source: GeneratePodHostNameAndDomain. */
export function podHostname(pod: Pod, clusterDomain: string): PodHostname {
  const { hostname, subdomain = '', hostnameOverride, setHostnameAsFQDN } = pod.spec;
  if (hostnameOverride !== undefined && hostnameOverride !== '') return { hostname: hostnameOverride, domain: '' };
  const wanted = hostname === undefined || hostname === '' ? pod.metadata.name : hostname;
  const cut = wanted.length > HOSTNAME_MAX_CHARS ? wanted.slice(0, HOSTNAME_MAX_CHARS).replace(/[-.]+$/, '') : wanted;
  const domain = subdomain === '' ? '' : `${subdomain}.${pod.metadata.namespace}.svc.${clusterDomain}`;
  if (setHostnameAsFQDN === true && domain !== '') {
    const fqdn = `${cut}.${domain}`;
    if (fqdn.length > FQDN_MAX_CHARS) {
      throw new Error(
        `failed to construct FQDN from Pod hostname and cluster domain, FQDN ${fqdn} is too long (${FQDN_MAX_CHARS} characters is the max, ${fqdn.length} characters requested)`,
      );
    }
  }
  return { hostname: cut, domain };
}

/** What `hostname` prints in the pod. */
export const shownHostname = (pod: Pod, { hostname, domain }: PodHostname): string =>
  pod.spec.setHostnameAsFQDN === true && domain !== '' ? `${hostname}.${domain}` : hostname;
