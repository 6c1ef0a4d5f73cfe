import { dump } from 'js-yaml';
import { encodeProtobuf, type KubeObject } from '#api';
import type { Clock } from '#util';
import type { Outcome } from '../handlers/call.ts';
import type { Resource } from '../registry/resource.ts';
import type { HttpResponse } from './context.ts';
import { respondPage } from './list.ts';
import { partialProtobuf } from './protobuf.ts';
import { CONTENT_TYPES, type Negotiated } from './negotiate.ts';
import { type IncludeObject, partialMetadata, table } from './table.ts';

export interface RespondOptions {
  readonly negotiated: Negotiated;
  readonly warnings: readonly string[];
  readonly include: IncludeObject;
  readonly clock: Clock;
}

/** Writes an outcome in the negotiated form. Stored bytes are copied, not encoded again, wherever the form is plain JSON. */
export function respond(outcome: Outcome, options: RespondOptions): HttpResponse | Promise<HttpResponse> {
  const { negotiated, include, clock } = options;
  const plain = negotiated.as === undefined && negotiated.format === 'json' && !negotiated.pretty;
  if (outcome.type === 'page')
    return respondPage(outcome.resource, outcome.page, { negotiated, include, clock, headers: headersOf(options) });
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
function encodeObject(object: object, definition: string, { format, pretty, as }: Negotiated): Buffer {
  if (format === 'yaml') return Buffer.from(dump(object, { noRefs: true, sortKeys: true, lineWidth: -1 }));
  if (format === 'protobuf')
    return as === undefined ? encodeProtobuf(object as KubeObject, definition) : partialProtobuf(object as KubeObject);
  return Buffer.from(pretty ? `${JSON.stringify(object, undefined, 2)}\n` : JSON.stringify(object));
}

function respondObject(status: number, object: object, definition: string, options: RespondOptions): HttpResponse {
  return { status, headers: headersOf(options), body: encodeObject(object, definition, options.negotiated) };
}

function single({ kind }: Resource, object: KubeObject, { negotiated, include, clock }: RespondOptions): object {
  switch (negotiated.as) {
    case 'Table':
      return table(kind, [object], {
        include,
        nowMs: clock.now(),
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
