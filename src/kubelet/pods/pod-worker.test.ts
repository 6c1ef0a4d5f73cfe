import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Pod } from '#api';
import {
  conditionOf as condition,
  container,
  pod,
  ready,
  settle,
  stateOf as state,
  TestNode,
  until,
} from '../testing/node.ts';

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

  it('that goes while its sandbox is being made leaves none: the call is carried to its end', async () => {
    await using node = await TestNode.start();
    const slow = Promise.withResolvers<void>();
    node.cri.sandboxHold = slow.promise;
    node.api.put(Pod, pod('a'));
    await until(() => node.cri.calls.includes('RunPodSandbox a'));
    node.delete('a', 0);
    await settle();
    assert.ok(node.has('a'), 'the pod stays until it is known what there is to remove');
    slow.resolve();
    await until(() => !node.has('a'));
    await until(() => node.cri.sandboxes.size === 0);
  });
});
