import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compareElements, elementText, type PathElement, pathText, readElement } from './element.ts';
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
