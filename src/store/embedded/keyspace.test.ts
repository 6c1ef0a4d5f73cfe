import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { put } from '../suite/helpers.ts';
import type { Op } from '../types.ts';
import { Keyspace } from './keyspace.ts';
import { Pending } from './pending.ts';
import type { Version } from './version.ts';

const key = fc.constantFrom('a', 'b', 'c');
const op: fc.Arbitrary<Op> = fc.oneof(
  key.map((k) => put(k, 'x'.repeat(10))),
  key.map((k): Op => ({ type: 'delete', key: k })),
);
const steps = fc.array(fc.oneof({ weight: 5, arbitrary: op }, { weight: 1, arbitrary: fc.nat(5) }), {
  maxLength: 60,
  size: 'max',
});

/** Rows that a log must keep: history from `from` on, and what each key was when history begins. */
function neededRows(versions: readonly Version[], from: number): ReadonlySet<number> {
  const needed = new Set<number>();
  const newestBefore = new Map<string, Version>();
  for (const version of versions) {
    if (version.modRevision >= from) needed.add(version.row);
    else newestBefore.set(version.key, version);
  }
  for (const version of newestBefore.values()) if (!version.isTombstone) needed.add(version.row);
  return needed;
}

test('forgetting gives up exactly the rows that nobody needs, each once, and all the memory they took', () => {
  fc.assert(
    fc.property(steps, fc.integer({ min: 1, max: 5 }), (history, budget) => {
      const keyspace = new Keyspace();
      const pending = new Pending({ keyspace, nextRow: 1, leaseExists: () => false });
      const written: Version[] = [];
      const givenUp: number[] = [];
      const compact = (revision: number): void => {
        if (revision <= keyspace.compactRevision) return;
        keyspace.setCompactRevision(revision);
        for (let done = false; !done;) {
          const some = keyspace.forgetSome(budget);
          givenUp.push(...some.rows);
          done = some.done;
        }
        const needed = neededRows(written, revision);
        assert.deepEqual(
          givenUp.toSorted((a, b) => a - b),
          written.map(({ row }) => row).filter((row) => !needed.has(row)),
        );
      };
      for (const step of history) {
        if (typeof step === 'number') {
          compact(keyspace.revision - step);
          continue;
        }
        const { versions } = pending.evaluate({ compare: [], success: [step] });
        if (versions.length > 0) keyspace.apply(versions, keyspace.revision + 1);
        pending.settle(versions);
        written.push(...versions);
      }
      compact(keyspace.revision);
      // What the last revision wrote is history still, with what it replaced.
      const last = keyspace.writtenAt(keyspace.revision);
      if (last.length === 0) assert.equal(keyspace.historyBytes, 0);
      else assert.ok(keyspace.historyBytes <= 2 * (last[0] as Version).costBytes + 100);
    }),
  );
});
