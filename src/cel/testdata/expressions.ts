/** Expressions for property tests, and trees of them back as text. */
import fc from 'fast-check';
import type { Node } from '../syntax/ast.ts';
import { display } from '../values/display.ts';
import { Double, Uint } from '../values/value.ts';

const LITERALS = [
  '0',
  '1',
  '-7',
  '9223372036854775807',
  '2u',
  '1.5',
  '-0.0',
  "'a'",
  '"é\u{1f601}"',
  "b'\\xff'",
  'true',
  'null',
];
const NAMES = ['self', 'x', 'y', 'self.list', 'self.map', 'self.text', 'self.number', 'nothing'];
const BINARY = ['+', '-', '*', '/', '%', '<', '<=', '>', '>=', '==', '!=', 'in', '&&', '||'];
const METHODS = [
  'size()',
  "contains('a')",
  "matches('a*')",
  "split('')",
  "replace('', 'bb')",
  'indexOf(x)',
  'sum()',
  'max()',
  'isSorted()',
  "format([x, y, 'z'])",
  'first()',
  'value()',
  'orValue(x)',
  'flatten()',
  'reverse()',
  'distinct()',
  'slice(0, 1)',
  'getHours()',
  'lowerAscii()',
  "join(',')",
];
const FUNCTIONS = [
  'size',
  'int',
  'string',
  'double',
  'bytes',
  'duration',
  'timestamp',
  'type',
  'dyn',
  'optional.of',
  'ip',
];
const MACROS = ['all', 'exists', 'exists_one', 'map', 'filter', 'optMap', 'sortBy'];

/** Texts that follow the grammar; types are as they come. `macros`: with loops. */
export function expressionText(macros: boolean): fc.Arbitrary<string> {
  const { expr } = fc.letrec<{ expr: string }>((tie) => {
    const below = tie('expr');
    const two = (make: (a: string, b: string) => string): fc.Arbitrary<string> =>
      fc.tuple(below, below).map(([a, b]) => make(a, b));
    const compound = [
      fc.tuple(below, fc.constantFrom(...BINARY), below).map(([a, op, b]) => `(${a} ${op} ${b})`),
      fc.tuple(fc.constantFrom('!', '-'), below).map(([op, a]) => `${op}(${a})`),
      fc.tuple(below, below, below).map(([a, b, c]) => `(${a} ? ${b} : ${c})`),
      fc.array(below, { maxLength: 3 }).map((items) => `[${items.join(', ')}]`),
      two((a, b) => `{${a}: ${b}}`),
      two((a, b) => `(${a})[${b}]`),
      two((a, b) => `(${a})[?${b}]`),
      fc.tuple(below, fc.constantFrom('a', 'list', '?a')).map(([a, field]) => `(${a}).${field}`),
      fc.tuple(fc.constantFrom(...FUNCTIONS), below).map(([name, a]) => `${name}(${a})`),
      fc.tuple(below, fc.constantFrom(...METHODS)).map(([a, method]) => `(${a}).${method}`),
      below.map((a) => `dyn(${a})`),
    ];
    const loops = [
      fc
        .tuple(below, fc.constantFrom(...MACROS), fc.constantFrom('x', 'y'), below)
        .map(([a, macro, v, b]) => `(${a}).${macro}(${v}, ${b})`),
      two((a, b) => `(${a}).transformMap(x, y, ${b})`),
      below.map((a) => `has((${a}).a)`),
    ];
    const leaf = fc.oneof(fc.constantFrom(...LITERALS), fc.constantFrom(...NAMES));
    return {
      expr: fc.oneof({ depthSize: 'small', maxDepth: 6 }, leaf, ...compound, ...(macros ? loops : [])),
    };
  });
  return expr;
}

const OPERATORS: Readonly<Record<string, string>> = { '@in': 'in', '_&&_': '&&', '_||_': '||' };

/** A tree as text that reads as the same tree. Not of loops: their macros are gone. */
export function print(node: Node): string {
  switch (node.kind) {
    case 'literal':
      return printLiteral(node.value);
    case 'ident':
      return node.name;
    case 'select':
      return node.testOnly ? `has((${print(node.operand)}).${node.field})` : `(${print(node.operand)}).${node.field}`;
    case 'call':
      return printCall(node);
    case 'list':
      return `[${node.elements.map((e, i) => (node.optional.has(i) ? '?' : '') + print(e)).join(', ')}]`;
    case 'map':
      return `{${node.entries.map((e) => `${e.optional ? '?' : ''}${print(e.key)}: ${print(e.value)}`).join(', ')}}`;
    case 'struct':
      return `${node.name}{${node.fields.map((f) => `${f.optional ? '?' : ''}${f.field}: ${print(f.value)}`).join(', ')}}`;
    case 'comprehension':
      throw new Error('a loop has no text');
  }
}

function printCall({ fn, target, args }: Extract<Node, { kind: 'call' }>): string {
  const shown = args.map((arg) => `(${print(arg)})`);
  const [a = '', b = '', c = ''] = shown;
  const infix = OPERATORS[fn] ?? /^_([^a-z?[]+)_$/.exec(fn)?.[1];
  if (infix !== undefined) return `${a} ${infix} ${b}`;
  if (fn === '!_' || fn === '-_') return `${fn[0]}${a}`;
  if (fn === '_?_:_') return `${a} ? ${b} : ${c}`;
  if (fn === '_[_]') return `${a}[${b}]`;
  if (fn === '_[?_]') return `${a}[?${b}]`;
  if (fn === '_?._') return `${a}.?${args[1]?.kind === 'literal' ? display(args[1].value) : ''}`;
  return target === undefined ? `${fn}(${shown.join(', ')})` : `(${print(target)}).${fn}(${shown.join(', ')})`;
}

function printLiteral(value: Extract<Node, { kind: 'literal' }>['value']): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (value instanceof Uint) return `${value.value}u`;
  if (value instanceof Double) return Object.is(value.value, -0) ? '-0.0' : value.value.toExponential();
  if (value instanceof Uint8Array)
    return `b'${Array.from(value, (byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('')}'`;
  return display(value);
}
