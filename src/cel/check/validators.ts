/**
 * What is wrong with an expression whose types are right: literals that no conversion reads, lists of different types. Sources: cel-go
 * cel/validator.go, ext/formatting.go stringFormatValidator v0.26; apiserver pkg/cel/environment/base.go v1.36.
 */
import { compilePattern, PatternError } from '#api';
import { FormatError, parseFormat, type Verb, VERB_WORDS } from '../library/format.ts';
import { type Call, childrenOf, type ListNode, type MapNode, type Node } from '../syntax/ast.ts';
import type { Issues } from '../syntax/source.ts';
import { CelError, typeOf, type Value } from '../values/value.ts';
import { Meter } from '../values/meter.ts';
import type { Functions } from './declarations.ts';
import { formatType, type Kind, sameType, type Type, unwrapOptional } from './types.ts';

export function validate(root: Node, functions: Functions, issues: Issues): void {
  const visit = (node: Node, exempt: boolean): void => {
    if (node.kind === 'call') call(node, functions, issues);
    else if (node.kind === 'list' && !exempt) list(node, issues);
    else if (node.kind === 'map' && !exempt) map(node, issues);
    const below = exempt || (node.kind === 'call' && node.fn === 'format');
    for (const next of childrenOf(node)) visit(next, below);
  };
  visit(root, false);
}

function call(node: Call, functions: Functions, issues: Issues): void {
  const [first] = node.args;
  if (node.fn === 'format') formatCall(node, issues);
  if (first?.kind !== 'literal') return;
  if (!isReadable(node.fn, first.value, functions)) issues.report(first.at, `invalid ${node.fn} argument`);
}

/** Whether a literal is what a function needs; the first argument is looked at, also where it is not the pattern. */
function isReadable(fn: string, value: Value, functions: Functions): boolean {
  if (fn === 'duration' || fn === 'timestamp') {
    const { kind } = typeOf(value);
    const conversion = functions.get(fn)?.overloads.find(({ args }) => args[0]?.kind === kind);
    return !(conversion?.run?.([value], new Meter(Infinity)) instanceof CelError);
  }
  if (fn !== 'matches' || typeof value !== 'string') return true;
  try {
    compilePattern(value);
    return true;
  } catch (error) {
    if (error instanceof PatternError) return false;
    throw error;
  }
}

function mismatch(node: Node, expected: Type, issues: Issues): void {
  issues.report(node.at, `expected type '${formatType(expected)}' but found '${formatType(node.type!)}'`);
}

function list({ elements, optional }: ListNode, issues: Issues): void {
  let expected: Type | undefined;
  for (const [i, element] of elements.entries()) {
    const type = optional.has(i) ? unwrapOptional(element.type!) : element.type!;
    expected ??= type;
    if (sameType(expected, type, true)) continue;
    mismatch(element, expected, issues);
    return;
  }
}

function map({ entries }: MapNode, issues: Issues): void {
  const [first] = entries;
  if (first === undefined) return;
  const keyType = first.key.type!;
  const valueType = first.optional ? unwrapOptional(first.value.type!) : first.value.type!;
  for (const { key, value, optional } of entries) {
    if (!sameType(keyType, key.type!, true)) mismatch(key, keyType, issues);
    const type = optional ? unwrapOptional(value.type!) : value.type!;
    if (!sameType(valueType, type, true)) mismatch(value, valueType, issues);
  }
}

const TAKES: Readonly<Record<Exclude<Verb, 's'>, readonly Kind[]>> = {
  d: ['int', 'uint'],
  f: ['double', 'string'],
  e: ['double', 'string'],
  b: ['int', 'uint', 'bool'],
  x: ['int', 'uint', 'string', 'bytes'],
  X: ['int', 'uint', 'string', 'bytes'],
  o: ['int', 'uint'],
};
const SHOWN: readonly Kind[] = 'list map int uint double bool string timestamp bytes duration type null'.split(
  ' ',
) as Kind[];

/** An argument that a clause does not take, for this file only. */
class BadArgument extends Error {
  readonly node: Node;
  constructor(node: Node, message: string) {
    super(message);
    this.node = node;
  }
}

/** A format that is written out, with arguments that are. */
function formatCall(node: Call, issues: Issues): void {
  const { target } = node;
  const [args] = node.args;
  if (target?.kind !== 'literal' || typeof target.value !== 'string' || args?.kind !== 'list') return;
  let used = 0;
  try {
    const { elements } = args;
    parseFormat(
      target.value,
      (i) => i < elements.length + 1,
      ({ verb }, i) => {
        const argument = elements[i];
        if (argument === undefined) throw new FormatError(`index ${i} out of range`);
        used++;
        checkArgument(verb, argument);
        return '';
      },
    );
    if (elements.length <= used) return;
    const counts = `expected ${used}, got ${elements.length}`;
    issues.report(node.at, `too many arguments supplied to string.format (${counts})`);
  } catch (error) {
    if (error instanceof BadArgument) issues.report(error.node.at, error.message);
    else if (error instanceof FormatError) issues.report(node.at, error.message);
    else throw error;
  }
}

function checkArgument(verb: Verb, node: Node): void {
  const { kind, name } = node.type!;
  const kinds = verb === 's' ? SHOWN : TAKES[verb];
  if (kind !== 'dyn' && !kinds.includes(kind))
    throw new BadArgument(node, `error during formatting: ${VERB_WORDS[verb]}, was given ${name}`);
  if (verb === 's' && (node.kind === 'list' || node.kind === 'map'))
    for (const below of childrenOf(node)) checkArgument('s', below);
}
