import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ServerHttp2Stream } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import { StatusError } from '#api';
import type { ByteSink, Headers, HttpRequest, Peer } from './context.ts';

/** Peers by connection: the certificate is read once, not once a request. */
const peers = new WeakMap<TLSSocket, Peer>();

export function peerOf(socket: TLSSocket): Peer {
  const known = peers.get(socket);
  if (known !== undefined) return known;
  const peer: Peer = { remoteAddress: socket.remoteAddress ?? '', ...certificateOf(socket) };
  peers.set(socket, peer);
  return peer;
}

function certificateOf(socket: TLSSocket): Partial<Peer> {
  const certificate = socket.getPeerCertificate();
  if (certificate === undefined || Object.keys(certificate).length === 0) return {};
  if (!socket.authorized) return { certificateError: String(socket.authorizationError) };
  const { CN, O } = certificate.subject as { CN?: string | string[]; O?: string | string[] };
  return { certificate: { commonName: [CN ?? ''].flat()[0] ?? '', organizations: [O ?? []].flat() } };
}

/** Most requests have no query. Never written to. */
const NO_QUERY = new URLSearchParams();

export function newRequest(
  method: string,
  url: string,
  headers: Headers,
  peer: Peer,
  source: IncomingMessage | ServerHttp2Stream,
  rawHeaders: readonly string[],
): HttpRequest {
  return new WireRequest(method, url, headers, peer, source, rawHeaders);
}

/** A class, since one is made for each request. Its fields are not hidden: others inherit from it, with headers of their own. */
class WireRequest implements HttpRequest {
  readonly method: string;
  readonly path: string;
  readonly rawQuery: string;
  readonly headers: Headers;
  readonly peer: Peer;
  readonly source: IncomingMessage | ServerHttp2Stream;
  readonly rawHeaders: readonly string[];
  parsedQuery: URLSearchParams | undefined;
  valuesByName: ReadonlyMap<string, readonly string[]> | undefined;

  constructor(
    method: string,
    url: string,
    headers: Headers,
    peer: Peer,
    source: IncomingMessage | ServerHttp2Stream,
    rawHeaders: readonly string[],
  ) {
    const at = url.indexOf('?');
    this.method = method;
    this.path = at < 0 ? url : url.slice(0, at);
    this.rawQuery = at < 0 ? '' : url.slice(at + 1);
    this.headers = headers;
    this.peer = peer;
    this.source = source;
    this.rawHeaders = rawHeaders;
    this.parsedQuery = at < 0 ? NO_QUERY : undefined;
    this.valuesByName = undefined;
  }

  get query(): URLSearchParams {
    return (this.parsedQuery ??= new URLSearchParams(this.rawQuery));
  }

  get raw(): IncomingMessage | undefined {
    return 'rawHeaders' in this.source && 'httpVersion' in this.source ? this.source : undefined;
  }

  values(name: string): readonly string[] {
    return (this.valuesByName ??= byName(this.rawHeaders)).get(name) ?? [];
  }

  body(limitBytes: number): Promise<Buffer> {
    return readBody(this.source, this.headers, limitBytes);
  }
}

/** In one pass: there may be thousands of names, and each is asked for. */
function byName(rawHeaders: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const values = new Map<string, string[]>();
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!.toLowerCase();
    const known = values.get(name);
    if (known === undefined) values.set(name, [rawHeaders[i + 1]!]);
    else known.push(rawHeaders[i + 1]!);
  }
  return values;
}

/** Source of the text: apiserver pkg/endpoints/handlers/rest.go limitedReadBody v1.36. */
const tooLarge = (limitBytes: number): StatusError =>
  new StatusError('RequestEntityTooLarge', `Request entity too large: limit is ${limitBytes}`);

async function readBody(
  source: IncomingMessage | ServerHttp2Stream,
  headers: Headers,
  limitBytes: number,
): Promise<Buffer> {
  if (Number(headers['content-length'] ?? 0) > limitBytes) throw tooLarge(limitBytes);
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const chunks: Buffer[] = [];
  let size = 0;
  // However the client left, it is not the server that failed.
  const broken = (cause?: Error): void => reject(new StatusError('BadRequest', 'unexpected EOF', { cause }));
  const onClose = (): void => broken();
  source.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size <= limitBytes) chunks.push(chunk);
    else reject(tooLarge(limitBytes));
  });
  source.once('end', () => {
    source.off('close', onClose);
    resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks));
  });
  source.once('close', onClose);
  source.once('error', broken);
  return await promise;
}

export function bodyOf(body: Buffer | string | readonly Buffer[] | undefined): Buffer | undefined {
  if (body === undefined || Buffer.isBuffer(body)) return body;
  return typeof body === 'string' ? Buffer.from(body) : Buffer.concat(body);
}

export function sinkOf(target: ServerHttp2Stream | ServerResponse): ByteSink {
  return {
    write(chunk, written) {
      if (target.destroyed || target.writableEnded) return true;
      if (written === undefined) return target.write(chunk);
      return target.write(chunk, (error) => {
        if (!error) written();
      });
    },
    async drained() {
      if (target.destroyed || !target.writableNeedDrain) return;
      const { promise, resolve } = Promise.withResolvers<void>();
      target.once('drain', resolve);
      target.once('close', resolve);
      await promise;
      target.off('drain', resolve);
      target.off('close', resolve);
    },
    end() {
      if (!target.destroyed) target.end();
    },
    get closed() {
      return target.destroyed || target.writableEnded;
    },
    cut() {
      target.destroy();
    },
    get bufferedBytes() {
      return target.writableLength;
    },
  };
}
