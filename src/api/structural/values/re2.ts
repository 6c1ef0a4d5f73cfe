/**
 * Patterns of RE2, as Go's regexp reads them: linear in time, whatever the pattern and the text. What compiles slowly is refused, and what is
 * kept has a bound.
 */
import { RE2JS, RE2JSException } from 're2js';

/** A pattern ready to be used. */
export type Pattern = Pick<RE2JS, 'test' | 'matcher'>;

/** What is wrong with a pattern, in the words of Go's regexp. */
export class PatternError extends Error {
  override readonly name = 'PatternError';
}

/**
 * Compiling takes some microseconds for each instruction and holds everybody up, so that the bound is far below Go's own of 3.3 million. Source of
 * the text: ErrLarge of regexp/syntax.
 */
const MAX_SIZE = 20_000;
const TOO_LARGE = 'error parsing regexp: expression too large';

/** Of all patterns that are kept, in instructions; one takes about 200 bytes. */
const MAX_KEPT = 600_000;

const kept = new Map<string, { readonly pattern: Pattern; readonly size: number }>();
let keptSize = 0;
let forgotten = 0;

/** Throws PatternError. Patterns used lately are remembered. */
export function compilePattern(text: string): Pattern {
  const known = kept.get(text);
  if (known !== undefined) {
    // Only what has been forgotten once makes the order matter.
    if (forgotten > 0) {
      kept.delete(text);
      kept.set(text, known);
    }
    return known.pattern;
  }
  const pattern = compileAfresh(text);
  const size = pattern.programSize() + text.length;
  kept.set(text, { pattern, size });
  keptSize += size;
  for (const [oldest, { size: gone }] of kept) {
    if (keptSize <= MAX_KEPT || oldest === text) break;
    kept.delete(oldest);
    keptSize -= gone;
    forgotten++;
  }
  return pattern;
}

/** How many patterns have been forgotten: as long as that is the same, those that were compiled still are. */
export const forgottenPatterns = (): number => forgotten;

/** Throws PatternError for what is no pattern; nothing is kept. */
export const checkPattern = (text: string): void => void (kept.has(text) || compileAfresh(text));

function compileAfresh(text: string): RE2JS {
  if (patternSize(text) > MAX_SIZE) throw new PatternError(TOO_LARGE);
  try {
    return RE2JS.compile(text);
  } catch (error) {
    if (error instanceof RE2JSException) throw new PatternError(error.message, { cause: error });
    // What nests too deep for the parser is refused by Go as well.
    if (error instanceof RangeError) {
      throw new PatternError(`error parsing regexp: expression nests too deeply: \`${text}\``, { cause: error });
    }
    throw error;
  }
}

const REPEAT = /\{(\d{1,4})(?:,(\d{0,4}))?\}/y;

/** Of repetitions within each other, times each other: more are refused as the pattern is read. Source: repeatIsValid of regexp/syntax. */
const MAX_REPEAT = 1000;

/** What a repetition would repeat: its size, and the highest number of repetitions in it already. */
interface Part {
  size: number;
  repeat: number;
}

/**
 * About how many instructions a pattern comes to, its counted repetitions written out: never less than a tenth of what it is. Of a pattern that
 * repeats too often to be one, what it takes to see that.
 */
export function patternSize(text: string): number {
  const groups: Part[] = [{ size: 0, repeat: 1 }];
  let last: Part = { size: 0, repeat: 1 };
  const add = (size: number, repeat = 1): void => {
    const group = groups.at(-1)!;
    group.size += size;
    group.repeat = Math.max(group.repeat, repeat);
    last = { size, repeat };
  };
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (char === '\\') {
      at++;
      add(1);
    } else if (char === '[') {
      at = endOfClass(text, at);
      add(1);
    } else if (char === '(') groups.push({ size: 0, repeat: 1 });
    else if (char === ')') {
      const inner = groups.length > 1 ? groups.pop()! : { size: 0, repeat: 1 };
      add(inner.size + 1, inner.repeat);
    } else if (char === '{') {
      REPEAT.lastIndex = at;
      const found = REPEAT.exec(text);
      if (found === null) {
        add(1);
        continue;
      }
      at += found[0].length - 1;
      const times = Math.max(Number(found[1]), Number(found[2] ?? 0), 1);
      const { size, repeat } = last;
      if (times * repeat > MAX_REPEAT) return text.length;
      groups.at(-1)!.size -= size;
      add(size * times, repeat * times);
    } else if (char !== '*' && char !== '+' && char !== '?') add(1);
  }
  return groups.reduce((sum, { size }) => sum + size, 0);
}

/** Where the class ends that begins at `from`. */
function endOfClass(text: string, from: number): number {
  // A bracket that comes first is one of the characters.
  let at = from + (text[from + 1] === '^' ? 2 : 1);
  if (text[at] === ']') at++;
  for (; at < text.length && text[at] !== ']'; at++) {
    if (text[at] === '\\') at++;
    else if (text.startsWith('[:', at)) {
      const end = text.indexOf(':]', at + 2);
      if (end >= 0) at = end + 1;
    }
  }
  return at;
}
