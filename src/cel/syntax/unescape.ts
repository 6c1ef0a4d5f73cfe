/** The text a string or bytes literal stands for. Source: cel-go parser/unescape.go v0.26. */

const SIMPLE: Readonly<Record<string, string>> = {
  a: '\u0007',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
  "'": "'",
  '"': '"',
  '`': '`',
  '?': '?',
};

/** The inside of a literal without its quotes; `raw`: backslashes are plain. */
function body(literal: string): { text: string; raw: boolean } {
  const text = literal.replaceAll(/\r\n?/g, '\n');
  const raw = /^[rR]/.test(text);
  const quoted = raw ? text.slice(1) : text;
  const width = quoted.length >= 6 && /^('''|""")/.test(quoted) ? 3 : 1;
  return { text: quoted.slice(width, -width), raw };
}

/** Calls `plain` with what stands for itself and `code` with each code; `byte`: the escape names a byte rather than a character. */
function scan(text: string, plain: (text: string) => void, code: (code: number, byte: boolean) => void): void {
  const pattern = /\\(?:([xX])([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2})|([^]))/g;
  let last = 0;
  for (const match of text.matchAll(pattern)) {
    plain(text.slice(last, match.index));
    last = match.index + match[0].length;
    const [, , hex, u, U, octal, simple] = match;
    if (simple !== undefined) plain(SIMPLE[simple] ?? '');
    else if (octal !== undefined) code(Number.parseInt(octal, 8), true);
    else code(Number.parseInt(hex ?? u ?? U ?? '', 16), hex !== undefined);
  }
  plain(text.slice(last));
}

const isCodePoint = (code: number): boolean => code <= 0x10_ffff && !(code >= 0xd800 && code <= 0xdfff);

/** Undefined: a code that no character has. */
export function unescapeString(literal: string): string | undefined {
  const { text, raw } = body(literal);
  if (raw || !text.includes('\\')) return text;
  let result = '';
  let wrong = false;
  scan(
    text,
    (plain) => (result += plain),
    (code) => {
      if (isCodePoint(code)) result += String.fromCodePoint(code);
      else wrong = true;
    },
  );
  return wrong ? undefined : result;
}

/** Undefined: escapes that name characters, which bytes do not have. */
export function unescapeBytes(literal: string): Uint8Array | undefined {
  const { text, raw } = body(literal);
  if (raw || !text.includes('\\')) return Buffer.from(text);
  const parts: Uint8Array[] = [];
  let wrong = false;
  scan(
    text,
    (plain) => parts.push(Buffer.from(plain)),
    (code, byte) => {
      parts.push(Uint8Array.of(code));
      wrong ||= !byte;
    },
  );
  return wrong ? undefined : Buffer.concat(parts);
}
