import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import type { Deployment, ReplicaSet } from '#api';
import { fenceposts, newSize, proportionalSizes, shrinkOld, sizeOf, templateHash, totalSize } from './replicasets.ts';

const deployment = (replicas: number, maxSurge: number | string, maxUnavailable: number | string): Deployment =>
  ({
    metadata: { name: 'web' },
    spec: { replicas, strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge, maxUnavailable } } },
    status: { replicas },
  }) as unknown as Deployment;

const set = (name: string, replicas: number, available: number, max = 0): ReplicaSet =>
  ({
    metadata: {
      name,
      creationTimestamp: `2026-01-01T00:00:0${name.length}Z`,
      annotations: max === 0 ? {} : { 'deployment.kubernetes.io/max-replicas': String(max) },
    },
    spec: { replicas },
    status: { replicas, availableReplicas: Math.min(available, replicas) },
  }) as unknown as ReplicaSet;

suite('rollout arithmetic', () => {
  test('percentages: surge rounds up, unavailable rounds down, and never are both zero', () => {
    assert.deepEqual(fenceposts(deployment(10, '25%', '25%')), { maxSurge: 3, maxUnavailable: 2 });
    assert.deepEqual(fenceposts(deployment(1, '0%', '10%')), { maxSurge: 0, maxUnavailable: 1 });
    assert.deepEqual(fenceposts(deployment(2, 1, 5)), { maxSurge: 1, maxUnavailable: 2 });
  });

  const states = fc.record({
    replicas: fc.integer({ min: 0, max: 50 }),
    surge: fc.nat(10),
    unavailable: fc.nat(10),
    sizes: fc.array(fc.record({ size: fc.nat(40), available: fc.nat(40) }), { minLength: 1, maxLength: 4 }),
  });

  test('whatever the state, one step keeps within surge and availability', () => {
    fc.assert(
      fc.property(states, ({ replicas, surge, unavailable, sizes }) => {
        const d = deployment(replicas, surge, unavailable);
        const { maxSurge, maxUnavailable } = fenceposts(d);
        const all = sizes.map(({ size, available }, i) => set('r'.repeat(i + 1), size, available));
        const [newRS, ...old] = all as [ReplicaSet, ...ReplicaSet[]];
        const grown = newSize(d, all, sizeOf(newRS));
        if (sizeOf(newRS) <= replicas) {
          assert.ok(grown >= sizeOf(newRS) && grown <= Math.max(replicas, sizeOf(newRS)));
          if (grown > sizeOf(newRS)) assert.ok(totalSize(old) + grown <= replicas + maxSurge);
        }
        const available = (rs: ReplicaSet): number => rs.status.availableReplicas ?? 0;
        const before = all.reduce((sum, rs) => sum + available(rs), 0);
        const smaller = shrinkOld(d, newRS, old);
        // A ReplicaSet deletes its unavailable pods first.
        const after = all.reduce((sum, rs) => sum + Math.min(available(rs), smaller.get(rs) ?? sizeOf(rs)), 0);
        assert.ok(
          after >= Math.min(before, replicas - maxUnavailable),
          `${before} → ${after} available of ${replicas}`,
        );
        for (const [rs, size] of smaller) assert.ok(size >= 0 && size < sizeOf(rs));
      }),
    );
  });

  test('a rollout that gets its pods always comes to an end', () => {
    fc.assert(
      fc.property(states, ({ replicas, surge, unavailable, sizes }) => {
        const d = deployment(replicas, surge, unavailable);
        let newRS = set('n', 0, 0);
        let old = sizes.map(({ size }, i) => set('o'.repeat(i + 2), size, size));
        for (let step = 0; step < 500; step++) {
          const size = newSize(d, [...old, newRS], sizeOf(newRS));
          newRS = set('n', size, size);
          const smaller = shrinkOld(d, newRS, old);
          old = old.map((rs) => set(rs.metadata.name, smaller.get(rs) ?? sizeOf(rs), Number.MAX_SAFE_INTEGER));
          if (sizeOf(newRS) === replicas && totalSize(old) === 0) return;
        }
        assert.fail(`stuck with ${sizeOf(newRS)} new, ${totalSize(old)} old of ${replicas}`);
      }),
    );
  });

  test('scaling in proportion gives every set its share and reaches the size exactly', () => {
    fc.assert(
      fc.property(states, fc.integer({ min: 1, max: 80 }), ({ surge, unavailable, sizes }, replicas) => {
        const sum = sizes.reduce((a, { size }) => a + size, 0);
        const sets = sizes.filter(({ size }) => size > 0).map(({ size }, i) => set('r'.repeat(i + 1), size, size, sum));
        if (sets.length === 0) return;
        const d = deployment(replicas, surge, unavailable);
        const result = proportionalSizes(d, sets);
        const after = [...result.values()].reduce((a, b) => a + b, 0);
        assert.equal(after, replicas + fenceposts(d).maxSurge);
        for (const size of result.values()) assert.ok(size >= 0);
      }),
    );
  });

  test('the hash follows the template, not the order of its fields, and a collision changes it', () => {
    const a = templateHash({ metadata: { labels: { a: '1', b: '2' } } }, 0);
    assert.equal(templateHash({ metadata: { labels: { b: '2', a: '1' } } }, 0), a);
    assert.notEqual(templateHash({ metadata: { labels: { a: '1', b: '3' } } }, 0), a);
    assert.notEqual(templateHash({ metadata: { labels: { a: '1', b: '2' } } }, 1), a);
  });
});
