/** Text as Go writes it: order of strings, quoting, JSON of json-iterator with sorted keys and HTML escapes. */

/**
 * Byte order of UTF-8, which is Go's order of strings. It differs from JavaScript's only where the first difference is between a surrogate
 * and something above them.
 */
export function compareText(a: string, b: string): number {
  if (a === b) return 0;
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const [x, y] = [a.charCodeAt(i), b.charCodeAt(i)];
    if (x !== y) return byteRank(x) - byteRank(y);
  }
  return a.length - b.length;
}

/** Code units in the order of what they stand for: surrogates, which are of the highest planes, last. */
const byteRank = (unit: number): number => (unit >= 0xd800 && unit < 0xe000 ? unit + 0x10000 : unit);

const ESCAPED = /\\[\\"bf]|[<>&\u2028\u2029]/g;
const unicode = (code: number): string => `\\u${code.toString(16).padStart(4, '0')}`;

/** JSON of a string or another scalar, with json-iterator's escapes (ConfigCompatibleWithStandardLibrary, v1.1). */
function scalarJson(value: unknown): string {
  const text = JSON.stringify(value);
  if (typeof value !== 'string') return text;
  return text.replace(ESCAPED, (match) => {
    if (match === '\\b') return '\\u0008';
    if (match === '\\f') return '\\u000c';
    return match.startsWith('\\') ? match : unicode(match.charCodeAt(0));
  });
}

/** JSON of any value: keys in order, no white space. */
export function goJson(value: unknown): string {
  if (typeof value !== 'object' || value === null) return scalarJson(value);
  if (Array.isArray(value)) return `[${value.map(goJson).join(',')}]`;
  const object = value as Record<string, unknown>;
  const fields = Object.keys(object)
    .filter((key) => object[key] !== undefined)
    .toSorted(compareText)
    .map((key) => `${scalarJson(key)}:${goJson(object[key])}`);
  return `{${fields.join(',')}}`;
}

const GO_ESCAPES: Readonly<Record<string, string>> = {
  '\x07': '\\a', '\b': '\\b', '\f': '\\f', '\n': '\\n', '\r': '\\r', '\t': '\\t', '\v': '\\v', '\\': '\\\\', '"': '\\"',
}; // prettier-ignore

/** What `%q` makes of a string. Source: Go's strconv.Quote. */
export function goQuote(text: string): string {
  const quoted = text.replace(/[\\"]|[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/gu, (char) => {
    const escape = GO_ESCAPES[char];
    if (escape !== undefined) return escape;
    const code = char.codePointAt(0)!;
    if (code < 0x80) return `\\x${code.toString(16).padStart(2, '0')}`;
    return code > 0xffff ? `\\U${code.toString(16).padStart(8, '0')}` : unicode(code);
  });
  return `"${quoted}"`;
}

/** What `%v` makes of a JSON value. Keys of maps come in order, as fmt prints them. */
export function goValue(value: unknown): string {
  if (value === null || value === undefined) return '<nil>';
  if (typeof value === 'string') return value;
  if (typeof value !== 'object') return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(goValue).join(' ')}]`;
  const object = value as Record<string, unknown>;
  const fields = Object.keys(object).toSorted(compareText);
  return `map[${fields.map((key) => `${key}:${goValue(object[key])}`).join(' ')}]`;
}

/** What `%#v` makes of a JSON value. */
export function goSyntax(value: unknown): string {
  if (value === null || value === undefined) return 'interface {}(nil)';
  if (typeof value === 'string') return goQuote(value);
  if (typeof value !== 'object') return JSON.stringify(value);
  if (Array.isArray(value)) return `[]interface {}{${value.map(goSyntax).join(', ')}}`;
  const object = value as Record<string, unknown>;
  const fields = Object.keys(object).toSorted(compareText);
  return `map[string]interface {}{${fields.map((key) => `${goQuote(key)}:${goSyntax(object[key])}`).join(', ')}}`;
}
