/** Base64 as Go's encoding/json reads []byte: the standard alphabet, padded, line breaks ignored. */

const WELL_FORMED = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const LINE_BREAKS = /[\r\n]/g;

/** What Go says of a text that is no base64; undefined when it is. */
export function base64Error(text: string): string | undefined {
  if (WELL_FORMED.test(text)) return undefined;
  const plain = text.replace(LINE_BREAKS, '');
  if (plain.length !== text.length && WELL_FORMED.test(plain)) return undefined;
  const corrupt = (at: number): string => `illegal base64 data at input byte ${at}`;
  const foreign = /[^A-Za-z0-9+/\r\n]/.exec(text);
  // Without a foreign character the text ends in the middle of a group; Go names where that group begins.
  if (foreign === null) return corrupt(text.length - (plain.length % 4));
  const before = text.slice(0, foreign.index).replace(LINE_BREAKS, '').length % 4;
  if (foreign[0] !== '=' || before < 2) return corrupt(foreign.index);
  const rest = text.slice(foreign.index).replace(LINE_BREAKS, '');
  if (before === 2 && rest[1] !== '=') return corrupt(rest.length === 1 ? text.length : foreign.index + 1);
  return corrupt(foreign.index + (before === 2 ? 2 : 1));
}

/** The text Go writes for the same bytes. `text` must be well-formed. */
export function canonicalBase64(text: string): string {
  if (!text.endsWith('=') && text.length % 4 === 0 && !/[\r\n]/.test(text)) return text;
  const plain = text.replace(LINE_BREAKS, '');
  if (!plain.endsWith('=')) return plain;
  // Bits behind the last byte may be anything to a reader; a writer leaves them zero.
  const head = plain.slice(0, -4);
  return head + Buffer.from(plain.slice(-4), 'base64').toString('base64');
}
