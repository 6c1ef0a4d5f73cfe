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

/** What four bits do, for each node and each value of theirs: where they lead, and the byte they end (no code is shorter than five bits), or one of these. */
interface Machine {
  readonly next: Uint8Array;
  readonly byte: Int16Array;
  /** A text may end at this node: what came since the last byte is padding. */
  readonly mayEnd: Uint8Array;
}
const NO_BYTE = -1;
const BROKEN = -2;

function buildMachine(): Machine {
  const root = buildTree();
  const nodes: Node[] = [root];
  for (const node of nodes) for (const child of node) if (typeof child === 'object') nodes.push(child);
  const numbers = new Map(nodes.map((node, i) => [node, i]));
  const machine: Machine = {
    next: new Uint8Array(16 * nodes.length),
    byte: new Int16Array(16 * nodes.length).fill(NO_BYTE),
    mayEnd: new Uint8Array(nodes.length),
  };
  for (const [number, start] of nodes.entries()) {
    for (let nibble = 0; nibble < 16; nibble++) {
      let node: Node = start;
      for (let bit = 3; bit >= 0; bit--) {
        const child: Node | number | undefined = node[(nibble >>> bit) & 1];
        node = typeof child === 'object' ? child : root;
        if (typeof child !== 'object')
          machine.byte[16 * number + nibble] = child === undefined || child === END ? BROKEN : child;
      }
      machine.next[16 * number + nibble] = numbers.get(node)!;
    }
  }
  let node: Node | number | undefined = root;
  for (let depth = 0; depth <= MAX_PADDING_BITS && typeof node === 'object'; depth++, node = node[1])
    machine.mayEnd[numbers.get(node)!] = 1;
  return machine;
}

let machine: Machine | undefined;
let scratch = Buffer.allocUnsafeSlow(4096);

/** The text that a part of a buffer is the code of, as latin1; undefined if it is none. */
export function decodeHuffman(bytes: Buffer, from: number, to: number): string | undefined {
  const { next, byte, mayEnd } = (machine ??= buildMachine());
  // No code is shorter than five bits.
  if (2 * (to - from) > scratch.length) scratch = Buffer.allocUnsafeSlow(4 * (to - from));
  const text = scratch;
  let length = 0;
  let node = 0;
  for (let at = from; at < to; at++) {
    const value = bytes[at]!;
    for (let shift = 4; shift >= 0; shift -= 4) {
      const step = 16 * node + ((value >>> shift) & 15);
      const found = byte[step]!;
      node = next[step]!;
      if (found >= 0) text[length++] = found;
      else if (found === BROKEN) return undefined;
    }
  }
  return mayEnd[node] === 1 ? text.toString('latin1', 0, length) : undefined;
}
