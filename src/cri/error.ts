import { status } from '@grpc/grpc-js';

/** The gRPC codes by the names Go's library prints, which are the ones seen in pod statuses and events. */
const CODES = {
  [status.OK]: 'OK',
  [status.CANCELLED]: 'Canceled',
  [status.UNKNOWN]: 'Unknown',
  [status.INVALID_ARGUMENT]: 'InvalidArgument',
  [status.DEADLINE_EXCEEDED]: 'DeadlineExceeded',
  [status.NOT_FOUND]: 'NotFound',
  [status.ALREADY_EXISTS]: 'AlreadyExists',
  [status.PERMISSION_DENIED]: 'PermissionDenied',
  [status.RESOURCE_EXHAUSTED]: 'ResourceExhausted',
  [status.FAILED_PRECONDITION]: 'FailedPrecondition',
  [status.ABORTED]: 'Aborted',
  [status.OUT_OF_RANGE]: 'OutOfRange',
  [status.UNIMPLEMENTED]: 'Unimplemented',
  [status.INTERNAL]: 'Internal',
  [status.UNAVAILABLE]: 'Unavailable',
  [status.DATA_LOSS]: 'DataLoss',
  [status.UNAUTHENTICATED]: 'Unauthenticated',
} as const satisfies Record<status, string>;

export type CriErrorCode = (typeof CODES)[status];

/** A failed call to the container runtime. `message` is what grpc-go prints (`rpc error: code = … desc = …`). */
export class CriError extends Error {
  override readonly name = 'CriError';
  readonly code: CriErrorCode;
  /** The runtime's own words. */
  readonly details: string;
  /** The RPC, e.g. `PullImage`. */
  readonly method: string;

  constructor(method: string, code: CriErrorCode, details: string, options?: ErrorOptions) {
    super(`rpc error: code = ${code} desc = ${details}`, options);
    this.method = method;
    this.code = code;
    this.details = details;
  }
}

/** Whether `error` is the runtime saying that the thing asked for is not there. */
export function isNotFound(error: unknown): boolean {
  return error instanceof CriError && error.code === 'NotFound';
}

export function criErrorFromGrpc(method: string, error: { code: number; details: string }): CriError {
  const code = (CODES as Record<number, CriErrorCode>)[error.code] ?? 'Unknown';
  return new CriError(method, code, error.details, { cause: error });
}
