/** Patterns are RE2, as Go's regexp: linear in time, whatever the pattern and the text. */
import { RE2JS, RE2JSException } from 're2js';

/** The pattern as it is used; a text says what is wrong with it. */
type Compiled = RE2JS | string;

const MAX_COMPILED = 1000;
const compiled = new Map<string, Compiled>();

function compile(pattern: string): Compiled {
  let found = compiled.get(pattern);
  if (found === undefined) {
    found = compileAfresh(pattern);
    if (compiled.size >= MAX_COMPILED) compiled.delete(compiled.keys().next().value!);
    compiled.set(pattern, found);
  }
  return found;
}

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
  const found = compile(pattern);
  return typeof found === 'string' ? found : undefined;
}

/** Undefined if the text matches; otherwise the pattern as the error shows it. */
export function matchesPattern(text: string, pattern: string): string | undefined {
  const found = compile(pattern);
  if (typeof found === 'string') return `${pattern}, but pattern is invalid: ${found}`;
  return found.test(text) ? undefined : pattern;
}
