import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  CelError,
  compile,
  CompileError,
  declare,
  declTypeOf,
  estimate,
  jsonValue,
  program,
  ProgramError,
} from './cel.ts';
import { parse } from './syntax/parser.ts';
import type { Node } from './syntax/ast.ts';
import { expressionText, print } from './testdata/expressions.ts';
import { param } from './check/types.ts';
import { DYN } from './check/types.ts';
import type { Value } from './values/value.ts';
import { ArrayList, EntryMap } from './values/containers.ts';

/** A tree without the places it was read from. */
const bare = (node: Node): unknown =>
  JSON.parse(
    JSON.stringify(node, (key, value: unknown) => {
      if (key === 'at') return undefined;
      if (typeof value === 'bigint') return `${value}n`;
      if (value instanceof Set) return [...value];
      return typeof value === 'number' && Object.is(value, -0) ? '-0' : value;
    }),
  );

test('what is printed reads as the same tree', () => {
  fc.assert(
    fc.property(expressionText(false), (text) => {
      const tree = parse(text);
      assert.deepEqual(bare(parse(print(tree))), bare(tree));
    }),
    { numRuns: 500 },
  );
});

const map = new EntryMap();
map.set('a', 1);
const self = new EntryMap();
const FIELDS: Readonly<Record<string, Value>> = { list: new ArrayList([1, 2, 'a']), map, text: 'abc', number: 5, a: 1 };
for (const [name, value] of Object.entries(FIELDS)) self.set(name, value);
const VARIABLES = { self, x: 1, y: 'a', nothing: null };
const DECLARATIONS = {
  variables: new Map(Object.keys(VARIABLES).map((name) => [name, DYN])),
  structs: new Map(),
};

test('whatever an expression does, it comes to a value or an error of its own, and costs what was allowed', () => {
  const LIMIT = 20_000;
  fc.assert(
    fc.property(expressionText(true), (text) => {
      try {
        const expression = compile(text, DECLARATIONS);
        assert.ok(estimate(expression, () => undefined).max >= 0);
        const { value, cost } = program(expression).evaluate(VARIABLES, { costLimit: LIMIT });
        assert.ok(cost <= LIMIT || value instanceof CelError, text);
      } catch (error) {
        if (!(error instanceof CompileError || error instanceof ProgramError)) throw error;
      }
    }),
    { numRuns: 3000 },
  );
});

test('any text at all is read or refused', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 50 }),
    fc
      .array(
        fc.constantFrom('(', ')', '[', '{', '}', '.', '?', ':', ',', '!', '-', 'a', "'", '"""', 'r', '1', 'in', '\\'),
        { maxLength: 30 },
      )
      .map((parts) => parts.join('')),
  );
  fc.assert(
    fc.property(text, (words) => {
      try {
        parse(words);
      } catch (error) {
        assert.ok(error instanceof CompileError);
        assert.match(error.message, /^ERROR: <input>:/);
      }
    }),
    { numRuns: 2000 },
  );
});

/** Names a list of two lists, which are one, and so on: the last has 2^levels elements to walk. */
function doubling(name: string, levels: number, inner: string): string {
  const bindings = Array.from({ length: levels }, (_, i) => {
    const below = i === 0 ? '1' : `${name}${i}`;
    return `[dyn([${below}, ${below}])].map(${name}${i + 1}, `;
  });
  return bindings.join('') + inner + ')'.repeat(levels);
}

/** Expressions written to take long. */
const repeat = (text: string, times: number): string => text.repeat(times);
const HOSTILE: Readonly<Record<string, string>> = {
  'brackets within brackets': `${repeat('(', 30_000)}1${repeat(')', 30_000)}`,
  'lists within lists': `${repeat('[', 240)}1${repeat(']', 240)}`,
  'a long chain of fields': `self${repeat('.a', 40_000)}`,
  'a long chain of sums': `1${repeat('+1', 40_000)}`,
  'many terms': `true${repeat('&&true', 15_000)}`,
  'many negations': `${repeat('!', 90_000)}true`,
  'half a string for each character': repeat(`'''"`, 20_000),
  'copies of copies': `optional.of(1)${repeat('.optMap(x, x)', 200)}`,
  'loops within loops': `${repeat('l.all(x, ', 40)}true${repeat(')', 40)}`,
  'lists that double': doubling('v', 25, doubling('w', 25, 'v25 == w25')),
  'types that double':
    `${Array.from({ length: 60 }, (_, i) => `[{v${i}: v${i}}].map(v${i + 1}, `).join('')}1${')'.repeat(60)}`.replaceAll(
      'v0',
      '1',
    ),
  'sums of lists that double': `l${repeat('+l', 100)} == l`,
  'texts that grow': `s.replace('', s).replace('', s).replace('', s)`,
  'a huge range': 'lists.range(9223372036854775807).size() > 0',
  'a needle that nearly matches': "s.indexOf(s + 'b') > 0 || (s + s).contains(s.substring(1) + 'b')",
  'a pattern with choices': `s.matches('(a|a|b|ab)*(a?){30}c')`,
  'a huge precision': "'%.999999f'.format([1.0]).size() > 0",
  'elements of each other': 'l.map(x, l).map(x, l.map(y, x)).distinct().size() > 0',
};

test('nothing takes long, whatever it is written for', () => {
  const schema = {
    type: 'object',
    format: '',
    nullable: false,
    default: undefined,
    properties: new Map(),
    additionalProperties: undefined,
    items: undefined,
    preserveUnknownFields: false,
    embeddedResource: false,
    intOrString: false,
    listType: undefined,
    listMapKeys: [],
    enum: [],
    maxLength: undefined,
    maxItems: undefined,
    maxProperties: undefined,
    required: [],
  };
  const list = { ...schema, type: 'array', items: { ...schema, type: 'integer' } };
  const root = { ...schema, properties: new Map<string, typeof schema>([['a', schema]]) };
  const { type, structs } = declare(declTypeOf(root, false)!, 'selfType');
  const variables = new Map([
    ['self', type],
    ['l', param('A')],
    ['s', DYN],
  ]);
  variables.set('l', declare(declTypeOf(list, false)!, 'l').type);
  const values = {
    self: jsonValue({ a: {} }, root),
    l: jsonValue(
      Array.from({ length: 1000 }, (_, i) => i),
      list,
    ),
    s: 'a'.repeat(200_000),
  };
  const slow = Object.entries(HOSTILE).flatMap(([name, text]) => {
    const start = performance.now();
    try {
      program(compile(text, { variables, structs })).evaluate(values, { costLimit: 1_000_000 });
    } catch (error) {
      if (!(error instanceof CompileError || error instanceof ProgramError)) throw error;
    }
    const took = performance.now() - start;
    return took > 2000 ? [`${name}: ${Math.round(took)} ms`] : [];
  });
  assert.deepEqual(slow, []);
});
