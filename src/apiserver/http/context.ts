import type { IncomingMessage } from 'node:http';
import type { Duplex, Readable } from 'node:stream';
import type { Logger } from '#util';
import type { UserInfo } from '../admission/admission.ts';
import type { RequestInfo } from './request-info.ts';

/** Headers by lower-case name; repeated ones joined. */
export type Headers = Readonly<Record<string, string | undefined>>;

/** What TLS says of the other end. */
export interface Peer {
  readonly remoteAddress: string;
  /** Subject of a client certificate that our CA signed. */
  readonly certificate?: { readonly commonName: string; readonly organizations: readonly string[] } | undefined;
  /** Why a certificate that was sent does not count. */
  readonly certificateError?: string | undefined;
}

/** An HTTP request, whatever the protocol version it came by. */
export interface HttpRequest {
  readonly method: string;
  /** Without the query; not decoded. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** The query as it stands in the request, without the question mark. */
  readonly rawQuery: string;
  readonly headers: Headers;
  readonly peer: Peer;
  /** Each value of a header that may be sent more than once, as they came. */
  values(name: string): readonly string[];
  /** The whole body. Throws RequestEntityTooLarge beyond `limitBytes`. */
  body(limitBytes: number): Promise<Buffer>;
  /** An HTTP/1.1 request as it came, for a connection that is taken over. */
  readonly raw?: IncomingMessage | undefined;
  /** The body as it comes, for a request that is handed on; instead of {@link body}. */
  readonly source?: Readable | undefined;
}

/** Where a streamed answer goes. */
export interface ByteSink {
  /**
   * False: the buffer is full; wait for {@link drained}. Does nothing once closed. `written` is called when the chunk may be written to again, and not at
   * all if the other end goes before.
   */
  write(chunk: Buffer, written?: () => void): boolean;
  drained(): Promise<void>;
  end(): void;
  /** The other end is gone, or this one has ended. */
  readonly closed: boolean;
  /** Ends at once; what is buffered is lost. */
  cut(): void;
  /** Bytes accepted but not yet sent. */
  readonly bufferedBytes: number;
}

export type HttpResponse =
  | {
      readonly status: number;
      readonly headers?: Headers;
      readonly body?: Buffer | string | readonly Buffer[];
    }
  /** `stream` must end when the context's signal aborts. */
  | {
      readonly status: number;
      readonly headers?: Headers;
      /** The one header that may not be joined. */
      readonly setCookie?: readonly string[];
      readonly stream: (sink: ByteSink) => Promise<void>;
    }
  /** The connection is taken over; only where the request had an Upgrade header. */
  | { readonly upgrade: (socket: Duplex, head: Buffer) => void };

/** Answers a request. `onClose` is called once if the client leaves before the answer is sent. */
export type HttpHandler = (request: HttpRequest, onClose: (listener: () => void) => void) => Awaitable<HttpResponse>;

/** What is there already, or will be. */
export type Awaitable<T> = T | Promise<T>;

/** Goes on at once with what is there: most reads wait for nothing, and to wait at each filter cost a third of their time. */
export const whenThere = <T, R>(value: Awaitable<T>, goOn: (value: T) => Awaitable<R>): Awaitable<R> =>
  value instanceof Promise ? value.then(goOn) : goOn(value);

/** One request on its way through the filters. */
export class RequestContext {
  request: HttpRequest;
  readonly log: Logger;
  readonly startedMs: number;
  info: RequestInfo;
  user: UserInfo;
  /** As of Load. */
  loadBytes = 0;
  /** Texts for Warning headers. */
  readonly warnings: string[] = [];
  #known: Set<string> | undefined;
  #abort: AbortController | undefined;
  #aborted: unknown;

  constructor(request: HttpRequest, info: RequestInfo, user: UserInfo, log: Logger, startedMs: number) {
    this.request = request;
    this.info = info;
    this.user = user;
    this.log = log;
    this.startedMs = startedMs;
  }

  /** Aborts when the client leaves or the time is up. Made on first use: most requests end before anybody asks. */
  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      if (this.#aborted !== undefined) this.#abort.abort(this.#aborted);
    }
    return this.#abort.signal;
  }

  get aborted(): boolean {
    return this.#aborted !== undefined;
  }

  abort(reason: unknown): void {
    this.#aborted ??= reason;
    this.#abort?.abort(reason);
  }

  readonly warn = (text: string): void => {
    const known = (this.#known ??= new Set());
    if (known.has(text)) return;
    known.add(text);
    this.warnings.push(text);
  };
}

/** The same request with other headers. */
export const withHeaders = (request: HttpRequest, headers: Headers): HttpRequest =>
  Object.create(request, { headers: { value: headers, enumerable: true } }) as HttpRequest;

export type Handler = (context: RequestContext) => Awaitable<HttpResponse>;
export type Filter = (next: Handler) => Handler;

/** Filters run outermost first. */
export const chain = (filters: readonly Filter[], handler: Handler): Handler =>
  filters.reduceRight((next, filter) => filter(next), handler);
