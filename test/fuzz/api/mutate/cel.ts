/** Expressions in CEL that follow the grammar; types are as they come, so that some are refused at each stage and some run. */
import type { Json } from './json.ts';
import type { Random } from '../random.ts';

const ATOMS = [
  'self',
  'oldSelf',
  'object',
  'oldObject',
  'request',
  'params',
  'namespaceObject',
  'variables.n',
  'variables.none',
  'authorizer',
  'object.metadata.name',
  'object.metadata.?labels',
  'object.spec',
  'request.userInfo.groups',
  'self.name',
  'self.list',
  'self.tags',
  'x',
  '0',
  '-9223372036854775808',
  '9223372036854775807',
  '18446744073709551615u',
  '1e308',
  '-0.0',
  "'a'",
  "b'\\xff'",
  '"\\ud83d\\ude00é"',
  "r'\\d+(a|b)*$'",
  'true',
  'null',
  '[]',
  '{}',
  '[1, 2, 3]',
  "{'a': 1, 'b': 2}",
  '[0,1,2,3,4,5,6,7,8,9]',
];
const OPERATORS = ['+', '-', '*', '/', '%', '<', '<=', '>', '>=', '==', '!=', 'in', '&&', '||'];
const FUNCTIONS = [
  'size',
  'int',
  'uint',
  'double',
  'string',
  'bytes',
  'bool',
  'dyn',
  'type',
  'duration',
  'timestamp',
  'quantity',
  'isQuantity',
  'ip',
  'cidr',
  'isIP',
  'url',
  'isURL',
  'semver',
  'format.named',
  'optional.of',
  'optional.none',
  'math.greatest',
  'sets.contains',
  'lists.range',
  'jsonpatch.escapeKey',
  'has',
  'nothing',
];
const METHODS = [
  'size',
  'contains',
  'startsWith',
  'endsWith',
  'matches',
  'find',
  'findAll',
  'split',
  'replace',
  'join',
  'indexOf',
  'lastIndexOf',
  'substring',
  'charAt',
  'lowerAscii',
  'upperAscii',
  'trim',
  'reverse',
  'format',
  'sum',
  'min',
  'max',
  'isSorted',
  'flatten',
  'distinct',
  'sort',
  'slice',
  'first',
  'last',
  'value',
  'orValue',
  'hasValue',
  'getHours',
  'getFullYear',
  'getSeconds',
  'isGreaterThan',
  'add',
  'sub',
  'asInteger',
  'containsIP',
  'getHost',
  'group',
  'resource',
  'namespace',
  'check',
  'allowed',
  'major',
  'validate',
];
const MACROS = ['all', 'exists', 'exists_one', 'map', 'filter', 'sortBy', 'optMap', 'transformMap', 'transformList'];

export function celExpression(random: Random, depth = random.below(5)): string {
  const part = (): string => celExpression(random, depth - 1);
  if (depth <= 0) return random.pick(ATOMS);
  switch (random.below(9)) {
    case 0:
    case 1:
      return `${part()} ${random.pick(OPERATORS)} ${part()}`;
    case 2:
      return `(${part()}).${random.pick(METHODS)}(${random.chance(0.5) ? '' : part()})`;
    case 3:
      return `${random.pick(FUNCTIONS)}(${part()})`;
    case 4:
      return `${part()}.${random.pick(MACROS)}(${random.pick(['x', 'y', 'i, x', 'self'])}, ${part()})`;
    case 5:
      return `${part()} ? ${part()} : ${part()}`;
    case 6:
      return `${random.pick(['!', '-', '!!', '-(', ''])}${part()}`;
    case 7:
      return random.pick([
        `[${part()}, ?${part()}]`,
        `{${part()}: ${part()}}`,
        `Object{spec: Object.spec{a: ${part()}}}`,
      ]);
    default:
      return `${part()}${random.pick(['.a', '[0]', "['a']", '.?a', '[?0]', '[-1]', '.__proto__', '.constructor', '.`a-b`'])}`;
  }
}

const EXPRESSION_KEYS = new Set(['expression', 'messageExpression', 'valueExpression', 'rule']);

/** The value with some of its expressions exchanged for others. */
export function withExpressions(value: Json, random: Random): Json {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((part) => withExpressions(part, random));
  const entries = Object.entries(value).map(([key, part]) => [
    key,
    EXPRESSION_KEYS.has(key) && typeof part === 'string' && random.chance(0.5)
      ? celExpression(random)
      : withExpressions(part, random),
  ]);
  return Object.fromEntries(entries) as Json;
}
