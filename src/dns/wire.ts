/** DNS messages as bytes (RFC 1035, 2782, 6891): queries are read, answers written with names compressed. */
import { ipv6Bytes } from './addresses.ts';

export const TYPE = { A: 1, NS: 2, CNAME: 5, SOA: 6, PTR: 12, TXT: 16, AAAA: 28, SRV: 33, OPT: 41 } as const;
export const CLASS_IN = 1;
export const RCODE = { NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5, BADVERS: 16 } as const;
export const FLAG = { QR: 0x8000, AA: 0x0400, TC: 0x0200, RD: 0x0100, RA: 0x0080, CD: 0x0010 } as const;

export const HEADER_BYTES = 12;
/** Largest answer to a client that says nothing of its own (RFC 1035). */
const PLAIN_UDP_BYTES = 512;
/** Fits every path without fragments: https://www.dnsflagday.net/2020/. */
const MAX_UDP_BYTES = 1232;
const MAX_BYTES = 65_535;
const OPT_BYTES = 11;
/** Three names of 255 bytes and numbers. */
const MAX_RESOURCE_BYTES = 1024;
const MAX_POINTER = 0x3fff;

export interface Question {
  /** In lower case, with dots between the labels and none at the end. Bytes that are no part of a host name are written as `\ddd`. */
  readonly name: string;
  readonly type: number;
  readonly class: number;
  /** As received: its letters' case is to be sent back. */
  readonly bytes: Buffer;
}

export interface Query {
  readonly id: number;
  readonly flags: number;
  readonly question: Question;
  /** The client speaks EDNS. */
  readonly edns: { readonly udpBytes: number; readonly version: number; readonly dnssecOk: boolean } | undefined;
}

/** A message that is none of ours to answer (undefined), one to refuse, or a query. */
export type Received = { readonly refuse: number; readonly id: number; readonly flags: number } | Query | undefined;

export type Resource = { readonly name: string; readonly ttl: number } & (
  | { readonly type: 'A' | 'AAAA'; readonly address: string }
  | { readonly type: 'CNAME' | 'PTR' | 'NS'; readonly target: string }
  | {
      readonly type: 'SRV';
      readonly priority: number;
      readonly weight: number;
      readonly port: number;
      readonly target: string;
    }
  | { readonly type: 'TXT'; readonly text: string }
  | {
      readonly type: 'SOA';
      readonly mname: string;
      readonly rname: string;
      readonly serial: number;
      readonly minimum: number;
    }
);

export class MalformedMessage extends Error {
  override readonly name = 'MalformedMessage';
}

/** Reads what a client sent. Never throws. */
export function readQuery(message: Buffer): Received {
  if (message.length < HEADER_BYTES) return undefined;
  const id = message.readUInt16BE(0);
  const flags = message.readUInt16BE(2);
  if ((flags & FLAG.QR) !== 0) return undefined;
  if ((flags & 0x7800) !== 0) return { refuse: RCODE.NOTIMP, id, flags };
  const malformed = { refuse: RCODE.FORMERR, id, flags };
  const [questions, answers, authorities, additionals] = [4, 6, 8, 10].map((at) => message.readUInt16BE(at));
  if (questions !== 1 || answers !== 0 || authorities !== 0 || (additionals ?? 0) > 8) return malformed;
  try {
    const { name, end } = readName(message, HEADER_BYTES, false);
    if (end + 4 > message.length) return malformed;
    const question: Question = {
      name,
      type: message.readUInt16BE(end),
      class: message.readUInt16BE(end + 2),
      bytes: message.subarray(HEADER_BYTES, end + 4),
    };
    let at = end + 4;
    let edns: Query['edns'];
    for (let i = 0; i < (additionals ?? 0); i++) {
      const record = readResource(message, at);
      if (record.type === TYPE.OPT) {
        if (edns !== undefined) return malformed;
        edns = {
          udpBytes: record.class,
          version: (record.ttl >>> 16) & 0xff,
          dnssecOk: (record.ttl & 0x8000) !== 0,
        };
      }
      at = record.end;
    }
    return { id, flags, question, edns };
  } catch (error) {
    if (error instanceof MalformedMessage) return malformed;
    throw error;
  }
}

/** How many bytes of answer a client takes over UDP. */
export function udpLimit({ edns }: Pick<Query, 'edns'>): number {
  return edns === undefined ? PLAIN_UDP_BYTES : Math.min(Math.max(edns.udpBytes, PLAIN_UDP_BYTES), MAX_UDP_BYTES);
}

/** Reads a name; pointers only lead back, so that it ends. Throws {@link MalformedMessage}. */
export function readName(message: Buffer, start: number, compressed = true): { name: string; end: number } {
  const labels: string[] = [];
  let end: number | undefined;
  let bytes = 0;
  for (let at = start, before = start; ;) {
    const length = message[at];
    if (length === undefined) throw new MalformedMessage('a name runs over the end');
    if (length === 0) return { name: labels.join('.'), end: end ?? at + 1 };
    if (length >= 0xc0 && compressed) {
      if (at + 1 >= message.length) throw new MalformedMessage('a pointer runs over the end');
      const target = message.readUInt16BE(at) & MAX_POINTER;
      if (target >= before) throw new MalformedMessage('a pointer leads forward');
      end ??= at + 2;
      at = before = target;
      continue;
    }
    if (length > 63) throw new MalformedMessage('unknown kind of label');
    if (at + 1 + length > message.length) throw new MalformedMessage('a label runs over the end');
    bytes += length + 1;
    if (bytes > 254) throw new MalformedMessage('a name is too long');
    labels.push(labelText(message, at + 1, length));
    at += length + 1;
  }
}

function labelText(message: Buffer, start: number, length: number): string {
  const text = message.toString('latin1', start, start + length);
  if (/^[a-z0-9_-]*$/.test(text)) return text;
  return text.toLowerCase().replaceAll(/[^a-z0-9_*/-]/g, (c) => `\\${String(c.charCodeAt(0)).padStart(3, '0')}`);
}

export interface RawResource {
  readonly name: string;
  readonly type: number;
  readonly class: number;
  readonly ttl: number;
  /** Where the TTL is. */
  readonly ttlAt: number;
  readonly dataAt: number;
  readonly end: number;
}

/** Reads the head of a resource record. Throws {@link MalformedMessage}. */
export function readResource(message: Buffer, start: number): RawResource {
  const { name, end } = readName(message, start);
  if (end + 10 > message.length) throw new MalformedMessage('a record runs over the end');
  const dataAt = end + 10;
  const dataEnd = dataAt + message.readUInt16BE(end + 8);
  if (dataEnd > message.length) throw new MalformedMessage('data of a record runs over the end');
  return {
    name,
    type: message.readUInt16BE(end),
    class: message.readUInt16BE(end + 2),
    ttl: message.readUInt32BE(end + 4),
    ttlAt: end + 4,
    dataAt,
    end: dataEnd,
  };
}

export interface Answer {
  readonly rcode: number;
  /** Besides QR, RD and CD of the query. */
  readonly flags?: number;
  readonly answers?: readonly Resource[];
  readonly authorities?: readonly Resource[];
  readonly additionals?: readonly Resource[];
}

/** Writes the answer to a query in at most `maxBytes`; what does not fit is left out, and said to be unless it was only additional. */
export function writeAnswer(query: Query, answer: Answer, maxBytes: number): Buffer {
  const { answers = [], authorities = [], additionals = [], rcode, flags = 0 } = answer;
  const limit = Math.min(maxBytes, MAX_BYTES) - (query.edns === undefined ? 0 : OPT_BYTES);
  const writer = new Writer(query.question, limit);
  const written = [answers, authorities, additionals].map((section) => {
    let count = 0;
    while (count < section.length && writer.resource(section[count] as Resource, limit)) count++;
    return count;
  });
  const truncated = (written[0] ?? 0) < answers.length || (written[1] ?? 0) < authorities.length;
  let extra = written[2] ?? 0;
  if (query.edns !== undefined) {
    writer.opt(rcode >> 4, query.edns.dnssecOk);
    extra++;
  }
  const kept = query.flags & (FLAG.RD | FLAG.CD);
  const header = [
    query.id,
    FLAG.QR | kept | flags | (truncated ? FLAG.TC : 0) | (rcode & 0xf),
    1,
    ...written.slice(0, 2),
    extra,
  ];
  return writer.finish(header);
}

/** An answer of nothing but a header, to what could not be read as a query. */
export function writeRefusal({ id, flags, refuse }: { id: number; flags: number; refuse: number }): Buffer {
  const message = Buffer.alloc(HEADER_BYTES);
  message.writeUInt16BE(id, 0);
  message.writeUInt16BE(FLAG.QR | (flags & (0x7800 | FLAG.RD)) | refuse, 2);
  return message;
}

/** A query of our own. */
export function writeQuery(id: number, { flags, question, edns }: Omit<Query, 'id'>): Buffer {
  const writer = new Writer(question, PLAIN_UDP_BYTES);
  if (edns !== undefined) writer.opt(0, edns.dnssecOk);
  return writer.finish([id, FLAG.RD | (flags & FLAG.CD), 1, 0, 0, edns === undefined ? 0 : 1]);
}

/** The question for `name`, in wire form. Throws when a label is longer than 63 bytes. */
export function newQuestion(name: string, type: number): Question {
  const labels = name.split('.').filter((label) => label !== '');
  const parts = labels.flatMap((label) => {
    const bytes = Buffer.from(label, 'latin1');
    if (bytes.length > 63) throw new MalformedMessage('a label is too long');
    return [Buffer.from([bytes.length]), bytes];
  });
  const tail = Buffer.from([0, type >> 8, type & 0xff, 0, CLASS_IN]);
  return { name: labels.join('.').toLowerCase(), type, class: CLASS_IN, bytes: Buffer.concat([...parts, tail]) };
}

/** Names are compressed against those already there, the question's among them, so that its letters' case is kept. */
class Writer {
  readonly #bytes: Buffer;
  /** Lower-case name → where it stands. */
  readonly #names = new Map<string, number>();
  #at: number;

  /** What ends up to `limit` can be kept. */
  constructor(question: Question, limit: number) {
    this.#bytes = Buffer.allocUnsafe(limit + MAX_RESOURCE_BYTES);
    question.bytes.copy(this.#bytes, HEADER_BYTES);
    this.#at = HEADER_BYTES + question.bytes.length;
    let offset = HEADER_BYTES;
    const labels = question.name === '' ? [] : question.name.split('.');
    for (let i = 0; i < labels.length; i++) {
      this.#names.set(labels.slice(i).join('.'), offset);
      offset += (this.#bytes[offset] ?? 0) + 1;
    }
  }

  /** False, and nothing is written, when it would end after `limit`. */
  resource(resource: Resource, limit: number): boolean {
    const start = this.#at;
    this.#name(resource.name);
    this.#u16(TYPE[resource.type]);
    this.#u16(CLASS_IN);
    this.#u32(resource.ttl);
    const lengthAt = this.#at;
    this.#at += 2;
    this.#data(resource);
    this.#bytes.writeUInt16BE(this.#at - lengthAt - 2, lengthAt);
    if (this.#at <= limit) return true;
    this.#at = start;
    for (const [name, at] of this.#names) if (at >= start) this.#names.delete(name);
    return false;
  }

  opt(extendedRcode: number, dnssecOk: boolean): void {
    this.#bytes[this.#at++] = 0;
    this.#u16(TYPE.OPT);
    this.#u16(MAX_UDP_BYTES);
    this.#u32(((extendedRcode << 24) | (dnssecOk ? 0x8000 : 0)) >>> 0);
    this.#u16(0);
  }

  finish(header: readonly number[]): Buffer {
    for (const [i, value] of header.entries()) this.#bytes.writeUInt16BE(value, 2 * i);
    return Buffer.from(this.#bytes.subarray(0, this.#at));
  }

  #data(resource: Resource): void {
    switch (resource.type) {
      case 'A':
        for (const part of resource.address.split('.')) this.#bytes[this.#at++] = Number(part);
        return;
      case 'AAAA':
        for (const byte of ipv6Bytes(resource.address)) this.#bytes[this.#at++] = byte;
        return;
      case 'CNAME':
      case 'PTR':
      case 'NS':
        this.#name(resource.target);
        return;
      case 'SRV':
        this.#u16(resource.priority);
        this.#u16(resource.weight);
        this.#u16(resource.port);
        this.#name(resource.target, false); // RFC 2782
        return;
      case 'TXT': {
        const length = this.#bytes.write(resource.text.slice(0, 255), this.#at + 1, 'latin1');
        this.#bytes[this.#at] = length;
        this.#at += length + 1;
        return;
      }
      case 'SOA':
        this.#name(resource.mname);
        this.#name(resource.rname);
        // Times as CoreDNS has them (plugin/backend_lookup.go).
        for (const value of [resource.serial, 7200, 1800, 86_400, resource.minimum]) this.#u32(value);
    }
  }

  #name(name: string, compress = true): void {
    let rest = name.toLowerCase();
    const labels = name === '' ? [] : name.split('.');
    for (const label of labels) {
      const known = this.#names.get(rest);
      if (known !== undefined && compress) {
        this.#u16(0xc000 | known);
        return;
      }
      if (known === undefined && this.#at <= MAX_POINTER) this.#names.set(rest, this.#at);
      const length = this.#bytes.write(label, this.#at + 1, 63, 'latin1');
      this.#bytes[this.#at] = length;
      this.#at += length + 1;
      rest = rest.slice(label.length + 1);
    }
    this.#bytes[this.#at++] = 0;
  }

  #u16(value: number): void {
    this.#at = this.#bytes.writeUInt16BE(value, this.#at);
  }

  #u32(value: number): void {
    this.#at = this.#bytes.writeUInt32BE(value >>> 0, this.#at);
  }
}
