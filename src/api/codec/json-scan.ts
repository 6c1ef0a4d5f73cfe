/**
 * What JSON.parse does not tell: which keys stand twice in an object, and what Go says about malformed text. Both passes are over the text
 * and without recursion. Texts: Go's encoding/json scanner.go, as forked in sigs.k8s.io/json.
 */

/** Half a pair of escapes, a whole pair, or any other escape. */
const ESCAPES = /\\(?:u[dD][89abAB][\da-fA-F]{2}\\u[dD][c-fC-F][\da-fA-F]{2}|(u[dD][89a-fA-F][\da-fA-F]{2})|[^])/g;

/**
 * JSON.parse, but half a pair of escapes stands for the replacement character, as in Go: kept as it is, a string would be another one in each form it is
 * written in. Source: unquoteBytes of encoding/json. Throws SyntaxError.
 */
export function parseJsonText(text: string): unknown {
  if (!text.includes('\\ud') && !text.includes('\\uD')) return JSON.parse(text) as unknown;
  const whole = text.replaceAll(ESCAPES, (escape: string, half: string | undefined) =>
    half === undefined ? escape : '\\ufffd',
  );
  return JSON.parse(whole) as unknown;
}

const QUOTE = 34;
const BACKSLASH = 92;
const COLON = 58;

const isSpace = (code: number): boolean => code === 32 || code === 10 || code === 13 || code === 9;

/** Index of the quote that ends the string whose first character is at `from`; -1 when there is none. */
function endOfString(text: string, from: number): number {
  for (let at = text.indexOf('"', from); at >= 0; at = text.indexOf('"', at + 1)) {
    let slashes = 0;
    while (text.charCodeAt(at - 1 - slashes) === BACKSLASH && at - 1 - slashes >= from) slashes++;
    if (slashes % 2 === 0) return at;
  }
  return -1;
}

/** How many keys stand in a well-formed text: more than its value has means that some stand twice. */
export function countKeys(text: string): number {
  let count = 0;
  for (let at = text.indexOf('"'); at >= 0; at = text.indexOf('"', at)) {
    at = endOfString(text, at + 1) + 1;
    if (at === 0) return count;
    while (isSpace(text.charCodeAt(at))) at++;
    if (text.charCodeAt(at) === COLON) count++;
  }
  return count;
}

/** How many keys a value has all the way down. */
export function keysOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  const own: readonly unknown[] = Object.values(value);
  let keys = Array.isArray(value) ? 0 : own.length;
  for (const item of own) keys += keysOf(item);
  return keys;
}

interface Frame {
  /** Undefined in an array. */
  readonly keys: Set<string> | undefined;
  /** How the place is written behind that of the parent: `.spec`, `[3]`. */
  place: string;
  index: number;
}

/** Paths of keys that stand twice in their object in a well-formed text: `spec.containers[0].name`. */
export function duplicateKeys(text: string): string[] {
  const found: string[] = [];
  const stack: Frame[] = [];
  const pathTo = (last: string): string =>
    [...stack.slice(0, -1).map((frame) => frame.place), last].join('').replace(/^\./, '');
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    const frame = stack.at(-1);
    switch (code) {
      case 123: // {
        stack.push({ keys: new Set(), place: '', index: 0 });
        break;
      case 91: // [
        stack.push({ keys: undefined, place: '[0]', index: 0 });
        break;
      case 125: // }
      case 93: // ]
        stack.pop();
        break;
      case 44: // ,
        if (frame !== undefined && frame.keys === undefined) frame.place = `[${++frame.index}]`;
        break;
      case QUOTE: {
        const end = endOfString(text, at + 1);
        let next = end + 1;
        while (isSpace(text.charCodeAt(next))) next++;
        if (frame?.keys !== undefined && text.charCodeAt(next) === COLON) {
          const key = JSON.parse(text.slice(at, end + 1)) as string;
          frame.place = `.${key}`;
          if (frame.keys.has(key)) found.push(pathTo(frame.place));
          frame.keys.add(key);
          at = next;
        } else {
          at = end;
        }
        break;
      }
      default:
    }
  }
  return found;
}

/** A character as Go quotes it in these errors; it sees bytes, so what is beyond ASCII shows as the first of them. */
function quoted(text: string, at: number): string {
  const char = text[at]!;
  if (char === "'") return `'\\''`;
  if (char === '"') return `'"'`;
  const code = text.codePointAt(at)!;
  if (code < 128) return `'${JSON.stringify(char).slice(1, -1)}'`;
  return `'${String.fromCharCode(Buffer.from(String.fromCodePoint(code))[0]!)}'`;
}

const END = 'unexpected end of JSON input';
const NUMBER_STEPS = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/;

/** What Go says of a text JSON.parse refused. */
export function syntaxError(text: string): string {
  const stack: ('{' | '[')[] = [];
  let at = 0;
  let expect: 'value' | 'first value' | 'key' | 'first key' | 'colon' | 'after' = 'value';
  const invalid = (where: string, position = at): string =>
    position >= text.length ? END : `invalid character ${quoted(text, position)} ${where}`;
  for (;;) {
    while (isSpace(text.charCodeAt(at))) at++;
    const char = text[at];
    if (expect === 'after' && stack.length === 0) return invalid('after top-level value');
    if (char === undefined) return END;
    if (expect === 'colon') {
      if (char !== ':') return invalid('after object key');
      at++;
      expect = 'value';
    } else if (expect === 'after') {
      const open = stack.at(-1);
      if (char === ',') expect = open === '{' ? 'key' : 'value';
      else if (char === (open === '{' ? '}' : ']')) stack.pop();
      else return invalid(open === '{' ? 'after object key:value pair' : 'after array element');
      at++;
    } else if ((expect === 'first key' && char === '}') || (expect === 'first value' && char === ']')) {
      stack.pop();
      expect = 'after';
      at++;
    } else if (expect === 'key' || expect === 'first key') {
      if (char !== '"') return invalid('looking for beginning of object key string');
      const string = stringError(text, at, invalid);
      if (typeof string === 'string') return string;
      at = string;
      expect = 'colon';
    } else if (char === '{' || char === '[') {
      if (stack.push(char) > 10_000) return 'exceeded max depth';
      expect = char === '{' ? 'first key' : 'first value';
      at++;
    } else {
      const end = literalError(text, at, invalid);
      if (typeof end === 'string') return end;
      at = end;
      expect = 'after';
    }
  }
}

type Invalid = (where: string, position?: number) => string;

/** Where the literal at `at` ends, or what is wrong with it. */
function literalError(text: string, at: number, invalid: Invalid): number | string {
  const char = text[at]!;
  if (char === '"') return stringError(text, at, invalid);
  for (const word of ['true', 'false', 'null']) {
    if (char !== word[0]) continue;
    for (let i = 1; i < word.length; i++) {
      if (text[at + i] !== word[i]) return invalid(`in literal ${word} (expecting '${word[i]}')`, at + i);
    }
    return at + word.length;
  }
  if (char !== '-' && (char < '0' || char > '9')) return invalid('looking for beginning of value');
  const number = NUMBER_STEPS.exec(text.slice(at, at + 4096))?.[0];
  if (number === undefined) return invalid('in numeric literal', at + 1);
  const end = at + number.length;
  const next = text[end];
  if (next === '.' && !number.includes('.')) return invalid('after decimal point in numeric literal', end + 1);
  if ((next === 'e' || next === 'E') && !/[eE]/.test(number)) {
    return invalid('in exponent of numeric literal', /[+-]/.test(text[end + 1] ?? '') ? end + 2 : end + 1);
  }
  return end;
}

/** Where the string at `at` ends, or what is wrong with it. */
function stringError(text: string, at: number, invalid: Invalid): number | string {
  for (let i = at + 1; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) return i + 1;
    if (code < 32) return invalid('in string literal', i);
    if (code !== BACKSLASH) continue;
    i++;
    if (!'"\\/bfnrtu'.includes(text[i] ?? '"')) return invalid('in string escape code', i);
    if (text[i] !== 'u') continue;
    for (let digit = 0; digit < 4; digit++) {
      if (!/[0-9a-fA-F]/.test(text[++i] ?? '0')) return invalid('in \\u hexadecimal character escape', i);
    }
  }
  return END;
}
