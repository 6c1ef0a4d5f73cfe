import { type Clock, CounterVec, exponentialBuckets, HistogramVec, labelText } from '#util';

const DURATION_BUCKETS = exponentialBuckets(0.001, 2, 15);

export type AuthenticationResult = 'success' | 'failure' | 'error';
export type AuthorizationResult = 'allowed' | 'denied' | 'no-opinion' | 'error';

/** Who asked, and what they were told. Source: apiserver pkg/endpoints/filters/metrics.go v1.36. */
export class AccessMetrics {
  readonly #clock: Clock;
  readonly #users = new CounterVec('authenticated_user_requests', '[ALPHA] Requests by kind of user.');
  readonly #authentications = new CounterVec('authentication_attempts', '[ALPHA] Authentications by how they ended.');
  readonly #authenticationSeconds = new HistogramVec(
    'authentication_duration_seconds',
    '[ALPHA] How long authentication took.',
    DURATION_BUCKETS,
  );
  readonly #authorizations = new CounterVec(
    'authorization_attempts_total',
    '[ALPHA] Authorizations by how they ended.',
  );
  readonly #authorizationSeconds = new HistogramVec(
    'authorization_duration_seconds',
    '[ALPHA] How long authorization took.',
    DURATION_BUCKETS,
  );

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Milliseconds, for the starts below. */
  now(): number {
    return this.#clock.monotonic();
  }

  /** `user`: who it is, where it is somebody. */
  authenticated(result: AuthenticationResult, startedMs: number, user?: string): void {
    const labels = RESULTS[result];
    if (user !== undefined) this.#users.add(compressedUser(user));
    this.#authentications.add(labels);
    this.#authenticationSeconds.observe(labels, (this.now() - startedMs) / 1000);
  }

  authorized(result: AuthorizationResult, startedMs: number): void {
    const labels = RESULTS[result];
    this.#authorizations.add(labels);
    this.#authorizationSeconds.observe(labels, (this.now() - startedMs) / 1000);
  }

  lines(): string[] {
    return [
      ...this.#users.lines(),
      ...this.#authentications.lines(),
      ...this.#authenticationSeconds.lines(),
      ...this.#authorizations.lines(),
      ...this.#authorizationSeconds.lines(),
    ];
  }
}

const resultLabels = (result: string): string => labelText({ result });
const RESULTS: Readonly<Record<AuthenticationResult | AuthorizationResult, string>> = {
  success: resultLabels('success'),
  failure: resultLabels('failure'),
  error: resultLabels('error'),
  allowed: resultLabels('allowed'),
  denied: resultLabels('denied'),
  'no-opinion': resultLabels('no-opinion'),
};

/** Names of people must not become series without end. Source: compressUsername, as above. */
const KNOWN_USERS = new Set(['admin', 'client', 'kube_proxy', 'kubelet', 'system:serviceaccount:kube-system:default']);

function compressedUser(name: string): string {
  if (KNOWN_USERS.has(name)) return labelText({ username: name });
  return name.includes('@') ? EMAIL : OTHER;
}

const EMAIL = labelText({ username: 'email_id' });
const OTHER = labelText({ username: 'other' });
