import { StatusError } from '#api';
import { LruMap } from '#util';

export type Format = 'json' | 'yaml' | 'protobuf';

/** How an answer is written. */
export interface Negotiated {
  readonly format: Format;
  /** Convert objects to this kind of meta.k8s.io first. */
  readonly as?: Conversion | undefined;
  /** Version of meta.k8s.io that `as` is wanted in. */
  readonly metaVersion: 'v1' | 'v1beta1';
  readonly pretty: boolean;
}

export type Conversion = 'Table' | 'PartialObjectMetadata' | 'PartialObjectMetadataList';

export const metaApiVersion = ({ metaVersion }: Negotiated): string => `meta.k8s.io/${metaVersion}`;

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
/** In the order they are tried where a range takes more than one. */
const FORMATS: readonly Format[] = ['json', 'yaml', 'protobuf'];

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
  const sorted = ranges.toSorted((a, b) => b.q - a.q || wildcards(a) - wildcards(b));
  parsedHeaders.set(header, sorted);
  return sorted;
}

const wildcards = ({ type }: MediaRange): number => (type === '*/*' ? 2 : type.endsWith('/*') ? 1 : 0);

export interface Offer {
  /** Formats this resource has; a custom resource has no protobuf. */
  readonly formats: readonly Format[];
  /** Kinds of meta.k8s.io objects are converted to; empty where only a resource's own form is served: errors, documents. */
  readonly conversions: readonly string[];
  /** Of the formats, those there are only where an object is converted: custom resources have no protobuf of their own. */
  readonly convertedOnly?: readonly Format[];
  /** What a refusal names in place of `formats`: the forms of a watch. */
  readonly named?: readonly string[];
}

/** Asked by a human with curl or a browser: indented. */
const HUMAN_AGENT = /^(?:curl|Wget|Mozilla\/5\.0)/;
/** Source: strconv.ParseBool. */
const TRUE = new Set(['1', 't', 'T', 'TRUE', 'true', 'True']);

function isPretty(query: URLSearchParams, agent: string): boolean {
  const wanted = query.get('pretty') ?? '';
  return wanted === '' ? HUMAN_AGENT.test(agent) : TRUE.has(wanted);
}

/**
 * Picks the format of an answer. Where JSON is as welcome as protobuf it is chosen, since objects are kept as JSON bytes; clients read the answer's
 * Content-Type. Source: apiserver pkg/endpoints/handlers/negotiation v1.36.
 */
export function negotiate(accept: string | undefined, query: URLSearchParams, agent: string, offer: Offer): Negotiated {
  const pretty = isPretty(query, agent);
  if (accept === undefined || accept === '') return { format: 'json', metaVersion: 'v1', pretty };
  let fallback: Negotiated | undefined;
  for (const range of acceptRanges(accept)) {
    const found = accepted(range, offer, pretty);
    if (found === undefined) continue;
    if (found.format !== 'protobuf')
      return fallback === undefined || (found.format === 'json' && sameForm(fallback, found)) ? found : fallback;
    fallback ??= found;
  }
  if (fallback !== undefined) return fallback;
  const types = offer.named ?? offer.formats.map((f) => CONTENT_TYPES[f]);
  throw new StatusError('NotAcceptable', `only the following media types are accepted: ${types.join(', ')}`);
}

const sameForm = (a: Negotiated, b: Negotiated): boolean => a.as === b.as && a.metaVersion === b.metaVersion;

/** The first format of the offer that the range takes. */
function accepted({ type, params }: MediaRange, offer: Offer, pretty: boolean): Negotiated | undefined {
  const { as, g, v, stream = '', sv = '' } = params;
  const converts = as !== undefined || g !== undefined || v !== undefined;
  // Source: AllowsServerVersion and AllowsStreamSchema of RequestScope in handlers/rest.go.
  if ((stream !== '' && stream !== 'watch') || (sv !== '' && sv !== 'v1')) return undefined;
  for (const format of FORMATS) {
    if (!offer.formats.includes(format) || (stream !== '' && format === 'yaml')) continue;
    if (type !== CONTENT_TYPES[format] && type !== 'application/*' && type !== '*/*') continue;
    const indented = pretty || params['pretty'] === '1';
    if (!converts && offer.convertedOnly?.includes(format) === true) continue;
    if (!converts) return { format, metaVersion: 'v1', pretty: indented };
    if (g !== 'meta.k8s.io' || (v !== 'v1' && v !== 'v1beta1') || !offer.conversions.includes(as ?? '')) continue;
    // Tables have no protobuf form.
    if (as === 'Table' && format === 'protobuf') continue;
    return { format, as: as as Conversion, metaVersion: v, pretty: indented };
  }
  return undefined;
}
