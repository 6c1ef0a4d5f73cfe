/** The Huffman code of HPACK. Source: RFC 7541, section 5.2 and appendix B. */

/**
 * How many bits the code of each byte has. The code is canonical (codes of one length follow one another in the order of their bytes, and longer ones follow
 * shorter ones), so this is all there is to know. The end of text, behind the bytes, has 30 ones.
 */
const BITS = [
  [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28,
    28, 28, 28,
  ],
  [6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10],
  [13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6],
  [15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28],
  [
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22,
    23, 23, 24,
  ],
  [
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23,
    22, 22, 23,
  ],
  [
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28,
    27, 27, 27,
  ],
  [
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27,
    27, 27, 26,
  ],
].flat();
const END = 256;
const END_BITS = 30;
/** Less than a byte is filled up with ones. */
const MAX_PADDING_BITS = 7;

/** A tree: where each bit leads from a node, to another node or (negative) to a byte. */
type Node = [Node | number | undefined, Node | number | undefined];

function buildTree(): Node {
  const root: Node = [undefined, undefined];
  const symbols = [...BITS.entries(), [END, END_BITS] as const].toSorted(([a, x], [b, y]) => x - y || a - b);
  let code = 0;
  let length = 0;
  for (const [symbol, bits] of symbols) {
    code *= 2 ** (bits - length);
    length = bits;
    put(root, code++, bits, symbol);
  }
  return root;
}

function put(root: Node, code: number, bits: number, symbol: number): void {
  let node = root;
  for (let i = bits - 1; i > 0; i--) {
    const bit = (code >>> i) & 1;
    const next = node[bit];
    if (typeof next === 'object') node = next;
    else node = node[bit] = [undefined, undefined];
  }
  node[code & 1] = symbol;
}

const ROOT = buildTree();

/** The text that a part of a buffer is the code of, as latin1; undefined if it is none. */
export function decodeHuffman(bytes: Buffer, from: number, to: number): string | undefined {
  const text: number[] = [];
  let node = ROOT;
  let depth = 0;
  let allOnes = true;
  for (let at = from; at < to; at++) {
    for (let shift = 7; shift >= 0; shift--) {
      const bit = (bytes[at]! >>> shift) & 1;
      const next = node[bit];
      if (typeof next === 'object') {
        node = next;
        depth++;
        allOnes &&= bit === 1;
        continue;
      }
      if (next === undefined || next === END) return undefined;
      text.push(next);
      node = ROOT;
      depth = 0;
      allOnes = true;
    }
  }
  if (depth > MAX_PADDING_BITS || !allOnes) return undefined;
  return Buffer.from(text).toString('latin1');
}
