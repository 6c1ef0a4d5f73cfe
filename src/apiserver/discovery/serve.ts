import { createHash } from 'node:crypto';
import { dump } from 'js-yaml';
import { encodeProtobuf, type Kind, type KubeObject } from '#api';
import { compressed, takesGzip } from '../http/compress.ts';
import type { HttpRequest, HttpResponse } from '../http/context.ts';
import { acceptRanges, CONTENT_TYPES, type Format, negotiate, type Offer } from '../http/negotiate.ts';
import { apiGroup, apiGroupDiscoveryList, apiGroupList, apiResourceList, apiVersions } from './discovery.ts';

export interface DiscoveryOptions {
  readonly kinds: readonly Kind[];
  /** `host:port` clients of the old discovery are told. */
  readonly serverAddress: string;
}

/** The old documents, with the schema each has in protobuf. */
const DOCUMENTS = {
  versions: 'meta.v1.APIVersions',
  groups: 'meta.v1.APIGroupList',
  group: 'meta.v1.APIGroup',
  resources: 'meta.v1.APIResourceList',
} as const;

const FORMATS: readonly Format[] = ['json', 'yaml', 'protobuf'];
const OFFER: Offer = { formats: FORMATS, conversions: [] };
const AGGREGATED = 'g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';

/** Answers `/api`, `/apis` and what stands directly below; undefined where nothing is. Source: apiserver pkg/endpoints/discovery v1.36. */
export function serveDiscovery(
  { kinds, serverAddress }: DiscoveryOptions,
  request: HttpRequest,
  parts: readonly string[],
): HttpResponse | undefined {
  const core = parts[0] === 'api';
  const [, first = '', second = ''] = parts;
  if (parts.length === 1) {
    const format = aggregatedFormat(request.headers['accept']);
    if (format !== undefined) return aggregated(kinds, core, format, request);
    return core
      ? document(request, DOCUMENTS.versions, apiVersions(serverAddress))
      : document(request, DOCUMENTS.groups, apiGroupList(kinds));
  }
  if (!core && parts.length === 2) return document(request, DOCUMENTS.group, apiGroup(kinds, first));
  return document(request, DOCUMENTS.resources, apiResourceList(kinds, core ? '' : first, core ? first : second));
}

function document(request: HttpRequest, definition: string, object: object | undefined): HttpResponse | undefined {
  if (object === undefined) return undefined;
  const { headers, query } = request;
  const { format, pretty } = negotiate(headers['accept'], query, headers['user-agent'] ?? '', OFFER);
  return written(request, { 'content-type': CONTENT_TYPES[format] }, encode(object, definition, format, pretty));
}

function encode(object: object, definition: string, format: Format, pretty: boolean): string | Buffer {
  switch (format) {
    case 'json':
      return pretty ? JSON.stringify(object, undefined, 2) : `${JSON.stringify(object)}\n`;
    case 'yaml':
      return dump(object, { noRefs: true, sortKeys: true, lineWidth: -1 });
    case 'protobuf':
      // Some documents of old have no apiVersion.
      return encodeProtobuf({ apiVersion: '', ...(object as Partial<KubeObject> & { kind: string }) }, definition);
  }
}

const written = (
  { headers: asked }: HttpRequest,
  headers: Record<string, string>,
  body: string | Buffer,
): HttpResponse => compressed({ status: 200, headers, body }, takesGzip(asked['accept-encoding']));

/** The first form a client names decides, as upstream's WrappedHandler has it; other versions of the document are passed over. */
function aggregatedFormat(accept = ''): Format | undefined {
  for (const { type, params } of acceptRanges(accept)) {
    const { as, g, v, stream = '', sv = '' } = params;
    if (as !== 'APIGroupDiscoveryList' || g !== 'apidiscovery.k8s.io' || v !== 'v2') continue;
    if ((stream !== '' && stream !== 'watch') || sv !== '') continue;
    const found = FORMATS.find((format) => type === CONTENT_TYPES[format]);
    if (found !== undefined) return found;
    if (type === '*/*' || type === 'application/*') return 'json';
  }
  return undefined;
}

interface Aggregated {
  readonly document: object;
  readonly etag: string;
}

/** By list of kinds: `/api` and `/apis`. */
const made = new WeakMap<readonly Kind[], Map<boolean, Aggregated>>();

function aggregatedOf(kinds: readonly Kind[], core: boolean): Aggregated {
  const known = made.get(kinds) ?? new Map<boolean, Aggregated>();
  made.set(kinds, known);
  let found = known.get(core);
  if (found === undefined) {
    const list = apiGroupDiscoveryList(kinds, core);
    const hash = createHash('sha512').update(JSON.stringify(list)).digest('hex').toUpperCase();
    known.set(core, (found = { document: list, etag: `"${hash}"` }));
  }
  return found;
}

/** Source: ServeHTTPWithETag of discovery/aggregated/etag.go v1.36. */
function aggregated(kinds: readonly Kind[], core: boolean, format: Format, request: HttpRequest): HttpResponse {
  const { document: list, etag } = aggregatedOf(kinds, core);
  const headers = { etag, vary: 'Accept', 'cache-control': 'public' };
  if (request.headers['if-none-match'] === etag) return { status: 304, headers };
  const { pretty } = negotiate(undefined, request.query, request.headers['user-agent'] ?? '', OFFER);
  const type = `${CONTENT_TYPES[format]};${AGGREGATED}`;
  return written(
    request,
    { ...headers, 'content-type': type },
    encode(list, 'apidiscovery.v2.APIGroupDiscoveryList', format, pretty),
  );
}
