import { chmod, cp, lstat, mkdir, readlink, rm, symlink } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { Taint } from '#api';
import { errorCode, quote } from '#linux';
import { readOptional, writeFileAtomic, writeIfChanged } from '../files.ts';
import type { ClusterState, NodeState } from '../state.ts';
import { CNI_CONF_DIR, cniConflist, CONTAINERD_SOCKET, CRICTL_CONFIG } from './containerd.ts';

/** Where a node keeps what its agent reads. */
export const AGENT_CONFIG = '/etc/kubernetes/agent.json';
export const NODE_PKI = '/var/lib/kubelet/pki';
const NODE_CA = '/etc/kubernetes/pki/ca.crt';
const KUBELET_CONF = '/etc/kubernetes/kubelet.conf';

/** `/etc/kubernetes/agent.json`: all that the agent of a node is told. Paths are those inside the node. */
export interface AgentConfig {
  readonly nodeName: string;
  readonly clusterName: string;
  readonly nodeIP: string;
  readonly podCIDR: string;
  readonly clusterCIDR: string;
  readonly serviceCIDR: string;
  readonly clusterDNS: string;
  readonly clusterDomain: string;
  /** Of the machine's addresses on the node network, not to be masqueraded towards. */
  readonly nodeSubnet: string;
  /** URL. */
  readonly apiServer: string;
  readonly pki: {
    readonly ca: string;
    readonly clientCertificate: string;
    readonly clientKey: string;
    readonly servingCertificate: string;
    readonly servingKey: string;
  };
  readonly containerdSocket: string;
  /** To register with, besides those every kubelet sets. */
  readonly labels: Readonly<Record<string, string>>;
  readonly taints: readonly Taint[];
  /** Root of cgroups as the node sees them: the node has a cgroup namespace. */
  readonly cgroupRoot: string;
  readonly podLogsDir: string;
  readonly kubeletDir: string;
}

/** kubeadm's label and taint of control-plane nodes (cmd/kubeadm/app/constants). */
const CONTROL_PLANE = 'node-role.kubernetes.io/control-plane';
const EXCLUDE_FROM_LOAD_BALANCERS = 'node.kubernetes.io/exclude-from-external-load-balancers';

export function agentConfig(cluster: ClusterState, node: NodeState): AgentConfig {
  const controlPlane = node.role === 'control-plane';
  return {
    nodeName: node.name,
    clusterName: cluster.name,
    nodeIP: node.ip,
    podCIDR: node.podCIDR,
    clusterCIDR: cluster.podCIDR,
    serviceCIDR: cluster.serviceCIDR,
    clusterDNS: cluster.clusterDNS,
    clusterDomain: cluster.clusterDomain,
    nodeSubnet: cluster.nodeSubnet,
    apiServer: `https://${cluster.gateway}:${cluster.apiPort}`,
    pki: {
      ca: NODE_CA,
      clientCertificate: join(NODE_PKI, 'kubelet-client.crt'),
      clientKey: join(NODE_PKI, 'kubelet-client.key'),
      servingCertificate: join(NODE_PKI, 'kubelet.crt'),
      servingKey: join(NODE_PKI, 'kubelet.key'),
    },
    containerdSocket: CONTAINERD_SOCKET,
    labels: controlPlane ? { [CONTROL_PLANE]: '', [EXCLUDE_FROM_LOAD_BALANCERS]: '' } : {},
    taints: controlPlane && cluster.nodes.length > 1 ? [{ key: CONTROL_PLANE, effect: 'NoSchedule' }] : [],
    cgroupRoot: '/',
    podLogsDir: '/var/log/pods',
    kubeletDir: '/var/lib/kubelet',
  };
}

/** Programs of a node's own; last in the PATH, so that the machine's come first. */
export const NODE_BIN = '/opt/bin';

/** A program of a node that is a command line. */
export function commandScript(command: readonly string[]): string {
  return `#!/bin/sh\nexec ${command.map(quote).join(' ')} "$@"\n`;
}

/** A kubeconfig of the kubelet, as kubeadm leaves on every node; refers to the files of its keys. */
export function kubeletConf(config: AgentConfig): string {
  return `apiVersion: v1
kind: Config
clusters:
  - name: ${config.clusterName}
    cluster:
      certificate-authority: ${config.pki.ca}
      server: ${config.apiServer}
users:
  - name: system:node:${config.nodeName}
    user:
      client-certificate: ${config.pki.clientCertificate}
      client-key: ${config.pki.clientKey}
contexts:
  - name: default
    context:
      cluster: ${config.clusterName}
      user: system:node:${config.nodeName}
current-context: default
`;
}

export function hostsFile(cluster: ClusterState): string {
  const nodes = cluster.nodes.map(({ name, ip }) => `${ip}\t${name}`);
  const standard = [
    '127.0.0.1\tlocalhost',
    '::1\tlocalhost ip6-localhost ip6-loopback',
    'ff02::1\tip6-allnodes',
    'ff02::2\tip6-allrouters',
  ];
  return `${[...standard, ...nodes].join('\n')}\n`;
}

/** The machine's resolver configuration without servers on the machine's own loopback, which a node cannot reach. */
export function nodeResolvConf(text: string): string {
  const reachable = (line: string): boolean => !/^\s*nameserver\s+(127\.|::1\b)/.test(line);
  return text.split('\n').filter(reachable).join('\n');
}

async function machineResolvConf(): Promise<string> {
  const text = (await readOptional('/etc/resolv.conf')) ?? '';
  // systemd-resolved's stub: the servers it forwards to are in a file of its own (systemd-resolved.service(8)).
  if (/^\s*nameserver\s+127\.0\.0\.53\b/m.test(text))
    return (await readOptional('/run/systemd/resolve/resolv.conf')) ?? text;
  return text;
}

/** Directories of a node's disk, in which `boot.sh` mounts or programs write. */
const DIRECTORIES =
  'boot dev etc home media mnt opt proc root run srv sys usr var var/cache var/lib var/lib/containerd var/lib/kubelet var/log var/log/pods var/log/containers var/spool etc/containerd/certs.d etc/cni/net.d etc/kubernetes/pki etc/kubernetes/manifests'.split(
    ' ',
  );

/** What programs from the machine's /usr expect in /etc; what the machine lacks is left out. */
const MACHINE_ETC =
  'bash.bashrc debian_version gai.conf group inputrc ld.so.cache ld.so.conf localtime login.defs mime.types nsswitch.conf os-release passwd profile protocols rpc services shells ssl/openssl.cnf timezone xattr.conf'.split(
    ' ',
  );

/** Directories of the machine's /etc with very many files, shown read-only; authorities the machine learns to trust its nodes trust too. */
export const SHOWN_ETC = [
  '/etc/alternatives',
  '/etc/ca-certificates',
  '/etc/iproute2',
  '/etc/ld.so.conf.d',
  '/etc/ssl/certs',
];

async function copyMachineEtc(root: string): Promise<void> {
  const copies = MACHINE_ETC.map(async (name) => {
    try {
      await cp(join('/etc', name), join(root, 'etc', name), { force: true, verbatimSymlinks: true });
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw error;
    }
  });
  await Promise.all(copies);
}

/** /bin and the like are links into /usr on a merged-usr system; elsewhere they are directories, which the boot script shows read-only. */
export async function topLevelLinks(): Promise<{ links: { name: string; target: string }[]; directories: string[] }> {
  const links: { name: string; target: string }[] = [];
  const directories: string[] = [];
  for (const name of ['bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32']) {
    try {
      const path = `/${name}`;
      if ((await lstat(path)).isSymbolicLink()) links.push({ name, target: await readlink(path) });
      else directories.push(path);
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw error;
    }
  }
  return { links, directories };
}

async function ensureLink(target: string, path: string): Promise<void> {
  try {
    await symlink(target, path);
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
  }
}

export interface NodeFiles {
  readonly root: string;
  readonly cluster: ClusterState;
  readonly node: NodeState;
  readonly containerdConfig: string;
  readonly caCertificate: string;
  /** The command line of crictl. */
  readonly crictl?: readonly string[] | undefined;
  /** Text and path (inside the node) of the supervisor script. */
  readonly init: { readonly path: string; readonly script: string };
}

/** Writes all of a node's disk that is not its own data. The node does not run. Keeps what the node wrote elsewhere. */
export async function writeNodeFiles({
  root,
  cluster,
  node,
  containerdConfig,
  caCertificate,
  crictl,
  init,
}: NodeFiles): Promise<void> {
  for (const directory of DIRECTORIES) await mkdir(join(root, directory), { recursive: true });
  await chmod(join(root, 'root'), 0o700);
  await rm(join(root, 'tmp'), { recursive: true, force: true }); // as at the boot of a machine
  for (const directory of ['tmp', 'var/tmp']) {
    await mkdir(join(root, directory), { recursive: true });
    await chmod(join(root, directory), 0o1777);
  }
  for (const { name, target } of (await topLevelLinks()).links) await ensureLink(target, join(root, name));
  await ensureLink('/run', join(root, 'var/run'));
  await ensureLink('/run/lock', join(root, 'var/lock'));
  await ensureLink('/proc/self/mounts', join(root, 'etc/mtab'));
  await copyMachineEtc(root);
  const agent = agentConfig(cluster, node);
  const text = (path: string, content: string, mode = 0o644): Promise<boolean> =>
    writeIfChanged(join(root, path), content, mode);
  await Promise.all([
    text('/etc/hostname', `${node.name}\n`),
    text('/etc/hosts', hostsFile(cluster)),
    text('/etc/resolv.conf', nodeResolvConf(await machineResolvConf())),
    text('/etc/fstab', ''),
    text('/etc/crictl.yaml', CRICTL_CONFIG),
    text('/etc/profile.d/opt-bin.sh', `PATH="$PATH:${NODE_BIN}"\n`),
    ...(crictl === undefined ? [] : [text(`${NODE_BIN}/crictl`, commandScript(crictl), 0o755)]),
    text('/etc/containerd/config.toml', containerdConfig),
    text(join(CNI_CONF_DIR, '10-pirogue.conflist'), cniConflist(node.podCIDR)),
    text(NODE_CA, caCertificate),
    text(AGENT_CONFIG, `${JSON.stringify(agent, undefined, 2)}\n`, 0o600),
    text(KUBELET_CONF, kubeletConf(agent), 0o600),
    text(init.path, init.script, 0o755),
  ]);
  // Of a node as of a machine, made once: machine-id(5).
  if ((await readOptional(join(root, 'etc/machine-id'))) === undefined) {
    await writeFileAtomic(join(root, 'etc/machine-id'), `${randomUUID().replaceAll('-', '')}\n`, { mode: 0o444 });
  }
}

/** Brings /etc/hosts of a node that may be running up to date. */
export async function writeNodeHosts(root: string, cluster: ClusterState): Promise<void> {
  await writeIfChanged(join(root, 'etc/hosts'), hostsFile(cluster));
}
