import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { equalValues, type KubeObject } from '#api';
import { dedupOwnerReferences } from './owner-references.ts';

const reference = fc.record(
  {
    apiVersion: fc.constantFrom('v1', 'apps/v1'),
    kind: fc.constantFrom('A', 'B'),
    name: fc.constantFrom('a', '"', 'a","b'),
    uid: fc.constantFrom('1', '2'),
    controller: fc.constantFrom(true, false, undefined),
    blockOwnerDeletion: fc.boolean(),
  },
  { requiredKeys: ['apiVersion', 'kind', 'name', 'uid'] },
);

test('what is left of owner references are the first of those that say the same', () => {
  fc.assert(
    fc.property(fc.array(reference, { maxLength: 8 }), (references) => {
      const object = { metadata: { ownerReferences: [...references] } } as unknown as KubeObject;
      const warnings: string[] = [];
      dedupOwnerReferences(object, (text) => void warnings.push(text), 'as sent');
      const isFirst = (own: object, i: number): boolean => references.findIndex((r) => equalValues(r, own)) === i;
      assert.deepEqual(object.metadata.ownerReferences, references.filter(isFirst));
      const gone = references.filter((own, i) => !isFirst(own, i)).map(({ uid }) => uid);
      assert.equal(warnings[0]?.split('observed: ')[1] ?? '', gone.join(', '));
    }),
  );
});
