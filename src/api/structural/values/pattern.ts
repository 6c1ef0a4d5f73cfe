/** Patterns of schemas. */
import { checkPattern, compilePattern, PatternError } from './re2.ts';

/**
 * What is wrong with patterns of definitions; kept for longer than their programs, since compiling one takes a good part of a millisecond: as much
 * as the largest definitions have, each counted by its length.
 */
const MAX_CHECKED = 16_000_000;
const OVERHEAD = 64;
const checked = new Map<string, string | undefined>();
let checkedSize = 0;

/** The words for what is thrown. */
function wrongWith(compile: () => void): string | undefined {
  try {
    compile();
    return undefined;
  } catch (error) {
    if (error instanceof PatternError) return error.message;
    throw error;
  }
}

/** What is wrong with a pattern, in the words of Go's regexp; undefined: nothing. */
export function patternError(pattern: string): string | undefined {
  if (checked.has(pattern)) return checked.get(pattern);
  const wrong = wrongWith(() => checkPattern(pattern));
  // Starts afresh when there are too many.
  if (checkedSize > MAX_CHECKED) {
    checked.clear();
    checkedSize = 0;
  }
  checked.set(pattern, wrong);
  checkedSize += pattern.length + OVERHEAD;
  return wrong;
}

/** Undefined if the text matches; otherwise the pattern as the error shows it. */
export function matchesPattern(text: string, pattern: string): string | undefined {
  let matches = false;
  const wrong = wrongWith(() => (matches = compilePattern(pattern).test(text)));
  if (wrong !== undefined) return `${pattern}, but pattern is invalid: ${wrong}`;
  return matches ? undefined : pattern;
}
