import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { customColumns } from './columns.ts';
import { JSONPathError, parseJSONPath, printResults } from './jsonpath.ts';

const run = (template: string, data: unknown, allowMissingKeys = false): string =>
  parseJSONPath(template, { allowMissingKeys }).findResults(data).map(printResults).join('');

const STORE = {
  Name: 'jsonpath',
  Book: [
    { Category: 'reference', Author: 'Nigel Rees', Price: 8.95 },
    { Category: 'fiction', Author: 'Evelyn Waugh', Price: 12.99 },
    { Category: 'fiction', Author: 'Herman Melville', Price: 8.99 },
  ],
  Bicycle: [
    { Color: 'red', Price: 19.95, IsNew: true },
    { Color: 'green', Price: 20.01, IsNew: false },
  ],
  Labels: { 'k8s-app': 20, 'web/html': 15 },
};
const POINTS = [
  { id: 'i1', x: 4, y: -5 },
  { id: 'i2', x: -2, y: -5, z: 1 },
  { id: 'i3', x: 8, y: 3 },
  { id: 'i5', x: 0, y: 2, z: 1 },
  { id: 'i7', x: null, y: 4 },
];
const NODES = {
  kind: 'List',
  items: [
    { kind: 'None', metadata: { name: '127.0.0.1', labels: { 'kubernetes.io/hostname': '127.0.0.1' } }, status: { capacity: { cpu: '4' }, ready: true, addresses: [{ type: 'L', address: '1' }] } },
    { kind: 'None', metadata: { name: '127.0.0.2', labels: { 'kubernetes.io/hostname': '127.0.0.2' } }, status: { capacity: { cpu: '8' }, ready: false, addresses: [{ type: 'L', address: '2' }, { type: 'a', address: '3' }] } },
  ],
  users: [{ name: 'myself', user: {} }, { name: 'e2e', user: { username: 'admin', password: 'secret' } }],
}; // prettier-ignore

/** Facts of upstream's tests (client-go util/jsonpath/jsonpath_test.go). */
const CASES: readonly [string, unknown, string][] = [
  ['hello jsonpath', null, 'hello jsonpath'],
  ['{..}', [1, 2, 3], '[1,2,3]'],
  ['{[?(@<5)]}', [2, 6, 3, 7], '2 3'],
  ['{"{"}', null, '{'],
  ['{[1,3,4]}', [0, 1, 2, 3, 4], '1 3 4'],
  ['{[0:2]}', ['Monday', 'Tudesday'], 'Monday Tudesday'],
  ['hello {.Name}', STORE, 'hello jsonpath'],
  ['{$.Labels.web/html}', STORE, '15'],
  ['{.Labels.k8s-app}', STORE, '20'],
  ['{.Bicycle[*].Color}', STORE, 'red green'],
  ['{range .Bicycle[*]}{ "{" }{ @.Color }{ "} " }{end}', STORE, '{red} {green} '],
  ['{..Price}', STORE, '19.95 20.01 8.95 12.99 8.99'],
  ['{...Price}', STORE, '19.95 20.01 8.95 12.99 8.99'],
  ['{.Bicycle}', STORE, '[{"Color":"red","IsNew":true,"Price":19.95},{"Color":"green","IsNew":false,"Price":20.01}]'],
  ['{.Book[-1:].Author}', STORE, 'Herman Melville'],
  ['{..Book[2].Author}', STORE, 'Herman Melville'],
  ['{.Bicycle[?(@.IsNew==true)].Color}', STORE, 'red'],
  ['{[?(@.z)].id}', POINTS, 'i2 i5'],
  ["{[0]['id']}", POINTS, 'i1'],
  ["{[-1]['x']}", POINTS, 'null'],
  ['{range .items[*]}{.metadata.name}, {end}{.kind}', NODES, '127.0.0.1, 127.0.0.2, List'],
  ['{range .items[*]}{.metadata.name}{"\\t"}{end}', NODES, '127.0.0.1\t127.0.0.2\t'],
  ['{.items[*].status.addresses[*].address}', NODES, '1 2 3'],
  ['{range .items[*]}{range .status.addresses[*]}{.address}, {end}{end}', NODES, '1, 2, 3, '],
  ["{.items[*]['metadata.name', 'status.capacity']}", NODES, '127.0.0.1 127.0.0.2 {"cpu":"4"} {"cpu":"8"}'],
  ['{range .items[*]}[{.metadata.name}, {.status.capacity}] {end}', NODES, '[127.0.0.1, {"cpu":"4"}] [127.0.0.2, {"cpu":"8"}] '],
  ['{.users[?(@.name=="e2e")].user.password}', NODES, 'secret'],
  ['{.items[0].metadata.labels.kubernetes\\.io/hostname}', NODES, '127.0.0.1'],
  ["{.items[0].metadata.labels['kubernetes\\.io/hostname']}", NODES, '127.0.0.1'],
  ['{.items[?(@.metadata.labels.kubernetes\\.io/hostname=="127.0.0.1")].kind}', NODES, 'None'],
  ['{.items[?(@..ready==true)].metadata.name}', NODES, '127.0.0.1'],
  ['{.items[?(@.metadata.name == "())(")].kind}', NODES, ''],
  ['{[:4:2]}', [1, 2, 3, 4], '1 3'],
  ['{[1::2]}', [1, 2, 3, 4], '2 4'],
  ['{[1:-1]}', [1, 2, 3, 4], '2 3'],
  ['{[2:2]}', [1, 2, 3, 4], ''],
  ['{[?(@>=2.5)]}', [2.5, 3.5, 1.5], '2.5 3.5'],
  ['{[?(@!="a")]}', ['a', 'b'], 'b'],
]; // prettier-ignore

for (const [template, data, expected] of CASES) {
  test(`template ${template} finds what it says`, () => {
    assert.equal(run(template, data), expected);
  });
}

test('fields that are not there are an error, or nothing', () => {
  assert.equal(run('before-{.hello}after', STORE, true), 'before-after');
  assert.equal(
    run('{range .items[*]}{.metadata.name}{":"}{range @.c[*]}{.name}{","}{end}{"+"}{end}', { items: [] }, true),
    '',
  );
  assert.equal(run('{.constructor}{.__proto__}', {}, true), '');
});

test('what is wrong is told as upstream tells it', () => {
  const cases: [string, unknown, string][] = [
    ['{.hello', null, 'unclosed action'],
    ['{*}', null, "unrecognized character in action: U+002A '*'"],
    ['{+12.3.0}', null, 'cannot parse number +12.3.0'],
    ['{[1}', null, 'unterminated array'],
    ['{[?(.price]}', null, 'unterminated filter'],
    ['{[?(.price)}', null, 'unclosed array expect ]'],
    ['{........}', null, 'invalid multiple recursive descent'],
    ['{[a]}', null, 'invalid array index a'],
    ['{[-]}', null, 'array index - is not a number'],
    ['{"a}', null, 'unterminated quoted string'],
    ['{"\\q"}', null, 'unquote string "\\q" error invalid syntax'],
    ['{hello}', STORE, 'unrecognized identifier hello'],
    ['{.hello}', STORE, 'hello is not found'],
    ['{.Labels[0]}', STORE, 'map[string]interface {} is not array or slice'],
    ['{.Book[9]}', STORE, 'array index out of bounds: index 9, length 3'],
    ['{.Book[0:9]}', STORE, 'array index out of bounds: index 8, length 3'],
    ['{.Book[2:1]}', STORE, 'starting index 2 is greater than ending index 1'],
    ['{.Book[::-1]}', STORE, 'step must be > 0'],
    ['{.Book[?(@.Price<>10)]}', STORE, 'unrecognized filter operator <>'],
    ['{.Book[?(@.Price<10)]}', STORE, 'incompatible types for comparison'],
    ['{range .Labels.*}{@}{end}{end}', STORE, 'not in range, nothing to end'],
  ];
  for (const [template, data, message] of cases) {
    assert.throws(() => run(template, data), { name: 'JSONPathError', message }, template);
  }
});

test('a path made to multiply is stopped, and so is one nested without end', () => {
  const list = Array.from({ length: 100 }, (_, i) => i);
  assert.throws(() => run(`{${'[*,*]'.repeat(100)}}`, [[list]]), /too many results|not array/);
  assert.throws(() => run(`{${'..a'.repeat(3000)}}`, nested(900), true), /too many results/);
  assert.throws(() => run(`{${'[?('.repeat(1000)}a${')]'.repeat(1000)}}`, list), JSONPathError);
  assert.throws(() => run(`{${'.a'.repeat(100_000)}}`, {}), /template is too long/);
});

function nested(depth: number): unknown {
  let value: unknown = { a: 1 };
  for (let i = 0; i < depth; i++) value = { a: value, b: [value] };
  return { a: value };
}

test('any template is read or refused', () => {
  const piece = fc.constantFrom(
    '{',
    '}',
    '.',
    '..',
    '[',
    ']',
    '[?(',
    ')]',
    '*',
    'a',
    "'a'",
    '"',
    '@',
    '$',
    '==',
    '<',
    '1',
    '-',
    ':',
    ',',
    'range ',
    'end',
    '\\',
    ' ',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 20 }), fc.jsonValue(), (pieces, value) => {
      try {
        run(pieces.join(''), value, true);
      } catch (error) {
        assert.ok(error instanceof JSONPathError, String(error));
      }
    }),
    { numRuns: 2000 },
  );
});

test('columns of custom resources are cells of their types', () => {
  const column = (type: string, jsonPath: string): { name: string; type: string; jsonPath: string } => ({
    name: jsonPath,
    type,
    jsonPath,
  });
  const { columns, row } = customColumns([
    column('string', '.spec.list'),
    column('string', '.spec.number'),
    column('string', '.spec.none'),
    column('string', '.spec.null'),
    column('integer', '.spec.number'),
    column('number', '.spec.number'),
    column('integer', '.spec.text'),
    column('boolean', '.spec.flag'),
    column('date', '.spec.time'),
    column('date', '.spec.text'),
    column('string', '.spec.list[?(@.a=="x")].b'),
    column('string', '.spec.text[0]'),
    { ...column('string', '{'), priority: 1 },
    column('string', '.never'),
  ]);
  const object = {
    apiVersion: 'g/v1',
    kind: 'Thing',
    metadata: { name: 'n' },
    spec: { list: [{ b: 2, a: 'x' }], number: 2.5, null: null, text: 'a', flag: true, time: '2026-01-01T00:00:00Z' },
  };
  const nowMs = Date.parse('2026-01-01T01:00:00Z');
  assert.deepEqual(row(object as never, { nowMs }).cells, [
    'n', '[{"a":"x","b":2}]', '2.5', null, '<no value>', 2, 2.5, null, true, '60m', '<invalid>', '2', null,
  ]); // prettier-ignore
  assert.equal(columns.length, 13);
  assert.equal(columns[1]!.description, 'Custom resource definition column (in JSONPath format): .spec.list');
  assert.deepEqual(
    customColumns([]).columns.map(({ name, type }) => [name, type]),
    [
      ['Name', 'string'],
      ['Age', 'date'],
    ],
  );
});
