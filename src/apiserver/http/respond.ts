import { setImmediate } from 'node:timers/promises';
import { dump } from 'js-yaml';
import { apiVersionOf, encodeProtobuf, type KubeObject } from '#api';
import type { Outcome } from '../handlers/call.ts';
import type { ListPage } from '../registry/list.ts';
import type { Resource } from '../registry/resource.ts';
import type { ByteSink, HttpResponse } from './context.ts';
import { CONTENT_TYPES, type Negotiated } from './negotiate.ts';
import { type IncludeObject, partialMetadata, table } from './table.ts';

/** Entries written between two turns of the event loop: about 2 ms of work. */
const SLICE = 500;

export interface RespondOptions {
  readonly negotiated: Negotiated;
  readonly warnings: readonly string[];
  readonly include: IncludeObject;
  readonly nowMs: number;
}

/** Writes an outcome in the negotiated form. Stored bytes are copied, not encoded again, wherever the form is plain JSON. */
export function respond(outcome: Outcome, options: RespondOptions): HttpResponse {
  const { negotiated } = options;
  const plain = negotiated.as === undefined && negotiated.format === 'json' && !negotiated.pretty;
  if (outcome.type === 'page') {
    if (plain) return respondPage(outcome.resource, outcome.page, headersOf(options));
    return respondObject(200, pageObject(outcome, options), `${outcome.resource.kind.definition}List`, options);
  }
  if (outcome.type === 'object') return respondObject(outcome.status, outcome.object, outcome.definition, options);
  const { resource, entry, status } = outcome;
  if (plain) return { status, headers: headersOf(options), body: resource.bytes(entry) };
  return respondObject(status, single(resource, resource.object(entry), options), resource.kind.definition, options);
}

function headersOf({ negotiated, warnings }: RespondOptions): Record<string, string> {
  const as = negotiated.as === undefined ? '' : `;as=${negotiated.as};v=v1;g=meta.k8s.io`;
  return {
    'content-type': `${CONTENT_TYPES[negotiated.format]}${negotiated.format === 'json' ? as : ''}`,
    'cache-control': 'no-cache, private',
    // Source: RFC 7234 section 5.5 as apimachinery net.NewWarningHeader writes it.
    ...(warnings.length === 0 ? {} : { warning: warnings.map((w) => `299 - ${quoted(w)}`).join(', ') }),
  };
}

const quoted = (text: string): string =>
  `"${text.replaceAll(/["\\]/g, (c) => `\\${c}`).replaceAll(/[^\x20-\x7e]/g, '?')}"`;

/** Bytes of any object in the negotiated format. */
export function encodeObject(object: object, definition: string, { format, pretty, as }: Negotiated): Buffer {
  if (format === 'yaml') return Buffer.from(dump(object, { noRefs: true, sortKeys: true, lineWidth: -1 }));
  if (format === 'protobuf' && as === undefined) return encodeProtobuf(object as KubeObject, definition);
  return Buffer.from(pretty ? `${JSON.stringify(object, undefined, 2)}\n` : JSON.stringify(object));
}

function respondObject(status: number, object: object, definition: string, options: RespondOptions): HttpResponse {
  return { status, headers: headersOf(options), body: encodeObject(object, definition, options.negotiated) };
}

function single({ kind }: Resource, object: KubeObject, { negotiated, include, nowMs }: RespondOptions): object {
  switch (negotiated.as) {
    case 'Table':
      return table(kind, [object], {
        include,
        nowMs,
        columns: true,
        metadata: { resourceVersion: object.metadata.resourceVersion },
      });
    case 'PartialObjectMetadata':
    case 'PartialObjectMetadataList':
      return partialMetadata(object);
    case undefined:
      return object;
  }
}

const listMetadata = ({ revision, continue: token, remainingItemCount }: ListPage): object => ({
  resourceVersion: String(revision),
  ...(token === undefined ? {} : { continue: token }),
  ...(remainingItemCount === undefined ? {} : { remainingItemCount }),
});

function pageObject(
  { resource, page }: Extract<Outcome, { type: 'page' }>,
  { negotiated, include, nowMs }: RespondOptions,
): object {
  const { kind } = resource;
  const objects = page.entries.map((entry) => resource.object(entry));
  const metadata = listMetadata(page);
  if (negotiated.as === 'Table') return table(kind, objects, { include, nowMs, columns: true, metadata });
  if (negotiated.as !== undefined)
    return {
      kind: 'PartialObjectMetadataList',
      apiVersion: 'meta.k8s.io/v1',
      metadata,
      items: objects.map(partialMetadata),
    };
  return { kind: `${kind.kind}List`, apiVersion: apiVersionOf(kind), metadata, items: objects };
}

function respondPage(resource: Resource, page: ListPage, headers: Record<string, string>): HttpResponse {
  const { kind } = resource;
  const head = `{"kind":"${kind.kind}List","apiVersion":"${apiVersionOf(kind)}","metadata":${JSON.stringify(listMetadata(page))},"items":[`;
  if (page.entries.length <= SLICE)
    return { status: 200, headers, body: Buffer.concat([Buffer.from(head), ...pieces(resource, page, 0), TAIL]) };
  return {
    status: 200,
    headers,
    async stream(sink: ByteSink) {
      sink.write(Buffer.from(head));
      for (let at = 0; at < page.entries.length; at += SLICE) {
        if (!sink.write(Buffer.concat(pieces(resource, page, at)))) await sink.drained();
        await setImmediate();
      }
      sink.write(TAIL);
      sink.end();
    },
  };
}

const COMMA = Buffer.from(',');
const TAIL = Buffer.from(']}\n');

function pieces(resource: Resource, { entries }: ListPage, from: number): Buffer[] {
  const out: Buffer[] = [];
  for (let i = from; i < Math.min(from + SLICE, entries.length); i++) {
    if (i > 0) out.push(COMMA);
    out.push(resource.bytes(entries[i]!));
  }
  return out;
}
