/** Regular expressions of RE2, in linear time. Sources: cel-go common/types/string.go v0.26; apiserver pkg/cel/library/regex.go v1.36. */
import { compilePattern, type Pattern, PatternError } from '#api';
import { type FunctionDecl, fn, type Implementation, member } from '../check/declarations.ts';
import { INT, listType, STRING } from '../check/types.ts';
import { ArrayList } from '../values/containers.ts';
import { CelError, type Value } from '../values/value.ts';

/** Runs with a compiled pattern; a wrong one is an error of the call. */
function withRegex(pattern: string, run: (regex: Pattern) => Value): Value {
  try {
    return run(compilePattern(pattern));
  } catch (error) {
    if (error instanceof PatternError) return new CelError(`Illegal regex: ${error.message}`);
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
