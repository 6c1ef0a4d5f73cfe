/** One connection to containerd's socket and the calls made over it: (de)serialisers become promises and streams. */
import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { loadSync, type Options } from '@grpc/proto-loader';
import { fileURLToPath } from 'node:url';
import { criErrorFromGrpc } from './error.ts';
import type { CallOptions } from './services.ts';

/** Upstream's limit for answers of the runtime (pkg/kubelet/cri/remote/remote_runtime.go, maxMsgSize, 16 MiB). */
const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;

const PROTO_OPTIONS: Options = { keepCase: true, longs: String, enums: String, defaults: true, arrays: true };

export interface Method {
  readonly name: string;
  /** `/package.Service/Method`. */
  readonly path: string;
  readonly serialize: (request: object) => Buffer;
  readonly deserialize: (bytes: Buffer) => object;
}

export interface ProtoFile {
  /** Methods by service (full name), then by method name. */
  readonly services: ReadonlyMap<string, readonly Method[]>;
  /** Decoders of messages by full name. */
  readonly decoders: ReadonlyMap<string, (bytes: Buffer) => object>;
}

/** Reads a `.proto` file that lies beside this one. Descriptors are dropped: only the codecs are kept in memory. */
export function loadProto(file: string): ProtoFile {
  const services = new Map<string, readonly Method[]>();
  const decoders = new Map<string, (bytes: Buffer) => object>();
  for (const [name, value] of Object.entries(loadSync(fileURLToPath(new URL(file, import.meta.url)), PROTO_OPTIONS))) {
    if ('deserialize' in value && typeof value.deserialize === 'function') {
      const decode = value.deserialize as (bytes: Buffer) => object;
      decoders.set(name, (bytes) => withoutNulls(decode(bytes)));
    } else if (!('format' in value)) {
      const methods = Object.entries(value).map(([method, { path, requestSerialize, responseDeserialize }]) => ({
        name: method,
        path,
        serialize: requestSerialize as (request: object) => Buffer,
        deserialize: (bytes: Buffer): object => withoutNulls((responseDeserialize as (b: Buffer) => object)(bytes)),
      }));
      services.set(name, methods);
    }
  }
  return { services, decoders };
}

/** protobufjs says null for an absent message; here absent is absent. Works in place: the object is freshly decoded. */
function withoutNulls<T extends object>(message: T): T {
  for (const key in message) {
    const value = message[key];
    if (value === null) delete message[key];
    else if (typeof value === 'object' && !Buffer.isBuffer(value)) withoutNulls(value);
  }
  return message;
}

export interface Channel extends Disposable {
  unary(method: Method, request: object, options?: CallOptions): Promise<object>;
  /**
   * Calls `onMessage` for each message until the stream ends (resolves), fails, is aborted, or `onMessage` throws
   * (rejects, with what it threw).
   */
  serverStream(
    method: Method,
    request: object,
    onMessage: (message: object) => void,
    options: CallOptions,
  ): Promise<void>;
}

/**
 * Connects to `unix://<socketPath>` when first used and again whenever the connection breaks, at most a second apart.
 * Calls made while containerd is away fail with `Unavailable`: waiting is the caller's business.
 */
export function newChannel(socketPath: string, metadata: Readonly<Record<string, string>>): Channel {
  const client = new Client(`unix://${socketPath}`, credentials.createInsecure(), {
    'grpc.default_authority': 'localhost', // containerd's Go server refuses a path as authority
    'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
    'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 1000,
    'grpc.enable_retries': 0,
    'grpc.enable_channelz': 0,
  });
  const newMetadata = (): Metadata => {
    const result = new Metadata();
    for (const [key, value] of Object.entries(metadata)) result.set(key, value);
    return result;
  };
  return {
    unary: (method, request, options = {}) =>
      new Promise((resolve, reject) => {
        const { signal } = options;
        if (signal?.aborted === true) return reject(signal.reason);
        const onAbort = (): void => call.cancel();
        const done = (error: ServiceError | null, response?: object): void => {
          signal?.removeEventListener('abort', onAbort);
          if (error !== null) return reject(failure(method, error, signal));
          resolve(response ?? {});
        };
        const { path, serialize, deserialize } = method;
        const call = client.makeUnaryRequest(
          path,
          serialize,
          deserialize,
          request,
          newMetadata(),
          deadline(options),
          done,
        );
        signal?.addEventListener('abort', onAbort, { once: true });
      }),
    serverStream: (method, request, onMessage, options) =>
      new Promise((resolve, reject) => {
        const { signal } = options;
        if (signal?.aborted === true) return reject(signal.reason);
        let thrown: { error: unknown } | undefined;
        const { path, serialize, deserialize } = method;
        const call = client.makeServerStreamRequest(
          path,
          serialize,
          deserialize,
          request,
          newMetadata(),
          deadline(options),
        );
        const onAbort = (): void => call.cancel();
        signal?.addEventListener('abort', onAbort, { once: true });
        call.on('data', (message: object) => {
          if (thrown !== undefined) return;
          try {
            onMessage(message);
          } catch (error) {
            thrown = { error };
            call.cancel();
          }
        });
        call.on('end', () => {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        });
        call.on('error', (error: ServiceError) => {
          signal?.removeEventListener('abort', onAbort);
          reject(thrown === undefined ? failure(method, error, signal) : thrown.error);
        });
      }),
    [Symbol.dispose]: () => client.close(),
  };
}

function deadline({ deadlineMs }: CallOptions): { deadline?: number } {
  return deadlineMs === undefined || deadlineMs === Infinity ? {} : { deadline: Date.now() + deadlineMs };
}

function failure(method: Method, error: ServiceError, signal: AbortSignal | undefined): unknown {
  return signal?.aborted === true ? signal.reason : criErrorFromGrpc(method.name, error);
}
