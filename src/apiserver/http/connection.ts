import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
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

/** What of a request depends on the protocol it came by. */
export interface RequestBody {
  /** Source of the text of a refusal: apiserver pkg/endpoints/handlers/rest.go limitedReadBody v1.36. */
  read(limitBytes: number): Promise<Buffer>;
  readonly readable: Readable;
  readonly raw: IncomingMessage | undefined;
  /** Of a header that may come more than once. */
  values(name: string): readonly string[];
}

interface RequestParts {
  readonly method: string;
  readonly url: string;
  readonly headers: Headers;
  readonly peer: Peer;
  readonly body: RequestBody;
}

export const newRequest = (parts: RequestParts): HttpRequest => new WireRequest(parts);

/** A class, since one is made for each request. Its fields are not hidden: others inherit from it, with headers of their own. */
class WireRequest implements HttpRequest {
  readonly method: string;
  readonly path: string;
  readonly rawQuery: string;
  readonly headers: Headers;
  readonly peer: Peer;
  readonly incoming: RequestBody;
  parsedQuery: URLSearchParams | undefined;

  constructor({ method, url, headers, peer, body }: RequestParts) {
    const at = url.indexOf('?');
    this.method = method;
    this.path = at < 0 ? url : url.slice(0, at);
    this.rawQuery = at < 0 ? '' : url.slice(at + 1);
    this.headers = headers;
    this.peer = peer;
    this.incoming = body;
    this.parsedQuery = at < 0 ? NO_QUERY : undefined;
  }

  get query(): URLSearchParams {
    return (this.parsedQuery ??= new URLSearchParams(this.rawQuery));
  }

  get raw(): IncomingMessage | undefined {
    return this.incoming.raw;
  }

  get source(): Readable {
    return this.incoming.readable;
  }

  values(name: string): readonly string[] {
    return this.incoming.values(name);
  }

  async body(limitBytes: number): Promise<Buffer> {
    if (Number(this.headers['content-length'] ?? 0) > limitBytes) throw tooLarge(limitBytes);
    return await this.incoming.read(limitBytes);
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
export const tooLarge = (limitBytes: number): StatusError =>
  new StatusError('RequestEntityTooLarge', `Request entity too large: limit is ${limitBytes}`);

/** However the client left, it is not the server that failed. */
export const unexpectedEnd = (cause?: Error): StatusError => new StatusError('BadRequest', 'unexpected EOF', { cause });

/** The body of an HTTP/1.1 request. */
export function messageBody(incoming: IncomingMessage, rawHeaders = incoming.rawHeaders): RequestBody {
  let known: ReadonlyMap<string, readonly string[]> | undefined;
  return {
    raw: incoming,
    readable: incoming,
    read: (limitBytes) => readBody(incoming, limitBytes),
    values: (name) => (known ??= byName(rawHeaders)).get(name) ?? [],
  };
}

function readBody(source: Readable, limitBytes: number): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const chunks: Buffer[] = [];
  let size = 0;
  const onClose = (): void => reject(unexpectedEnd());
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
  source.once('error', (error) => reject(unexpectedEnd(error)));
  return promise;
}

/** A body as pieces that are sent one after the other. */
export function bytesOf(body: Buffer | string | readonly Buffer[]): readonly Buffer[] {
  if (Buffer.isBuffer(body)) return [body];
  return typeof body === 'string' ? [Buffer.from(body)] : body;
}

export function bodyOf(body: Buffer | string | readonly Buffer[] | undefined): Buffer | undefined {
  if (body === undefined || Buffer.isBuffer(body)) return body;
  return typeof body === 'string' ? Buffer.from(body) : Buffer.concat(body);
}

export function sinkOf(target: ServerResponse): ByteSink {
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
