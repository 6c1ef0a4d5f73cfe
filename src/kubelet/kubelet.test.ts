import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { ConfigMap, Lease, Node, Pod, type PodStatus, Secret } from '#api';
import { container, pod, settle, TestNode, until } from './testing/node.ts';

const state = (status: PodStatus, name = 'web') => status.containerStatuses?.find((c) => c.name === name);
const condition = (status: PodStatus, type: string) => status.conditions?.find((c) => c.type === type);
const ready = (node: TestNode, name: string) => condition(node.get(name).status, 'Ready')?.status === 'True';

describe('a node', () => {
  it('registers itself, becomes ready as soon as the runtime answers and keeps its lease', async () => {
    await using node = await TestNode.start();
    await until(() => node.api.get(Lease, 'kube-node-lease', 'node1') !== undefined);
    await until(
      () =>
        node.api.get(Node, undefined, 'node1')?.status.conditions?.find((c) => c.type === 'Ready')?.status === 'True',
    );
    const { metadata, spec, status } = node.api.get(Node, undefined, 'node1') as Node;
    assert.equal(metadata.labels?.['kubernetes.io/hostname'], 'node1');
    assert.equal(spec.podCIDR, '10.244.1.0/24');
    assert.deepEqual(
      status.conditions?.map(({ type, status: s, reason }) => `${type} ${s} ${reason}`),
      [
        'MemoryPressure False KubeletHasSufficientMemory',
        'DiskPressure False KubeletHasNoDiskPressure',
        'PIDPressure False KubeletHasSufficientPID',
        'Ready True KubeletReady',
      ],
    );
    assert.equal(status.nodeInfo?.containerRuntimeVersion, 'containerd://1.6.20');
    assert.equal(status.allocatable?.['memory'], '4091904Ki');
    const renewed = (node.api.get(Lease, 'kube-node-lease', 'node1') as Lease).spec.renewTime;
    await node.advance(11_000);
    assert.notEqual((node.api.get(Lease, 'kube-node-lease', 'node1') as Lease).spec.renewTime, renewed);
  });

  it('says Ready again after somebody else has said Unknown', async () => {
    await using node = await TestNode.start();
    const readyStatus = () =>
      node.api.get(Node, undefined, 'node1')?.status.conditions?.find((c) => c.type === 'Ready');
    await until(() => readyStatus()?.status === 'True');
    const found = node.api.get(Node, undefined, 'node1') as Node;
    const conditions = found.status.conditions?.map((c) => (c.type === 'Ready' ? { ...c, status: 'Unknown' } : c));
    node.api.put(Node, { ...found, status: { ...found.status, conditions } });
    await node.advance(10_000);
    await until(() => readyStatus()?.status === 'True');
    assert.ok(node.events.includes('Normal NodeReady node Node node1 status is now: NodeReady'));
  });
});

describe('a pod', () => {
  it("runs, with upstream's events, and reports it", async () => {
    await using node = await TestNode.start();
    node.api.put(Pod, pod('a'));
    await until(
      () => ready(node, 'a'),
      () => node.get('a').status,
    );
    const { status } = node.get('a');
    assert.equal(status.phase, 'Running');
    assert.equal(status.qosClass, 'BestEffort');
    assert.equal(status.hostIP, '172.18.0.2');
    assert.match(status.podIP ?? '', /^10\.244\.1\./);
    assert.equal(state(status)?.started, true);
    assert.deepEqual(state(status)?.state, { running: { startedAt: '2026-01-01T00:00:00Z' } });
    assert.equal(state(status)?.containerID, `containerd://${node.cri.running('web').id}`);
    assert.deepEqual(
      status.conditions?.map((c) => `${c.type} ${c.status}`),
      ['PodReadyToStartContainers True', 'Initialized True', 'Ready True', 'ContainersReady True', 'PodScheduled True'],
    );
    assert.deepEqual(
      node.events.filter((e) => e.includes('{web}')),
      [
        'Normal Pulled {web} Container image "nginx:1" already present on machine and can be accessed by the pod',
        'Normal Created {web} Container created',
        'Normal Started {web} Container started',
      ],
    );
    const hosts = await readFile(join(node.root, 'kubelet/pods/a-uid/etc-hosts'), 'utf8');
    assert.ok(hosts.endsWith(`${status.podIP}\ta\n`));
  });

  it('that crashes is restarted at once, then after 10 s, then after 20 s', async () => {
    await using node = await TestNode.start();
    node.api.put(Pod, pod('a'));
    await until(() => ready(node, 'a'));
    node.cri.exit(node.cri.running('web'), 1);
    await until(() => state(node.get('a').status)?.restartCount === 1);
    node.cri.exit(node.cri.running('web'), 1);
    const waiting = () => state(node.get('a').status)?.state?.waiting;
    await until(
      () => waiting()?.reason === 'CrashLoopBackOff',
      () => node.get('a').status,
    );
    assert.equal(waiting()?.message, 'back-off 10s restarting failed container=web pod=a_default(a-uid)');
    assert.equal(state(node.get('a').status)?.lastState?.terminated?.exitCode, 1);
    assert.equal(node.get('a').status.phase, 'Running');
    assert.ok(
      node.events.includes('Warning BackOff {web} Back-off restarting failed container web in pod a_default(a-uid)'),
    );
    await node.advance(9_900);
    assert.equal(node.cri.isRunning('web'), false);
    await node.advance(200);
    await until(() => state(node.get('a').status)?.restartCount === 2);
    node.cri.exit(node.cri.running('web'), 1);
    await until(() => waiting()?.message?.startsWith('back-off 20s') === true);
    await until(
      () => node.cri.containers.size === 1,
      () => 'one dead container is kept',
    );
  });

  it('is done when its containers have ended and nothing restarts them', async () => {
    await using node = await TestNode.start();
    node.api.put(Pod, pod('a', { restartPolicy: 'Never', containers: [container('web'), container('other')] }));
    await until(() => ready(node, 'a'));
    node.cri.exit(node.cri.running('web'), 0);
    await until(() => state(node.get('a').status)?.state?.terminated?.reason === 'Completed');
    assert.equal(node.get('a').status.phase, 'Running');
    assert.equal(condition(node.get('a').status, 'Ready')?.message, 'containers with unready status: [web]');
    node.cri.exit(node.cri.running('other'), 3);
    await until(() => node.get('a').status.phase === 'Failed');
    assert.equal(condition(node.get('a').status, 'Ready')?.reason, 'PodFailed');
    assert.equal(
      [...node.cri.sandboxes.values()].some((s) => s.ready),
      false,
    );
    assert.equal(node.cri.containers.size, 2, 'containers stay for their logs');
  });

  it('that is deleted gets TERM, then goes from the node and from the API', async () => {
    await using node = await TestNode.start();
    node.api.put(Pod, pod('a'));
    await until(() => ready(node, 'a'));
    node.delete('a');
    await until(() => !node.has('a'));
    await until(() => node.cri.sandboxes.size === 0 && node.cri.containers.size === 0);
    assert.ok(node.cri.calls.includes('StopContainer web 30'));
    assert.ok(node.events.includes('Normal Killing {web} Stopping container web'));
    assert.ok(node.api.requests.includes('delete pods a 0'));
    assert.equal(node.events.filter((e) => e.includes('Killing')).length, 1);
  });

  it('that takes no notice of TERM stays until its grace period is over, and a shorter one is taken up', async () => {
    await using node = await TestNode.start();
    node.cri.stubborn.add('web');
    node.api.put(Pod, pod('a'));
    await until(() => ready(node, 'a'));
    node.delete('a', 30);
    await until(() => node.cri.calls.includes('StopContainer web 30'));
    await node.advance(10_000);
    assert.ok(node.has('a'));
    node.delete('a', 5);
    await until(() => node.cri.calls.includes('StopContainer web 5'));
    await node.advance(5_000);
    await until(() => !node.has('a'));
  });

  it('runs its preStop hook within the grace period', async () => {
    await using node = await TestNode.start();
    const lifecycle = { preStop: { sleep: { seconds: 4 } } };
    node.api.put(Pod, pod('a', { containers: [container('web', { lifecycle })] }));
    await until(() => ready(node, 'a'));
    node.delete('a', 10);
    await until(() => node.events.includes('Normal Killing {web} Stopping container web'));
    await settle();
    await node.advance(3_900);
    assert.ok(node.cri.isRunning('web'));
    await node.advance(200);
    await until(() => !node.has('a'));
    assert.ok(node.cri.calls.includes('StopContainer web 6'));
  });

  it('is removed with everything when it vanishes from the API', async () => {
    await using node = await TestNode.start();
    node.api.put(Pod, pod('a'));
    await until(() => ready(node, 'a'));
    node.api.remove(Pod, 'default', 'a');
    await until(() => node.cri.sandboxes.size === 0 && node.kubelet.pods.allPods().length === 0);
  });

  it('starts init containers one after the other before the others', async () => {
    await using node = await TestNode.start();
    node.api.put(Pod, pod('a', { initContainers: [container('one'), container('two')] }));
    await until(() => node.cri.isRunning('one'));
    await until(
      () => condition(node.get('a').status, 'Initialized')?.message === 'containers with incomplete status: [one two]',
    );
    assert.equal(state(node.get('a').status)?.state?.waiting?.reason, 'PodInitializing');
    assert.equal(node.cri.isRunning('two'), false);
    node.cri.exit(node.cri.running('one'), 0);
    await until(() => node.cri.isRunning('two'));
    node.cri.exit(node.cri.running('two'), 0);
    await until(() => ready(node, 'a'));
    assert.deepEqual(
      node.get('a').status.initContainerStatuses?.map((c) => `${c.name} ${c.ready}`),
      ['one true', 'two true'],
    );
  });

  it('with a failing init container and restartPolicy Never fails', async () => {
    await using node = await TestNode.start();
    node.api.put(Pod, pod('a', { restartPolicy: 'Never', initContainers: [container('one')] }));
    await until(() => node.cri.isRunning('one'));
    node.cri.exit(node.cri.running('one'), 2);
    await until(() => node.get('a').status.phase === 'Failed');
    assert.equal(node.cri.isRunning('web'), false);
  });

  it('keeps sidecars running beside its containers and stops them last', async () => {
    await using node = await TestNode.start();
    node.api.put(Pod, pod('a', { initContainers: [container('side', { restartPolicy: 'Always' })] }));
    await until(
      () => ready(node, 'a'),
      () => node.get('a').status,
    );
    assert.ok(node.cri.isRunning('side'));
    node.cri.exit(node.cri.running('side'), 1);
    await until(() => node.cri.isRunning('side'));
    node.delete('a');
    await until(() => !node.has('a'));
    const stops = node.cri.calls.filter((call) => call.startsWith('StopContainer'));
    assert.deepEqual(
      stops.map((call) => call.split(' ')[1]),
      ['web', 'side'],
    );
  });

  it('gets a new container when its image changes', async () => {
    await using node = await TestNode.start();
    node.cri.present.set('nginx:2', { id: 'sha256:nginx2' });
    const first = node.api.put(Pod, pod('a'));
    await until(() => ready(node, 'a'));
    const current = node.get('a');
    node.api.put(Pod, {
      ...current,
      metadata: { ...first.metadata, generation: 2 },
      spec: { ...current.spec, containers: [container('web', { image: 'nginx:2' })] },
    });
    await until(() => state(node.get('a').status)?.image === 'nginx:2');
    assert.ok(node.events.includes('Normal Killing {web} Container web definition changed, will be restarted'));
    assert.equal(state(node.get('a').status)?.restartCount, 1);
    assert.equal(node.get('a').status.observedGeneration, 2);
  });

  it('over its deadline fails', async () => {
    await using node = await TestNode.start();
    node.api.put(Pod, pod('a', { activeDeadlineSeconds: 60 }));
    await until(() => ready(node, 'a'));
    await node.advance(60_000);
    await until(() => node.get('a').status.phase === 'Failed');
    assert.equal(node.get('a').status.reason, 'DeadlineExceeded');
    assert.equal(node.cri.isRunning('web'), false);
  });

  it('that does not fit is rejected', async () => {
    await using node = await TestNode.start();
    node.api.put(Pod, pod('a', { containers: [container('web', { resources: { requests: { cpu: '3' } } })] }));
    await until(() => node.get('a').status.phase === 'Failed');
    const { reason, message } = node.get('a').status;
    assert.equal(reason, 'OutOfcpu');
    assert.equal(
      message,
      "Pod was rejected: Node didn't have enough resource: cpu, requested: 3000, used: 0, capacity: 2000",
    );
    node.delete('a');
    await until(() => !node.has('a'));
  });

  it('waits while the network of the node is not ready', async () => {
    await using node = await TestNode.start();
    await until(() => node.cri.calls.length > 0);
    node.cri.networkReady = false;
    await node.advance(6_000);
    node.api.put(Pod, pod('a'));
    await until(() => node.events.some((e) => e.startsWith('Warning NetworkNotReady')));
    assert.equal(node.cri.sandboxes.size, 0);
    node.cri.networkReady = true;
    await node.advance(2_000);
    await until(() => ready(node, 'a'));
  });

  it('gets a new sandbox, and its containers anew, when the sandbox dies', async () => {
    await using node = await TestNode.start();
    node.api.put(Pod, pod('a'));
    await until(() => ready(node, 'a'));
    const before = node.get('a').status.podIP;
    node.cri.reboot();
    await until(
      () => state(node.get('a').status)?.restartCount === 1,
      () => node.get('a').status,
    );
    assert.ok(node.events.includes('Normal SandboxChanged Pod sandbox changed, it will be killed and re-created.'));
    assert.notEqual(node.get('a').status.podIP, before);
    await until(() => ready(node, 'a'));
  });

  it('whose sandbox cannot be made says so and is tried again', async () => {
    await using node = await TestNode.start();
    node.cri.failing.set('RunPodSandbox', { code: 'Unknown', details: 'failed to setup network' });
    node.api.put(Pod, pod('a'));
    const text =
      'Warning FailedCreatePodSandBox Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network';
    await until(() => node.events.includes(text));
    node.cri.failing.clear();
    await node.advance(1_000);
    await until(() => ready(node, 'a'));
  });
});

describe('an image', () => {
  const names = ['nginx:9'] as const;
  const waiting = (node: TestNode) => state(node.get('a').status)?.state?.waiting;

  it('that cannot be pulled is ErrImagePull, then ImagePullBackOff, and is tried again after 10 s', async () => {
    await using node = await TestNode.start();
    node.cri.pullErrors.set(names[0], { code: 'Unknown', details: '401 Unauthorized' });
    node.api.put(Pod, pod('a', { containers: [container('web', { image: names[0] })] }));
    await until(() => waiting(node)?.reason === 'ErrImagePull');
    assert.equal(waiting(node)?.message, '401 Unauthorized');
    assert.equal(node.get('a').status.phase, 'Pending');
    await node.advance(5_000);
    await until(() => waiting(node)?.reason === 'ImagePullBackOff');
    assert.equal(waiting(node)?.message, 'Back-off pulling image "nginx:9": ErrImagePull: 401 Unauthorized');
    node.cri.pullErrors.clear();
    node.cri.registry.set(names[0], { id: 'sha256:nine' });
    await node.advance(5_000);
    await until(() => ready(node, 'a'));
    assert.deepEqual(
      node.events.filter((e) => e.includes('{web}')),
      [
        'Normal Pulling {web} Pulling image "nginx:9"',
        'Warning Failed {web} Failed to pull image "nginx:9": 401 Unauthorized',
        'Warning Failed {web} Error: ErrImagePull',
        'Normal BackOff {web} Back-off pulling image "nginx:9"',
        'Warning Failed {web} Error: ImagePullBackOff',
        'Normal Pulling {web} Pulling image "nginx:9"',
        'Normal Pulled {web} Successfully pulled image "nginx:9" in 0s (0s including waiting). Image size: 1000 bytes.',
        'Normal Created {web} Container created',
        'Normal Started {web} Container started',
      ],
    );
  });

  it("is pulled with the credentials of the pod's secret", async () => {
    await using node = await TestNode.start();
    const image = 'registry:5000/app:1';
    node.cri.registry.set(image, { id: 'sha256:app' });
    const auths = { 'registry:5000': { auth: Buffer.from('user:secret').toString('base64') } };
    node.api.put(
      Pod,
      pod('a', {
        imagePullSecrets: [{ name: 'regcred' }],
        containers: [container('web', { image, imagePullPolicy: 'Always' })],
      }),
    );
    await until(() => ready(node, 'a'));
    assert.ok(!node.events.some((event) => event.includes('FailedToRetrieveImagePullSecret')));
    assert.deepEqual(node.cri.auths, [undefined]);
    node.api.put(Secret, {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'regcred', namespace: 'default', uid: 's', resourceVersion: '', creationTimestamp: '' },
      type: 'kubernetes.io/dockerconfigjson',
      data: { '.dockerconfigjson': Buffer.from(JSON.stringify({ auths })).toString('base64') },
    });
    node.api.put(
      Pod,
      pod('b', {
        imagePullSecrets: [{ name: 'regcred' }],
        containers: [container('web', { image, imagePullPolicy: 'Always' })],
      }),
    );
    await until(() => ready(node, 'b'));
    assert.deepEqual(node.cri.auths, [undefined, 'user']);
  });

  it('with a bad name, or absent and never to be pulled, is refused', async () => {
    await using node = await TestNode.start();
    node.api.put(Pod, pod('a', { containers: [container('web', { image: 'Nginx' })] }));
    await until(() => waiting(node)?.reason === 'InvalidImageName');
    assert.equal(
      waiting(node)?.message,
      'Failed to apply default image tag "Nginx": couldn\'t parse image name "Nginx": invalid reference format: repository name (library/Nginx) must be lowercase',
    );
    node.api.put(Pod, pod('b', { containers: [container('web', { image: 'absent:1', imagePullPolicy: 'Never' })] }));
    await until(() => state(node.get('b').status)?.state?.waiting?.reason === 'ErrImageNeverPull');
  });
});

describe('configuration', () => {
  const configMap = (name: string, data: Record<string, string>): ConfigMap => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace: 'default', uid: name, resourceVersion: '', creationTimestamp: '' },
    data,
  });

  it('that is missing is CreateContainerConfigError until it is there', async () => {
    await using node = await TestNode.start();
    const env = [{ name: 'MODE', valueFrom: { configMapKeyRef: { name: 'settings', key: 'mode' } } }];
    node.api.put(Pod, pod('a', { containers: [container('web', { env })] }));
    const waiting = () => state(node.get('a').status)?.state?.waiting;
    await until(() => waiting()?.reason === 'CreateContainerConfigError');
    assert.equal(waiting()?.message, 'configmap "settings" not found');
    assert.ok(node.events.includes('Warning Failed {web} Error: configmap "settings" not found'));
    node.api.put(ConfigMap, configMap('settings', { other: '1' }));
    await until(() => waiting()?.message === "couldn't find key mode in ConfigMap default/settings");
    node.api.put(ConfigMap, configMap('settings', { mode: 'fast' }));
    await until(() => ready(node, 'a'));
    assert.deepEqual(node.cri.running('web').config.envs, [{ key: 'MODE', value: 'fast' }]);
  });

  it('in a volume waits for the object and follows its changes', async () => {
    await using node = await TestNode.start();
    const volumes = [{ name: 'cfg', configMap: { name: 'settings' } }];
    node.api.put(
      Pod,
      pod('a', { volumes, containers: [container('web', { volumeMounts: [{ name: 'cfg', mountPath: '/etc/cfg' }] })] }),
    );
    await until(() =>
      node.events.includes(
        'Warning FailedMount MountVolume.SetUp failed for volume "cfg" : configmap "settings" not found',
      ),
    );
    assert.equal(state(node.get('a').status)?.state?.waiting?.reason, 'ContainerCreating');
    node.api.put(ConfigMap, configMap('settings', { mode: 'fast' }));
    await until(() => ready(node, 'a'));
    const mount = node.cri.running('web').config.mounts?.find((m) => m.container_path === '/etc/cfg');
    const file = join(mount?.host_path ?? '', 'mode');
    assert.equal(await readFile(file, 'utf8'), 'fast');
    node.api.put(ConfigMap, configMap('settings', { mode: 'slow' }));
    let text = '';
    for (let i = 0; i < 200 && text !== 'slow'; i++) {
      await settle();
      text = await readFile(file, 'utf8');
    }
    assert.equal(text, 'slow');
  });

  it('of a secret lies in memory and goes with the pod', async () => {
    await using node = await TestNode.start();
    node.api.put(Secret, {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 's', namespace: 'default', uid: 's', resourceVersion: '', creationTimestamp: '' },
      data: { key: Buffer.from('value').toString('base64') },
    });
    const volumes = [{ name: 'v', secret: { secretName: 's' } }];
    node.api.put(
      Pod,
      pod('a', { volumes, containers: [container('web', { volumeMounts: [{ name: 'v', mountPath: '/s' }] })] }),
    );
    await until(() => ready(node, 'a'));
    assert.deepEqual(
      [...node.mounts].map((path) => path.slice(node.root.length)),
      ['/kubelet/pods/a-uid/volumes/kubernetes.io~secret/v'],
    );
    node.delete('a');
    await until(() => !node.has('a'));
    assert.equal(node.mounts.size, 0);
  });

  it('that the runtime refuses is RunContainerError', async () => {
    await using node = await TestNode.start();
    node.cri.failing.set('StartContainer', { code: 'Unknown', details: 'exec: "/nope": no such file or directory' });
    node.api.put(Pod, pod('a'));
    await until(() => state(node.get('a').status)?.state?.waiting?.reason === 'RunContainerError');
    assert.equal(state(node.get('a').status)?.state?.waiting?.message, 'exec: "/nope": no such file or directory');
    assert.ok(node.events.includes('Warning Failed {web} Error: exec: "/nope": no such file or directory'));
    assert.equal(state(node.get('a').status)?.lastState?.terminated?.reason, 'StartError');
  });
});

describe('probes', () => {
  const probe = (command: string, rest = {}) => ({
    exec: { command: [command] },
    periodSeconds: 5,
    timeoutSeconds: 1,
    ...rest,
  });

  it('decide when a pod is ready', async () => {
    await using node = await TestNode.start();
    node.cri.execResults.set('check', { exitCode: 1, output: 'not yet' });
    node.api.put(Pod, pod('a', { containers: [container('web', { readinessProbe: probe('check') })] }));
    await until(() => node.get('a').status.phase === 'Running');
    await node.advance(100);
    await until(() => node.events.includes('Warning Unhealthy {web} Readiness probe failed: not yet'));
    assert.equal(ready(node, 'a'), false);
    node.cri.execResults.delete('check');
    await node.advance(5_000);
    await until(() => ready(node, 'a'));
  });

  it('of liveness restart a container that fails three times', async () => {
    await using node = await TestNode.start();
    node.cri.execResults.set('alive', { exitCode: 1, output: 'dead' });
    node.api.put(
      Pod,
      pod('a', { containers: [container('web', { livenessProbe: probe('alive', { failureThreshold: 3 }) })] }),
    );
    await until(() => ready(node, 'a'));
    await node.advance(9_000);
    assert.equal(state(node.get('a').status)?.restartCount, 0);
    await node.advance(2_000);
    await until(
      () => state(node.get('a').status)?.restartCount === 1,
      () => node.events,
    );
    assert.ok(node.events.includes('Normal Killing {web} Container web failed liveness probe, will be restarted'));
    const before = node.cri.calls.slice(
      0,
      node.cri.calls.findIndex((call) => call.startsWith('StopContainer')),
    );
    assert.equal(before.filter((call) => call === 'ExecSync alive').length, 3);
    assert.ok(node.events.includes('Warning Unhealthy {web} Liveness probe failed: dead'));
  });

  it('of startup hold the others back until they succeed', async () => {
    await using node = await TestNode.start();
    node.cri.execResults.set('up', { exitCode: 1, output: '' });
    const web = container('web', {
      startupProbe: probe('up', { failureThreshold: 30 }),
      livenessProbe: probe('alive'),
    });
    node.api.put(Pod, pod('a', { containers: [web] }));
    await until(() => node.get('a').status.phase === 'Running');
    await node.advance(12_000);
    assert.equal(state(node.get('a').status)?.started, false);
    assert.equal(node.cri.calls.includes('ExecSync alive'), false);
    node.cri.execResults.delete('up');
    await node.advance(5_000);
    await until(() => ready(node, 'a'));
    await node.advance(5_000);
    await until(() => node.cri.calls.includes('ExecSync alive'));
  });
});

describe('an agent that starts again', () => {
  it('takes up what runs and touches nothing', async () => {
    await using node = await TestNode.start();
    node.api.put(Pod, pod('a', { containers: [container('web', { readinessProbe: { exec: { command: ['ok'] } } })] }));
    await node.advance(100);
    await until(() => ready(node, 'a'));
    const { id } = node.cri.running('web');
    await node.stopAgent();
    const requests = node.api.requests.length;
    node.startAgent();
    await until(() => node.kubelet.pods.allPods().length === 1);
    await settle();
    assert.equal(node.cri.running('web').id, id);
    const writes = node.api.requests.slice(requests).filter((request) => request.includes('pods'));
    assert.deepEqual(writes, [], 'the pod stays ready all the time');
    node.cri.exit(node.cri.running('web'), 1);
    await until(() => state(node.get('a').status)?.restartCount === 1);
  });

  it('notices what happened meanwhile', async () => {
    await using node = await TestNode.start();
    node.api.put(Pod, pod('a'));
    node.api.put(Pod, pod('b'));
    await until(() => ready(node, 'a') && ready(node, 'b'));
    await node.stopAgent();
    node.api.remove(Pod, 'default', 'b');
    node.cri.exit(node.cri.running('web'), 1);
    for (const instance of node.cri.containers.values()) node.cri.exit(instance, 1);
    node.startAgent();
    await until(
      () => node.cri.sandboxes.size === 1,
      () => node.cri.calls.slice(-20),
    );
    await until(() => state(node.get('a').status)?.restartCount === 1);
  });

  it('finishes a deletion', async () => {
    await using node = await TestNode.start();
    node.api.put(Pod, pod('a'));
    await until(() => ready(node, 'a'));
    await node.stopAgent();
    node.delete('a');
    node.startAgent();
    await until(() => !node.has('a'));
    await until(() => node.cri.sandboxes.size === 0);
  });
});
