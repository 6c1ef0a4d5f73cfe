import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Image } from '#cri';
import { kubeletConfig } from '../config.ts';
import type { Machine } from './machine.ts';
import { readMachine } from './machine.ts';
import { initialNode, nodeConditions, nodeImages, nodeStatus } from './node-status.ts';

const machine: Machine = {
  cpus: 2,
  memoryBytes: 4 * 2 ** 30,
  ephemeralStorageBytes: 100 * 2 ** 30,
  hugePageSizes: ['2Mi'],
  machineID: 'machine',
  systemUUID: 'system',
  bootID: 'boot',
  kernelVersion: '6.1.0',
  osImage: 'Debian GNU/Linux 12 (bookworm)',
  architecture: 'amd64',
};
const up = { version: '1.6.20', runtimeErrors: [], networkErrors: [] };
const config = kubeletConfig({
  nodeName: 'control-plane',
  clusterName: 'c',
  nodeIP: '172.18.0.2',
  cgroupRoot: '/r',
  podCIDR: '10.244.0.0/24',
  labels: { 'node-role.kubernetes.io/control-plane': '' },
  taints: [{ key: 'node-role.kubernetes.io/control-plane', effect: 'NoSchedule' }],
});
const context = { config, machine, health: up, images: [], nowMs: 0 };

describe('a Node', () => {
  it('is registered with its labels, taints and pod addresses', () => {
    const { metadata, spec } = initialNode(context);
    assert.deepEqual(metadata.labels, {
      'node-role.kubernetes.io/control-plane': '',
      'beta.kubernetes.io/arch': 'amd64',
      'beta.kubernetes.io/os': 'linux',
      'kubernetes.io/arch': 'amd64',
      'kubernetes.io/hostname': 'control-plane',
      'kubernetes.io/os': 'linux',
    });
    assert.deepEqual(spec, {
      podCIDR: '10.244.0.0/24',
      podCIDRs: ['10.244.0.0/24'],
      taints: [{ key: 'node-role.kubernetes.io/control-plane', effect: 'NoSchedule' }],
    });
  });

  it('says what it has and what of that pods may use', () => {
    const { status } = nodeStatus({}, context);
    assert.deepEqual(status.capacity, {
      cpu: '2',
      'ephemeral-storage': '104857600Ki',
      'hugepages-2Mi': '0',
      memory: '4194304Ki',
      pods: '110',
    });
    assert.deepEqual(status.allocatable, {
      cpu: '2',
      'ephemeral-storage': '96636764160',
      'hugepages-2Mi': '0',
      memory: '4091904Ki',
      pods: '110',
    });
    assert.deepEqual(status.addresses, [
      { type: 'InternalIP', address: '172.18.0.2' },
      { type: 'Hostname', address: 'control-plane' },
    ]);
    assert.deepEqual(status.daemonEndpoints, { kubeletEndpoint: { Port: 10250 } });
  });

  it('is ready when the runtime and its network are, and tells of the change', () => {
    const down = {
      ...up,
      networkErrors: ['container runtime network not ready: NetworkReady=false reason:R message:m'],
    };
    const before = nodeConditions(down, [], 0);
    const ready = before.conditions.at(-1);
    assert.deepEqual(
      [ready?.status, ready?.reason, ready?.message],
      ['False', 'KubeletNotReady', down.networkErrors[0]],
    );
    const later = nodeConditions(up, before.conditions, 10_000);
    assert.deepEqual(later.events, ['NodeReady']);
    assert.equal(later.conditions.at(-1)?.lastTransitionTime, '1970-01-01T00:00:10Z');
    const still = nodeConditions(up, later.conditions, 20_000);
    assert.deepEqual(still.events, []);
    assert.deepEqual(
      [still.conditions.at(-1)?.lastTransitionTime, still.conditions.at(-1)?.lastHeartbeatTime],
      ['1970-01-01T00:00:10Z', '1970-01-01T00:00:20Z'],
    );
  });

  it('lists its largest images', () => {
    const image = (size: number): Image => ({
      id: '',
      repo_tags: [`t${size}`],
      repo_digests: [`d${size}`],
      size: `${size}` as `${bigint}`,
      username: '',
      pinned: false,
    });
    const images = nodeImages(Array.from({ length: 60 }, (_, i) => image(i)));
    assert.equal(images.length, 50);
    assert.deepEqual(images[0], { names: ['d59', 't59'], sizeBytes: 59 });
  });

  it('reads this machine', async () => {
    const read = await readMachine({ storagePath: '/', identity: 'c/n' });
    assert.ok(read.cpus > 0 && read.memoryBytes > 2 ** 20 && read.ephemeralStorageBytes > 0);
    assert.match(read.machineID, /^[0-9a-f]{32}$/);
  });
});
