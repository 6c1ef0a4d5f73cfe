/** Regular expressions of RE2, in linear time. Sources: cel-go common/types/string.go v0.26; apiserver pkg/cel/library/regex.go v1.36. */
import { RE2JS, RE2JSSyntaxException } from 're2js';
import { type FunctionDecl, fn, type Implementation, member } from '../check/declarations.ts';
import { INT, listType, STRING } from '../check/types.ts';
import { ArrayList } from '../values/containers.ts';
import { CelError, type Value } from '../values/value.ts';

/** A pattern that is none, with the words of Go. */
export class RegexError extends Error {
  override readonly name = 'RegexError';
}

const compiled = new Map<string, RE2JS>();
const MAX_COMPILED = 500;
const MAX_KEPT_LENGTH = 1000;

/** Throws RegexError. Patterns used before are remembered. */
export function compileRegex(pattern: string): RE2JS {
  const known = compiled.get(pattern);
  if (known !== undefined) return known;
  let made: RE2JS;
  try {
    made = RE2JS.compile(pattern);
  } catch (error) {
    if (error instanceof RE2JSSyntaxException) throw new RegexError(error.message);
    throw error;
  }
  if (compiled.size >= MAX_COMPILED) compiled.clear();
  if (pattern.length <= MAX_KEPT_LENGTH) compiled.set(pattern, made);
  return made;
}

/** Runs with a compiled pattern; a wrong one is an error of the call. */
function withRegex(pattern: string, run: (regex: RE2JS) => Value): Value {
  try {
    return run(compileRegex(pattern));
  } catch (error) {
    if (error instanceof RegexError) return new CelError(`Illegal regex: ${error.message}`);
    throw error;
  }
}

const find: Implementation = ([text, pattern]) =>
  withRegex(pattern as string, (regex) => {
    const matcher = regex.matcher(text as string);
    return matcher.find() ? (matcher.group() ?? '') : '';
  });

/** At most `limit` matches; a negative number: all. */
const findAll: Implementation = ([text, pattern, limit = -1], meter) =>
  withRegex(pattern as string, (regex) => {
    const found: string[] = [];
    const matcher = regex.matcher(text as string);
    const most = Number(limit) < 0 ? Infinity : Number(limit);
    while (found.length < most && matcher.find()) {
      meter.step();
      found.push(matcher.group() ?? '');
    }
    return new ArrayList(found);
  });

export const regexLibrary: readonly FunctionDecl[] = [
  fn('find', member('string_find_string', [STRING, STRING], STRING, find)),
  fn(
    'findAll',
    member('string_find_all_string', [STRING, STRING], listType(STRING), findAll),
    member('string_find_all_string_int', [STRING, STRING, INT], listType(STRING), findAll),
  ),
];
