/** Pod sandboxes hold their namespaces by this image; the version is what kubeadm v1.32 and later name. */
export const PAUSE_IMAGE = 'registry.k8s.io/pause:3.10';

export const CONTAINERD_SOCKET = '/run/containerd/containerd.sock';
export const CERTS_D = '/etc/containerd/certs.d';
export const CNI_CONF_DIR = '/etc/cni/net.d';

export interface ContainerdOptions {
  /** As `1.6.20`. */
  readonly version: string;
  readonly cniBinDir: string;
  /** `native` copies files and is for disks on which overlay does not work. */
  readonly snapshotter: 'overlayfs' | 'native';
  /** Whether processes may be given a lower OOM score than ours: needs CAP_SYS_RESOURCE. */
  readonly mayLowerOomScore: boolean;
}

type Scalar = string | number | boolean | readonly string[];

function toml(table: string, values: Readonly<Record<string, Scalar>>): string {
  // A basic string of TOML has the escapes of JSON's for all that can occur here.
  const lines = Object.entries(values).map(([key, value]) => `${key} = ${JSON.stringify(value)}`);
  return `${table === '' ? '' : `[${table}]\n`}${lines.join('\n')}\n`;
}

/**
 * `/etc/containerd/config.toml` of a node. containerd 1.x gets format 2, containerd 2.x format 3, in which the CRI plugin is split into
 * one for images and one for running (containerd docs/cri/config.md).
 */
export function containerdConfig(options: ContainerdOptions): string {
  const [major = 1, minor = 0] = options.version.split('.').map(Number);
  return major >= 2 ? configVersion3(options, minor) : configVersion2(options);
}

const common = ({ mayLowerOomScore }: ContainerdOptions, version: number): string[] => [
  '# Written by pirogue at each start of the node.\n',
  toml('', {
    version,
    root: '/var/lib/containerd',
    state: '/run/containerd',
    oom_score: mayLowerOomScore ? -999 : 0, // kubelet's own for the runtime
    disabled_plugins: ['aufs', 'btrfs', 'devmapper', 'zfs', 'blockfile', 'erofs'].map(
      (n) => `io.containerd.snapshotter.v1.${n}`,
    ),
  }),
  toml('grpc', { address: CONTAINERD_SOCKET }),
];

const STREAM = { stream_server_address: '127.0.0.1', stream_server_port: '10010' };

/** Of the CRI plugin, whatever its name. Unprivileged ports and ping are containerd 2's own defaults. */
const runtime = ({ mayLowerOomScore }: ContainerdOptions): Record<string, Scalar> => ({
  tolerate_missing_hugetlb_controller: true,
  restrict_oom_score_adj: !mayLowerOomScore,
  enable_unprivileged_ports: true,
  enable_unprivileged_icmp: true,
});

function configVersion2(options: ContainerdOptions): string {
  const cri = 'plugins."io.containerd.grpc.v1.cri"';
  return [
    ...common(options, 2),
    toml(cri, { sandbox_image: PAUSE_IMAGE, ...STREAM, ...runtime(options) }),
    toml(`${cri}.cni`, { bin_dir: options.cniBinDir, conf_dir: CNI_CONF_DIR }),
    toml(`${cri}.registry`, { config_path: CERTS_D }),
    // Layers are kept packed, so that images can be exported and pushed from a node.
    toml(`${cri}.containerd`, {
      snapshotter: options.snapshotter,
      default_runtime_name: 'runc',
      discard_unpacked_layers: false,
    }),
    toml(`${cri}.containerd.runtimes.runc`, { runtime_type: 'io.containerd.runc.v2' }),
    toml(`${cri}.containerd.runtimes.runc.options`, { SystemdCgroup: false }),
  ].join('\n');
}

function configVersion3(options: ContainerdOptions, minor: number): string {
  const images = `plugins."io.containerd.cri.v1.images"`;
  const run = `plugins."io.containerd.cri.v1.runtime"`;
  // 2.1 takes several directories, and refuses both settings at once; its default of the new one is set.
  const binDir: Record<string, Scalar> =
    minor >= 1 ? { bin_dirs: [options.cniBinDir] } : { bin_dir: options.cniBinDir };
  return [
    ...common(options, 3),
    toml(images, { snapshotter: options.snapshotter, discard_unpacked_layers: false }),
    toml(`${images}.pinned_images`, { sandbox: PAUSE_IMAGE }),
    toml(`${images}.registry`, { config_path: CERTS_D }),
    toml(run, runtime(options)),
    toml(`${run}.cni`, { ...binDir, conf_dir: CNI_CONF_DIR }),
    toml(`${run}.containerd`, { default_runtime_name: 'runc' }),
    toml(`${run}.containerd.runtimes.runc`, { runtime_type: 'io.containerd.runc.v2' }),
    toml(`${run}.containerd.runtimes.runc.options`, { SystemdCgroup: false }),
    toml(`plugins."io.containerd.grpc.v1.cri"`, STREAM),
  ].join('\n');
}

/**
 * The pod network of one node: each pod on a link of its own, with an address from the node's /24. Not a bridge: pods of one node would answer
 * each other on it directly, past the service proxy's rules, unless the machine's kernel has bridges filtered (br_netfilter), which is for
 * all of the machine. Masquerading is the node network's work, not the plugin's.
 */
export function cniConflist(podCIDR: string): string {
  const ipam = {
    type: 'host-local',
    dataDir: '/run/cni-ipam', // in memory: addresses of pods that a stop of the node killed are free again
    ranges: [[{ subnet: podCIDR }]],
    routes: [{ dst: '0.0.0.0/0' }],
  };
  const links = { type: 'ptp', ipMasq: false, mtu: 1500, ipam };
  return `${JSON.stringify({ cniVersion: '1.0.0', name: 'pirogue', plugins: [links] }, undefined, 2)}\n`;
}

/** Where crictl finds the runtime. Its own timeout of two seconds is short for a laptop under load. */
export const CRICTL_CONFIG = `runtime-endpoint: unix://${CONTAINERD_SOCKET}
image-endpoint: unix://${CONTAINERD_SOCKET}
timeout: 10
`;
