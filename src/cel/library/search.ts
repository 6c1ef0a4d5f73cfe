/** Text within text, in a time that grows with their lengths and not with the product. */

/** Below this product the engine's own search is quick whatever the texts. */
const SMALL = 1_000_000;

/** Where `part` begins in `text`, from an index on; -1: nowhere. In code units. */
export function indexFrom(text: string, part: string, from: number): number {
  if (part.length < 2 || (text.length - from) * part.length <= SMALL) return text.indexOf(part, from);
  // Knuth, Morris, Pratt: how much of the part is at its beginning and before each place.
  const borders = bordersOf(part);
  let matched = 0;
  for (let i = from; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    while (matched > 0 && part.charCodeAt(matched) !== unit) matched = borders[matched - 1]!;
    if (part.charCodeAt(matched) === unit) matched++;
    if (matched === part.length) return i - matched + 1;
  }
  return -1;
}

function bordersOf(part: string): Int32Array {
  const borders = new Int32Array(part.length);
  let length = 0;
  for (let i = 1; i < part.length; i++) {
    const unit = part.charCodeAt(i);
    while (length > 0 && part.charCodeAt(length) !== unit) length = borders[length - 1]!;
    if (part.charCodeAt(length) === unit) length++;
    borders[i] = length;
  }
  return borders;
}

/** Where `part` begins last at or before an index; -1: nowhere. */
export function lastIndexFrom(text: string, part: string, from: number): number {
  if (part.length < 2 || text.length * part.length <= SMALL) return from < 0 ? -1 : text.lastIndexOf(part, from);
  let last = -1;
  for (const at of occurrences(text, part)) {
    if (at > from) break;
    last = at;
  }
  return last;
}

/** Every place where a part begins, overlapping ones too. */
function* occurrences(text: string, part: string): Generator<number> {
  const borders = bordersOf(part);
  let matched = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    while (matched > 0 && part.charCodeAt(matched) !== unit) matched = borders[matched - 1]!;
    if (part.charCodeAt(matched) === unit) matched++;
    if (matched < part.length) continue;
    yield i - matched + 1;
    matched = borders[matched - 1]!;
  }
}

export const includes = (text: string, part: string): boolean => indexFrom(text, part, 0) >= 0;
