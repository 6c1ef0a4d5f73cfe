import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type KubeObject, ROW_MARK, type TimelessRow } from '#api';
import { encodeStored, Entry } from './entry.ts';

const text = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.constantFrom('"', '\\', '\\"', '}', '{', '"metadata":{', '\\\\"}'),
);

/**
 * Keys hold no backslash: JSON writes the key of a quote as backslash and quote, and V8 14.6 (Node 26.10) takes that for the key of a backslash where it
 * has read one in the same place before. What would fail then is JSON.parse itself.
 */
const key = text.filter((own) => !own.includes('\\'));
const json = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.jsonValue({ maxDepth: 0 }),
    text,
    fc.array(tie('value')),
    fc.dictionary(key, tie('value')),
  ),
})).value;
const metadata = fc.record(
  {
    name: text,
    labels: fc.dictionary(key, text, { maxKeys: 3 }),
    annotations: fc.dictionary(key, text, { maxKeys: 3 }),
    managedFields: fc.array(fc.record({ manager: text, fieldsV1: fc.dictionary(key, json) })),
  },
  { requiredKeys: [] },
);

test('the bytes of an entry, and of its metadata, are those of the object with its version', () => {
  fc.assert(
    fc.property(metadata, json, fc.nat(), (own, spec, revision) => {
      const object = { apiVersion: 'v1', kind: 'Thing', metadata: own, spec } as unknown as KubeObject;
      const entry = new Entry('/k', encodeStored(object), revision);
      const expected: unknown = JSON.parse(
        JSON.stringify(
          revision === 0 ? object : { ...object, metadata: { ...own, resourceVersion: String(revision) } },
        ),
      );
      assert.deepEqual(JSON.parse(entry.bytes().toString()), expected);
      assert.equal(Buffer.concat(entry.pieces()).toString(), entry.bytes().toString());
      assert.equal(entry.byteLength, entry.bytes().length);
      assert.deepEqual(JSON.parse(entry.metadataText()), (expected as KubeObject).metadata);
      assert.deepEqual(entry.object, expected);
      const target = Buffer.alloc(entry.byteLength + 5, '.');
      assert.equal(entry.copyTo(target, 2), entry.byteLength + 2);
      assert.equal(target.toString(), `..${entry.bytes().toString()}...`);
    }),
  );
});

test('a short look at an object shows all but its managedFields', () => {
  fc.assert(
    fc.property(metadata, json, fc.boolean(), (own, spec, inFront) => {
      const object = { apiVersion: 'v1', kind: 'Thing', metadata: own, spec } as unknown as KubeObject;
      // As others may have written it.
      const value = inFront ? Buffer.from(JSON.stringify(object)) : encodeStored(object);
      const { managedFields: _, ...left } = own;
      new Entry('/k', value, 0).field('x', (seen) => {
        const { managedFields: __, ...metadataSeen } = seen.metadata;
        assert.deepEqual(
          { ...seen, metadata: metadataSeen },
          JSON.parse(JSON.stringify({ ...object, metadata: left })),
        );
        return '';
      });
    }),
  );
});

test('the row of an object with the mark of a row in its text is not kept', () => {
  const entryOf = (name: string): Entry =>
    new Entry('/k', encodeStored({ apiVersion: 'v1', kind: 'Thing', metadata: { name } } as KubeObject), 7);
  const read = ({ metadata: { name } }: KubeObject): TimelessRow => ({ parts: [name], sinceMs: [] });
  assert.equal(entryOf(`a${ROW_MARK}0`).row(read), undefined);
  const entry = entryOf('a');
  assert.deepEqual(entry.row(read)?.parts, ['a']);
  assert.equal(entry.row(read), entry.row(read));
});

test('a field is read once, and a look at it does not make the object stay', () => {
  const value = encodeStored({ apiVersion: 'v1', kind: 'Thing', metadata: { name: 'a' } } as KubeObject);
  const entry = new Entry('/k', value, 7);
  let reads = 0;
  const read = ({ metadata: { name, resourceVersion } }: KubeObject): string => `${name} ${resourceVersion} ${++reads}`;
  assert.equal(entry.field('x', read), 'a 7 1');
  assert.equal(entry.field('y', read), 'a 7 2');
  assert.equal(entry.field('x', read), 'a 7 1');
  const first = entry.object;
  assert.equal(entry.object, first);
});
