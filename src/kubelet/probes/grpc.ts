import { Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { goDuration } from '../text.ts';
import { PROBE_USER_AGENT } from '../version.ts';
import { hostPort } from './dial.ts';
import { failure, type ProbeResult, success } from './result.ts';

/** grpc.health.v1.Health. Source of the texts: pkg/probe/grpc/grpc.go v1.36. */
const METHOD = '/grpc.health.v1.Health/Check';
const STATUS_NAMES = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'];

/** `HealthCheckRequest { string service = 1; }` */
function encodeRequest(service: string): Buffer {
  const name = Buffer.from(service, 'utf8');
  if (name.length === 0) return Buffer.alloc(0);
  // A DNS-like name, checked by the API server, is shorter than 16 KiB: at most two bytes of length.
  const length = name.length < 0x80 ? [name.length] : [(name.length & 0x7f) | 0x80, name.length >> 7];
  return Buffer.concat([Buffer.from([0x0a, ...length]), name]);
}

/** `HealthCheckResponse { ServingStatus status = 1; }`: field 1, a varint below 128; absent is 0. */
const decodeResponse = (bytes: Buffer): number => (bytes[0] === 0x08 ? (bytes[1] ?? 0) : 0);

export function probeGrpc(
  { host, port, service, timeoutMs }: { host: string; port: number; service: string; timeoutMs: number },
  { signal }: { signal: AbortSignal },
): Promise<ProbeResult> {
  const address = hostPort(host, port);
  const client = new Client(address, credentials.createInsecure(), {
    'grpc.primary_user_agent': PROBE_USER_AGENT,
    'grpc.enable_retries': 0,
    'grpc.enable_channelz': 0,
  });
  const deadline = Date.now() + timeoutMs;
  return new Promise<ProbeResult>((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error);
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    const done = (result: ProbeResult): void => {
      signal.removeEventListener('abort', onAbort);
      resolve(result);
    };
    client.waitForReady(deadline, (notReady) => {
      if (notReady !== undefined) {
        const within = goDuration(timeoutMs);
        return done(
          failure(
            `timeout: failed to connect service ${JSON.stringify(address)} within ${within}: context deadline exceeded`,
          ),
        );
      }
      client.makeUnaryRequest(
        METHOD,
        encodeRequest,
        decodeResponse,
        service,
        new Metadata(),
        { deadline },
        (error, value) => done(error === null ? answered(value ?? 0) : failed(error, timeoutMs)),
      );
    });
  }).finally(() => client.close());
}

function answered(value: number): ProbeResult {
  if (value === 1) return success();
  return failure(`service unhealthy (responded with ${JSON.stringify(STATUS_NAMES[value] ?? String(value))})`);
}

function failed(error: ServiceError, timeoutMs: number): ProbeResult {
  switch (error.code) {
    case status.UNIMPLEMENTED:
      return failure(
        `error: this server does not implement the grpc health protocol (grpc.health.v1.Health): ${error.details}`,
      );
    case status.DEADLINE_EXCEEDED:
      return failure(`timeout: health rpc did not complete within ${goDuration(timeoutMs)}`);
    default:
      return failure(`error: health rpc probe failed: ${error.message}`);
  }
}
