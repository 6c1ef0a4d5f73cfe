/** Estimates of calls. Sources: cel-go checker/cost.go functionCost, ext/{lists,sets}.go v0.26; apiserver pkg/cel/library/cost.go v1.36. */
import type { Type } from '../check/types.ts';
import type { Node } from '../syntax/ast.ts';
import { ACCESS_CHECK_COST, LIST_CREATE, SORTABLE, STRUCT_CREATE } from '../eval/cost.ts';
import { fixed, MAX, ONE, plus, type Range, scale, times, total, union, UNKNOWN } from './range.ts';

/** A node with what is known of its size. */
export interface Sized {
  readonly node: Node;
  readonly type: Type;
  readonly path: readonly string[];
  readonly size: Range | undefined;
  readonly sizeOfPath: (path: readonly string[]) => Range | undefined;
}

interface CallSite {
  readonly fn: string;
  readonly overload: string;
  readonly target: Sized | undefined;
  readonly args: readonly Sized[];
  readonly argCosts: readonly Range[];
}

interface CallEstimate {
  /** Arguments included, the receiver not. */
  readonly cost: Range;
  /** Of the result, if it has one that is known. */
  readonly size?: Range;
}

/** Undefined: this one does not apply here. */
type Rule = (site: CallSite) => CallEstimate | undefined;

const STRING_FACTOR = 0.1;
const REGEX_FACTOR = 0.25;
/** Source: apiserver pkg/cel/limits.go. */
const MAX_FORMAT_SIZE = 64;
const MAX_NAME_FORMAT_REGEX_SIZE = 128;

const sizeOf = (sized: Sized | undefined): Range => sized?.size ?? UNKNOWN;
const traversal = (size: Range, passes = 1): Range => scale(size, passes * STRING_FACTOR);

export function callEstimate(site: CallSite): CallEstimate {
  const own = BY_TRACKED_OVERLOAD[site.overload]?.(site) ?? BY_FUNCTION[site.fn]?.(site);
  if (own !== undefined) return { ...own, cost: plus(own.cost, total(site.argCosts)) };
  const special = WITH_ARGUMENTS[site.overload]?.(site);
  if (special !== undefined) return special;
  const known = BY_OVERLOAD[site.overload]?.(site) ?? { cost: ONE };
  return { ...known, cost: plus(known.cost, total(site.argCosts)) };
}

/** The text is the only argument, or the receiver. */
const ofArgument =
  (passes = 1): Rule =>
  ({ args }) =>
    args.length === 0 ? undefined : { cost: traversal(sizeOf(args[0]), passes) };
const ofTarget: Rule = ({ target }) =>
  target === undefined ? undefined : { cost: traversal(sizeOf(target)), size: sizeOf(target) };
const ofUrl: Rule = ({ args }) =>
  args.length === 1 ? { cost: traversal(sizeOf(args[0])), size: sizeOf(args[0]) } : undefined;
const nominal: Rule = () => ({ cost: ONE });
/** Two characters may be a requirement, which is a struct and a list. */
const ofSelector: Rule = ({ args }) => {
  if (args.length !== 1) return undefined;
  const size = sizeOf(args[0]);
  const requirements = times(scale(size, 0.5), fixed(LIST_CREATE + STRUCT_CREATE));
  return { cost: plus(plus(fixed(LIST_CREATE), traversal(size)), requirements) };
};

/** What a list holds, with the size its schema says. */
function elementOf({ type, path, sizeOfPath }: Sized): { readonly type: Type; readonly size: Range } | undefined {
  const [element] = type.params;
  if (element === undefined) return undefined;
  const size = path.length === 0 ? undefined : sizeOfPath([...path, '@items']);
  return { type: element, size: size ?? UNKNOWN };
}

const isText = ({ kind }: Type): boolean => kind === 'string' || kind === 'bytes';

/** Each element once, and every character of texts. */
const eachElement: Rule = ({ target }) => {
  if (target === undefined) return undefined;
  const element = elementOf(target);
  if (element === undefined) return { cost: traversal(sizeOf(target)) };
  const each = isText(element.type) ? plus(ONE, traversal(element.size)) : ONE;
  return { cost: times(sizeOf(target), each) };
};

const replace: Rule = ({ target, args }) => {
  if (target === undefined || args.length < 2) return undefined;
  const [text, old, by] = [sizeOf(target), sizeOf(args[0]), sizeOf(args[1])];
  const more = (n: number): number => (n < MAX ? n + 1 : n);
  const [most, kept] =
    old.min === 0 ? [more(text.max), text.max] : by.max <= old.min ? [0, text.max] : [Math.ceil(text.max / old.min), 0];
  const [least, keptAtLeast] =
    old.max === 0 ? [more(text.min), text.min] : old.max <= by.min ? [0, text.min] : [Math.ceil(text.min / old.max), 0];
  const size = plus(times({ min: least, max: most }, by), { min: keptAtLeast, max: kept });
  return { cost: traversal(text, 2), size };
};

const split: Rule = ({ target, args }) => {
  if (target === undefined) return undefined;
  const size = sizeOf(target);
  const limit = args[1]?.node;
  // A negative limit is none, but upstream takes it for a very large number.
  const max =
    limit?.kind === 'literal' && typeof limit.value === 'number' ? (limit.value < 0 ? MAX : limit.value) : size.max;
  return { cost: traversal(size, 2), size: { min: 0, max } };
};

const join: Rule = ({ target, args }) => {
  if (target === undefined) return undefined;
  const list = sizeOf(target);
  const element = elementOf(target);
  const texts = element === undefined ? fixed(0) : times(list, element.size);
  const between = { min: Math.max(0, list.min - 1), max: Math.max(0, list.max - 1) };
  const size = args.length === 0 ? texts : plus(texts, times(sizeOf(args[0]), between));
  return { cost: traversal(size), size };
};

const regex = (text: Range, pattern: Range): Range => times(traversal(plus(text, ONE)), scale(pattern, REGEX_FACTOR));

const find: Rule = ({ target, args }) => {
  if (target === undefined || args.length === 0) return undefined;
  const size = sizeOf(target);
  return { cost: regex(size, sizeOf(args[0])), size: { min: 0, max: size.max } };
};

const ADDRESS: Range = { min: 4, max: 16 };
const contains =
  (network: boolean): Rule =>
  ({ overload, args }) => {
    if (args.length === 0) return undefined;
    const compared = traversal(plus(ADDRESS, ADDRESS));
    const own = network ? plus(plus(compared, traversal(ADDRESS)), ONE) : compared;
    const parsed = overload.endsWith('_string') ? traversal(sizeOf(args[0])) : fixed(0);
    return { cost: plus(own, parsed) };
  };

const FIXED_EQUALITY: ReadonlySet<string> = new Set(['net.IP', 'net.CIDR', 'kubernetes.Quantity', 'kubernetes.Semver']);

/** Values of libraries: upstream knows how long comparing them takes. */
const equals: Rule = ({ args }) => {
  const [a, b] = args;
  if (a === undefined || b === undefined || a.type.name !== b.type.name) return undefined;
  if (FIXED_EQUALITY.has(a.type.name)) return { cost: ONE };
  if (a.type.name === 'kubernetes.NamedFormat') return { cost: traversal({ min: 1, max: MAX_FORMAT_SIZE }) };
  if (a.type.name !== 'kubernetes.URL') return undefined;
  return { cost: traversal({ min: 1, max: b.size === undefined ? 1 : Math.max(1, b.size.max) }) };
};

const NOMINAL = [
  'masked prefixLength family isUnspecified isLoopback isLinkLocalMulticast isLinkLocalUnicast isGlobalUnicast',
  'format.named sign asInteger isInteger asApproximateFloat isGreaterThan isLessThan compareTo add sub major minor patch',
  'getScheme getHostname getHost getPort getEscapedPath getQuery',
  'serviceAccount path group resource subresource namespace name allowed reason error errored',
]
  .join(' ')
  .split(' ');

const BY_FUNCTION: Readonly<Record<string, Rule>> = {
  ...Object.fromEntries(NOMINAL.map((name) => [name, nominal])),
  check: () => ({ cost: fixed(ACCESS_CHECK_COST) }),
  fieldSelector: ofSelector,
  labelSelector: ofSelector,
  isSorted: eachElement,
  sum: eachElement,
  max: eachElement,
  min: eachElement,
  indexOf: eachElement,
  lastIndexOf: eachElement,
  url: ofUrl,
  lowerAscii: ofTarget,
  upperAscii: ofTarget,
  substring: ofTarget,
  trim: ofTarget,
  replace,
  split,
  join,
  find,
  findAll: find,
  cidr: ofArgument(),
  isIP: ofArgument(),
  isCIDR: ofArgument(),
  ip: (site) => (site.overload === 'cidr_ip' ? { cost: ONE } : ofArgument()(site)),
  'ip.isCanonical': ofArgument(2),
  containsIP: contains(false),
  containsCIDR: contains(true),
  quantity: ofArgument(),
  isQuantity: ofArgument(),
  semver: ofArgument(),
  isSemver: ofArgument(),
  validate: ({ args }) =>
    args.length === 0
      ? undefined
      : { cost: scale(traversal(sizeOf(args[0])), MAX_NAME_FORMAT_REGEX_SIZE * REGEX_FACTOR) },
  '_==_': equals,
};

const sets =
  (factor: number): Rule =>
  ({ args }) => ({ cost: plus(scale(times(sizeOf(args[0]), sizeOf(args[1])), factor), ONE) });

const making = (size: Range, factor = 1): CallEstimate => ({
  cost: plus(scale(size, factor), fixed(1 + LIST_CREATE)),
  size,
});

/** The value of a literal, or of what else it may be. */
function literal(sized: Sized | undefined, otherwise: number): number {
  const node = sized?.node;
  return node?.kind === 'literal' && typeof node.value === 'number' ? Math.max(0, node.value) : otherwise;
}

const pairs =
  (of: (site: CallSite) => Sized | undefined, text: boolean): Rule =>
  (site) => {
    const size = sizeOf(of(site));
    return making(times(size, size), text ? 2 + STRING_FACTOR : 2);
  };

const slice: Rule = ({ target, args }) => {
  const start = literal(args[0], 0);
  return making(fixed(Math.max(0, literal(args[1], sizeOf(target).max) - start)));
};

const flatten: Rule = ({ target, args }) => making(sizeOf(target), args.length === 0 ? 1 : literal(args[0], MAX));

const BY_TRACKED_OVERLOAD: Readonly<Record<string, Rule>> = {
  list_sets_contains_list: sets(1),
  list_sets_intersects_list: sets(1),
  list_sets_equivalent_list: sets(2),
  list_slice: slice,
  lists_range: ({ args }) => making(fixed(literal(args[0], MAX))),
  list_reverse: ({ target }) => making(sizeOf(target)),
  list_flatten: flatten,
  list_flatten_int: flatten,
  list_distinct: pairs(({ target }) => target, false),
  ...Object.fromEntries(
    SORTABLE.flatMap((type) => {
      const text = type === 'string' || type === 'bytes';
      return [
        [`list_${type}_sort`, pairs(({ target }) => target, text)],
        [`list_${type}_sortByAssociatedKeys`, pairs(({ args }) => args[0], text)],
      ];
    }),
  ),
};

/** These do not compute all their arguments. */
const WITH_ARGUMENTS: Readonly<Record<string, Rule>> = {
  logical_or: shortCircuit,
  logical_and: shortCircuit,
  conditional: ({ args, argCosts }) => ({
    cost: plus(argCosts[0]!, union(argCosts[1]!, argCosts[2]!)),
    size: union(sizeOf(args[1]), sizeOf(args[2])),
  }),
};

function shortCircuit({ argCosts }: CallSite): CallEstimate {
  const [left, right] = [argCosts[0]!, argCosts[1]!];
  return { cost: { min: left.min, max: plus(left, right).max } };
}

/** The smaller of both sides; at least something, unless one is surely empty. */
const smaller: Rule = ({ args }) => {
  const max = Math.min(sizeOf(args[0]).max, sizeOf(args[1]).max);
  return { cost: traversal({ min: max > 0 ? 1 : 0, max }) };
};

const sum: Rule = ({ overload, args }) => {
  const size = plus(sizeOf(args[0]), sizeOf(args[1]));
  return { cost: overload === 'add_list' ? ONE : traversal(size), size };
};

const ofFirst =
  (sizeOfResult?: (size: Range) => Range): Rule =>
  ({ args }) => {
    if (args.length !== 1) return undefined;
    const size = sizeOf(args[0]);
    return { cost: traversal(size), ...(sizeOfResult === undefined ? {} : { size: sizeOfResult(size) }) };
  };

const COMPARISONS = ['less', 'less_equals', 'greater', 'greater_equals'].flatMap((name) => [
  `${name}_string`,
  `${name}_bytes`,
]);

const BY_OVERLOAD: Readonly<Record<string, Rule>> = {
  ...Object.fromEntries(COMPARISONS.map((name) => [name, smaller])),
  equals: smaller,
  not_equals: smaller,
  add_string: sum,
  add_bytes: sum,
  add_list: sum,
  string_format: ({ target }) => (target === undefined ? undefined : { cost: traversal(sizeOf(target)) }),
  string_to_bytes: ofFirst(({ min, max }) => ({ min, max: Math.min(MAX, max * 4) })),
  bytes_to_string: ofFirst(({ min, max }) => ({ min: Math.floor(min / 4), max })),
  strings_quote: ofFirst(({ min, max }) => ({ min: min + 2, max: Math.min(MAX, max * 2 + 2) })),
  starts_with_string: ofFirst(),
  ends_with_string: ofFirst(),
  in_list: ({ args }) => (args.length === 2 ? { cost: sizeOf(args[1]) } : undefined),
  matches_string: ({ target, args }) =>
    target === undefined || args.length !== 1 ? undefined : { cost: regex(sizeOf(target), sizeOf(args[0])) },
  contains_string: ({ target, args }) =>
    target === undefined || args.length !== 1
      ? undefined
      : { cost: times(traversal(sizeOf(target)), traversal(sizeOf(args[0]))) },
};
