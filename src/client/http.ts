import { type ClientHttp2Session, type ClientHttp2Stream, constants, type IncomingHttpHeaders } from 'node:http2';
import { type ObjectRequest, type Reason, REASONS, resourcePath, type Status, StatusError, type Transport } from '#api';
import { backoffMs, type Clock, type Logger, silentLogger, sleep } from '#util';
import { Connection, unavailable } from './connection.ts';
import type { ClientConfig } from './kubeconfig.ts';
import { newWatchDecoder } from './watch-decoder.ts';

/** Longest answer taken; lists longer than that must be paged. */
const MAX_BODY_BYTES = 256 << 20;
/** Tries after the first when the server says `Retry-After`. Source: client-go rest/request.go maxRetries v0.36. */
const MAX_RETRIES = 10;
/** Pause before a request that a dying connection swallowed is sent again. */
const RESEND = { baseMs: 5, maxMs: 1000 };
const DEFAULT_TIMEOUT_MS = 60_000;

export interface HttpTransportOptions {
  readonly config: ClientConfig;
  readonly clock: Clock;
  /** In [0,1). */
  readonly random: () => number;
  readonly log?: Logger;
  readonly userAgent?: string;
  /** How long the answer to a request may take, the beginning of the answer for a watch. Default 60 s. */
  readonly timeoutMs?: number;
}

const METHODS: Record<ObjectRequest['verb'], string> = {
  get: 'GET',
  list: 'GET',
  create: 'POST',
  update: 'PUT',
  patch: 'PATCH',
  delete: 'DELETE',
  deletecollection: 'DELETE',
};

/** What one HTTP exchange came to. */
interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

interface Exchange {
  readonly method: string;
  readonly path: string;
  readonly contentType?: string | undefined;
  readonly body?: Buffer | undefined;
  /** Takes the body of a successful answer as it comes. */
  readonly onChunk?: (chunk: Buffer) => void;
  readonly signal: AbortSignal | undefined;
}

/** The server refused the stream before it did anything with it, so the request may be sent again whatever its verb. */
class NotProcessed extends Error {}
/** The connection broke and nobody knows what the server did. */
class ConnectionLost extends Error {}

/** Transport over one HTTP/2 connection, JSON both ways. Disposing it breaks what is under way. */
export function newHttpTransport(options: HttpTransportOptions): Transport & Disposable {
  const { config, clock, random, log = silentLogger, userAgent = 'pirogue', timeoutMs = DEFAULT_TIMEOUT_MS } = options;
  const connection = new Connection({ config, clock, random, log });
  const authority = new URL(config.server);
  const base = authority.pathname.replace(/\/$/, '');
  const common: Record<string, string> = {
    [constants.HTTP2_HEADER_ACCEPT]: 'application/json',
    [constants.HTTP2_HEADER_USER_AGENT]: userAgent,
    ...(config.token === undefined ? {} : { [constants.HTTP2_HEADER_AUTHORIZATION]: `Bearer ${config.token}` }),
  };

  return {
    async request(request, { signal } = {}) {
      const body = request.body === undefined ? undefined : Buffer.from(JSON.stringify(request.body));
      const answer = await retrying(
        {
          method: METHODS[request.verb],
          path: pathOf(base, request),
          body,
          contentType: body === undefined ? undefined : (request.patchType ?? 'application/json'),
          signal,
        },
        request.verb === 'get' || request.verb === 'list',
      );
      if (answer.status < 200 || answer.status > 299) throw errorOf(answer);
      return parseJson(answer.body);
    },

    async watch(request, { signal }) {
      const path = pathOf(base, { ...request, verb: 'list', query: { ...request.query, watch: 'true' } });
      const onChunk = newWatchDecoder(request.onEvents);
      // Who watches wants to know what happens from now on, and loses nothing by waiting for a server that is away.
      await connection.whenReachable({ signal });
      const answer = await retrying({ method: 'GET', path, onChunk, signal }, false);
      if (answer.status !== 200) throw errorOf(answer);
    },

    [Symbol.dispose]: () => connection.close(),
  };

  /** Sends until an answer came that is not «come back later», as client-go's withRetry does. */
  async function retrying(exchange: Exchange, safe: boolean): Promise<Answer> {
    for (let tries = 0; ; tries++) {
      let answer: Answer;
      try {
        answer = await send(await connection.session(), exchange);
      } catch (error) {
        exchange.signal?.throwIfAborted();
        const again = error instanceof NotProcessed || (safe && error instanceof ConnectionLost);
        if (again && tries < MAX_RETRIES) {
          await sleep(clock, backoffMs(tries, RESEND), { signal: exchange.signal });
          continue;
        }
        throw error instanceof ConnectionLost || error instanceof NotProcessed
          ? unavailable(config.server, error)
          : error;
      }
      const waitSeconds = Number(answer.headers['retry-after'] ?? Number.NaN);
      const refused = answer.status === 429 || answer.status === 503 || (safe && answer.status >= 500);
      if (!refused || Number.isNaN(waitSeconds) || tries >= MAX_RETRIES) return answer;
      await sleep(clock, waitSeconds * 1000, { signal: exchange.signal });
    }
  }

  function send(session: ClientHttp2Session, exchange: Exchange): Promise<Answer> {
    const { method, path, body, contentType, onChunk, signal } = exchange;
    signal?.throwIfAborted();
    let stream: ClientHttp2Stream;
    try {
      stream = session.request(
        {
          ...common,
          [constants.HTTP2_HEADER_METHOD]: method,
          [constants.HTTP2_HEADER_PATH]: path,
          ...(contentType === undefined ? {} : { [constants.HTTP2_HEADER_CONTENT_TYPE]: contentType }),
        },
        { endStream: body === undefined },
      );
    } catch (cause) {
      return Promise.reject(new NotProcessed('the connection ended', { cause }));
    }
    if (body !== undefined) stream.end(body);
    return answerOf(stream, onChunk, signal);
  }

  function answerOf(
    stream: ClientHttp2Stream,
    onChunk: Exchange['onChunk'],
    signal: AbortSignal | undefined,
  ): Promise<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const body = newBody();
    let headers: IncomingHttpHeaders & { ':status'?: number | undefined } = {};
    let failure: unknown;
    let broken: unknown;
    let ended = false;
    const fail = (error: unknown): void => {
      failure ??= error;
      stream.close(constants.NGHTTP2_CANCEL);
    };
    const onAbort = (): void => fail(signal?.reason);
    const timer = clock.after(timeoutMs, () =>
      fail(new StatusError('Timeout', `no answer within ${timeoutMs / 1000} s`)),
    );
    let take = body.take;

    signal?.addEventListener('abort', onAbort, { once: true });
    stream.on('response', (received) => {
      connection.touch();
      headers = received;
      if (onChunk === undefined || received[':status'] !== 200) return;
      timer[Symbol.dispose]();
      take = onChunk;
    });
    stream.on('data', (chunk: Buffer) => {
      connection.touch();
      if (failure !== undefined) return;
      try {
        take(chunk);
      } catch (error) {
        fail(error);
      }
    });
    stream.on('end', () => (ended = true));
    stream.on('error', (error) => (broken = error));
    stream.on('close', () => {
      timer[Symbol.dispose]();
      signal?.removeEventListener('abort', onAbort);
      const status = headers[':status'];
      const { rstCode } = stream;
      if (failure !== undefined) reject(failure);
      else if (rstCode === constants.NGHTTP2_REFUSED_STREAM)
        reject(new NotProcessed('stream refused', { cause: broken }));
      else if (ended && status !== undefined && rstCode === constants.NGHTTP2_NO_ERROR)
        resolve({ status, headers, body: body.whole() });
      else
        reject(
          new ConnectionLost(broken instanceof Error ? broken.message : 'the connection ended', { cause: broken }),
        );
    });
    return promise;
  }
}

function newBody(): { take: (chunk: Buffer) => void; whole: () => Buffer } {
  const chunks: Buffer[] = [];
  let bytes = 0;
  return {
    take(chunk) {
      bytes += chunk.length;
      if (bytes > MAX_BODY_BYTES) throw new StatusError('InternalError', `answer longer than ${MAX_BODY_BYTES} bytes`);
      chunks.push(chunk);
    },
    whole: () => Buffer.concat(chunks),
  };
}

function pathOf(
  base: string,
  request: Pick<ObjectRequest, 'verb' | 'kind' | 'namespace' | 'name' | 'subresource' | 'query'>,
): string {
  const query = new URLSearchParams(request.query).toString();
  return `${base}${resourcePath(request.kind, request)}${query === '' ? '' : `?${query}`}`;
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8')) as unknown;
  } catch (cause) {
    throw new StatusError('InternalError', 'the server answered with something that is not JSON', { cause });
  }
}

/** The server's Status, or one made from the code and the text where something else answered in its place. */
function errorOf({ status, body }: Answer): StatusError {
  const text = body.toString('utf8');
  try {
    const parsed = JSON.parse(text) as Partial<Status>;
    if (parsed.kind === 'Status') return StatusError.from({ code: status, ...parsed });
  } catch {
    // Not JSON: a proxy, or a server that is not Kubernetes; its words are the message below.
  }
  const reason = (Object.keys(REASONS) as Reason[]).find((r) => REASONS[r] === status) ?? '';
  return new StatusError(reason, text.trim() || `the server answered with code ${status}`, { code: status });
}
