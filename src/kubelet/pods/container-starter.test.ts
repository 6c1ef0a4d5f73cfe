import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { ConfigMap, Pod, Secret } from '#api';
import { container, pod, ready, settle, stateOf as state, TestNode, until } from '../testing/node.ts';

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

  it('that changes all the time makes its pods look at it once a second', async () => {
    await using node = await TestNode.start();
    const volumes = [{ name: 'cfg', configMap: { name: 'settings' } }];
    const volumeMounts = [{ name: 'cfg', mountPath: '/etc/cfg' }];
    node.api.put(ConfigMap, configMap('settings', { n: '0' }));
    node.api.put(Pod, pod('a', { volumes, containers: [container('web', { volumeMounts })] }));
    await until(() => ready(node, 'a'));
    await settle();
    const looks = (): number => node.cri.calls.filter((call) => call === 'ListPodSandbox').length;
    const before = looks();
    for (let n = 1; n <= 200; n++) {
      node.api.put(ConfigMap, configMap('settings', { n: String(n) }));
      node.clock.advance(10);
      await settle();
    }
    assert.ok(looks() - before < 15, `${looks() - before} times in 2 s`);
    await node.advance(1000);
    const mount = node.cri.running('web').config.mounts?.find((m) => m.container_path === '/etc/cfg');
    await until(() => readFileSync(join(mount?.host_path ?? '', 'n'), 'utf8') === '200');
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
    assert.equal(mount?.readonly, true, 'whatever the container says: the files are not its own');
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
