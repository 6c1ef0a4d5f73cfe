import type { HttpRequest, HttpResponse } from '../http/context.ts';
import { acceptRanges } from '../http/negotiate.ts';
import { type OpenApi, type OpenApiDocument, v3Address } from './openapi.ts';

/** One form of a document: the media types it is asked for by, the first being what the answer says. */
interface Form {
  readonly types: readonly string[];
  readonly document: () => Promise<OpenApiDocument>;
}

const JSON_TYPES = ['application/json'];
/** The `@` of the second is not allowed in a media type, but is what clients send. */
const protobufTypes = (version: 'v2' | 'v3'): readonly string[] =>
  ['.', '@'].map((mark) => `application/com.github.proto-openapi.spec.${version}${mark}v1.0+protobuf`);
const V2_PROTOBUF_TYPES = protobufTypes('v2');
const V3_PROTOBUF_TYPES = protobufTypes('v3');

const YEAR_MS = 365 * 24 * 3600 * 1000;

/**
 * Answers `/openapi/v2`, `/openapi/v3` and `/openapi/v3/GROUP/VERSION`; undefined where nothing is.
 * Source: kube-openapi pkg/handler and pkg/handler3.
 */
export async function serveOpenApi(
  openApi: OpenApi,
  request: HttpRequest,
  path: string,
): Promise<HttpResponse | undefined> {
  if (path === '/openapi/v2') {
    const form = chooseForm(request, [
      { types: JSON_TYPES, document: () => openApi.v2Json() },
      { types: V2_PROTOBUF_TYPES, document: () => openApi.v2Protobuf() },
    ]);
    return form === undefined ? NOT_ACCEPTABLE : answer(request, form, await form.document(), {});
  }
  if (path === '/openapi/v3') return answer(request, { types: JSON_TYPES }, await openApi.v3Index(), {});
  if (!path.startsWith('/openapi/v3/')) return undefined;

  const groupVersion = path.slice('/openapi/v3/'.length);
  const document = openApi.v3(groupVersion);
  if (document === undefined) return undefined;
  const form = chooseForm(request, [
    { types: JSON_TYPES, document: async () => document },
    { types: V3_PROTOBUF_TYPES, document: () => openApi.v3Protobuf(document) },
  ]);
  if (form === undefined) return NOT_ACCEPTABLE;
  const hash = request.query.get('hash');
  if (hash !== null && hash !== '' && hash !== document.hash)
    return { status: 301, headers: { location: v3Address(groupVersion, document.hash), vary: 'Accept' } };
  // With the hash in the address the content can never change.
  const caching =
    hash === null || hash === ''
      ? {}
      : { 'cache-control': 'public, immutable', expires: new Date(openApi.clock.now() + YEAR_MS).toUTCString() };
  return answer(request, form, await form.document(), caching);
}

const NOT_ACCEPTABLE: HttpResponse = { status: 406, headers: { vary: 'Accept' } };

function chooseForm(request: HttpRequest, forms: readonly Form[]): Form | undefined {
  for (const { type } of acceptRanges(request.headers['accept'] || '*/*')) {
    const found =
      type === '*/*' || type === 'application/*' ? forms[0] : forms.find(({ types }) => types.includes(type));
    if (found !== undefined) return found;
  }
  return undefined;
}

function answer(
  { headers: asked }: HttpRequest,
  { types }: Pick<Form, 'types'>,
  { bytes, hash, modifiedMs }: OpenApiDocument,
  caching: Readonly<Record<string, string>>,
): HttpResponse {
  const etag = `"${hash}"`;
  const headers = {
    'content-type': types[0],
    etag,
    'last-modified': new Date(modifiedMs).toUTCString(),
    vary: 'Accept',
    'cache-control': 'no-cache, private',
    ...caching,
  };
  return isCurrent(asked, etag, modifiedMs) ? { status: 304, headers } : { status: 200, headers, body: bytes };
}

/** Whether the client has this very document. Source: RFC 9110 section 13.2.2, as Go's http.ServeContent does it. */
function isCurrent(asked: HttpRequest['headers'], etag: string, modifiedMs: number): boolean {
  const tags = asked['if-none-match'];
  if (tags !== undefined)
    return tags.split(',').some((tag) => tag.trim() === '*' || tag.trim().replace(/^W\//, '') === etag);
  const sinceMs = Date.parse(asked['if-modified-since'] ?? '');
  return sinceMs >= Math.floor(modifiedMs / 1000) * 1000;
}
