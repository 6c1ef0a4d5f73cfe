import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Kind, KubeObject } from '../kind.ts';
import { StatusError } from '../status.ts';
import {
  formatLabelSelector,
  labelSelectorAsSelector,
  matchFields,
  parseFieldSelector,
  parseLabelSelector,
  requiredFieldValue,
  requiredValue,
  selectorFromSet,
} from './selector.ts';

const message = (fn: () => unknown): string => {
  try {
    fn();
  } catch (error) {
    assert.ok(StatusError.is(error, 'BadRequest'), String(error));
    return error.message;
  }
  return 'accepted';
};

test('a selector text is written back in canonical form', () => {
  const cases: Record<string, string> = {
    '': '', 'x=a,y=b': 'x=a,y=b', 'y=b , x==a': 'x==a,y=b', 'b notin (z, a),a': 'a,b notin (a,z)', '!x': '!x', 'x in ()': 'x in ()',
    'x in (,a)': 'x in (,a)', 'x=': 'x=', 'x>1,y<2': 'x>1,y<2', 'in in (in,notin)': 'in in (in,notin)', 'a!=b': 'a!=b', 'x in (a,a)': 'x in (a)',
  }; // prettier-ignore
  for (const [text, expected] of Object.entries(cases)) assert.equal(String(parseLabelSelector(text)), expected, text);
});

test("a bad selector text is refused with upstream's words", () => {
  const cases: Record<string, string> = {
    ',': "found ',', expected: !, identifier, or 'end of string'",
    'x,': "found '', expected: identifier after ','",
    'x in': "unable to parse requirement: found '' expected: '('",
    'x in (': "unable to parse requirement: found '', expected: ',', ')' or identifier",
    'x in (a b)': "unable to parse requirement: found 'b', expected: ',' or ')'",
    'x y': "unable to parse requirement: found 'y', expected: in, notin, =, ==, !=, gt, lt",
    'x=!a': "unable to parse requirement: found '!', expected: identifier",
    '!x=a': "found '=', expected: ',' or 'end of string'",
  };
  for (const [text, expected] of Object.entries(cases)) {
    assert.equal(
      message(() => parseLabelSelector(text)),
      expected,
      text,
    );
  }
  assert.match(
    message(() => parseLabelSelector('-x=a')),
    /^unable to parse requirement: <nil>: Invalid value: "-x": name part must consist of alphanumeric/,
  );
  assert.match(
    message(() => parseLabelSelector('x=a||y')),
    /^unable to parse requirement: values\[0\]\[x\]: Invalid value: "a\|\|y": a valid label must be/,
  );
  assert.match(
    message(() => parseLabelSelector('x>a')),
    /values\[0\]: Invalid value: "a": for 'Gt', 'Lt' operators, the value must be an integer/,
  );
});

test('each operator matches as upstream does', () => {
  const matches = (selector: string, labels?: Record<string, string>): boolean =>
    parseLabelSelector(selector).matches(labels);
  assert.ok(matches('', undefined));
  assert.ok(matches('x=a', { x: 'a', y: 'b' }));
  assert.ok(!matches('x=a', { x: 'b' }));
  assert.ok(!matches('x=', {}));
  assert.ok(matches('x!=a', {}));
  assert.ok(matches('x in (a,b)', { x: 'b' }));
  assert.ok(matches('x notin (a,b)', {}));
  assert.ok(!matches('x notin (a,b)', { x: 'a' }));
  assert.ok(matches('x', { x: '' }));
  assert.ok(!matches('constructor', {}));
  assert.ok(matches('!constructor', {}));
  assert.ok(matches('x>2', { x: '10' }));
  assert.ok(!matches('x>2', { x: 'ten' }));
  assert.ok(matches('x<2,y', { x: '-1', y: 'a' }));
});

test('a LabelSelector is a selector: absent matches nothing, empty everything', () => {
  assert.ok(!labelSelectorAsSelector(undefined).matches({ a: 'b' }));
  assert.ok(labelSelectorAsSelector({}).matches(undefined));
  const selector = labelSelectorAsSelector({
    matchLabels: { app: 'web' },
    matchExpressions: [
      { key: 'tier', operator: 'In', values: ['z', 'a'] },
      { key: 'canary', operator: 'DoesNotExist' },
    ],
  });
  assert.equal(String(selector), 'app=web,!canary,tier in (a,z)');
  assert.ok(selector.matches({ app: 'web', tier: 'z' }));
  assert.equal(requiredValue(selector, 'app'), 'web');
  assert.equal(formatLabelSelector({}), '<none>');
  assert.equal(
    message(() => labelSelectorAsSelector({ matchExpressions: [{ key: 'a', operator: 'Like', values: [] }] })),
    '"Like" is not a valid label selector operator',
  );
  assert.match(
    message(() => labelSelectorAsSelector({ matchExpressions: [{ key: 'a', operator: 'In', values: [] }] })),
    /^values: Invalid value: \[\]: for 'in', 'notin' operators, values set can't be empty$/,
  );
  const noKey = JSON.parse('{"operator":"Exists"}') as { key: string; operator: string };
  assert.match(
    message(() => labelSelectorAsSelector({ matchExpressions: [noKey] })),
    /^key: Invalid value: "": name part must be non-empty/,
  );
});

test('the canonical text means the same as the selector', () => {
  const key = fc.constantFrom('a', 'b', 'c', 'example.com/d');
  const value = fc.constantFrom('', 'x', 'y', '1', '20');
  const term = fc.oneof(
    fc.tuple(key, fc.constantFrom('=', '==', '!='), value).map((t) => t.join('')),
    fc
      .tuple(key, fc.constantFrom('in', 'notin'), fc.array(value, { minLength: 1 }))
      .map(([k, o, v]) => `${k} ${o} (${v.join(',')})`),
    fc.tuple(fc.constantFrom('', '!'), key).map((t) => t.join('')),
  );
  fc.assert(
    fc.property(fc.array(term), fc.dictionary(key, value), (terms, labels) => {
      const once = parseLabelSelector(terms.join(','));
      const twice = parseLabelSelector(String(once));
      assert.equal(String(twice), String(once));
      assert.equal(once.matches(labels), twice.matches(labels));
      assert.equal(
        once.matches(labels),
        terms.every((t) => parseLabelSelector(t).matches(labels)),
      );
    }),
  );
  assert.ok(selectorFromSet({ a: 'b' }).matches({ a: 'b' }));
});

test('field selectors are read with their escapes', () => {
  const selector = parseFieldSelector('b==2,a!=x\\,y\\=z');
  assert.equal(String(selector), 'a!=x\\,y\\=z,b=2');
  assert.ok(selector.matches((field) => ({ a: 'x', b: '2' })[field] ?? ''));
  assert.ok(!selector.matches((field) => ({ a: 'x,y=z', b: '2' })[field] ?? ''));
  assert.equal(requiredFieldValue(selector, 'b'), '2');
  assert.equal(
    message(() => parseFieldSelector('a')),
    "invalid selector: 'a'; can't understand 'a'",
  );
  assert.equal(
    message(() => parseFieldSelector('a=\\x')),
    'invalid field selector: invalid escape sequence: \\x',
  );
  assert.equal(
    message(() => parseFieldSelector('a=b=c')),
    'invalid field selector: unescaped character in value: 61',
  );
});

const matcher = (kind: Kind, text: string): ((object: KubeObject) => boolean) =>
  matchFields<KubeObject, KubeObject>(kind, parseFieldSelector(text), (object, _field, read) => read(object));

test('only fields the kind offers can be selected', () => {
  const base = {
    group: '',
    version: 'v1',
    kind: 'Thing',
    plural: 'things',
    namespaced: true,
    definition: 'core.v1.Pod',
    columns: [],
    row: () => ({ cells: [] }),
  };
  const plain: Kind = base;
  const rich: Kind = { ...base, selectableFields: { 'spec.x': () => 'yes' } };
  const object = {
    apiVersion: 'v1',
    kind: 'Thing',
    metadata: { name: 'n', namespace: 'ns', uid: '', resourceVersion: '', creationTimestamp: '' },
  } satisfies KubeObject;
  assert.ok(matcher(plain, 'metadata.name=n,metadata.namespace=ns')(object));
  assert.ok(matcher(rich, 'spec.x=yes')(object));
  assert.ok(!matcher(rich, 'spec.x!=yes')(object));
  assert.equal(
    message(() => matcher(plain, 'spec.x=yes')),
    '"spec.x" is not a known field selector: only "metadata.name", "metadata.namespace"',
  );
  assert.equal(
    message(() => matcher(rich, 'toString=1')),
    'field label not supported: toString',
  );
});
