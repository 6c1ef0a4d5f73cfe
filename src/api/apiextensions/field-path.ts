/**
 * Paths to fields as selectable fields and rules name them: `.spec.color`, `.spec['a.b']`. Source: ValidFieldPath of apiextensions-apiserver
 * pkg/apiserver/schema/cel/validation.go v0.36.
 */
import { child, keyPath } from '../field-error.ts';
import type { JSONSchemaProps } from '../generated/apiextensions.v1.ts';
import { own } from '../validation/equal.ts';

export interface FieldPath {
  /** The path as errors show it, without the dot it begins with. */
  readonly path: string;
  /** The first name. */
  readonly root: string;
  readonly schema: JSONSchemaProps | undefined;
}

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['a', '\u0007'],
  ['b', '\b'],
  ['f', '\f'],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
  ['v', '\v'],
  ["'", "'"],
  ['\\', '\\'],
]);

/** Delimiters, quoted texts, and what stands between; a quote without an end is no token at all. */
function tokensOf(text: string): string[] {
  const tokens: string[] = [];
  for (let at = 0; at < text.length;) {
    const end = tokenEnd(text, at);
    if (end === undefined) break;
    tokens.push(text.slice(at, end));
    at = end;
  }
  return tokens;
}

function tokenEnd(text: string, start: number): number | undefined {
  if (text[start] === "'") {
    for (let at = start + 1; at < text.length; at++) if (text[at] === "'" && text[at - 1] !== '\\') return at + 1;
    return text.length;
  }
  let at = start;
  while (at < text.length && !'.[]'.includes(text[at]!)) at++;
  return at === start ? at + 1 : at;
}

/** Where a path leads in a schema; a text says why it leads nowhere. */
export function resolveFieldPath(
  text: string,
  schema: JSONSchemaProps,
  allowArrayNotation: boolean,
): FieldPath | string {
  const tokens = tokensOf(text);
  let found: FieldPath = { path: '', root: '', schema };
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i]!;
    if (token !== '[' && token !== '.') return `expected [ or . but got: ${token}`;
    if (token === '[' && !allowArrayNotation) return 'array notation is not allowed';
    let name = tokens[++i];
    if (name === undefined) return 'unexpected end of JSON path';
    if (token === '[') {
      const unquoted = unquote(name);
      if ('error' in unquoted) return unquoted.error;
      name = unquoted.name;
    }
    const next = step(found, name);
    if (next === undefined) return 'does not refer to a valid field';
    found = next;
    if (token !== '[') continue;
    const closing = tokens[++i];
    if (closing === undefined) return 'unexpected end of JSON path';
    if (closing !== ']') return `expected ] but got ${closing}`;
  }
  return found;
}

function unquote(text: string): { readonly name: string } | { readonly error: string } {
  if (text.length < 2 || !text.startsWith("'") || !text.endsWith("'")) {
    return { error: `expected single quoted string but got ${text}` };
  }
  const inner = text.slice(1, -1);
  const bad = [...inner.matchAll(/\\(.)/gs)].findLast(([, letter]) => !ESCAPES.has(letter!));
  if (bad !== undefined) return { error: `invalid string literal: invalid escape char ${bad[0]}` };
  return { name: inner.replaceAll(/\\(.)/gs, (_, letter: string) => ESCAPES.get(letter)!) };
}

function step({ path, root, schema }: FieldPath, name: string): FieldPath | undefined {
  const { properties, additionalProperties: additional } = schema ?? {};
  if (properties !== undefined) {
    const property = own(properties, name);
    if (property === undefined) return undefined;
    return { path: child(path, name), root: root === '' ? name : root, schema: property };
  }
  if (additional === undefined) return undefined;
  const below = typeof additional === 'object' ? additional : undefined;
  return { path: keyPath(path, name), root: root === '' ? name : root, schema: below };
}
