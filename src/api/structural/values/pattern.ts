/** Patterns are RE2, as Go's regexp: linear in time, whatever the pattern and the text. */
import { RE2JS, RE2JSException } from 're2js';

/** The pattern as it is used; a text says what is wrong with it. */
type Compiled = RE2JS | string;

const MAX_COMPILED = 2000;
const MAX_CHECKED = 20_000;
const compiled = new Map<string, Compiled>();
/** What is wrong with patterns of definitions; kept for longer, since compiling one takes a good part of a millisecond. */
const checked = new Map<string, string | undefined>();

/** Starts afresh when there are too many: definitions have a few hundred patterns, not thousands. */
function remember<T>(cache: Map<string, T>, max: number, pattern: string, value: T): T {
  if (cache.size >= max) cache.clear();
  cache.set(pattern, value);
  return value;
}

const compile = (pattern: string): Compiled =>
  compiled.get(pattern) ?? remember(compiled, MAX_COMPILED, pattern, compileAfresh(pattern));

function compileAfresh(pattern: string): Compiled {
  try {
    return RE2JS.compile(pattern);
  } catch (error) {
    if (error instanceof RE2JSException) return error.message;
    // What nests too deep for the parser is refused by Go as well.
    if (error instanceof RangeError) return `error parsing regexp: expression nests too deeply: \`${pattern}\``;
    throw error;
  }
}

/** What is wrong with a pattern, in the words of Go's regexp; undefined: nothing. */
export function patternError(pattern: string): string | undefined {
  if (checked.has(pattern)) return checked.get(pattern);
  const found = compile(pattern);
  return remember(checked, MAX_CHECKED, pattern, typeof found === 'string' ? found : undefined);
}

/** Undefined if the text matches; otherwise the pattern as the error shows it. */
export function matchesPattern(text: string, pattern: string): string | undefined {
  const found = compile(pattern);
  if (typeof found === 'string') return `${pattern}, but pattern is invalid: ${found}`;
  return found.test(text) ? undefined : pattern;
}
