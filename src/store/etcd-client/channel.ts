/** Connections to the members of an etcd cluster: a call goes to one that answers, and to the next when that one is gone. */
import {
  type ChannelCredentials,
  Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  connectivityState,
  credentials,
  Metadata,
  type ServiceError,
} from '@grpc/grpc-js';
import { isIP } from 'node:net';
import { checkServerIdentity } from 'node:tls';
import type { Codec, Draft } from '../etcd/codec.ts';
import { asStoreError, CODE, GrpcError } from '../etcd/errors.ts';
import { StoreError } from '../types.ts';

/**
 * A member that hangs, or is cut off, keeps its connections: only that it does not answer gives it away. Upstream asks every 30 s
 * (storage/storagebackend/factory/etcd3.go v1.36), longer than a leader's lease lasts; this is as often as etcd allows (--grpc-keepalive-min-time 5s).
 */
const KEEPALIVE_MS = 6000;
const KEEPALIVE_TIMEOUT_MS = 4000;
const CONNECT_MS = 2000;
const CALL_MS = 30_000;
/** A member that has not answered for so long is not asked anything new while there are others. */
const PATIENCE_MS = 2000;
/** How long a call that only reads is tried, at one member after the other. */
const READ_MS = 12_000;
/** Larger than any list. Source: clientv3's default, math.MaxInt32. */
const MAX_MESSAGE_BYTES = 2 ** 31 - 1;

export interface EtcdTls {
  /** Authority of the servers' certificates. */
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

export interface ChannelOptions {
  /** `https://10.0.0.1:2379`; `http://…` without TLS. */
  readonly endpoints: readonly string[];
  readonly tls?: EtcdTls | undefined;
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface Method<Q, S> {
  /** `/etcdserverpb.KV/Range`. */
  readonly path: string;
  readonly request: Codec<Q>;
  readonly response: Codec<S>;
  /**
   * It changes nothing, so it may be asked of another member when one does not answer: at once when one is gone and, of what is `quick` to answer, soon
   * when one is silent. Absent: it is sent once. Source: isSafeRetry of etcd's client/v3/retry.go v3.6.
   */
  readonly reads?: 'quick' | 'any';
}

/** A stream both ways with one member. */
export interface Duplex<Q, S> {
  readonly stream: ClientDuplexStream<Draft<Q>, S>;
  /** Ends it, and goes to another member from now on. */
  giveUp(): void;
}

export class EtcdChannel {
  readonly #clients: readonly Client[];
  #current = 0;
  #closed = false;

  constructor({ endpoints, tls }: ChannelOptions) {
    if (endpoints.length === 0) throw new TypeError('no etcd servers are given');
    this.#clients = endpoints.map((endpoint) => newClient(endpoint, tls));
  }

  /** Throws StoreError: what etcd refused, or `unavailable` when nobody knows whether the call was carried out. */
  async unary<Q, S>(method: Method<Q, S>, message: Draft<Q>, { signal }: CallOptions = {}): Promise<S> {
    const end = Date.now() + READ_MS;
    for (;;) {
      signal?.throwIfAborted();
      const client = await this.#ready(signal);
      try {
        return await this.#call(client, method, message, signal);
      } catch (error) {
        if (!isServiceError(error)) throw error;
        const again = GONE.has(error.code) && method.reads !== undefined && !this.#closed && Date.now() < end;
        if (!again) throw asStoreError(new GrpcError(error.code, error.details));
      }
    }
  }

  async #call<Q, S>(
    client: Client,
    { path, request, response, reads }: Method<Q, S>,
    message: Draft<Q>,
    signal: AbortSignal | undefined,
  ): Promise<S> {
    const deadline = Date.now() + (reads === 'quick' ? PATIENCE_MS : CALL_MS);
    return await new Promise<S>((resolve, reject) => {
      const silent = setTimeout(() => this.#avoid(client), PATIENCE_MS);
      const onAbort = (): void => call.cancel();
      const call = client.makeUnaryRequest(
        path,
        (value: Draft<Q>) => request.encode(value),
        (bytes: Buffer) => response.decode(bytes),
        message,
        new Metadata(),
        { deadline },
        (error, answer) => {
          clearTimeout(silent);
          signal?.removeEventListener('abort', onAbort);
          if (error === null && answer !== undefined) return resolve(answer);
          this.#noteFailure(client, error);
          if (signal?.aborted === true) return reject(signal.reason);
          reject(error ?? new StoreError('unavailable', 'etcd gave no answer'));
        },
      );
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  /** A stream both ways, to a member that has a leader; `hasleader` ends it when the member loses it. */
  async duplex<Q, S>({ path, request, response }: Method<Q, S>): Promise<Duplex<Q, S>> {
    const client = await this.#ready(undefined);
    const metadata = new Metadata();
    metadata.set('hasleader', 'true');
    const stream = client.makeBidiStreamRequest(
      path,
      (value: Draft<Q>) => request.encode(value),
      (bytes: Buffer) => response.decode(bytes),
      metadata,
    );
    stream.on('error', (error) => this.#noteFailure(client, error as ServiceError));
    return {
      stream,
      giveUp: () => {
        this.#avoid(client);
        stream.cancel();
      },
    };
  }

  async readable<Q, S>({ path, request, response }: Method<Q, S>, message: Draft<Q>): Promise<ClientReadableStream<S>> {
    const client = await this.#ready(undefined);
    return client.makeServerStreamRequest(
      path,
      (value: Draft<Q>) => request.encode(value),
      (bytes: Buffer) => response.decode(bytes),
      message,
    );
  }

  close(): void {
    this.#closed = true;
    for (const client of this.#clients) client.close();
  }

  /** A client that is connected: the last one that was, else another that is, else the first that comes to be. */
  async #ready(signal: AbortSignal | undefined): Promise<Client> {
    if (this.#closed) throw new StoreError('closed', 'the store is closed');
    const count = this.#clients.length;
    for (let i = 0; i < count; i++) {
      const next = (this.#current + i) % count;
      const client = this.#clients[next]!;
      if (client.getChannel().getConnectivityState(true) !== connectivityState.READY) continue;
      this.#current = next;
      return client;
    }
    const connected = this.#clients.map(async (client, i) => {
      await ready(client);
      return i;
    });
    const first = await Promise.any(connected).catch(() => undefined); // none of them
    signal?.throwIfAborted();
    // oxlint-disable-next-line typescript/no-unnecessary-condition -- closed while it waited
    if (this.#closed) throw new StoreError('closed', 'the store is closed');
    if (first === undefined) throw new StoreError('unavailable', 'no member of the etcd cluster can be reached');
    this.#current = first;
    return this.#clients[first]!;
  }

  #noteFailure(client: Client, error: ServiceError | null): void {
    if (error !== null && GONE.has(error.code)) this.#avoid(client);
  }

  /** The next call goes elsewhere: this member is gone, silent, or has no leader. */
  #avoid(client: Client): void {
    if (this.#clients[this.#current] === client) this.#current = (this.#current + 1) % this.#clients.length;
  }
}

function newClient(endpoint: string, tls: EtcdTls | undefined): Client {
  const { protocol, host, hostname } = new URL(endpoint);
  const address = hostname.replace(/^\[(.*)\]$/, '$1');
  return new Client(host, credentialsOf(protocol, address, tls), {
    // TLS takes no address for a server's name, and the library has no other idea; whose certificate it is is checked below.
    ...(isIP(address) === 0 ? {} : { 'grpc.ssl_target_name_override': 'localhost' }),
    'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
    'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
    'grpc.keepalive_time_ms': KEEPALIVE_MS,
    'grpc.keepalive_timeout_ms': KEEPALIVE_TIMEOUT_MS,
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 2000,
    'grpc.enable_retries': 0,
    'grpc.enable_channelz': 0,
  });
}

function credentialsOf(protocol: string, host: string, tls: EtcdTls | undefined): ChannelCredentials {
  if (protocol === 'http:') return credentials.createInsecure();
  if (tls === undefined) throw new TypeError('etcd servers behind https need an authority and a client certificate');
  return credentials.createSsl(Buffer.from(tls.ca), Buffer.from(tls.key), Buffer.from(tls.certificate), {
    checkServerIdentity: (_name, certificate) => checkServerIdentity(host, certificate),
  });
}

const GONE: ReadonlySet<number> = new Set([CODE.unavailable, CODE.deadlineExceeded]);

const ready = (client: Client): Promise<void> =>
  new Promise((resolve, reject) =>
    client.waitForReady(Date.now() + CONNECT_MS, (error) => (error === undefined ? resolve() : reject(error))),
  );

const isServiceError = (error: unknown): error is ServiceError =>
  error instanceof Error && !(error instanceof StoreError) && 'code' in error && 'details' in error;
