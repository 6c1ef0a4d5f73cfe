import { dump } from 'js-yaml';
import { apiVersionOf, encodeProtobuf, listKindOf } from '#api';
import { BufferPool, type Clock } from '#util';
import { type ListPage, listMetadata } from '../registry/list.ts';
import { Pace } from '../registry/pace.ts';
import type { Resource } from '../registry/resource.ts';
import type { Entry } from '../watchcache/entry.ts';
import type { ByteSink, HttpResponse } from './context.ts';
import { metaApiVersion, type Negotiated } from './negotiate.ts';
import { compressed, GZIP_BYTES } from './compress.ts';
import { fieldHead, lengthDelimited, partialMessage, rawOf, unknownHead } from './protobuf.ts';
import {
  columnDefinitions,
  type IncludeObject,
  partialMetadata,
  partialText,
  tableRow,
  tableRowText,
  wrongShape,
} from './table.ts';

/** Bytes gathered before they are written. Stored objects that are no more are answered in one piece, with their length known. */
const CHUNK_BYTES = 256 << 10;
/** So many objects or fewer that are written anew are answered in one piece too: 2 ms of work at most. */
const ONE_PIECE = 50;
/** Chunks are longer than they need be by one object. Those that wait for slow readers are not kept for longer than that. */
const chunkPool = new BufferPool(CHUNK_BYTES + (64 << 10), 32);

interface Chunk {
  readonly bytes: Buffer;
  /** Of the pool. */
  readonly buffer: Buffer;
}

export interface ListOptions {
  readonly negotiated: Negotiated;
  readonly include: IncludeObject;
  readonly clock: Clock;
  readonly headers: Record<string, string>;
  /** The client takes gzip. */
  readonly gzip: boolean;
}

/** How a list is written: what stands before, between and behind its items. */
interface ListFormat {
  readonly head: string;
  readonly separator: string;
  readonly tail: string;
  item(entry: Entry): string;
}

/** The answer to a list. What is many is written bit by bit, so that no list holds the event loop, and none is in memory twice. */
export async function respondPage(resource: Resource, page: ListPage, options: ListOptions): Promise<HttpResponse> {
  const { negotiated, headers, clock } = options;
  if (negotiated.as === 'PartialObjectMetadata') throw wrongShape(resource.kind, negotiated.as, true);
  if (negotiated.format === 'protobuf') return await respondProtobuf(resource, page, options);
  const format = listFormat(resource, page, options);
  const { entries } = page;
  const stored = negotiated.as === undefined && !negotiated.pretty && negotiated.format === 'json' && resource.isStored;
  if (stored ? isShort(entries) : entries.length <= ONE_PIECE) {
    const chunks = stored ? storedChunks(format, entries) : madeChunks(format, entries);
    return compressed(
      { status: 200, headers, body: Array.from(chunks, ({ bytes }) => Buffer.from(bytes)) },
      options.gzip,
    );
  }
  const pace = new Pace(clock);
  const chunks = stored ? storedChunks(format, entries) : madeChunks(format, entries, pace);
  return await respondLong(chunks, pace, options);
}

/** An answer that is written bit by bit. */
async function respondLong(
  chunks: Iterator<Chunk, void> & Iterable<Chunk>,
  pace: Pace,
  { headers, gzip }: ListOptions,
): Promise<HttpResponse> {
  const first: Chunk[] = [];
  // Whether an answer is long enough to be compressed shows only as it is made.
  const ahead = gzip ? GZIP_BYTES : -1;
  for (let bytes = 0; bytes <= ahead;) {
    const { value, done } = chunks.next();
    if (done === true) return { status: 200, headers, body: first.map((chunk) => chunk.bytes) };
    first.push(value);
    bytes += value.bytes.length;
    if (pace.due) await pace.turn();
  }
  const long: HttpResponse = {
    status: 200,
    headers,
    async stream(sink: ByteSink) {
      for (const { bytes, buffer } of behind(first, chunks)) {
        if (bytes.length > 0 && !sink.write(bytes, () => chunkPool.give(buffer))) await sink.drained();
        if (sink.closed) return;
        if (pace.due) await pace.turn();
      }
      sink.end();
    },
  };
  return compressed(long, gzip);
}

function isShort(entries: readonly Entry[]): boolean {
  let bytes = 0;
  for (const entry of entries) if ((bytes += entry.byteLength) > CHUNK_BYTES) return false;
  return true;
}

function* behind(first: readonly Chunk[], rest: Iterable<Chunk>): Generator<Chunk> {
  yield* first;
  yield* rest;
}

/** Items as they are stored: each byte is copied once. */
function* storedChunks({ head, tail }: ListFormat, entries: readonly Entry[]): Generator<Chunk, void> {
  const first = Buffer.from(head);
  const last = Buffer.from(tail);
  let from = 0;
  do {
    let to = from;
    let length = from === 0 ? first.length : 0;
    for (; to < entries.length && length < CHUNK_BYTES; to++) length += entries[to]!.byteLength + (to === 0 ? 0 : 1);
    if (to === entries.length) length += last.length;
    const buffer = chunkPool.take(length);
    let at = from === 0 ? first.copy(buffer) : 0;
    for (let i = from; i < to; i++) {
      if (i > 0) buffer[at++] = COMMA;
      at = entries[i]!.copyTo(buffer, at);
    }
    if (to === entries.length) last.copy(buffer, at);
    yield { bytes: buffer.subarray(0, length), buffer };
    from = to;
  } while (from < entries.length);
}

const COMMA = 0x2c;

/** Items that are written anew. Yields when a chunk is full, and whenever `pace` asks for it. */
function* madeChunks(
  { head, separator, tail, item }: ListFormat,
  entries: readonly Entry[],
  pace?: Pace,
): Generator<Chunk, void> {
  let text = head;
  for (const [i, entry] of entries.entries()) {
    if (i > 0) text += separator;
    text += item(entry);
    if (text.length > CHUNK_BYTES || pace?.due === true) {
      yield chunkOf(text);
      text = '';
    }
  }
  yield chunkOf(text + tail);
}

function chunkOf(text: string): Chunk {
  const length = Buffer.byteLength(text);
  const buffer = chunkPool.take(length);
  buffer.write(text);
  return { bytes: buffer.subarray(0, length), buffer };
}

function listFormat(resource: Resource, page: ListPage, { negotiated, include, clock }: ListOptions): ListFormat {
  const { kind } = resource;
  const metadata = listMetadata(page);
  const apiVersion = metaApiVersion(negotiated);
  const list = { kind: listKindOf(kind), apiVersion: apiVersionOf(kind), metadata };
  switch (negotiated.as) {
    case 'Table': {
      const nowMs = clock.now();
      const columns = { columnDefinitions: columnDefinitions(kind) };
      const table = { kind: 'Table', apiVersion, metadata, ...columns };
      const how = { include, nowMs, apiVersion };
      const rows = around(table, 'rows', negotiated, (entry) => tableRow(kind, resource.object(entry), how));
      return isPlain(negotiated) ? { ...rows, item: (entry) => tableRowText(resource, entry, how) } : rows;
    }
    case 'PartialObjectMetadata':
    case 'PartialObjectMetadataList': {
      const partial = { kind: 'PartialObjectMetadataList', apiVersion, metadata };
      const items = around(partial, 'items', negotiated, (entry) =>
        partialMetadata(resource.object(entry), apiVersion),
      );
      return isPlain(negotiated) ? { ...items, item: (entry) => partialText(resource, entry, apiVersion) } : items;
    }
    case undefined:
      return around(list, 'items', negotiated, (entry) => resource.object(entry));
  }
}

const isPlain = ({ format, pretty }: Negotiated): boolean => format === 'json' && !pretty;

/** `list` with `field` as its last member, holding what `item` makes of each entry. */
function around(
  list: object,
  field: string,
  { format, pretty }: Negotiated,
  item: (entry: Entry) => object,
): ListFormat {
  const MARK = '\0';
  if (format === 'yaml') {
    const empty = dump({ ...list, [field]: [] }, YAML);
    const [before = '', after = ''] = empty.split(`${field}: []\n`);
    return {
      head: `${before}${field}:\n`,
      separator: '',
      tail: after,
      item: (entry) => `- ${dump(item(entry), YAML).trimEnd().replaceAll('\n', '\n  ')}\n`,
    };
  }
  const mark = JSON.stringify(MARK);
  const indent = pretty ? 2 : undefined;
  const [head = '', tail = ''] = JSON.stringify({ ...list, [field]: [MARK] }, undefined, indent).split(mark);
  return {
    head,
    separator: pretty ? ',\n    ' : ',',
    tail: pretty ? tail : `${tail}\n`,
    item: pretty
      ? (entry) => JSON.stringify(item(entry), undefined, 2).replaceAll('\n', '\n    ')
      : (entry) => JSON.stringify(item(entry)),
  };
}

const YAML = { noRefs: true, sortKeys: true, lineWidth: -1 } as const;

/** Messages of a list that are kept while its length is found out; the others are made twice. */
const KEPT_MESSAGES_BYTES = 4 << 20;

/** A protobuf message carries its length in front: all items are made for their lengths before the first is sent. */
async function respondProtobuf(resource: Resource, page: ListPage, options: ListOptions): Promise<HttpResponse> {
  const { negotiated, clock, headers, gzip } = options;
  const { entries } = page;
  const { kind } = resource;
  const partial = negotiated.as !== undefined;
  const own = partial
    ? { kind: 'PartialObjectMetadataList', apiVersion: metaApiVersion(negotiated) }
    : { kind: listKindOf(kind), apiVersion: apiVersionOf(kind) };
  const metadata = { apiVersion: '', kind: '', ...listMetadata(page) };
  // The old version of the one list that has two numbers its fields the other way round.
  const [metadataField, itemsField] = partial && negotiated.metaVersion === 'v1beta1' ? [2, 1] : [1, 2];
  const item = (entry: Entry): Buffer[] => {
    const object = resource.object(entry);
    const message = partial ? partialMessage(object) : rawOf(encodeProtobuf(object, kind.definition));
    return lengthDelimited(itemsField, [message]);
  };
  const pace = new Pace(clock);
  const begin = lengthDelimited(metadataField, [rawOf(encodeProtobuf(metadata, 'meta.v1.ListMeta'))]);
  const kept: Buffer[][] = [];
  let length = lengthOf(begin);
  for (const entry of entries) {
    const parts = item(entry);
    length += lengthOf(parts);
    if (length <= KEPT_MESSAGES_BYTES) kept.push(parts);
    if (pace.due) await pace.turn();
  }
  const head = [...unknownHead(own), fieldHead(2, length), ...begin];
  if (length <= CHUNK_BYTES) return compressed({ status: 200, headers, body: [...head, ...kept.flat()] }, gzip);
  return await respondLong(
    messageChunks(head, entries, (entry, i) => kept[i] ?? item(entry), pace),
    pace,
    options,
  );
}

const lengthOf = (parts: readonly Buffer[]): number => parts.reduce((sum, { length }) => sum + length, 0);

/** Yields when a chunk is full, and whenever `pace` asks for it. */
function* messageChunks(
  head: readonly Buffer[],
  entries: readonly Entry[],
  item: (entry: Entry, i: number) => readonly Buffer[],
  pace: Pace,
): Generator<Chunk, void> {
  const parts = [...head];
  let bytes = lengthOf(parts);
  for (const [i, entry] of entries.entries()) {
    for (const part of item(entry, i)) {
      parts.push(part);
      bytes += part.length;
    }
    if (bytes <= CHUNK_BYTES && !pace.due) continue;
    yield gathered(parts.splice(0), bytes);
    bytes = 0;
  }
  yield gathered(parts, bytes);
}

function gathered(parts: readonly Buffer[], bytes: number): Chunk {
  const buffer = chunkPool.take(bytes);
  let at = 0;
  for (const part of parts) at += part.copy(buffer, at);
  return { bytes: buffer.subarray(0, bytes), buffer };
}
