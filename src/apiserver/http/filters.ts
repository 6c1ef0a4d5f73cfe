import { badRequest, internalError, parseDurationMs, StatusError } from '#api';
import { type Clock, messageOf } from '#util';
import type { UserInfo } from '../admission/admission.ts';
import type { Authenticated, Authenticator } from '../authn/authn.ts';
import type { Authorizer, Decision } from '../authz/authz.ts';
import { authorizationAttributes, forbidden } from '../authz/authz.ts';
import {
  type Awaitable,
  type Filter,
  type HttpRequest,
  type HttpResponse,
  type RequestContext,
  whenThere,
  withHeaders,
} from './context.ts';
import { isHealthPath } from '../health/health.ts';
import type { AccessMetrics, AuthorizationResult } from '../metrics/access.ts';
import { CONTENT_TYPES, negotiate, type Negotiated, type Offer } from './negotiate.ts';
import { encodeObject } from './respond.ts';

/** Verbs that last as long as the client likes, and so have no deadline and no place in flight. Source: DefaultBuildHandlerChain's longRunning. */
const LONG_RUNNING_SUBRESOURCES = new Set(['attach', 'exec', 'proxy', 'log', 'portforward']);

const isLongRunning = ({ info }: RequestContext): boolean =>
  info.verb === 'watch' || LONG_RUNNING_SUBRESOURCES.has(info.subresource);

/** Turns whatever a handler throws into the one error shape clients understand. Must be the outermost filter. */
export const withStatusErrors: Filter = (next) => (context) => {
  try {
    const response = next(context);
    return response instanceof Promise ? response.catch((error: unknown) => failure(context, error)) : response;
  } catch (error) {
    return failure(context, error);
  }
};

function failure(context: RequestContext, error: unknown): HttpResponse {
  if (error instanceof StatusError) return statusResponse(error, context.request);
  // What a handler throws when its client has left is nobody's fault and nobody reads the answer.
  if (!context.aborted) context.log.error('Handler failed', { path: context.request.path, error });
  return statusResponse(internalError(error), context.request);
}

/** A Status in the form the client takes, or indented JSON if it takes none. Source: ErrorNegotiated of handlers/responsewriters/writers.go v1.36. */
export function statusResponse(error: StatusError, { headers, query }: HttpRequest): HttpResponse {
  const retry = error.details?.retryAfterSeconds ?? 0;
  const negotiated = errorForm(headers['accept'], query, headers['user-agent'] ?? '');
  return {
    status: error.code,
    headers: {
      'content-type': CONTENT_TYPES[negotiated.format],
      'cache-control': 'no-cache, private',
      ...(retry > 0 ? { 'retry-after': String(retry) } : {}),
    },
    body: encodeObject(error.toStatus(), 'meta.v1.Status', negotiated),
  };
}

function errorForm(accept: string | undefined, query: URLSearchParams, agent: string): Negotiated {
  try {
    return negotiate(accept, query, agent, ERROR_OFFER);
  } catch {
    return { format: 'json', metaVersion: 'v1', pretty: true };
  }
}

const ERROR_OFFER: Offer = { formats: ['json', 'yaml', 'protobuf'], conversions: [] };

/** One line per request at debug level; failures of the server at error level. */
export const withRequestLog =
  (clock: Clock): Filter =>
  (next) =>
  (context) =>
    whenThere(next(context), (response) => {
      const status = 'status' in response ? response.status : 101;
      const fields = {
        method: context.request.method,
        path: context.request.path,
        verb: context.info.verb,
        user: context.user.name,
        status,
        durationMs: Math.round(clock.monotonic() - context.startedMs),
      };
      if (status >= 500 && !isHealthPath(context.info.path)) context.log.error('Request failed', fields);
      else context.log.debug('Request', fields);
      return response;
    });

/** Ends requests that are not long-running after `timeoutMs` (kube-apiserver --request-timeout: 60 s), or sooner if they ask for it. One sweep a second serves all who do not. */
export function withTimeout(clock: Clock, timeoutMs: number): Filter {
  const running = new Map<RequestContext, () => void>();
  let sweep: Disposable | undefined;
  const check = (): void => {
    const latest = clock.monotonic() - timeoutMs;
    for (const [context, expire] of running) {
      if (context.startedMs > latest) break; // in order of their start
      running.delete(context);
      expire();
    }
    sweep = running.size > 0 ? clock.after(1000, check) : undefined;
  };
  return (next) => (context) => {
    if (isLongRunning(context)) return next(context);
    const own = requestedTimeout(context);
    const response = next(context);
    if (!(response instanceof Promise)) return response;
    const { promise, resolve, reject } = Promise.withResolvers<HttpResponse>();
    const expire = (): void => {
      // Source: apiserver pkg/server/filters/timeout.go v1.36.
      const error = new StatusError('Timeout', 'Timeout: request did not complete within the allotted timeout', {
        details: {},
      });
      context.abort(error);
      reject(error);
    };
    let timer: Disposable | undefined;
    if (own !== undefined && own > 0 && own < timeoutMs) {
      timer = clock.after(own, expire);
    } else {
      running.set(context, expire);
      sweep ??= clock.after(1000, check);
    }
    void (async () => {
      try {
        resolve(await response);
      } catch (error) {
        reject(error);
      } finally {
        running.delete(context);
        timer?.[Symbol.dispose]();
      }
    })();
    return promise;
  };
}

/** Milliseconds of the parameter `timeout`. Source: parseTimeout of endpoints/filters/request_deadline.go v1.36. */
function requestedTimeout({ request }: RequestContext): number | undefined {
  if (request.rawQuery === '') return undefined;
  const text = request.query.get('timeout') ?? '';
  if (text === '') return undefined;
  try {
    return parseDurationMs(text);
  } catch (error) {
    throw badRequest(`invalid timeout specified in the request URL - ${messageOf(error)}`);
  }
}

/** How many there are, and the most there were since this was last asked. */
export class Watermark {
  #count = 0;
  #highest = 0;

  get count(): number {
    return this.#count;
  }

  enter(): void {
    this.#count++;
    this.#highest = Math.max(this.#highest, this.#count);
  }

  leave(): void {
    this.#count--;
  }

  highest(): number {
    const highest = this.#highest;
    this.#highest = this.#count;
    return highest;
  }
}

export interface InFlight {
  readonly readOnly: Watermark;
  readonly mutating: Watermark;
}

/** Source: --max-requests-inflight 400, --max-mutating-requests-inflight 200; pkg/server/filters/maxinflight.go v1.36. */
export function withMaxInFlight(
  limits: { readonly readOnly: number; readonly mutating: number },
  inFlight: InFlight,
): Filter {
  return (next) => (context) => {
    if (isLongRunning(context)) return next(context);
    const kind = READ_ONLY.has(context.info.verb) ? 'readOnly' : 'mutating';
    const mark = inFlight[kind];
    if (mark.count >= limits[kind]) {
      // Administrators must be able to get in when all else is stuck.
      if (context.user.groups.includes('system:masters')) return next(context);
      return tooManyRequests();
    }
    mark.enter();
    let waits = false;
    try {
      const response = next(context);
      waits = response instanceof Promise;
      return response instanceof Promise ? response.finally(() => mark.leave()) : response;
    } finally {
      if (!waits) mark.leave();
    }
  };
}

const READ_ONLY = new Set(['get', 'list', 'watch']);

/** Source: tooManyRequests of pkg/server/filters/wrap.go v1.36: plain text, since it must cost nothing. */
const tooManyRequests = (): HttpResponse => ({
  status: 429,
  headers: {
    'content-type': 'text/plain; charset=utf-8',
    'x-content-type-options': 'nosniff',
    'retry-after': '1',
  },
  body: 'Too many requests, please try again later.\n',
});

/** Source: user.Anonymous, user.AllUnauthenticated, user.AllAuthenticated of apiserver pkg/authentication/user. */
const ANONYMOUS: UserInfo = { name: 'system:anonymous', groups: ['system:unauthenticated'] };

/**
 * The first authenticator that knows the credentials says who it is, whatever those before it said; credentials nobody knows are refused, none is
 * anonymous. Source: apiserver pkg/authentication/request/union v1.36, with which kube-apiserver asks all of them.
 */
export const withAuthentication =
  (authenticators: readonly Authenticator[], metrics: AccessMetrics): Filter =>
  (next) =>
  (context) => {
    const startedMs = metrics.now();
    return whenThere(identify(authenticators, context.request, undefined), ({ found, failed }) => {
      if (found !== undefined) {
        metrics.authenticated('success', startedMs, found.user.name);
        context.user = found.user;
        if (found.headers !== undefined) context.request = withHeaders(context.request, found.headers);
        return next(context);
      }
      if (failed !== undefined) {
        metrics.authenticated('error', startedMs);
        context.log.info('Unable to authenticate the request', { reason: messageOf(failed) });
        throw new StatusError('Unauthorized', 'Unauthorized', { cause: failed });
      }
      metrics.authenticated('success', startedMs, ANONYMOUS.name);
      context.user = ANONYMOUS;
      return next(context);
    });
  };

interface Identified {
  readonly found: Authenticated | undefined;
  /** Why the first whose credentials these are does not take them. */
  readonly failed: unknown;
}

function identify(
  authenticators: readonly Authenticator[],
  request: HttpRequest,
  failedBefore: unknown,
): Awaitable<Identified> {
  let failed = failedBefore;
  for (let i = 0; i < authenticators.length; i++) {
    let found: ReturnType<Authenticator>;
    try {
      found = authenticators[i]!(request);
    } catch (error) {
      failed ??= error;
      continue;
    }
    if (found instanceof Promise) return identifyOn(found, authenticators.slice(i + 1), request, failed);
    if (found !== undefined) return { found, failed };
  }
  return { found: undefined, failed };
}

/** The rest of the line, once one of it takes its time. */
async function identifyOn(
  pending: Promise<Authenticated | undefined>,
  rest: readonly Authenticator[],
  request: HttpRequest,
  failedBefore: unknown,
): Promise<Identified> {
  let failed = failedBefore;
  try {
    const found = await pending;
    if (found !== undefined) return { found, failed };
  } catch (error) {
    failed ??= error;
  }
  return await identify(rest, request, failed);
}

export const withAuthorization =
  (authorizer: Authorizer, metrics: AccessMetrics): Filter =>
  (next) =>
  (context) => {
    const startedMs = metrics.now();
    const attributes = authorizationAttributes(context.user, context.info);
    return whenThere(authorizer.authorize(attributes), (decision) => {
      metrics.authorized(resultOf(decision), startedMs);
      if (!decision.allowed) throw forbidden(attributes, decision.reason);
      return next(context);
    });
  };

function resultOf({ allowed, denied, error }: Decision): AuthorizationResult {
  if (allowed) return 'allowed';
  if (error !== undefined) return 'error';
  return denied === true ? 'denied' : 'no-opinion';
}
