import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import type { CgroupSystem } from '#linux';
import { hostsToml } from '../images/registries.ts';
import { nftRules } from '../network.ts';
import type { ClusterState, NodeState } from '../state.ts';
import { cniConflist, containerdConfig } from './containerd.ts';
import { agentConfig, commandScript, hostsFile, kubeletConf, nodeResolvConf } from './files.ts';
import { bootScript, launchScript, supervisorScript } from './scripts.ts';

const CONTROL_PLANE: NodeState = {
  name: 'control-plane',
  role: 'control-plane',
  index: 0,
  ip: '172.18.0.2',
  podCIDR: '10.244.0.0/24',
};
const WORKER: NodeState = { name: 'node1', role: 'worker', index: 1, ip: '172.18.0.3', podCIDR: '10.244.1.0/24' };
const CLUSTER: ClusterState = {
  version: 1,
  name: 'dev',
  createdAt: '2026-01-01T00:00:00.000Z',
  bridge: 'pir-dev',
  nodeSubnet: '172.18.0.0/24',
  gateway: '172.18.0.1',
  podCIDR: '10.244.0.0/16',
  serviceCIDR: '10.96.0.0/12',
  clusterDNS: '10.96.0.10',
  clusterDomain: 'cluster.local',
  apiPort: 6443,
  etcdPort: 2379,
  nodes: [CONTROL_PLANE, WORKER],
};
const V1: CgroupSystem = {
  mode: 'hybrid',
  hierarchies: [
    { version: 1, mountPoint: '/sys/fs/cgroup/cpu,cpuacct', controllers: ['cpu', 'cpuacct'] },
    { version: 1, mountPoint: '/sys/fs/cgroup/systemd', controllers: ['name=systemd'] },
    { version: 2, mountPoint: '/sys/fs/cgroup/unified', controllers: [] },
  ],
};
const V2: CgroupSystem = { mode: 'v2', hierarchies: [{ version: 2, mountPoint: '/sys/fs/cgroup', controllers: [] }] };
const CONTAINERD = {
  version: '1.6.20',
  cniBinDir: '/usr/lib/cni',
  snapshotter: 'overlayfs',
  mayLowerOomScore: false,
} as const;

test('containerd 1.x gets a configuration of version 2', () => {
  const text = containerdConfig(CONTAINERD);
  assert.match(text, /^version = 2$/m);
  assert.match(
    text,
    /^\[plugins\."io\.containerd\.grpc\.v1\.cri"\]\nsandbox_image = "registry\.k8s\.io\/pause:3\.10"$/m,
  );
  assert.match(text, /^tolerate_missing_hugetlb_controller = true\nrestrict_oom_score_adj = true$/m);
  assert.match(
    text,
    /^\[plugins\."io\.containerd\.grpc\.v1\.cri"\.registry\]\nconfig_path = "\/etc\/containerd\/certs\.d"$/m,
  );
  assert.match(text, /^snapshotter = "overlayfs"\ndefault_runtime_name = "runc"\ndiscard_unpacked_layers = false$/m);
  assert.match(text, /^bin_dir = "\/usr\/lib\/cni"$/m);
  assert.match(text, /^oom_score = 0$/m);
  assert.match(containerdConfig({ ...CONTAINERD, mayLowerOomScore: true }), /^oom_score = -999$/m);
});

test('containerd 2.x gets a configuration of version 3, and from 2.1 on a list of CNI directories', () => {
  const text = containerdConfig({ ...CONTAINERD, version: '2.0.5', snapshotter: 'native' });
  assert.match(text, /^version = 3$/m);
  assert.doesNotMatch(text, /sandbox_image/);
  assert.match(text, /^\[plugins\."io\.containerd\.cri\.v1\.images"\]\nsnapshotter = "native"$/m);
  assert.match(
    text,
    /^\[plugins\."io\.containerd\.cri\.v1\.images"\.pinned_images\]\nsandbox = "registry\.k8s\.io\/pause:3\.10"$/m,
  );
  assert.match(text, /^bin_dir = "\/usr\/lib\/cni"$/m);
  assert.match(containerdConfig({ ...CONTAINERD, version: '2.1.0' }), /^bin_dirs = \["\/usr\/lib\/cni"\]$/m);
});

test('pods of a node have links of their own, with the addresses of its /24', () => {
  const { name, plugins } = JSON.parse(cniConflist('10.244.1.0/24'));
  assert.equal(name, 'pirogue');
  assert.deepEqual(plugins[0].ipam.ranges, [[{ subnet: '10.244.1.0/24' }]]);
  assert.equal(plugins[0].ipMasq, false);
  assert.equal(plugins[0].type, 'ptp');
});

test('hosts.toml: a plain registry over HTTP, one with an authority of its own', () => {
  assert.equal(
    hostsToml({ host: '172.18.0.1:5000', insecure: 'http' }),
    `server = "http://172.18.0.1:5000"

[host."http://172.18.0.1:5000"]
  capabilities = ["pull", "resolve", "push"]
`,
  );
  assert.match(
    hostsToml({ host: 'r:443', insecure: 'https' }),
    /^server = "https:\/\/r:443"\nskip_verify = true\n[^]*\n  skip_verify = true\n$/,
  );
  assert.equal(
    hostsToml({ host: 'registry.example', caFile: '/home/me/ca.pem' }),
    `server = "https://registry.example"
ca = ["/etc/containerd/certs.d/registry.example/ca.crt"]

[host."https://registry.example"]
  capabilities = ["pull", "resolve", "push"]
  ca = ["/etc/containerd/certs.d/registry.example/ca.crt"]
`,
  );
});

test('the agent of the control-plane node gets kubeadm’s labels, and its taint when there are other nodes', () => {
  const config = agentConfig(CLUSTER, CONTROL_PLANE);
  assert.deepEqual(config.labels, {
    'node-role.kubernetes.io/control-plane': '',
    'node.kubernetes.io/exclude-from-external-load-balancers': '',
  });
  assert.deepEqual(config.taints, [{ key: 'node-role.kubernetes.io/control-plane', effect: 'NoSchedule' }]);
  assert.deepEqual(agentConfig({ ...CLUSTER, nodes: [CONTROL_PLANE] }, CONTROL_PLANE).taints, []);
});

test('the agent of a worker is told all it needs', () => {
  assert.deepEqual(agentConfig(CLUSTER, WORKER), {
    nodeName: 'node1',
    clusterName: 'dev',
    nodeIP: '172.18.0.3',
    podCIDR: '10.244.1.0/24',
    clusterCIDR: '10.244.0.0/16',
    serviceCIDR: '10.96.0.0/12',
    clusterDNS: '10.96.0.10',
    clusterDomain: 'cluster.local',
    nodeSubnet: '172.18.0.0/24',
    apiServer: 'https://172.18.0.1:6443',
    pki: {
      ca: '/etc/kubernetes/pki/ca.crt',
      clientCertificate: '/var/lib/kubelet/pki/kubelet-client.crt',
      clientKey: '/var/lib/kubelet/pki/kubelet-client.key',
      servingCertificate: '/var/lib/kubelet/pki/kubelet.crt',
      servingKey: '/var/lib/kubelet/pki/kubelet.key',
    },
    containerdSocket: '/run/containerd/containerd.sock',
    labels: {},
    taints: [],
    cgroupRoot: '/',
    podLogsDir: '/var/log/pods',
    kubeletDir: '/var/lib/kubelet',
  });
  assert.match(kubeletConf(agentConfig(CLUSTER, WORKER)), /user: system:node:node1$/m);
});

test('a node knows the other nodes by name, and no resolver on the machine’s loopback', () => {
  assert.match(hostsFile(CLUSTER), /^172\.18\.0\.2\tcontrol-plane\n172\.18\.0\.3\tnode1$/m);
  assert.equal(
    nodeResolvConf('nameserver 127.0.0.1\nnameserver 192.0.2.53\nnameserver ::1\nsearch example\n'),
    'nameserver 192.0.2.53\nsearch example\n',
  );
});

test('the way out: what leaves the node network gets the machine’s address, what stays does not', () => {
  assert.match(nftRules(CLUSTER), /^table ip pirogue-dev\ndelete table ip pirogue-dev\ntable ip pirogue-dev \{/);
  assert.match(
    nftRules(CLUSTER),
    /ip saddr 172\.18\.0\.0\/24 ip daddr != 172\.18\.0\.0\/24 ip daddr != 10\.244\.0\.0\/16 masquerade/,
  );
});

const BOOT = {
  hostname: 'node1',
  root: '/var/lib/pirogue/dev/nodes/node1/root',
  address: '172.18.0.3/24',
  gateway: '172.18.0.1',
  readOnlyPaths: ['/usr', "/home/o'neil/pirogue"],
  readOnlyMounts: ['/usr/local'],
  binds: [{ from: '/var/lib/pirogue/dev/certs.d', to: '/etc/containerd/certs.d' }],
  init: '/etc/pirogue/init',
};

test('v1 controllers are mounted one by one with their usual aliases, v2 as a whole with its controllers handed down', () => {
  const v1 = bootScript({ ...BOOT, cgroups: V1 });
  assert.match(v1, /^mount -t cgroup -o nosuid,nodev,noexec,cpu,cpuacct cgroup sys\/fs\/cgroup\/cpu,cpuacct$/m);
  assert.match(v1, /^ln -s cpu,cpuacct sys\/fs\/cgroup\/cpuacct$/m);
  assert.match(v1, /^mount -t cgroup -o nosuid,nodev,noexec,none,name=systemd cgroup sys\/fs\/cgroup\/systemd$/m);
  assert.doesNotMatch(v1, /cgroup2/);
  const v2 = bootScript({ ...BOOT, cgroups: V2 });
  assert.match(v2, /^mount -t cgroup2 .* sys\/fs\/cgroup$/m);
  assert.match(v2, /cgroup\.subtree_control/);
});

test('what a node sees of the machine is read-only, mounts below included', () => {
  const text = bootScript({ ...BOOT, cgroups: V2 });
  for (const path of ['./usr', './usr/local', `'./home/o'\\''neil/pirogue'`])
    assert.ok(text.includes(`mount -o remount,bind,ro ${path}\n`), path);
});

test('a launched process joins every hierarchy before anything else', () => {
  const text = launchScript({
    cgroups: V1,
    cgroup: '/pirogue/dev/node1',
    leaf: '/pirogue/dev/node1/system',
    bootScript: '/b',
    bootLog: '/l',
  });
  const lines = text.split('\n');
  assert.deepEqual(lines.slice(0, 4), [
    'set -e',
    'echo 0 > /sys/fs/cgroup/cpu,cpuacct/pirogue/dev/node1/cgroup.procs',
    'echo 0 > /sys/fs/cgroup/systemd/pirogue/dev/node1/cgroup.procs',
    'echo 0 > /sys/fs/cgroup/unified/pirogue/dev/node1/cgroup.procs',
  ]);
});

test('a program that is a command line passes its arguments on as they are', () => {
  const input = commandScript(['printf', '<%s>', "it's"]);
  const { stdout } = spawnSync('sh', ['-s', '--', 'one two', '$x'], { input, encoding: 'utf8' });
  assert.equal(stdout, "<it's><one two><$x>");
});

test('the shell accepts every script', () => {
  const service = { name: 'agent', command: ['/opt/it is/node', "o'neil", '$x'], env: { A: '1 2' } };
  const supervisor = {
    services: [service],
    logDirectory: '/l',
    runDirectory: '/r',
    graceSeconds: 5,
    terminateAll: true,
  };
  const launch = { cgroups: V1, cgroup: '/c', leaf: '/c/system', bootScript: '/b c', bootLog: '/l' };
  const scripts = [
    supervisorScript(supervisor),
    bootScript({ ...BOOT, cgroups: V1 }),
    bootScript({ ...BOOT, cgroups: V2 }),
    launchScript(launch),
    commandScript(["/opt/it's/node", '/x y/main.js', 'crictl']),
  ];
  for (const input of scripts) {
    const { status, stderr } = spawnSync('sh', ['-n'], { input, encoding: 'utf8' });
    assert.equal(status, 0, stderr);
  }
});
