import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { contains, type Span } from './keyspace.ts';
import { SpanIndex } from './span-index.ts';

const keys = ['', 'a', 'a/', 'a/b', 'a0', 'b', 'c', 'c/d', 'd'];
const span = fc.record({ from: fc.constantFrom(...keys), end: fc.constantFrom(undefined, ...keys.slice(1)) });

test('the index finds exactly the spans that contain a key, and is empty again when all are gone', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(span, fc.boolean()), { maxLength: 30 }), (steps) => {
      const index = new SpanIndex<{ readonly span: Span }>();
      let items: { readonly span: Span }[] = [];
      const check = (): void => {
        for (const key of [...keys, 'a/a', 'zz']) {
          const found = new Set(index.covering(key));
          assert.deepEqual(found, new Set(items.filter((item) => contains(item.span, key))));
          assert.equal(found.size, index.covering(key).length);
        }
      };
      for (const [added, removeOldest] of steps) {
        const item = { span: added };
        index.add(item.span, item);
        items.push(item);
        check();
        const [oldest] = items;
        if (!removeOldest || oldest === undefined) continue;
        index.delete(oldest.span, oldest);
        items = items.slice(1);
        check();
      }
      for (const item of items) index.delete(item.span, item);
      items = [];
      check();
      assert.equal(index.pieceCount, 1);
    }),
  );
});
