import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fieldElement } from '../fieldpath/element.ts';
import { setText } from '../fieldpath/set.ts';
import { compare } from './compare.ts';
import { toFieldSet } from './to-set.ts';
import type { ApplyType, FieldType } from './type.ts';

const NAMES = ['a', 'b', 'a b', '1:b', 'm'];

/** A list of items known by `k`; a new type each time, of which nothing is remembered. */
function listType(): ApplyType {
  const field = (name: string): [string, FieldType] => [
    name,
    {
      name,
      element: fieldElement(name),
      type:
        name === 'm'
          ? { map: { atomic: false, fields: new Map(), values: { scalar: 'untyped' }, always: [] } }
          : { scalar: 'untyped' },
      ...(name === 'a' ? { zero: '' } : {}),
    },
  ];
  const fields = new Map(['k', ...NAMES].map(field));
  const always = [...fields.values()].filter(({ zero }) => zero !== undefined);
  const items: ApplyType = { map: { atomic: false, fields, values: undefined, always } };
  return { list: { atomic: false, keys: [{ name: 'k' }], items } };
}

const value = fc.constantFrom<unknown>('', 'x', 0, null, {}, { x: 1 }, undefined);
const item = fc.dictionary(fc.constantFrom(...NAMES), value, { maxKeys: 4 });

test('the fields of many items are those of each', () => {
  fc.assert(
    fc.property(fc.array(item, { maxLength: 8 }), (items) => {
      const list = items.map((own, i) => ({ k: String(i), ...own }));
      const type = listType();
      const all = [setText(compare(type, [], list).added), setText(toFieldSet(type, list))];
      const each = [
        list.map((own) => setText(compare(listType(), [], [own]).added)),
        list.map((own) => setText(toFieldSet(listType(), [own]))),
      ];
      const lines = (text: string): Set<string> => new Set(text.split('\n'));
      assert.deepEqual(
        all.map(lines),
        each.map((texts) => lines(texts.length === 0 ? '' : texts.join('\n'))),
      );
    }),
  );
});
