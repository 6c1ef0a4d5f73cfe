/** Connections to the members of an etcd cluster: a call goes to one that answers, and to the next when that one is gone. */
import {
  type ChannelCredentials,
  Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  credentials,
  Metadata,
  type ServiceError,
} from '@grpc/grpc-js';
import { isIP } from 'node:net';
import { checkServerIdentity } from 'node:tls';
import type { Codec, Draft } from '../etcd/codec.ts';
import { asStoreError, CODE, GrpcError } from '../etcd/errors.ts';
import { StoreError } from '../types.ts';

/** Source: what kube-apiserver gives etcd, storage/storagebackend/factory/etcd3.go: keep-alive and dial times v1.36. */
const KEEPALIVE_MS = 30_000;
const KEEPALIVE_TIMEOUT_MS = 10_000;
const CONNECT_MS = 2000;
const CALL_MS = 30_000;
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
  async unary<Q, S>(
    { path, request, response }: Method<Q, S>,
    message: Draft<Q>,
    { signal }: CallOptions = {},
  ): Promise<S> {
    signal?.throwIfAborted();
    const client = await this.#ready(signal);
    return await new Promise<S>((resolve, reject) => {
      const onAbort = (): void => call.cancel();
      const call = client.makeUnaryRequest(
        path,
        (value: Draft<Q>) => request.encode(value),
        (bytes: Buffer) => response.decode(bytes),
        message,
        new Metadata(),
        { deadline: Date.now() + CALL_MS },
        (error, answer) => {
          signal?.removeEventListener('abort', onAbort);
          if (error === null && answer !== undefined) return resolve(answer);
          this.#noteFailure(client, error);
          reject(signal?.aborted === true ? signal.reason : failure(error));
        },
      );
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  /** A stream both ways, to a member that has a leader; `hasleader` ends it when the member loses it. */
  async duplex<Q, S>({ path, request, response }: Method<Q, S>): Promise<ClientDuplexStream<Draft<Q>, S>> {
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
    return stream;
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

  /** A client that is connected: the last one that was, else the first that comes to be. */
  async #ready(signal: AbortSignal | undefined): Promise<Client> {
    for (let tried = 0; tried < this.#clients.length; tried++) {
      if (this.#closed) throw new StoreError('closed', 'the store is closed');
      const client = this.#clients[this.#current]!;
      if (await isReady(client)) return client;
      signal?.throwIfAborted();
      this.#current = (this.#current + 1) % this.#clients.length;
    }
    throw new StoreError('unavailable', 'no member of the etcd cluster can be reached');
  }

  /** The next call goes elsewhere when this member is gone or has no leader. */
  #noteFailure(client: Client, error: ServiceError | null): void {
    const gone = error !== null && GONE.has(error.code);
    if (gone && this.#clients[this.#current] === client) this.#current = (this.#current + 1) % this.#clients.length;
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

const isReady = (client: Client): Promise<boolean> =>
  new Promise((resolve) => client.waitForReady(Date.now() + CONNECT_MS, (error) => resolve(error === undefined)));

function failure(error: ServiceError | null): StoreError {
  if (error === null) return new StoreError('unavailable', 'etcd gave no answer');
  return asStoreError(new GrpcError(error.code, error.details));
}
