/** What etcd says when it refuses, with the codes of gRPC. Source: api/v3rpc/rpctypes/error.go of etcd v3.6. */
import { StoreError, type StoreErrorCode } from '../types.ts';
import { WireError } from './wire.ts';

/** Source: https://grpc.github.io/grpc/core/md_doc_statuscodes.html. */
export const CODE = {
  ok: 0,
  canceled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  outOfRange: 11,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  dataLoss: 15,
  unauthenticated: 16,
} as const;

/** An error as it travels by gRPC. */
export class GrpcError extends Error {
  override readonly name = 'GrpcError';
  readonly code: number;

  constructor(code: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

const text = (words: string): string => `etcdserver: ${words}`;

export const emptyKey = (): GrpcError => new GrpcError(CODE.invalidArgument, text('key is not provided'));
export const valueProvided = (): GrpcError => new GrpcError(CODE.invalidArgument, text('value is provided'));
export const leaseProvided = (): GrpcError => new GrpcError(CODE.invalidArgument, text('lease is provided'));
export const tooManyOps = (): GrpcError =>
  new GrpcError(CODE.invalidArgument, text('too many operations in txn request'));
export const invalidSortOption = (): GrpcError => new GrpcError(CODE.invalidArgument, text('invalid sort option'));
export const requestTooLarge = (): GrpcError => new GrpcError(CODE.invalidArgument, text('request is too large'));
export const leaseTtlTooLarge = (): GrpcError => new GrpcError(CODE.outOfRange, text('too large lease TTL'));
export const authNotEnabled = (): GrpcError =>
  new GrpcError(CODE.failedPrecondition, text('authentication is not enabled'));
/** A method of etcd's that makes no sense here, or one there is not. */
export const unimplemented = (words: string): GrpcError => new GrpcError(CODE.unimplemented, words);

export const COMPACTED = text('mvcc: required revision has been compacted');
const NO_SPACE = text('mvcc: database space exceeded');

/** Text and code of each of the store's errors that etcd has, too. */
const KNOWN: Partial<Record<StoreErrorCode, readonly [code: number, message: string]>> = {
  compacted: [CODE.outOfRange, COMPACTED],
  'future-revision': [CODE.outOfRange, text('mvcc: required revision is a future revision')],
  'duplicate-key': [CODE.invalidArgument, text('duplicate key given in txn request')],
  'key-not-found': [CODE.invalidArgument, text('key not found')],
  'lease-not-found': [CODE.notFound, text('requested lease not found')],
  'lease-exists': [CODE.failedPrecondition, text('lease already exists')],
  'no-space': [CODE.resourceExhausted, NO_SPACE],
  corrupt: [CODE.dataLoss, text('corrupt cluster')],
  closed: [CODE.unavailable, text('server stopped')],
  failed: [CODE.unavailable, text('server stopped')],
  unavailable: [CODE.unavailable, text('request timed out')],
};

/** What a client is told of an error, whatever it is. */
export function asGrpcError(error: unknown): GrpcError {
  if (error instanceof GrpcError) return error;
  if (error instanceof WireError)
    return new GrpcError(CODE.internal, `grpc: error unmarshalling request: ${error.message}`);
  const known = error instanceof StoreError ? KNOWN[error.code] : undefined;
  if (known !== undefined) return new GrpcError(...known, { cause: error });
  return new GrpcError(CODE.unknown, error instanceof Error ? error.message : String(error), { cause: error });
}

/** The store's error that a server means by what it says; `unavailable` for what only the connection or the cluster is to blame for. */
export function asStoreError({ code, message }: GrpcError): StoreError {
  for (const [storeCode, [, known]] of Object.entries(KNOWN) as [StoreErrorCode, readonly [number, string]][])
    if (message === known) return new StoreError(storeCode, message);
  if (code === CODE.resourceExhausted) return new StoreError('no-space', message);
  return new StoreError('unavailable', message);
}
