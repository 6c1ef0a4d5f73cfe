import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { setText } from '../fieldpath/set.ts';
import { compare } from './compare.ts';
import { definitionType } from './definition-type.ts';
import { shapeOf } from './shape.ts';

const DEPLOYMENT = definitionType('apps.v1.Deployment');
const NOTHING = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: {} };

const scalar = fc.constantFrom<unknown>('a', 'b', '', 0, 1, null, true, false, '0', undefined);
const map = fc.dictionary(fc.constantFrom('app', 'x', '1:x', '{', 'spec'), scalar, { maxKeys: 2 });
const port = fc.record({ containerPort: fc.constantFrom(1, 2), protocol: fc.constantFrom('TCP', 'UDP', undefined) });
const container = fc.record(
  {
    name: fc.constantFrom('a', 'b'),
    image: scalar,
    ports: fc.array(port, { maxLength: 2 }),
    args: fc.array(fc.constantFrom('a', 'b'), { maxLength: 2 }),
    resources: fc.constantFrom({}, { limits: {} }, { limits: { cpu: '1' } }, null),
  },
  { requiredKeys: ['name'] },
);
const deployment = fc.record(
  {
    metadata: fc.record(
      { labels: map, finalizers: fc.array(fc.constantFrom('a', 'b'), { maxLength: 2 }), creationTimestamp: scalar },
      { requiredKeys: [] },
    ),
    spec: fc.record(
      {
        replicas: scalar,
        selector: fc.constantFrom(null, {}, { matchLabels: {} }),
        strategy: fc.constantFrom({}, { type: 'Recreate' }, { type: '' }),
        template: fc.record({ spec: fc.record({ containers: fc.array(container, { maxLength: 2 }) }) }),
      },
      { requiredKeys: [] },
    ),
    status: fc.constantFrom({}, { replicas: 0 }, { replicas: 1 }, null, undefined),
  },
  { requiredKeys: [] },
);

test('objects of one shape have the same fields', () => {
  const seen = new Map<string, string>();
  let again = 0;
  fc.assert(
    fc.property(deployment, (value) => {
      const shape = shapeOf(DEPLOYMENT, value);
      const { added, modified, removed } = compare(DEPLOYMENT, NOTHING, value);
      const paths = [added, modified, removed].map(setText).join('\n--\n');
      if (seen.has(shape)) again++;
      else seen.set(shape, paths);
      assert.equal(seen.get(shape), paths, shape);
    }),
    { numRuns: 4000 },
  );
  assert.ok(again > 100 && seen.size > 100, `${seen.size} shapes, ${again} seen again`);
});

test('what an item is known by is part of the shape, and what it says besides is not', () => {
  const pod = (name: string, image: string): string =>
    shapeOf(definitionType('core.v1.Pod'), { spec: { containers: [{ name, image }] } });
  assert.equal(pod('a', '1'), pod('a', '2'));
  assert.notEqual(pod('a', '1'), pod('b', '1'));
});
