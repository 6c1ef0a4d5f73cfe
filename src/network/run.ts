import { Node } from '#api';
import type { Informers } from '#client';
import { backoffMs, type Clock, type Logger, messageOf, sleep } from '#util';
import { type Kernel, systemKernel } from './kernel.ts';
import { masqueradeRules } from './masquerade.ts';
import { routeChanges, routesTo, type RouteToPods, wantedRoutes } from './routes.ts';

export interface NodeNetworkOptions {
  readonly nodeName: string;
  /** Addresses of the pods of this node. */
  readonly podCIDR: string;
  /** Addresses of all pods of the cluster. */
  readonly clusterCIDR: string;
  /** Network of the nodes, and of the machine they run on. */
  readonly nodeSubnet: string;
  readonly informers: Informers;
  readonly clock: Clock;
  readonly log: Logger;
  /** Default: that of the network namespace of this process. */
  readonly kernel?: Kernel;
}

const RESYNC_MS = 60_000;
const RETRY = { baseMs: 250, maxMs: RESYNC_MS };

/**
 * Forwarding; and no advice to pods to use a shorter way, which a packet that is turned round to another pod of this node, or to its sender,
 * would give rise to: `all` for links there are, `default` for those to come.
 */
const SYSCTLS: readonly (readonly [name: string, value: string])[] = [
  ['net.ipv4.ip_forward', '1'],
  ['net.ipv4.conf.all.send_redirects', '0'],
  ['net.ipv4.conf.default.send_redirects', '0'],
];

/** Runs until `signal` aborts, and resolves then. What it made stays. */
export async function runNodeNetwork(options: NodeNetworkOptions, { signal }: { signal: AbortSignal }): Promise<void> {
  try {
    await Promise.all([keepNodeSetUp(options, signal), keepRoutes(options, signal)]);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** Does not wait for the API: pods of this node can do without other nodes. */
async function keepNodeSetUp(options: NodeNetworkOptions, signal: AbortSignal): Promise<void> {
  const { clock, log, kernel = systemKernel } = options;
  for (let failures = 0; ;) {
    try {
      await kernel.nft(masqueradeRules(options), { signal });
      for (const [name, value] of SYSCTLS) await kernel.sysctl(name, value);
      failures = 0;
    } catch (error) {
      signal.throwIfAborted();
      log.error('node could not be set up for the traffic of pods', { failures: ++failures, error: messageOf(error) });
    }
    await sleep(clock, failures === 0 ? RESYNC_MS : backoffMs(failures - 1, RETRY), { signal });
  }
}

async function keepRoutes(options: NodeNetworkOptions, signal: AbortSignal): Promise<void> {
  const { informers, clock, log, kernel = systemKernel } = options;
  const nodes = informers.informer(Node);
  let change = Promise.withResolvers<void>();
  using handlers = new DisposableStack();
  handlers.use(
    nodes.addHandler(({ object, old }) => {
      // Heartbeats are changes of a Node too.
      const same = old !== undefined && JSON.stringify(routesTo(old)) === JSON.stringify(routesTo(object));
      if (!same) change.resolve();
    }),
  );
  await nodes.whenSynced({ signal });
  for (let failures = 0; ;) {
    change = Promise.withResolvers<void>();
    try {
      await setRoutes(wantedRoutes(nodes.list(), options), kernel, signal);
      failures = 0;
    } catch (error) {
      signal.throwIfAborted();
      log.error('routes to the pods of other nodes could not be set', {
        failures: ++failures,
        error: messageOf(error),
      });
    }
    await changeOr(change.promise, clock, failures === 0 ? RESYNC_MS : backoffMs(failures - 1, RETRY), signal);
  }
}

async function setRoutes(wanted: readonly RouteToPods[], kernel: Kernel, signal: AbortSignal): Promise<void> {
  const commands = routeChanges(await kernel.routes({ signal }), wanted);
  if (commands.length === 0) return;
  try {
    await kernel.ip(commands, { signal });
  } catch (error) {
    // One route that cannot be must not keep the others away.
    signal.throwIfAborted();
    for (const command of commands) await kernel.ip([command], { signal }).catch(() => signal.throwIfAborted());
    if (routeChanges(await kernel.routes({ signal }), wanted).length > 0) throw error;
  }
}

/** Resolves when `change` does or the time is over. */
function changeOr(change: Promise<void>, clock: Clock, timeMs: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = clock.after(timeMs, resolve);
  const onAbort = (): void => reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  change.then(resolve, reject);
  return promise.finally(() => {
    timer[Symbol.dispose]();
    signal.removeEventListener('abort', onAbort);
  });
}
