import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Lease, Node, Pod } from '#api';
import { container, pod, ready, settle, stateOf as state, TestNode, until } from './testing/node.ts';

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

describe('an agent that starts again', () => {
  it('takes up what runs and touches nothing', async () => {
    await using node = await TestNode.start();
    node.api.put(Pod, pod('a', { containers: [container('web', { readinessProbe: { exec: { command: ['ok'] } } })] }));
    await node.advanceUntil(() => ready(node, 'a'));
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

  it('starts a container that was created and not started before, which is no restart', async () => {
    await using node = await TestNode.start();
    node.api.put(Pod, pod('a'));
    await until(() => ready(node, 'a'));
    await node.stopAgent();
    const created = node.cri.running('web');
    created.state = 'CONTAINER_CREATED';
    node.startAgent();
    await until(() => node.cri.isRunning('web') && !node.cri.containers.has(created.id));
    await until(() => ready(node, 'a'));
    assert.equal(state(node.get('a').status)?.restartCount, 0);
  });
});
