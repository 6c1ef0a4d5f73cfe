/**
 * Reads ASN.1 DER, with the errors of Go's encoding/asn1. Lengths and offsets are checked before anything is read: hostile bytes end in a
 * {@link DerError}. Sources: encoding/asn1 asn1.go, common.go of Go 1.25.
 */

/** What is wrong with the bytes, in Go's words. */
export class DerError extends Error {
  override readonly name = 'DerError';
}

const syntaxError = (why: string): DerError => new DerError(`asn1: syntax error: ${why}`);
const structureError = (why: string): DerError => new DerError(`asn1: structure error: ${why}`);

export interface Element {
  /** 0 universal, 2 context-specific. */
  readonly class: number;
  readonly tag: number;
  readonly isCompound: boolean;
  /** What stands in it. */
  readonly content: Buffer;
  /** Header included. */
  readonly full: Buffer;
}

/** What must stand in a place: its tag, and Go's name of the type it is read into. */
export interface Wanted {
  readonly class?: number;
  readonly tag: number;
  readonly isCompound: boolean;
  readonly go: string;
}

export const SEQUENCE = 16;
/** A length of this many bytes or more is refused before it is read to its end. */
const MAX_LENGTH = 2 ** 23;

interface Header extends Pick<Element, 'class' | 'tag' | 'isCompound'> {
  readonly length: number;
  readonly offset: number;
}

function readHeader(bytes: Buffer, start: number): Header {
  let offset = start;
  const next = (): number => {
    const byte = bytes[offset++];
    if (byte === undefined) throw syntaxError('truncated tag or length');
    return byte;
  };
  const first = next();
  let tag = first & 0x1f;
  if (tag === 0x1f) {
    tag = 0;
    for (let read = 1, byte = 0x80; (byte & 0x80) !== 0; read++) {
      if (read > 5) throw structureError('base 128 integer too large');
      const following = bytes[offset++];
      if (following === undefined) throw syntaxError('truncated base 128 integer');
      if (read === 1 && following === 0x80) throw syntaxError('integer is not minimally encoded');
      byte = following;
      tag = tag * 128 + (byte & 0x7f);
    }
    if (tag < 0x1f) throw syntaxError('non-minimal tag');
  }
  let length = next();
  if ((length & 0x80) !== 0) {
    const count = length & 0x7f;
    if (count === 0) throw syntaxError('indefinite length found (not DER)');
    length = 0;
    for (let i = 0; i < count; i++) {
      const byte = next();
      if (length >= MAX_LENGTH) throw structureError('length too large');
      length = length * 256 + byte;
      if (length === 0) throw structureError('superfluous leading zeros in length');
    }
    if (length < 0x80) throw structureError('non-minimal length');
  }
  return { class: first >> 6, tag, isCompound: (first & 0x20) !== 0, length, offset };
}

const NO_PARAMETERS =
  '{optional:false explicit:false application:false private:false defaultValue:<nil> tag:<nil> stringType:0 timeType:0 set:false omitEmpty:false}';

/** The elements that stand one behind the other in some bytes. */
export class DerReader {
  readonly #bytes: Buffer;
  #offset = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.#offset === this.#bytes.length;
  }

  /** The next one, whatever it is. */
  any(): Element {
    return this.#read(undefined);
  }

  next(wanted: Wanted): Element {
    return this.#read(wanted);
  }

  #read(wanted: Wanted | undefined): Element {
    if (this.done) throw syntaxError('sequence truncated');
    const start = this.#offset;
    const header = readHeader(this.#bytes, start);
    const { length, offset, ...found } = header;
    if (wanted !== undefined) {
      const { class: wantedClass = 0, tag, isCompound, go } = wanted;
      if (found.class !== wantedClass || found.tag !== tag || found.isCompound !== isCompound) {
        const shown = `{class:${found.class} tag:${found.tag} length:${length} isCompound:${found.isCompound}}`;
        throw structureError(`tags don't match (${tag} vs ${shown}) ${NO_PARAMETERS} ${go} @${offset}`);
      }
    }
    const end = offset + length;
    if (end > this.#bytes.length) throw syntaxError('data truncated');
    this.#offset = end;
    return { ...found, content: this.#bytes.subarray(offset, end), full: this.#bytes.subarray(start, end) };
  }
}

/** The one element that all of the bytes are. */
export function readWhole(bytes: Buffer, wanted: Wanted): Element {
  const reader = new DerReader(bytes);
  const element = reader.next(wanted);
  if (!reader.done) throw syntaxError('trailing data');
  return element;
}

const OID: Wanted = { tag: 6, isCompound: false, go: 'ObjectIdentifier' };

/** `1.2.840.10045.4.3.2`. */
export function readOid(reader: DerReader): string {
  const { content } = reader.next(OID);
  if (content.length === 0) throw syntaxError('zero length OBJECT IDENTIFIER');
  const arcs: number[] = [];
  let arc = 0;
  for (const [i, byte] of content.entries()) {
    arc = arc * 128 + (byte & 0x7f);
    if (arc > 0x7fffffff) throw structureError('base 128 integer too large');
    if ((byte & 0x80) !== 0) {
      if (i === content.length - 1) throw syntaxError('truncated base 128 integer');
      continue;
    }
    arcs.push(arc);
    arc = 0;
  }
  const [first = 0, ...rest] = arcs;
  const top = Math.min(2, Math.floor(first / 40));
  return [top, first - top * 40, ...rest].join('.');
}

const BITS: Wanted = { tag: 3, isCompound: false, go: 'BitString' };

/** The bits of a bit string, the last one the lowest of the last byte. Source: RightAlign of encoding/asn1, as crypto/x509 reads keys and signatures. */
export function readBits(reader: DerReader): Buffer {
  const { content } = reader.next(BITS);
  const [padding] = content;
  if (padding === undefined) throw syntaxError('zero length BIT STRING');
  const wrong = padding > 7 || (content.length === 1 && padding > 0);
  if (wrong || (content.at(-1)! & ((1 << padding) - 1)) !== 0) throw syntaxError('invalid padding bits in BIT STRING');
  const bits = content.subarray(1);
  if (padding === 0) return bits;
  return Buffer.from(bits.map((byte, i) => (byte >> padding) | ((i === 0 ? 0 : bits[i - 1]!) << (8 - padding))));
}
