import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  compareElements,
  elementText,
  keyElement,
  type PathElement,
  pathText,
  readElement,
  valueElement,
} from './element.ts';
import { readFields, writeFields } from './fields-v1.ts';
import {
  difference,
  equalSets,
  type FieldSet,
  hasPath,
  intersection,
  isEmptySet,
  leaves,
  type Path,
  pathsOf,
  recursiveDifference,
  SetBuilder,
  setOf,
  union,
} from './set.ts';

const ELEMENTS = [
  'f:a',
  'f:b',
  'f:c',
  'k:{"name":"a"}',
  'k:{"name":"b"}',
  'v:"a"',
  'v:1',
  'v:true',
  'i:0',
  'i:10',
  'i:9',
];
const path = fc.array(fc.constantFrom(...ELEMENTS), { minLength: 1, maxLength: 4 });
const paths = fc.array(path, { maxLength: 12 });
const key = (p: Path): string => JSON.stringify(p);
const model = (set: FieldSet): Set<string> => new Set(pathsOf(set).map(key));
const naive = (list: readonly Path[]): Set<string> => new Set(list.map(key));
const isPrefix = (prefix: Path, of: Path): boolean => prefix.every((element, i) => of[i] === element);

/** No node but the root may be empty: operations rely on it. */
function isWellFormed(set: FieldSet): boolean {
  return [...set.children.values()].every((child) => !isEmptySet(child) && isWellFormed(child));
}

test('sets do what plain sets of paths do', () => {
  fc.assert(
    fc.property(paths, paths, (one, other) => {
      const [a, b] = [setOf(...one), setOf(...other)];
      const [x, y] = [naive(one), naive(other)];
      assert.deepEqual(model(a), x);
      assert.deepEqual(model(union(a, b)), x.union(y));
      assert.deepEqual(model(intersection(a, b)), x.intersection(y));
      assert.deepEqual(model(difference(a, b)), x.difference(y));
      assert.deepEqual(
        model(recursiveDifference(a, b)),
        naive(one.filter((p) => !other.some((gone) => isPrefix(gone, p)))),
      );
      assert.deepEqual(
        model(leaves(a)),
        naive(one.filter((p) => !one.some((below) => below.length > p.length && isPrefix(p, below)))),
      );
      for (const p of other) assert.equal(hasPath(a, p), x.has(key(p)));
      assert.equal(equalSets(a, b), x.symmetricDifference(y).size === 0);
      for (const set of [union(a, b), intersection(a, b), difference(a, b), recursiveDifference(a, b), leaves(a)])
        assert.ok(isWellFormed(set));
      // None of them has changed what it was given.
      assert.deepEqual([model(a), model(b)], [x, y]);
    }),
  );
});

test('an operation that changes nothing gives back the set it was given', () => {
  fc.assert(
    fc.property(paths, paths, (one, other) => {
      const set = setOf(...one);
      const part = setOf(...one.filter((_, i) => i % 2 === 0));
      assert.equal(union(set, part), set);
      const apart = difference(setOf(...other), set);
      assert.equal(difference(set, apart), set);
    }),
  );
});

test('a builder leaves alone what was put into it', () => {
  const inner = setOf(['f:x', 'f:y']);
  const builder = new SetBuilder();
  builder.insert(['f:a'], inner);
  builder.insert(['f:a', 'f:x', 'f:z']);
  assert.deepEqual(pathsOf(builder.set).map(pathText), ['.a.x.y', '.a.x.z']);
  assert.deepEqual(pathsOf(inner).map(pathText), ['.x.y']);
});

test('what is written as FieldsV1 is read as the same set', () => {
  fc.assert(
    fc.property(paths, (list) => {
      const set = setOf(...list);
      const text = JSON.stringify(writeFields(set));
      assert.ok(equalSets(readFields(JSON.parse(text)), set));
      assert.equal(JSON.stringify(writeFields(readFields(JSON.parse(text)))), text);
    }),
  );
});

test('FieldsV1 is written as Go writes it', () => {
  const set = setOf(
    ['v:true'],
    ['i:10'],
    ['i:9'],
    ['v:"a"'],
    ['v:2'],
    ['v:10'],
    ['f:spec'],
    ['f:spec', 'f:b'],
    ['f:spec', 'f:a', 'k:{"name":"b!"}'],
    ['f:spec', 'f:a', 'k:{"name":"b"}'],
    ['f:spec', 'f:a', 'k:{"name":"b"}', 'f:x'],
    ['f:spec', 'f:a', 'k:{"containerPort":80,"protocol":"UDP"}'],
    ['f:spec', 'f:a', 'k:{"containerPort":8080,"protocol":"TCP"}'],
    ['f:spec', 'f:a', 'k:{"containerPort":80,"protocol":"TCP"}'],
    ['f:\uffee'],
    ['f:😀'],
  );
  assert.equal(
    JSON.stringify(writeFields(set)),
    '{"f:spec":{".":{},"f:a":{' +
      '"k:{\\"containerPort\\":80,\\"protocol\\":\\"TCP\\"}":{},"k:{\\"containerPort\\":80,\\"protocol\\":\\"UDP\\"}":{},' +
      '"k:{\\"containerPort\\":8080,\\"protocol\\":\\"TCP\\"}":{},"k:{\\"name\\":\\"b\\"}":{".":{},"f:x":{}},"k:{\\"name\\":\\"b!\\"}":{}},"f:b":{}},' +
      '"f:\uffee":{},"f:😀":{},"v:2":{},"v:10":{},"v:\\"a\\"":{},"v:true":{},"i:9":{},"i:10":{}}',
  );
});

test('FieldsV1 is read whatever form its elements have', () => {
  const set = readFields({
    'k: {"b": 1.0, "a":"x<"}': {},
    'v:"\\u0041"': { '.': {} },
    'f:a': { 'x:later': {} },
    'f:b': null,
    'f:c': { 'f:d': {} },
    'z:unknown': { 'f:a': {} },
  });
  assert.deepEqual(
    new Set(pathsOf(set).map((p) => p.join('/'))),
    new Set(['f:a', 'f:b', 'f:c/f:d', 'k:{"a":"x\\u003c","b":1}', 'v:"A"']),
  );
  for (const bad of [
    [],
    'x',
    1,
    { f: {} },
    { 'f:a': [] },
    { 'f:a': 'x' },
    { 'k:[1]': {} },
    { 'k:{': {} },
    { 'i:x': {} },
  ])
    assert.throws(() => readFields(bad), { name: 'FieldPathError' }, JSON.stringify(bad));
});

test('elements are ordered: fields, keys, values, indices', () => {
  const sorted: PathElement[] = [
    'f:A',
    'f:a',
    'f:a-b',
    'k:{"a":1}',
    'k:{"a":2}',
    'k:{"a":10}',
    'k:{"a":"1"}',
    'k:{"a":"1","b":1}',
    'k:{"b":1}',
    'v:-1',
    'v:1.5',
    'v:2',
    'v:""',
    'v:"b"',
    'v:false',
    'v:true',
    'v:[1]',
    'v:{"a":1}',
    'v:null',
    'i:2',
    'i:10',
  ];
  assert.deepEqual(sorted.toReversed().toSorted(compareElements), sorted);
  for (const element of sorted) assert.equal(readElement(element), element);
});

test('elements are shown as upstream shows them', () => {
  const shown = (element: PathElement): string => elementText(readElement(element)!);
  assert.equal(shown('f:a.b/c'), '.a.b/c');
  assert.equal(shown('k:{"protocol":"TCP","containerPort":80}'), '[containerPort=80,protocol="TCP"]');
  assert.equal(shown('v:"a\\"b\\u0007"'), '[="a\\"b\\a"]');
  assert.equal(shown('v:true'), '[=true]');
  assert.equal(shown('i:3'), '[3]');
});

const text = fc.oneof(
  fc.string({ maxLength: 3 }),
  fc.string({ unit: 'binary', maxLength: 3 }),
  fc.constantFrom('a', 'a!', 'a b', 'ab', 'a"', '\\', 'b', '\ue000', '😀', ''),
);
const item = fc.oneof(
  text.map((value) => valueElement(value)),
  fc.record({ name: text }).map(keyElement),
  fc.record({ key: text, name: text }).map(keyElement),
  fc.record({ name: fc.integer({ max: 20, min: 0 }) }).map(keyElement),
);
const contentOf = (element: PathElement): unknown => JSON.parse(element.slice(2));

test('the order of items is that of what they say, in bytes of UTF-8', () => {
  const bytes = (value: unknown): Buffer => Buffer.from(value as string);
  fc.assert(
    fc.property(text, text, (a, b) => {
      const order = Math.sign(Buffer.compare(bytes(a.toWellFormed()), bytes(b.toWellFormed())));
      fc.pre(a.isWellFormed() && b.isWellFormed());
      assert.equal(Math.sign(compareElements(valueElement(a), valueElement(b))), order);
      assert.equal(Math.sign(compareElements(keyElement({ name: a }), keyElement({ name: b }))), order);
    }),
  );
});

test('sets of many items are written in the order of their elements', () => {
  fc.assert(
    fc.property(fc.uniqueArray(item, { maxLength: 12 }), (items) => {
      const written = Object.keys(writeFields(setOf(...items.map((element) => [element]))));
      assert.deepEqual(written.map(contentOf), items.toSorted(compareElements).map(contentOf));
      assert.deepEqual(written, items.toSorted(compareElements));
    }),
  );
});

test('items that look alike are read as what they are', () => {
  const inner = fc.uniqueArray(fc.constantFrom('.', 'f:a', 'f:b', 'f:1:f', 'k:{"b": 1}', 'x:'), { maxLength: 4 });
  const alike = fc.array(fc.tuple(inner, fc.constantFrom({}, null, { 'f:c': {} })), { maxLength: 5 });
  fc.assert(
    fc.property(alike, (items) => {
      const fields = Object.fromEntries(
        items.map(([keys, last], i) => [
          `k:{"name":"${i}"}`,
          Object.fromEntries(keys.map((own, at) => [own, at === keys.length - 1 ? last : {}])),
        ]),
      );
      for (const [element, own] of Object.entries(fields)) {
        const among = readFields(structuredClone(fields)).children.get(element)!;
        if (among.children.size === 0) continue;
        // Something with children of its own is never taken for another.
        const alone = readFields({ 'f:own': { ...structuredClone(own), 'f:zz': { 'f:z': {} } } });
        const rest = difference(alone, setOf(['f:own', 'f:zz', 'f:z'])).children.get('f:own')!;
        assert.ok(equalSets(among, rest));
        assert.equal(JSON.stringify(writeFields(among)), JSON.stringify(writeFields(rest)));
      }
    }),
  );
});
