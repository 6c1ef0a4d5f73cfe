import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { randomObject } from './codec/random-object.ts';
import { deepClone } from './equality.ts';
import type { KubeObject } from './kind.ts';
import { apiVersionOf } from './kind.ts';
import { allKinds, bodyKinds, kindOf, kindOfResource } from './kinds.ts';
import { definitionOf, findDefinition, splitType } from './schema.ts';
import { ROW_MARK, rowText, timelessRow } from './table.ts';
import { differences, semanticEqual } from './validation/equal.ts';

const NOW = Date.parse('2026-01-01T00:00:00Z');

/** Any object of the kind as a client may send it: whatever the schema allows, with a name and quantities that can be read. */
const anyObject = (definition: string, apiVersion: string, kind: string) =>
  fc.tuple(fc.integer({ min: 0, max: 2 ** 31 }), fc.constantFrom(0.1, 0.4, 0.8)).map(([seed, density]): KubeObject => {
    const { metadata, ...rest } = randomObject(definition, seed, density);
    return { ...rest, apiVersion, kind, metadata: { ...(metadata as object), name: 'web' } } as unknown as KubeObject;
  });

const ZEROS: Readonly<Record<string, unknown>> = {
  string: '',
  bytes: '',
  bool: false,
  int32: 0,
  int64: 0,
  Quantity: '0',
  IntOrString: 0,
};

/** What validation sees to: required fields are there. Absent ones become zero, as in Go. */
function withRequired(definition: string, object: Record<string, unknown>): void {
  for (const [field, { t, req }] of Object.entries(definitionOf(definition).fields)) {
    const { container, of } = splitType(t);
    const value = object[field];
    if (value === undefined) {
      if (req === 1) object[field] = container === 'list' ? [] : (ZEROS[of] ?? {});
    } else if (of.includes('.') && definitionOf(of).bare !== 1) {
      const parts = container === undefined ? [value] : Object.values(value as object);
      for (const part of parts as Record<string, unknown>[]) withRequired(of, part);
    }
  }
}

for (const kind of allKinds) {
  const name = `${kind.kind}.${kind.group || 'core'}`;
  const objects = anyObject(kind.definition, apiVersionOf(kind), kind.kind);

  test(`${name}: what has its defaults gets none again`, () => {
    fc.assert(
      fc.property(objects, (object) => {
        kind.defaults?.(object);
        const once = deepClone(object);
        kind.defaults?.(object);
        assert.deepEqual(deepClone(object), once);
      }),
      { numRuns: 60 },
    );
  });

  test(`${name}: no object of the schema makes its functions throw`, () => {
    fc.assert(
      fc.property(objects, objects, (object, old) => {
        for (const o of [object, old]) {
          kind.defaults?.(o);
          kind.prepareForCreate?.(o);
          kind.validate?.(o);
          kind.validateCreate?.(o);
        }
        for (const o of [object, old]) withRequired(kind.definition, o as unknown as Record<string, unknown>);
        const { cells } = kind.row(object, { nowMs: NOW });
        assert.equal(cells.length, kind.columns.length + (kind.plural === 'ipaddresses' ? 1 : 0));
        // Only one that has a mark of its own may be shown otherwise.
        if (!JSON.stringify(object).includes(ROW_MARK)) {
          const timeless = timelessRow(kind, object, (row) => JSON.stringify(row));
          assert.equal(rowText(timeless, NOW), JSON.stringify(kind.row(object, { nowMs: NOW })));
        }
        for (const cell of cells) assert.ok(['string', 'number', 'boolean'].includes(typeof cell), String(cell));
        for (const read of Object.values(kind.selectableFields ?? {})) assert.equal(typeof read(object), 'string');
        kind.warnings?.(object, undefined);
        kind.warnings?.(object, old);
        kind.gracePeriodSeconds?.(object, undefined);
        for (const strategy of [kind.status, ...Object.values(kind.parts ?? {})]) {
          const copy = deepClone(object);
          strategy?.prepareForUpdate(copy, old, { nowMs: 0 });
          strategy?.validateUpdate?.(copy, old);
        }
        kind.prepareForUpdate?.(object, old);
        kind.validateUpdate?.(object, old);
        if (kind.scale !== undefined) {
          assert.equal(kind.scale.specReplicas(kind.scale.withReplicas(object, 7)), 7);
          assert.equal(typeof kind.scale.selector(object), 'string');
        }
      }),
      { numRuns: 60 },
    );
  });

  test(`${name}: is found by its names and has a schema`, () => {
    assert.equal(kindOf(apiVersionOf(kind), kind.kind), kind);
    assert.equal(kindOfResource(kind.group, kind.version, kind.plural), kind);
    assert.ok(definitionOf(kind.definition));
  });
}

test('kinds that are only bodies have a schema too', () => {
  for (const definition of Object.values(bodyKinds)) assert.ok(definitionOf(definition), definition);
});

test('equality ignores what Go does not tell apart, and nothing else', () => {
  assert.ok(semanticEqual({ a: undefined, list: [], map: {}, stdin: false, tty: false }, {}));
  assert.ok(semanticEqual({ requests: { cpu: '1' } }, { requests: { cpu: '1000m' } }));
  assert.ok(!semanticEqual({ privileged: false }, {}));
  assert.ok(!semanticEqual({ cpu: '1' }, { cpu: '1000m' }));
  assert.ok(!semanticEqual([1, 2], [1]));
  assert.ok(!semanticEqual({ matchLabels: { a: 'b', c: '' } }, { matchLabels: { a: 'b' } }));
  assert.deepEqual(differences({ a: { b: [{ c: 1 }] } }, { a: { b: [{ c: 2 }] } }), [
    { path: 'a.b[0].c', from: 1, to: 2 },
  ]);
});

test('equality knows every pointer to a number or boolean a pod has', () => {
  const seen = new Set<string>();
  const visit = (definition: string): void => {
    if (seen.has(definition)) return;
    seen.add(definition);
    for (const [field, { t, go }] of Object.entries(findDefinition(definition)?.fields ?? {})) {
      const { of, container } = splitType(t);
      if (go?.startsWith('*') === true && container === undefined && ['bool', 'int32', 'int64'].includes(of)) {
        // azureDisk has a pointer where all other volumes have none.
        if (field === 'readOnly') continue;
        assert.ok(!semanticEqual({ [field]: of === 'bool' ? false : 0 }, {}), `${definition}.${field}`);
      } else visit(of);
    }
  };
  visit('core.v1.PodSpec');
});
