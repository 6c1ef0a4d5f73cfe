import { StatusError } from '#api';
import { LruMap } from '#util';

export type Format = 'json' | 'yaml' | 'protobuf';

/** How an answer is written. */
export interface Negotiated {
  readonly format: Format;
  /** Convert objects to this meta.k8s.io/v1 kind first. */
  readonly as?: 'Table' | 'PartialObjectMetadata' | 'PartialObjectMetadataList' | undefined;
  readonly pretty: boolean;
}

interface MediaRange {
  readonly type: string;
  readonly params: Readonly<Record<string, string>>;
  readonly q: number;
}

export const PROTOBUF = 'application/vnd.kubernetes.protobuf';
export const CONTENT_TYPES: Readonly<Record<Format, string>> = {
  json: 'application/json',
  yaml: 'application/yaml',
  protobuf: PROTOBUF,
};
const BY_TYPE: Readonly<Record<string, Format>> = {
  'application/json': 'json',
  'application/*': 'json',
  '*/*': 'json',
  'application/yaml': 'yaml',
  [PROTOBUF]: 'protobuf',
};

/** Accept headers come in a handful of forms, each many thousand times. */
const parsedHeaders = new LruMap<string, readonly MediaRange[]>(256);

/** The ranges of an Accept header, most wanted first. Source: munnerz/goautoneg as apiserver uses it. */
export function acceptRanges(header: string): readonly MediaRange[] {
  const known = parsedHeaders.get(header);
  if (known !== undefined) return known;
  const ranges = header.split(',').map((part): MediaRange => {
    const [type = '', ...params] = part.split(';').map((p) => p.trim());
    const pairs = params.map((p): [string, string] => {
      const at = p.indexOf('=');
      return at < 0 ? [p, ''] : [p.slice(0, at), p.slice(at + 1).replaceAll('"', '')];
    });
    const { q, ...rest } = Object.fromEntries(pairs);
    return { type: type.toLowerCase(), params: rest, q: q === undefined ? 1 : Number(q) || 0 };
  });
  const sorted = ranges.toSorted((a, b) => b.q - a.q);
  parsedHeaders.set(header, sorted);
  return sorted;
}

export interface Offer {
  /** Formats this resource has; a custom resource has no protobuf. */
  readonly formats: readonly Format[];
  /** Kinds of meta.k8s.io/v1 it converts to. */
  readonly conversions: readonly string[];
}

/** Asked by a human with curl or a browser: indented. */
const HUMAN_AGENT = /^(?:curl|Wget|Mozilla\/5\.0)/;

/**
 * Picks the format of an answer. Where JSON is as welcome as protobuf it is chosen, since objects are kept as JSON bytes; clients read the answer's
 * Content-Type. Source: apiserver pkg/endpoints/handlers/negotiation v1.36.
 */
export function negotiate(accept: string | undefined, query: URLSearchParams, agent: string, offer: Offer): Negotiated {
  const prettyParam = query.get('pretty');
  const pretty = prettyParam === null ? HUMAN_AGENT.test(agent) : prettyParam !== 'false' && prettyParam !== '0';
  if (accept === undefined || accept === '') return { format: 'json', pretty };
  let fallback: Negotiated | undefined;
  for (const { type, params } of acceptRanges(accept)) {
    const format = BY_TYPE[type];
    if (format === undefined || !offer.formats.includes(format)) continue;
    const as = params['as'];
    if (as !== undefined && (params['g'] !== 'meta.k8s.io' || params['v'] !== 'v1' || !offer.conversions.includes(as)))
      continue;
    // Tables have no protobuf form.
    if (as === 'Table' && format === 'protobuf') continue;
    const found: Negotiated = {
      format,
      as: as as Negotiated['as'],
      pretty: pretty || params['pretty'] === '1' || params['pretty'] === 'true',
    };
    if (format !== 'protobuf') return fallback === undefined || fallback.as === found.as ? found : fallback;
    fallback ??= found;
  }
  if (fallback !== undefined) return fallback;
  const types = offer.formats.map((f) => CONTENT_TYPES[f]).join(', ');
  throw new StatusError('NotAcceptable', `only the following media types are accepted: ${types}`);
}
