import { EndpointSlice, keyOf, Service, sliceServiceName } from '#api';
import type { Informers } from '#client';
import { backoffMs, type Clock, type Logger, messageOf, sleep } from '#util';
import { AFFINITY, FLOW_SECONDS, MOVED_FLOWS } from './chains.ts';
import { movedFlows, staleFlows } from './flows.ts';
import type { RulesetOptions } from './frontends.ts';
import { type DynamicElement, type Kernel, removalText, restoreText, systemKernel } from './kernel.ts';
import { Rules, type Update } from './rules.ts';

export interface ProxyOptions extends RulesetOptions {
  readonly informers: Informers;
  readonly clock: Clock;
  readonly log: Logger;
  /** Default: that of the network namespace of this process. */
  readonly kernel?: Kernel;
  /** Called after each change that is in the kernel. */
  readonly onApplied?: (applied: { readonly full: boolean; readonly durationMs: number }) => void;
}

/** As upstream (FullSyncPeriod, pkg/proxy/util): what others did to the table is put right then. */
const FULL_SYNC_MS = 3_600_000;
/** A change waits this many times as long as the last one took, so that a storm of them leaves most of a processor to others. */
const REST_FACTOR = 2;
const MAX_REST_MS = 1000;
const RETRY = { baseMs: 100, maxMs: 30_000 };
/** Services looked at before others get their turn on the event loop. */
const SLICE = 200;

/** Runs until `signal` aborts, and resolves then. The table stays, so that services work while the proxy starts again. */
export async function runProxy(options: ProxyOptions, { signal }: { signal: AbortSignal }): Promise<void> {
  const { informers } = options;
  const services = informers.informer(Service);
  const slices = informers.informer(EndpointSlice);
  const syncer = new Syncer(options, (key) => services.get(key));
  using handlers = new DisposableStack();
  handlers.use(services.addHandler(({ object }) => syncer.serviceChanged(keyOf(object))));
  handlers.use(
    slices.addHandler(({ type, object, old }) => {
      if (old !== undefined && sliceServiceName(old) !== sliceServiceName(object)) syncer.sliceChanged(old, true);
      syncer.sliceChanged(object, type === 'delete');
    }),
  );
  try {
    // Rules made of half the cluster would cut off the other half.
    await Promise.all([services.whenSynced({ signal }), slices.whenSynced({ signal })]);
    await syncer.run(signal);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** Takes changes as they come and brings them to the kernel: the first at once, those that come meanwhile together. */
class Syncer {
  readonly #options: ProxyOptions;
  readonly #serviceOf: (key: string) => Service | undefined;
  readonly #kernel: Kernel;
  readonly #rules: Rules;
  readonly #slices = new Map<string, Map<string, EndpointSlice>>();
  readonly #dirty = new Set<string>();
  #wake: (() => void) | undefined;
  #fullDue = true;
  #affinityDue = false;
  #flowsDue = false;
  #flowsUnseen = false;

  constructor(options: ProxyOptions, serviceOf: (key: string) => Service | undefined) {
    this.#options = options;
    this.#serviceOf = serviceOf;
    this.#kernel = options.kernel ?? systemKernel;
    this.#rules = new Rules(options);
  }

  serviceChanged(key: string): void {
    this.#dirty.add(key);
    this.#wake?.();
  }

  sliceChanged(slice: EndpointSlice, gone: boolean): void {
    const service = sliceServiceName(slice);
    if (service === undefined) return;
    const key = `${slice.metadata.namespace}/${service}`;
    const held = this.#slices.get(key) ?? new Map<string, EndpointSlice>();
    if (gone) held.delete(slice.metadata.name);
    else held.set(slice.metadata.name, slice);
    if (held.size === 0) this.#slices.delete(key);
    else this.#slices.set(key, held);
    this.serviceChanged(key);
  }

  async run(signal: AbortSignal): Promise<never> {
    const { clock, log } = this.#options;
    using timers = new DisposableStack();
    const fullSync = every(clock, FULL_SYNC_MS, () => {
      this.#fullDue = true;
      this.#wake?.();
    });
    timers.use(fullSync);
    for (let failures = 0; ;) {
      const startedAt = clock.monotonic();
      try {
        await this.#sync(signal);
        failures = 0;
      } catch (error) {
        signal.throwIfAborted();
        this.#fullDue = true;
        log.error('rules of services could not be applied', { failures: ++failures, error: messageOf(error) });
      }
      const tookMs = clock.monotonic() - startedAt;
      const restMs = failures > 0 ? backoffMs(failures - 1, RETRY) : Math.min(REST_FACTOR * tookMs, MAX_REST_MS);
      if (restMs > 0) await sleep(clock, restMs, { signal });
      if (failures === 0) await this.#untilChanged(signal);
    }
  }

  async #untilChanged(signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const onAbort = (): void => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    this.#wake = resolve;
    if (this.#dirty.size > 0 || this.#fullDue) resolve();
    try {
      signal.throwIfAborted();
      await promise;
    } finally {
      this.#wake = undefined;
      signal.removeEventListener('abort', onAbort);
    }
  }

  async #sync(signal: AbortSignal): Promise<void> {
    const { clock, log, onApplied } = this.#options;
    await this.#takeChanges();
    const startedAt = clock.monotonic();
    const full = this.#fullDue;
    const update = full ? await this.#fullUpdate(signal) : this.#rules.update();
    if (update !== undefined) {
      await this.#kernel.apply(update.text, { signal });
      this.#fullDue = false;
      if (update.affinityLost && !full) this.#affinityDue = true;
      if (update.udpChanged) this.#flowsDue = true;
      const durationMs = clock.monotonic() - startedAt;
      log.debug('rules of services applied', { full, durationMs });
      onApplied?.({ full, durationMs });
    }
    if (this.#affinityDue) await this.#unbindClients(signal);
    this.#affinityDue = false;
    if (this.#flowsDue) await this.#moveFlows(signal);
    this.#flowsDue = false;
  }

  async #takeChanges(): Promise<void> {
    let n = 0;
    for (const key of this.#dirty) {
      this.#dirty.delete(key);
      this.#rules.set(key, this.#serviceOf(key), this.#slices.get(key)?.values() ?? []);
      if (++n % SLICE === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** With what the kernel has learnt by itself, as far as it is still true. */
  async #fullUpdate(signal: AbortSignal): Promise<Update> {
    const bound = await this.#kernel.dynamicMap(AFFINITY, { signal });
    const moved = await this.#kernel.dynamicMap(MOVED_FLOWS, { signal });
    const update = this.#rules.full();
    const kept = bound.filter((element) => this.#isBound(element));
    return { ...update, text: update.text + restoreText(AFFINITY, kept) + restoreText(MOVED_FLOWS, moved) };
  }

  #isBound({ key, value }: DynamicElement): boolean {
    return this.#rules.isBound(key.slice(key.indexOf(' . ') + 3), value); // the key is the client's address and a frontend
  }

  /** Lets clients go that are bound to an endpoint that is gone, so that they are bound to the next one they get. */
  async #unbindClients(signal: AbortSignal): Promise<void> {
    const bound = await this.#kernel.dynamicMap(AFFINITY, { signal });
    const text = removalText(
      AFFINITY,
      bound.filter((element) => !this.#isBound(element)),
    );
    if (text !== '') await this.#kernel.apply(text, { signal });
  }

  async #moveFlows(signal: AbortSignal): Promise<void> {
    const connections = await this.#kernel.connections();
    if (connections === undefined) {
      if (!this.#flowsUnseen)
        this.#options.log.warn('the kernel does not show connections: UDP flows stay with endpoints that are gone');
      this.#flowsUnseen = true;
      return;
    }
    const stale = staleFlows(connections, this.#rules);
    if (stale.length === 0) return;
    const present = await this.#kernel.dynamicMap(MOVED_FLOWS, { signal });
    const { remove, add } = movedFlows(stale, present, FLOW_SECONDS);
    const text = removalText(MOVED_FLOWS, remove) + restoreText(MOVED_FLOWS, add);
    if (text !== '') await this.#kernel.apply(text, { signal });
  }
}

function every(clock: Clock, periodMs: number, fn: () => void): Disposable {
  const tick = (): void => {
    timer = clock.after(periodMs, tick);
    fn();
  };
  let timer = clock.after(periodMs, tick);
  return { [Symbol.dispose]: () => timer[Symbol.dispose]() };
}
