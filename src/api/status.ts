import type { Status, StatusCause, StatusDetails } from './generated/meta.v1.ts';

/** Reasons a Status may carry, with the HTTP code each one travels under. Source: meta/v1 StatusReason, apimachinery v0.36. */
export const REASONS = {
  BadRequest: 400,
  Unauthorized: 401,
  Forbidden: 403,
  NotFound: 404,
  MethodNotAllowed: 405,
  NotAcceptable: 406,
  AlreadyExists: 409,
  Conflict: 409,
  Gone: 410,
  Expired: 410,
  RequestEntityTooLarge: 413,
  UnsupportedMediaType: 415,
  Invalid: 422,
  TooManyRequests: 429,
  InternalError: 500,
  ServerTimeout: 500,
  ServiceUnavailable: 503,
  Timeout: 504,
  StoreReadError: 500,
} as const;

export type Reason = keyof typeof REASONS;

export interface StatusErrorOptions extends ErrorOptions {
  /** Default: the code of the reason. */
  code?: number;
  details?: StatusDetails;
  /** Of an expired list: where it may go on. */
  continue?: string;
}

/**
 * The one error class that crosses component borders: a meta/v1 Status of failure. Everything else thrown is a bug and becomes
 * InternalError at the edge. `reason` is text, not only {@link Reason}: a server may send others.
 */
export class StatusError extends Error {
  override readonly name = 'StatusError';
  readonly reason: Reason | '';
  readonly code: number;
  readonly details: StatusDetails | undefined;
  readonly continue: string | undefined;

  constructor(
    reason: Reason | '',
    message: string,
    { code, details, continue: token, ...options }: StatusErrorOptions = {},
  ) {
    super(message, options);
    this.reason = reason;
    this.code = code ?? (reason === '' ? 500 : REASONS[reason]);
    this.details = details;
    this.continue = token;
  }

  static is(error: unknown, ...reasons: readonly Reason[]): error is StatusError {
    return error instanceof StatusError && reasons.includes(error.reason as Reason);
  }

  /** The error a server's Status of failure stands for. */
  static from(status: Partial<Status>): StatusError {
    return new StatusError((status.reason ?? '') as Reason | '', status.message ?? 'unknown', {
      code: status.code ?? 500,
      ...(status.details === undefined ? {} : { details: status.details }),
      ...(status.metadata?.continue === undefined ? {} : { continue: status.metadata.continue }),
    });
  }

  toStatus(): Status {
    return {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: this.continue === undefined ? {} : { continue: this.continue },
      status: 'Failure',
      message: this.message,
      ...(this.reason === '' ? {} : { reason: this.reason }),
      ...(this.details === undefined ? {} : { details: this.details }),
      code: this.code,
    };
  }
}

/** Names a resource in messages: `pods`, `deployments.apps`. Source: schema.GroupResource.String. */
export interface ResourceName {
  readonly group: string;
  readonly plural: string;
}

export const resourceText = ({ group, plural }: ResourceName): string => (group === '' ? plural : `${plural}.${group}`);

const detailsOf = ({ group, plural }: ResourceName, name: string, causes?: StatusCause[]): StatusDetails => ({
  name,
  ...(group === '' ? {} : { group }),
  kind: plural,
  ...(causes === undefined ? {} : { causes }),
});

/** Texts of these: apimachinery pkg/api/errors/errors.go v0.36. */
export const notFound = (resource: ResourceName, name: string): StatusError =>
  new StatusError('NotFound', `${resourceText(resource)} "${name}" not found`, { details: detailsOf(resource, name) });

export const alreadyExists = (resource: ResourceName, name: string): StatusError =>
  new StatusError('AlreadyExists', `${resourceText(resource)} "${name}" already exists`, {
    details: detailsOf(resource, name),
  });

export const conflict = (resource: ResourceName, name: string, why: string): StatusError =>
  new StatusError('Conflict', `Operation cannot be fulfilled on ${resourceText(resource)} "${name}": ${why}`, {
    details: detailsOf(resource, name),
  });

export const forbidden = (resource: ResourceName, name: string, why: string): StatusError =>
  new StatusError(
    'Forbidden',
    name === ''
      ? `${resourceText(resource)} is forbidden: ${why}`
      : `${resourceText(resource)} "${name}" is forbidden: ${why}`,
    { details: detailsOf(resource, name) },
  );

export const badRequest = (message: string): StatusError => new StatusError('BadRequest', message);

export const internalError = (cause: unknown): StatusError => {
  const text = cause instanceof Error ? cause.message : String(cause);
  return new StatusError('InternalError', `Internal error occurred: ${text}`, {
    cause,
    details: { causes: [{ message: text }] },
  });
};
