/** A containerd of the test's own, with pods made by plain CRI calls: what the kubelet's server works on. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Pod } from '#api';
import { type ContainerConfig, type CriClient, type Input, newCriClient, type PodSandboxConfig } from '#cri';
import { buildImage, busyboxImage } from '../../../src/testing/images/images.ts';
import { silentLogger, systemClock } from '#util';
import type { PodLookup } from '../../../src/kubelet/server/server.ts';

const run = promisify(execFile);
const BUSYBOX = 'docker.io/library/busybox:1.35';
const PAUSE = 'registry.k8s.io/pause:3.10';

export interface TestPod {
  sandboxId: string;
  containerId: string;
  logPath: string;
  ip: string;
}

export interface TestContainerd extends AsyncDisposable {
  cri: CriClient;
  directory: string;
  /** The pods started so far, as the kubelet would tell them. */
  pods: PodLookup;
  /** Starts a pod of one container `main` that runs `command`. */
  startPod(name: string, command: string[], more?: Input<ContainerConfig>): Promise<TestPod>;
}

export async function startContainerd(): Promise<TestContainerd> {
  if (process.env['PIROGUE_MACHINE'] === undefined) throw new Error('to be run on a machine of its own: npm test');
  await using undo = new AsyncDisposableStack();
  const directory = await mkdtemp('/var/lib/pirogue/containerd-');
  // Sockets of shims are always below this directory.
  await mkdir('/run/containerd', { recursive: true });
  await run('mount', ['-t', 'tmpfs', 'tmpfs', '/run/containerd']);
  undo.defer(async () => void (await run('umount', ['-l', '/run/containerd'])));
  const socketPath = join(directory, 'containerd.sock');
  await writeFile(join(directory, 'config.toml'), configuration(directory, socketPath));
  await mkdir(join(directory, 'cni'));
  await writeFile(join(directory, 'cni/10-test.conflist'), CNI);
  const log = openSync(join(directory, 'containerd.log'), 'w');
  const child = spawn('containerd', ['--config', join(directory, 'config.toml')], { stdio: ['ignore', log, log] });
  closeSync(log);
  undo.defer(() => stop(child));
  const cri = newCriClient({ socketPath, clock: systemClock, log: silentLogger });
  undo.defer(() => cri[Symbol.dispose]());
  await ready(cri, child, join(directory, 'containerd.log'));
  for (const image of await Promise.all([buildImage(busyboxImage(BUSYBOX)), pauseImage()])) {
    await run('ctr', ['-a', socketPath, '-n', 'k8s.io', 'images', 'import', image]);
  }
  const pods = new Map<string, { pod: Pod; started: TestPod }>();
  undo.defer(async () => {
    for (const { started } of pods.values()) await cri.runtime.stopPodSandbox({ pod_sandbox_id: started.sandboxId });
  });
  const owned = undo.move();
  return {
    cri,
    directory,
    pods: {
      podByName: (namespace, name) => pods.get(`${namespace}/${name}`)?.pod,
      allPods: () => [...pods.values()].map(({ pod }) => pod),
      runningContainerId: ({ metadata }, container) =>
        container === 'main' ? pods.get(`${metadata.namespace}/${metadata.name}`)?.started.containerId : undefined,
      readySandboxId: ({ metadata }) => pods.get(`${metadata.namespace}/${metadata.name}`)?.started.sandboxId,
    },
    async startPod(name, command, more = {}) {
      const started = await startPod(cri, directory, name, command, more);
      pods.set(`default/${name}`, { pod: podObject(name, started.containerId), started });
      return started;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function startPod(
  cri: CriClient,
  directory: string,
  name: string,
  command: string[],
  more: Input<ContainerConfig>,
): Promise<TestPod> {
  const uid = `uid-of-${name}`;
  const labels = {
    'io.kubernetes.pod.name': name,
    'io.kubernetes.pod.namespace': 'default',
    'io.kubernetes.pod.uid': uid,
    'io.kubernetes.container.name': 'main',
  };
  const sandbox: Input<PodSandboxConfig> = {
    metadata: { name, uid, namespace: 'default' },
    hostname: name,
    log_directory: join(directory, 'logs', name),
    labels,
    linux: { cgroup_parent: `/kubepods/pod${uid}` },
  };
  await mkdir(join(directory, 'logs', name, 'main'), { recursive: true });
  const { pod_sandbox_id: sandboxId } = await cri.runtime.runPodSandbox({ config: sandbox });
  const { container_id: containerId } = await cri.runtime.createContainer({
    pod_sandbox_id: sandboxId,
    sandbox_config: sandbox,
    config: { metadata: { name: 'main' }, image: { image: BUSYBOX }, command, log_path: 'main/0.log', labels, ...more },
  });
  await cri.runtime.startContainer({ container_id: containerId });
  const { status } = await cri.runtime.podSandboxStatus({ pod_sandbox_id: sandboxId });
  return {
    sandboxId,
    containerId,
    logPath: join(directory, 'logs', name, 'main/0.log'),
    ip: status?.network?.ip ?? '',
  };
}

function podObject(name: string, containerId: string): Pod {
  const containerStatus = {
    name: 'main',
    image: BUSYBOX,
    imageID: '',
    ready: true,
    restartCount: 0,
    containerID: `containerd://${containerId}`,
    state: { running: { startedAt: '2026-01-01T00:00:00Z' } },
  };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: 'default',
      uid: `uid-of-${name}`,
      creationTimestamp: '2026-01-01T00:00:00Z',
      resourceVersion: '1',
    },
    spec: { containers: [{ name: 'main', image: BUSYBOX }], nodeName: 'node1' },
    status: { phase: 'Running', startTime: '2026-01-01T00:00:00Z', containerStatuses: [containerStatus] },
  };
}

async function ready(cri: CriClient, child: ChildProcess, logFile: string): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const answer = await cri.runtime.version({}).catch(() => undefined);
    if (answer !== undefined) return;
    if (child.exitCode !== null) break;
    await delay(50);
  }
  throw new Error(`containerd does not come up: ${await readFile(logFile, 'utf8')}`);
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  await exited;
}

async function pauseImage(): Promise<string> {
  const file = '/usr/bin/catatonit';
  const content = { file, sizeBytes: (await stat(file)).size };
  return buildImage({
    reference: PAUSE,
    layers: [{ entries: [{ path: 'pause', type: 'file', mode: 0o755, content }] }],
    config: { Entrypoint: ['/pause', '-P'] },
  });
}

const CNI = JSON.stringify({
  cniVersion: '1.0.0',
  name: 'test',
  plugins: [
    {
      type: 'bridge',
      bridge: 'cni0',
      isDefaultGateway: true,
      ipam: { type: 'host-local', dataDir: '/run/containerd/ipam', ranges: [[{ subnet: '10.244.1.0/24' }]] },
    },
  ],
});

function configuration(directory: string, socketPath: string): string {
  return `version = 2
root = "${directory}/root"
state = "/run/containerd"
oom_score = 0
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs"]
[grpc]
  address = "${socketPath}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${PAUSE}"
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
  tolerate_missing_hugetlb_controller = true
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "${directory}/cni"
`;
}
