import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Container, Pod } from '#api';
import { container, pod } from '../testing/node.ts';
import { podCgroupPath, podCgroupSettings } from '../cgroups/pod-cgroups.ts';
import { containerLinuxResources, cpuQuotaOf, cpuSharesOf, cpuWeightOf, oomScoreAdjOf } from './linux-resources.ts';
import { podAmounts, podQosClass } from './pod-resources.ts';

const GIB = 2 ** 30;
const asking = (
  name: string,
  requests: Record<string, string>,
  limits: Record<string, string>,
  rest: Partial<Container> = {},
): Container => container(name, { resources: { requests, limits }, ...rest });
const podOf = (containers: Container[], initContainers: Container[] = []): Pod =>
  pod('p', { containers, initContainers });

describe('the QoS class', () => {
  const both = { cpu: '1', memory: '1Gi' };

  it('is Guaranteed when all containers limit both to what they request', () => {
    assert.equal(podQosClass(podOf([asking('a', both, both), asking('b', both, both)])), 'Guaranteed');
  });

  it('is Burstable when anything is asked for otherwise', () => {
    assert.equal(podQosClass(podOf([asking('a', both, both), container('b')])), 'Burstable');
    assert.equal(podQosClass(podOf([asking('a', { cpu: '1' }, {})])), 'Burstable');
    assert.equal(podQosClass(podOf([asking('a', { cpu: '500m', memory: '1Gi' }, both)])), 'Burstable');
  });

  it('is BestEffort when nothing is', () => {
    assert.equal(podQosClass(podOf([container('a')])), 'BestEffort');
  });
});

describe('what a pod asks for', () => {
  it('is the sum of its containers or the largest init container, sidecars counted with both', () => {
    const side = asking('side', { cpu: '100m' }, {}, { restartPolicy: 'Always' });
    const sum = podOf(
      [asking('a', { cpu: '200m' }, {}), asking('b', { cpu: '300m' }, {})],
      [side, asking('init', { cpu: '450m' }, {})],
    );
    assert.equal(podAmounts(sum, 'requests').cpuMilli, 600);
    const large = podOf([asking('a', { cpu: '200m' }, {})], [side, asking('init', { cpu: '2' }, {})]);
    assert.equal(podAmounts(large, 'requests').cpuMilli, 2100);
  });
});

describe('figures of the kernel', () => {
  it('follow from millicores as in upstream', () => {
    assert.deepEqual([0, 1, 100, 1000, 300_000].map(cpuSharesOf), [2, 2, 102, 1024, 262_144]);
    assert.deepEqual([0, 5, 500, 2000].map(cpuQuotaOf), [0, 1000, 50_000, 200_000]);
    assert.deepEqual([2, 1024, 262_144].map(cpuWeightOf), [1, 39, 10_000]);
  });

  it('kill best effort first, guaranteed last', () => {
    const all = { cpu: '1', memory: '1Gi' };
    const guaranteed = asking('a', all, all);
    assert.equal(oomScoreAdjOf(podOf([guaranteed]), guaranteed, 4 * GIB), -997);
    assert.equal(oomScoreAdjOf(podOf([container('a')]), container('a'), 4 * GIB), 1000);
    const quarter = asking('a', { memory: '1Gi' }, {});
    assert.equal(oomScoreAdjOf(podOf([quarter]), quarter, 4 * GIB), 750);
    const cpuOnly = asking('a', { cpu: '1' }, {});
    assert.equal(oomScoreAdjOf(podOf([cpuOnly]), cpuOnly, 4 * GIB), 999);
    const whole = asking('a', { memory: '4Gi' }, {});
    assert.equal(oomScoreAdjOf(podOf([whole]), whole, 4 * GIB), 3);
  });

  it('of a container take the limit for a missing request', () => {
    const limited = container('a', { resources: { limits: { cpu: '500m', memory: '64Mi' } } });
    assert.deepEqual(containerLinuxResources(podOf([limited]), limited, 4 * GIB), {
      cpu_period: 100_000,
      cpu_quota: 50_000,
      cpu_shares: 512,
      memory_limit_in_bytes: 67_108_864,
      oom_score_adj: 985,
    });
  });

  it('of a pod have limits only when all its containers do', () => {
    const limited = asking('a', { cpu: '100m', memory: '16Mi' }, { cpu: '500m', memory: '64Mi' });
    assert.deepEqual(podCgroupSettings(podOf([limited])), {
      cpuShares: 102,
      cpuQuotaUs: 50_000,
      memoryLimitBytes: 67_108_864,
    });
    assert.deepEqual(podCgroupSettings(podOf([limited, container('b')])), { cpuShares: 102 });
    assert.equal(podCgroupPath('/r', 'u', 'Guaranteed'), '/r/kubepods/podu');
    assert.equal(podCgroupPath('/r', 'u', 'BestEffort'), '/r/kubepods/besteffort/podu');
  });
});
