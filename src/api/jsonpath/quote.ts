/** Go's strconv.UnquoteChar, for texts in single and double quotes alike. */
const SIMPLE: Readonly<Record<string, string>> = {
  a: '\u0007', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v', '\\': '\\',
}; // prettier-ignore

const ESCAPE = /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|([^]))/y;
const MAX_CODE_POINT = 0x10ffff;
const MAX_OCTAL = 0xff;

/** The text within quotes; undefined when it is ill-formed. */
export function unquote(text: string): string | undefined {
  const quote = text[0];
  if (text.length < 2 || quote !== text.at(-1)) return undefined;
  const inner = text.slice(1, -1);
  let unquoted = '';
  for (let at = 0; at < inner.length;) {
    if (inner[at] === quote || inner[at] === '\n') return undefined;
    if (inner[at] !== '\\') {
      unquoted += inner[at++]!;
      continue;
    }
    ESCAPE.lastIndex = at;
    const match = ESCAPE.exec(inner);
    const char = match === null ? undefined : escaped(match, quote!);
    if (char === undefined) return undefined;
    unquoted += char;
    at = ESCAPE.lastIndex;
  }
  return unquoted;
}

function escaped([, byte, short, long, octal, letter]: RegExpExecArray, quote: string): string | undefined {
  if (letter !== undefined)
    return letter === quote ? quote : Object.hasOwn(SIMPLE, letter) ? SIMPLE[letter] : undefined;
  const code = octal === undefined ? Number.parseInt(byte ?? short ?? long!, 16) : Number.parseInt(octal, 8);
  if (octal !== undefined && code > MAX_OCTAL) return undefined;
  return code > MAX_CODE_POINT || (code >= 0xd800 && code < 0xe000) ? undefined : String.fromCodePoint(code);
}
