import type { IncomingMessage } from 'node:http';
import { posix } from 'node:path';
import { pipeline } from 'node:stream';
import type { Readable } from 'node:stream';
import { createDeflateRaw, createGunzip, createGzip, createInflateRaw } from 'node:zlib';
import { StatusError } from '#api';
import type { Logger } from '#util';
import type { ByteSink, HttpRequest, HttpResponse, RequestContext } from '../http/context.ts';
import {
  answeredHeaders,
  type Backend,
  dialText,
  type Egress,
  forwardedHeaders,
  hostPort,
  openRequest,
  statusOf,
} from './backend.ts';
import { rewriteHtml, type Rewrite, rewriteUrl } from './rewrite.ts';
import { forwardUpgrade, isUpgrade } from './upgrade.ts';

export interface ReverseProxyOptions {
  readonly context: RequestContext;
  readonly backend: Backend;
  readonly egress: Egress | undefined;
  readonly log: Logger;
}

/**
 * Hands a request on to where a pod, a service or a node answers, and its answer back: paths, redirects and the addresses in pages are made to go through
 * this server. Source: UpgradeAwareHandler and Transport of apimachinery pkg/util/proxy v0.36.
 */
export async function reverseProxy({ context, backend, egress, log }: ReverseProxyOptions): Promise<HttpResponse> {
  const { request, info, signal } = context;
  const { prefix, path } = splitPath(info.path);
  const query = request.rawQuery === '' ? '' : `?${request.rawQuery}`;
  if (isUpgrade(request))
    return await forwardUpgrade({ request, backend, path: `${encodePath(path) || '/'}${query}`, signal, egress, log });
  // A page without a slash at the end would look for its parts one step too high.
  if (path === '' && (request.method === 'GET' || request.method === 'HEAD'))
    return { status: 301, headers: { location: `${encodePath(info.path)}/${query}` } };

  const headers = forwardedHeaders(request.headers, request.peer.remoteAddress);
  const target = encodePath(path) || '/';
  headers['x-forwarded-uri'] = joined(prefix, target);
  const incoming = await send(request, backend, { path: `${target}${query}`, headers, signal, egress });
  const rewrite: Rewrite = { backendHost: hostPort(backend), requestHost: headers['host'] ?? '', prefix };
  return answer(incoming, rewrite);
}

/** `…/NAME/proxy` and what stands behind it, cleaned as Go's path.Join does; '' when nothing does. */
function splitPath(path: string): { prefix: string; path: string } {
  const parts = path.split('/');
  const end = parts[3] === 'namespaces' ? 8 : 6;
  const prefix = parts.slice(0, end).join('/');
  const rest = parts.slice(end).join('/');
  if (rest === '') return { prefix, path: path.endsWith('/') ? '/' : '' };
  return { prefix, path: joined('/', rest) };
}

function joined(...parts: readonly string[]): string {
  const path = posix.join(...parts);
  return parts.at(-1)!.endsWith('/') && !path.endsWith('/') ? `${path}/` : path;
}

/** Source: URL.EscapedPath of Go's net/url: what a path may hold as it is. */
const encodePath = (path: string): string =>
  encodeURI(path).replaceAll(/[?#!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

interface SendOptions {
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly signal: AbortSignal;
  readonly egress: Egress | undefined;
}

async function send(
  request: HttpRequest,
  backend: Backend,
  { egress, ...options }: SendOptions,
): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const streams = hasBody(request);
  // Otherwise Node sends the body of some methods without a word of its length.
  if (streams && options.headers['content-length'] === undefined) options.headers['transfer-encoding'] = 'chunked';
  const outgoing = openRequest(backend, { ...options, method: request.method }, egress);
  outgoing.on('response', resolve);
  outgoing.on('error', (error) =>
    reject(
      new StatusError('ServiceUnavailable', `error trying to reach service: ${reachText(error, backend)}`, {
        cause: error,
      }),
    ),
  );
  const { source } = request;
  if (source === undefined || !streams) outgoing.end();
  else pipeline(source, outgoing, () => undefined); // a failure is the request's own and told there
  return await promise;
}

/** HTTP/2 need not say so in its headers. */
const hasBody = ({ headers, method, raw }: HttpRequest): boolean =>
  Number(headers['content-length'] ?? 0) > 0 ||
  headers['transfer-encoding'] !== undefined ||
  (headers['content-length'] === undefined && raw === undefined && !['GET', 'HEAD'].includes(method));

function reachText(error: Error, backend: Backend): string {
  const { code = '' } = error as NodeJS.ErrnoException;
  if (code === 'ECONNRESET') return 'EOF';
  return dialText(error, backend);
}

function answer(incoming: IncomingMessage, rewrite: Rewrite): HttpResponse {
  const headers = answeredHeaders(incoming);
  const { location, 'set-cookie': setCookie } = incoming.headers;
  const respond = (body: AsyncIterable<Buffer>): HttpResponse => ({
    status: statusOf(incoming),
    headers,
    ...(setCookie === undefined ? {} : { setCookie }),
    stream: (sink) => copy(body, sink),
  });
  if (location !== undefined) {
    headers['location'] = rewriteUrl(location, rewrite);
    return respond(incoming);
  }
  const type = (incoming.headers['content-type'] ?? '').split(';')[0]!.trim();
  const page = type === 'text/html' ? rewritten(incoming, rewrite) : undefined;
  if (page === undefined) return respond(incoming);
  delete headers['content-length'];
  return respond(page);
}

/** The page with its addresses rewritten, in the encoding it came in; undefined for one nobody here can read. */
function rewritten(incoming: IncomingMessage, rewrite: Rewrite): AsyncIterable<Buffer> | undefined {
  switch (incoming.headers['content-encoding'] ?? '') {
    case '':
      return rewriteHtml(incoming as AsyncIterable<Buffer>, rewrite);
    case 'gzip':
      return recoded(incoming, createGunzip(), createGzip(), rewrite);
    case 'deflate':
      return recoded(incoming, createInflateRaw(), createDeflateRaw(), rewrite);
    default:
      return undefined;
  }
}

function recoded(
  incoming: Readable,
  decode: ReturnType<typeof createGunzip> | ReturnType<typeof createInflateRaw>,
  encode: ReturnType<typeof createGzip> | ReturnType<typeof createDeflateRaw>,
  rewrite: Rewrite,
): AsyncIterable<Buffer> {
  // An error of any of them ends the last, which is where it is read.
  return pipeline(
    incoming,
    decode,
    (chunks: AsyncIterable<Buffer>) => rewriteHtml(chunks, rewrite),
    encode,
    () => undefined,
  );
}

async function copy(from: AsyncIterable<Buffer>, sink: ByteSink): Promise<void> {
  try {
    for await (const chunk of from) {
      if (!sink.write(chunk)) await sink.drained();
      if (sink.closed) return;
    }
  } catch {
    // The backend left in the middle: the client must not take what it has for the whole.
    sink.cut();
    return;
  }
  sink.end();
}
