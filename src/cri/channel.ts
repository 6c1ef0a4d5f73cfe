/** One connection to containerd's socket and the calls made over it: (de)serialisers become promises and streams. */
import { readFileSync } from 'node:fs';
import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { criErrorFromGrpc } from './error.ts';
import { type Codec, parseProto, type Proto } from './proto.ts';
import type { CallOptions } from './services.ts';

/** Upstream's limit for answers of the runtime (pkg/kubelet/cri/remote/remote_runtime.go, maxMsgSize, 16 MiB). */
const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;

export interface Method {
  readonly name: string;
  /** `/package.Service/Method`. */
  readonly path: string;
  readonly request: Codec;
  readonly response: Codec;
}

/** Reads a `.proto` file that lies beside this one. */
export function loadProto(file: string): Proto {
  return parseProto(readFileSync(new URL(file, import.meta.url), 'utf8'));
}

/** The methods of a service, by its full name. */
export function methodsOf(proto: Proto, service: string): Method[] {
  const rpcs = proto.services.get(service);
  if (rpcs === undefined) throw new Error(`no service ${service} in the .proto file`);
  return rpcs.map((rpc) => ({ ...rpc, path: `/${service}/${rpc.name}` }));
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
        const {
          path,
          request: { encode },
          response: { decode },
        } = method;
        const call = client.makeUnaryRequest(path, encode, decode, request, newMetadata(), deadline(options), done);
        signal?.addEventListener('abort', onAbort, { once: true });
      }),
    serverStream: (method, request, onMessage, options) =>
      new Promise((resolve, reject) => {
        const { signal } = options;
        if (signal?.aborted === true) return reject(signal.reason);
        let thrown: { error: unknown } | undefined;
        const {
          path,
          request: { encode },
          response: { decode },
        } = method;
        const call = client.makeServerStreamRequest(path, encode, decode, request, newMetadata(), deadline(options));
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
