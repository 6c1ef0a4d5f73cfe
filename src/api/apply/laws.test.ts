/** What holds for every kind, whatever is applied. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeValue } from '../codec/decode.ts';
import { randomObject } from '../codec/random-object.ts';
import { deepFreeze, equalValues } from '../equality.ts';
import { allKinds } from '../kinds.ts';
import { apiVersionOf, type Kind, type KubeObject } from '../kind.ts';
import type { StatusError } from '../status.ts';
import { type FieldManager, newFieldManager } from './apply.ts';
import { readFields } from './fieldpath/fields-v1.ts';
import { difference, equalSets, hasPath, intersection, isEmptySet, leaves, union } from './fieldpath/set.ts';
import { definitionType } from './typed/definition-type.ts';
import { extractItems } from './typed/remove.ts';
import { toFieldSet } from './typed/to-set.ts';
import { typeErrors } from './typed/validate.ts';

type Config = Record<string, unknown>;

const kinds = allKinds.filter(({ storedAs }) => storedAs === undefined);

/** Without defaults, so that nothing but what is applied is there. */
const managerOf = (kind: Kind): FieldManager =>
  newFieldManager({
    kind,
    subresource: '',
    type: definitionType(kind.definition),
    complete: (value) => decodeValue(value, kind.definition, false).value as unknown as KubeObject,
    now: () => 0,
    report: (error) => assert.fail(error),
  });

/** A random configuration of a kind; undefined when it is none, as when it names an item twice. */
function configOf(kind: Kind, seed: number, density = 0.3): Config | undefined {
  const { value } = decodeValue(randomObject(kind.definition, seed, density), kind.definition, false);
  const { managedFields: _none, ...metadata } = (value['metadata'] ?? {}) as Config;
  const config = {
    ...value,
    apiVersion: apiVersionOf(kind),
    kind: kind.kind,
    metadata: { ...metadata, name: 'x', uid: 'u' },
  };
  return typeErrors(definitionType(kind.definition), config) === '' ? deepFreeze(config) : undefined;
}

const kind = fc.constantFrom(...kinds);
/** Seeds of configurations there are. */
const seed = fc.nat({ max: 5_000 });
const RUNS = { numRuns: 250 };

const ownedBy = (object: KubeObject, manager: string): ReturnType<typeof readFields> =>
  readFields(object.metadata.managedFields?.find((entry) => entry.manager === manager)?.fieldsV1);
const withoutOwners = ({ metadata: { managedFields: _own, ...metadata }, ...object }: KubeObject): unknown => ({
  ...object,
  metadata,
});

test('apply is idempotent', async () => {
  await fc.assert(
    fc.asyncProperty(kind, seed, seed, async (k, one, other) => {
      const [base, config] = [configOf(k, one), configOf(k, other, 0.15)];
      if (base === undefined || config === undefined) return;
      const manager = managerOf(k);
      const live = deepFreeze(await manager.apply(undefined, base, { manager: 'base', force: false }));
      const once = deepFreeze(await manager.apply(live, config, { manager: 'me', force: true }));
      const twice = await manager.apply(once, config, { manager: 'me', force: false });
      assert.ok(equalValues(once, twice), k.kind);
    }),
    RUNS,
  );
});

test('after an apply, what it said is there and is its own', async () => {
  await fc.assert(
    fc.asyncProperty(kind, seed, seed, async (k, one, other) => {
      const [base, config] = [configOf(k, one), configOf(k, other, 0.15)];
      if (base === undefined || config === undefined) return;
      const type = definitionType(k.definition);
      const manager = managerOf(k);
      const live = await manager.apply(undefined, base, { manager: 'base', force: false });
      const next = await manager.apply(live, config, { manager: 'me', force: true });
      const said = toFieldSet(type, config);
      assert.ok(isEmptySet(difference(ownedBy(next, 'me'), said)), k.kind);
      // What both own has one value.
      const shared = leaves(intersection(ownedBy(next, 'me'), ownedBy(next, 'base')));
      assert.ok(
        equalValues(extractItems(type, next, shared), extractItems(type, base, shared)) || hasLists(base),
        k.kind,
      );
    }),
    RUNS,
  );
});

const hasLists = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && (Array.isArray(value) || Object.values(value).some(hasLists));

test('who applies nothing any more leaves things as if nobody else but the others had applied', async () => {
  await fc.assert(
    fc.asyncProperty(kind, seed, seed, async (k, one, other) => {
      const [base, config] = [configOf(k, one), configOf(k, other, 0.15)];
      if (base === undefined || config === undefined) return;
      const manager = managerOf(k);
      const live = deepFreeze(await manager.apply(undefined, base, { manager: 'base', force: false }));
      let both: KubeObject;
      try {
        both = await manager.apply(live, config, { manager: 'me', force: false });
      } catch (error) {
        assert.equal((error as StatusError).reason, 'Conflict');
        return;
      }
      const nothing = { apiVersion: apiVersionOf(k), kind: k.kind, metadata: { name: 'x' } };
      const left = await manager.apply(both, nothing, { manager: 'me', force: false });
      const type = definitionType(k.definition);
      assert.ok(equalSets(ownedBy(left, 'base'), ownedBy(live, 'base')), k.kind);
      assert.ok(isEmptySet(ownedBy(left, 'me')));
      // A map that was empty and has been filled in between does not stay as an empty one, upstream neither.
      if (hasEmpty(base)) return;
      const before = toFieldSet(type, withoutOwners(live));
      assert.ok(isEmptySet(difference(leaves(before), toFieldSet(type, withoutOwners(left)))), k.kind);
    }),
    RUNS,
  );
});

const hasEmpty = (value: unknown): boolean =>
  typeof value === 'object' &&
  value !== null &&
  (Object.keys(value).length === 0 || Object.values(value).some(hasEmpty));

test('appliers that do not conflict can come in any order', async () => {
  await fc.assert(
    fc.asyncProperty(kind, seed, seed, async (k, one, other) => {
      const [a, b] = [configOf(k, one, 0.15), configOf(k, other, 0.15)];
      if (a === undefined || b === undefined) return;
      const manager = managerOf(k);
      const run = async (...order: readonly (readonly [Config, string])[]): Promise<KubeObject | undefined> => {
        let live: KubeObject | undefined;
        try {
          for (const [config, name] of order) live = await manager.apply(live, config, { manager: name, force: false });
        } catch (error) {
          assert.equal((error as StatusError).reason, 'Conflict');
          return undefined;
        }
        return live;
      };
      const forth = await run([a, 'a'], [b, 'b']);
      const back = await run([b, 'b'], [a, 'a']);
      assert.equal(forth === undefined, back === undefined, k.kind);
      if (forth === undefined || back === undefined) return;
      const type = definitionType(k.definition);
      for (const name of ['a', 'b']) assert.ok(equalSets(ownedBy(forth, name), ownedBy(back, name)), k.kind);
      assert.ok(equalSets(toFieldSet(type, withoutOwners(forth)), toFieldSet(type, withoutOwners(back))), k.kind);
    }),
    RUNS,
  );
});

test('an update owns what it changes, and nobody else does', async () => {
  await fc.assert(
    fc.asyncProperty(kind, seed, seed, async (k, one, other) => {
      const [base, next] = [configOf(k, one), configOf(k, other)];
      if (base === undefined || next === undefined) return;
      const manager = managerOf(k);
      const live = deepFreeze(await manager.apply(undefined, base, { manager: 'base', force: false }));
      const written = structuredClone(next) as unknown as KubeObject;
      await manager.update(live, written, 'editor');
      const [theirs, mine] = [ownedBy(written, 'base'), ownedBy(written, 'editor')];
      assert.ok(isEmptySet(intersection(leaves(theirs), leaves(mine))), k.kind);
      assert.ok(isEmptySet(difference(theirs, ownedBy(live, 'base'))), 'nobody gains by what another does');
      const there = toFieldSet(definitionType(k.definition), withoutOwners(written));
      assert.ok(isEmptySet(difference(leaves(theirs), union(there, ownedBy(live, 'base')))));
      assert.equal(hasPath(mine, ['f:metadata', 'f:name']), false);
    }),
    RUNS,
  );
});
