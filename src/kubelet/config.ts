import type { Taint } from '#api';

/** What the agent is told by the JSON file it is started with. Paths are those of the node's mount namespace. */
export interface KubeletConfig {
  readonly nodeName: string;
  readonly clusterName: string;
  readonly nodeIP: string;
  readonly podCIDR?: string | undefined;
  readonly clusterDNS: string;
  readonly clusterDomain: string;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly taints?: readonly Taint[] | undefined;
  /** Cgroup of the node, below which `kubepods` is made: `/pirogue/CLUSTER/NODE`. */
  readonly cgroupRoot: string;
  /** Default `/var/log/pods`. */
  readonly podLogsDir: string;
  /** Default `/var/lib/kubelet`. */
  readonly kubeletDir: string;
  /** The node's own resolver configuration. Default `/etc/resolv.conf`. */
  readonly resolvConf: string;
  /** Port of the kubelet's own server. Default 10250. */
  readonly port: number;
  readonly maxPods: number;
}

type Required = 'nodeName' | 'clusterName' | 'nodeIP' | 'cgroupRoot';

/** Fills in the defaults of upstream's KubeletConfiguration (pkg/kubelet/apis/config/v1beta1/defaults.go v1.36). */
export function kubeletConfig(given: Pick<KubeletConfig, Required> & Partial<KubeletConfig>): KubeletConfig {
  return {
    ...given,
    clusterDNS: given.clusterDNS ?? '10.96.0.10',
    clusterDomain: given.clusterDomain ?? 'cluster.local',
    podLogsDir: given.podLogsDir ?? '/var/log/pods',
    kubeletDir: given.kubeletDir ?? '/var/lib/kubelet',
    resolvConf: given.resolvConf ?? '/etc/resolv.conf',
    port: given.port ?? 10250,
    maxPods: given.maxPods ?? 110,
  };
}
