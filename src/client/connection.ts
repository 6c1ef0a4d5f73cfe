import { type ClientHttp2Session, connect, constants } from 'node:http2';
import { StatusError } from '#api';
import { backoffMs, type Clock, type Logger, sleep } from '#util';
import type { ClientConfig } from './kubeconfig.ts';

/** A silent connection is asked whether it lives after this long, and given up when the answer takes longer. Source: apimachinery pkg/util/net/http.go, readIdleTimeout and pingTimeout v0.36. */
const READ_IDLE_MS = 30_000;
const PING_TIMEOUT_MS = 15_000;
/** Source: client-go transport, dialer timeout. */
const DIAL_TIMEOUT_MS = 30_000;
/**
 * After a failed dial the next one waits, so that a server that is down is not hammered by every caller at once. A dial a second costs
 * neither side anything, and watches are back within two seconds of a server's return, however long it was away.
 */
const REDIAL = { baseMs: 50, maxMs: 1000, jitter: 1 };
/** What one stream, and all of them, may have in flight unread: a list of some thousand pods without stalls. */
const STREAM_WINDOW_BYTES = 1 << 20;
const SESSION_WINDOW_BYTES = 8 << 20;

export interface ConnectionOptions {
  readonly config: ClientConfig;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
}

/** One HTTP/2 session to one server, shared by all requests, replaced when it ends. */
export class Connection {
  readonly #options: ConnectionOptions;
  readonly #closing = new AbortController();
  #current: ClientHttp2Session | undefined;
  #dialing: Promise<ClientHttp2Session> | undefined;
  #failures = 0;
  #lastRead = 0;

  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  /** The live session, dialing one if there is none. Throws StatusError `ServiceUnavailable`. */
  session(): Promise<ClientHttp2Session> {
    const current = this.#current;
    if (current !== undefined && !current.closed && !current.destroyed) return Promise.resolve(current);
    this.#dialing ??= this.#dial().finally(() => (this.#dialing = undefined));
    return this.#dialing;
  }

  /** The live session, however long the server is away. Throws the signal's reason, or when the connection is closed. */
  async whenReachable({ signal }: { signal: AbortSignal | undefined }): Promise<ClientHttp2Session> {
    for (;;) {
      signal?.throwIfAborted();
      try {
        return await this.session();
      } catch (error) {
        if (this.#closing.signal.aborted) throw error;
      }
    }
  }

  /** Whoever reads from the session says so: reading is proof of life. */
  touch(): void {
    this.#lastRead = this.#options.clock.monotonic();
  }

  close(): void {
    this.#closing.abort(new StatusError('ServiceUnavailable', 'the client is closed'));
    this.#current?.destroy();
  }

  async #dial(): Promise<ClientHttp2Session> {
    const { config, clock, random, log } = this.#options;
    const { signal } = this.#closing;
    if (this.#failures > 0) await sleep(clock, backoffMs(this.#failures - 1, { ...REDIAL, random }), { signal });
    signal.throwIfAborted();
    const session = connect(config.server, {
      ca: config.ca,
      cert: config.cert,
      key: config.key,
      ...(config.tlsServerName === undefined ? {} : { servername: config.tlsServerName }),
      settings: { enablePush: false, initialWindowSize: STREAM_WINDOW_BYTES },
      maxSessionMemory: 256, // MB; the default of 10 breaks long lists
    });
    try {
      await this.#connected(session);
    } catch (error) {
      session.destroy();
      // Ever rarer: 1, 2, 4, 8 …
      if (Number.isInteger(Math.log2(++this.#failures)))
        log.warn('API server cannot be reached', { server: config.server, failures: this.#failures, error });
      throw unavailable(config.server, error);
    }
    this.#failures = 0;
    session.setLocalWindowSize(SESSION_WINDOW_BYTES);
    this.#current = session;
    this.#watchOver(session);
    return session;
  }

  #connected(session: ClientHttp2Session): Promise<void> {
    const { clock } = this.#options;
    return new Promise((resolve, reject) => {
      const timer = clock.after(DIAL_TIMEOUT_MS, () => session.destroy(new Error('dial timeout')));
      session.once('connect', () => {
        timer[Symbol.dispose]();
        resolve();
      });
      // Stays on for the life of the session: an 'error' nobody listens to would end the process.
      session.on('error', reject);
      session.once('close', () => {
        timer[Symbol.dispose]();
        reject(new Error('connection closed'));
      });
    });
  }

  /** Takes the session out of use when it ends or goes silent. */
  #watchOver(session: ClientHttp2Session): void {
    const { clock, config, log } = this.#options;
    let timer: Disposable;
    const retire = (): void => {
      if (this.#current === session) this.#current = undefined;
    };
    const check = (): void => {
      const idle = clock.monotonic() - this.#lastRead;
      if (idle < READ_IDLE_MS) {
        timer = clock.after(READ_IDLE_MS - idle, check);
        return;
      }
      timer = clock.after(PING_TIMEOUT_MS, () => {
        log.warn('API server did not answer a ping', { server: config.server });
        retire();
        session.destroy(new Error('client connection lost: no answer to ping'), constants.NGHTTP2_INTERNAL_ERROR);
      });
      session.ping(() => {
        timer[Symbol.dispose]();
        if (session.destroyed) return;
        this.touch();
        timer = clock.after(READ_IDLE_MS, check);
      });
    };
    this.touch();
    timer = clock.after(READ_IDLE_MS, check);
    // After GOAWAY streams under way may end in peace, new ones go to a new session.
    session.once('goaway', retire);
    session.once('close', () => {
      retire();
      timer[Symbol.dispose]();
    });
  }
}

/** The error of a server that cannot be reached or went away. */
export function unavailable(server: string, cause: unknown): StatusError {
  if (cause instanceof StatusError) return cause;
  const text = cause instanceof Error ? cause.message : String(cause);
  return new StatusError('ServiceUnavailable', `the API server at ${server} cannot be reached: ${text}`, { cause });
}
