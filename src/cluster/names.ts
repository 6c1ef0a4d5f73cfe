import { createHash } from 'node:crypto';

/** A label of a DNS name: RFC 1123, and Kubernetes' own rule. */
const DNS_LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

/** Throws unless the name can be a cluster's or a node's: it becomes part of paths, host names, cgroups and tables. */
export function checkName(what: 'cluster' | 'node', name: string): void {
  if (DNS_LABEL.test(name)) return;
  throw new Error(
    `${what} name ${JSON.stringify(name)} is not valid: at most 63 lower case letters, digits and '-', with a letter or digit at both ends`,
  );
}

function hash(text: string, length: number): string {
  return createHash('sha256').update(text).digest('hex').slice(0, length);
}

/** Names of kernel objects, all functions of the cluster's name, so that they can be found and removed when nothing else is left. */
export interface KernelNames {
  /** At most 15 characters (IFNAMSIZ). */
  readonly bridge: string;
  /** Marks links as ours. */
  readonly linkAlias: string;
  readonly nftTable: string;
  /** cgroup of the whole cluster. */
  readonly cgroup: string;
}

export function kernelNames(cluster: string): KernelNames {
  const short = cluster.length <= 11 ? cluster : `${cluster.slice(0, 6).replace(/-$/, '')}-${hash(cluster, 4)}`;
  return {
    bridge: `pir-${short}`,
    linkAlias: `pirogue cluster ${cluster}`,
    nftTable: `pirogue-${cluster}`,
    cgroup: `/pirogue/${cluster}`,
  };
}

/** Beginning of the names of a cluster's cables. */
export function vethPrefix(cluster: string): string {
  return `pv${hash(cluster, 7)}-`;
}

/** The machine's end of a node's cable. */
export function vethName(cluster: string, nodeIndex: number): string {
  return `${vethPrefix(cluster)}${nodeIndex}`;
}

/** A node's cgroup: what the node itself sees as the root of cgroups. */
export function nodeCgroup(cluster: string, node: string): string {
  return `${kernelNames(cluster).cgroup}/${node}`;
}

/** No node can have this name. */
export function controlPlaneCgroup(cluster: string): string {
  return `${kernelNames(cluster).cgroup}/_control-plane`;
}
