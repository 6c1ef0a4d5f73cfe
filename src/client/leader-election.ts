import { Lease, StatusError } from '#api';
import { type Clock, type Logger, sleep } from '#util';
import type { Client } from './types.ts';

export interface LeaderElectionOptions {
  readonly client: Client;
  readonly clock: Clock;
  /** In [0,1). */
  readonly random: () => number;
  readonly log: Logger;
  /** The lease that candidates compete for. */
  readonly lease: { readonly namespace: string; readonly name: string };
  /** This candidate; unique among them. */
  readonly identity: string;
  /** How long others wait after the last renewal they saw. Default 15 s. */
  readonly leaseDurationMs?: number;
  /** How long the leader tries to renew before it gives up. Default 10 s. */
  readonly renewDeadlineMs?: number;
  /** Between two tries. Default 2 s. */
  readonly retryPeriodMs?: number;
  /** Called when another leader is seen. */
  readonly onNewLeader?: (identity: string) => void;
}

/** Source: client-go tools/leaderelection JitterFactor. */
const JITTER = 1.2;

/**
 * Waits until this candidate holds the lease, then runs `lead` with a signal that aborts when the lease is lost or `signal` does.
 * Resolves when `lead` has ended; the lease is given up then, so that another takes over without waiting. Throws what `lead` throws, and
 * StatusError `Timeout` when the lease was lost. The clocks of candidates need not agree: only differences on one's own are used.
 */
export async function runAsLeader(
  options: LeaderElectionOptions,
  lead: (options: { signal: AbortSignal }) => Promise<void>,
  { signal }: { signal: AbortSignal },
): Promise<void> {
  const { clock, random, retryPeriodMs = 2000, log, identity } = options;
  const elector = new Elector(options);
  while (!(await elector.tryAcquireOrRenew(signal))) {
    await sleep(clock, retryPeriodMs * (1 + JITTER * random()), { signal });
  }
  log.info('became leader', { identity });

  const term = new AbortController();
  const end = (): void => term.abort(signal.reason);
  signal.addEventListener('abort', end, { once: true });
  if (signal.aborted) end();
  const renew = async (): Promise<void> => {
    if (await elector.renewUntilLost(term.signal)) term.abort(new StatusError('Timeout', 'leader election lost'));
  };
  const renewing = renew();
  try {
    await lead({ signal: term.signal });
    if (!signal.aborted) term.signal.throwIfAborted();
  } finally {
    signal.removeEventListener('abort', end);
    term.abort(new StatusError('Timeout', 'no longer leading'));
    await renewing;
    await elector.release();
  }
}

class Elector {
  readonly #options: LeaderElectionOptions;
  readonly #leaseDurationMs: number;
  #observed: Lease | undefined;
  #observedAtMs = 0;

  constructor(options: LeaderElectionOptions) {
    this.#options = options;
    this.#leaseDurationMs = options.leaseDurationMs ?? 15_000;
  }

  get #leading(): boolean {
    return this.#observed?.spec.holderIdentity === this.#options.identity;
  }

  /** One try; whether this candidate holds the lease now. */
  async tryAcquireOrRenew(signal: AbortSignal): Promise<boolean> {
    try {
      return await this.#try(signal);
    } catch (error) {
      signal.throwIfAborted();
      this.#options.log.warn('leader election failed', { error, lease: this.#options.lease });
      return false;
    }
  }

  /** Renews until `signal` aborts (false) or the lease could not be renewed in time (true). */
  async renewUntilLost(signal: AbortSignal): Promise<boolean> {
    const { clock, renewDeadlineMs = 10_000, retryPeriodMs = 2000 } = this.#options;
    let renewedAt = clock.monotonic();
    try {
      for (;;) {
        await sleep(clock, retryPeriodMs, { signal });
        const rest = renewDeadlineMs - (clock.monotonic() - renewedAt);
        if (rest > 0 && (await this.#withDeadline(rest, signal))) renewedAt = clock.monotonic();
        else if (clock.monotonic() - renewedAt >= renewDeadlineMs) return true;
      }
    } catch (error) {
      if (signal.aborted) return false;
      throw error;
    }
  }

  async #withDeadline(ms: number, signal: AbortSignal): Promise<boolean> {
    const deadline = new AbortController();
    const timer = this.#options.clock.after(ms, () =>
      deadline.abort(new StatusError('Timeout', 'renew deadline passed')),
    );
    try {
      return await this.tryAcquireOrRenew(AbortSignal.any([signal, deadline.signal]));
    } catch (error) {
      if (deadline.signal.aborted && !signal.aborted) return false;
      throw error;
    } finally {
      timer[Symbol.dispose]();
    }
  }

  /** Gives the lease up, if it is held. Never throws. */
  async release(): Promise<void> {
    const { client, log } = this.#options;
    const held = this.#observed;
    if (!this.#leading || held === undefined) return;
    const at = this.#microTime();
    try {
      await client.update(Lease, {
        ...held,
        spec: { ...held.spec, holderIdentity: '', leaseDurationSeconds: 1, renewTime: at, acquireTime: at },
      });
    } catch (error) {
      log.warn('leader lease could not be released', { error });
    }
    this.#observed = undefined;
  }

  async #try(signal: AbortSignal): Promise<boolean> {
    const { client, identity, lease } = this.#options;
    const current = await this.#get(signal);
    const at = this.#microTime();
    const mine = {
      holderIdentity: identity,
      leaseDurationSeconds: Math.round(this.#leaseDurationMs / 1000),
      renewTime: at,
    };
    if (current === undefined) {
      const spec = { ...mine, acquireTime: at, leaseTransitions: 0 };
      this.#observe(await client.create(Lease, { metadata: { ...lease }, spec }, { signal }));
      return true;
    }
    if (current.metadata.resourceVersion !== this.#observed?.metadata.resourceVersion) this.#observe(current);
    const holder = current.spec.holderIdentity ?? '';
    const validMs = (current.spec.leaseDurationSeconds ?? 0) * 1000;
    if (holder !== '' && holder !== identity && this.#observedAtMs + validMs > this.#options.clock.monotonic())
      return false;
    const renewed = holder === identity;
    const spec = {
      ...current.spec,
      ...mine,
      acquireTime: renewed ? (current.spec.acquireTime ?? at) : at,
      leaseTransitions: (current.spec.leaseTransitions ?? 0) + (renewed ? 0 : 1),
    };
    this.#observe(await client.update(Lease, { ...current, spec }, { signal }));
    return true;
  }

  /** The lease as it is now. */
  async #get(signal: AbortSignal): Promise<Lease | undefined> {
    const { client, lease } = this.#options;
    try {
      return await client.get(Lease, lease, { signal });
    } catch (error) {
      if (StatusError.is(error, 'NotFound')) return undefined;
      throw error;
    }
  }

  #observe(lease: Lease): void {
    const before = this.#observed?.spec.holderIdentity;
    this.#observed = lease;
    this.#observedAtMs = this.#options.clock.monotonic();
    const holder = lease.spec.holderIdentity;
    if (holder !== undefined && holder !== '' && holder !== before) this.#options.onNewLeader?.(holder);
  }

  /** metav1.MicroTime. */
  #microTime(): string {
    return new Date(this.#options.clock.now()).toISOString().replace('Z', '000Z');
  }
}
