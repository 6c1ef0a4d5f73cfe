import { dump } from 'js-yaml';
import { apiVersionOf, encodeProtobuf, type Kind, type KubeObject } from '#api';
import type { Clock } from '#util';
import type { Outcome } from '../handlers/call.ts';
import { compressed } from './compress.ts';
import type { HttpResponse } from './context.ts';
import { respondPage } from './list.ts';
import { CONTENT_TYPES, metaApiVersion, type Negotiated } from './negotiate.ts';
import { partialProtobuf } from './protobuf.ts';
import { defaultTable, type IncludeObject, partialMetadata, table, wrongShape } from './table.ts';

export interface RespondOptions {
  readonly negotiated: Negotiated;
  readonly include: IncludeObject;
  readonly clock: Clock;
  /** The client takes gzip. */
  readonly gzip: boolean;
}

/** Writes an outcome in the negotiated form. Stored bytes are copied, not encoded again, wherever the form is plain JSON. */
export function respond(outcome: Outcome, options: RespondOptions): HttpResponse | Promise<HttpResponse> {
  const { negotiated, gzip } = options;
  const plain = negotiated.as === undefined && negotiated.format === 'json' && !negotiated.pretty;
  const headers = { 'content-type': CONTENT_TYPES[negotiated.format] };
  if (outcome.type === 'page') return respondPage(outcome.resource, outcome.page, { ...options, headers });
  if (outcome.type === 'made list') {
    const { kind, objects } = outcome;
    const body = encodeObject(several(kind, objects, options), `${kind.definition}List`, negotiated);
    return compressed({ status: 200, headers, body }, gzip);
  }
  const { status } = outcome;
  if (outcome.type === 'object') {
    const { object, definition } = outcome;
    return compressed(
      { status, headers, body: encodeObject(converted(object, options), definition, negotiated) },
      gzip,
    );
  }
  if (outcome.type === 'made') {
    const { kind, object } = outcome;
    return compressed(
      { status, headers, body: encodeObject(single(kind, object, options), kind.definition, negotiated) },
      gzip,
    );
  }
  const { resource, entry } = outcome;
  const body = plain
    ? resource.document(entry)
    : encodeObject(single(resource.kind, resource.object(entry), options), resource.kind.definition, negotiated);
  return compressed({ status, headers, body }, gzip);
}

/** Bytes of any object in the negotiated format. */
export function encodeObject(object: object, definition: string, negotiated: Negotiated): Buffer {
  const { format, pretty, as } = negotiated;
  if (format === 'yaml') return Buffer.from(dump(object, { noRefs: true, sortKeys: true, lineWidth: -1 }));
  if (format === 'protobuf')
    return as === undefined
      ? encodeProtobuf(object as KubeObject, definition)
      : partialProtobuf(object as KubeObject, metaApiVersion(negotiated));
  return Buffer.from(pretty ? JSON.stringify(object, undefined, 2) : `${JSON.stringify(object)}\n`);
}

/** A list of what nobody stores, so of no version. */
export const madeList = (kind: Kind, items: readonly KubeObject[]): object => ({
  kind: `${kind.kind}List`,
  apiVersion: apiVersionOf(kind),
  metadata: {},
  items,
});

function several(kind: Kind, objects: readonly KubeObject[], { negotiated, include, clock }: RespondOptions): object {
  const apiVersion = metaApiVersion(negotiated);
  switch (negotiated.as) {
    case 'Table':
      return table(kind, objects, { include, nowMs: clock.now(), apiVersion, columns: true, metadata: {} });
    case 'PartialObjectMetadata':
      throw wrongShape(kind, negotiated.as, true);
    case 'PartialObjectMetadataList': {
      const items = objects.map((object) => partialMetadata(object, apiVersion));
      return { kind: 'PartialObjectMetadataList', apiVersion, metadata: {}, items };
    }
    case undefined:
      return madeList(kind, objects);
  }
}

function single(kind: Kind, object: KubeObject, { negotiated, include, clock }: RespondOptions): object {
  const apiVersion = metaApiVersion(negotiated);
  switch (negotiated.as) {
    case 'Table':
      return table(kind, [object], {
        include,
        nowMs: clock.now(),
        apiVersion,
        columns: true,
        metadata: { resourceVersion: object.metadata.resourceVersion },
      });
    case 'PartialObjectMetadata':
      return partialMetadata(object, apiVersion);
    case 'PartialObjectMetadataList':
      throw wrongShape(kind, negotiated.as, false);
    case undefined:
      return object;
  }
}

/** What is no stored object: a Status goes as it is whatever was asked for, as upstream's doTransformObject does. */
function converted(object: object, { negotiated, include, clock }: RespondOptions): object {
  const { kind } = object as KubeObject;
  const apiVersion = metaApiVersion(negotiated);
  if (negotiated.as === undefined || kind === 'Status') return object;
  if (negotiated.as === 'Table') return defaultTable(object as KubeObject, { include, apiVersion, nowMs: clock.now() });
  if (negotiated.as === 'PartialObjectMetadataList') throw wrongShape({ group: '', kind }, negotiated.as, false);
  return partialMetadata(object as KubeObject, apiVersion);
}
