import { cidrFamily, IPAddress, Service, ServiceCIDR, type Transport } from '#api';
import { type Clock, type Logger, messageOf, sleep } from '#util';
import type { MetricsSource } from '../metrics/metrics.ts';
import { RangeAllocation } from '../registry/range.ts';
import type { Registry } from '../registry/registry.ts';
import type { ResourceHooks } from '../registry/scope.ts';
import { ClusterIPs } from './cluster-ips.ts';
import { DefaultCIDR } from './default-cidr.ts';
import { EventSink } from './events.ts';
import { NodePorts } from './node-ports.ts';
import { AddressRepair } from './repair-addresses.ts';
import { PortRepair } from './repair-ports.ts';
import { newServiceHooks } from './service-hooks.ts';

/** Source: the default ServiceCIDR's interval, and repairServicesInterval of pkg/registry/core/rest/storage_core.go v1.36. */
const DEFAULT_CIDR_MS = 10_000;
const PORTS_MS = 180_000;
/** Upstream hears of each change and looks at all again after three minutes; here all are looked at, and more often. */
const ADDRESSES_MS = 60_000;

export interface ServiceAllocationOptions {
  readonly registry: Registry;
  /** Speaks as the server itself. */
  readonly transport: Transport;
  /** What cluster IPs are given out from, the default family first: `10.96.0.0/12`. */
  readonly cidrs: readonly string[];
  readonly clock: Clock;
  /** In [0,1). */
  readonly random: () => number;
  /** A new random UUID. */
  readonly newUid: () => string;
  readonly log: Logger;
}

export interface ServiceAllocation {
  /** Of Services. */
  readonly hooks: ResourceHooks;
  readonly metrics: MetricsSource;
  /**
   * Makes what must be there before anything is given out, and takes over what was given out before. Where that fails, as on a full disk, the server goes on without,
   * and whoever writes a Service tries again first.
   */
  prepare(): Promise<void>;
  /** Looks again and again whether all is as it should be. Resolves once `signal` has aborted. */
  keep(signal: AbortSignal): Promise<void>;
}

/**
 * Addresses and ports of Services, given out so that any number of servers may do it on one datastore: what is taken stands there, and of the caches nothing is
 * believed but where to try. Source: pkg/registry/core/service v1.36.
 */
export function newServiceAllocation(options: ServiceAllocationOptions): ServiceAllocation {
  const { registry, transport, cidrs, clock, random, newUid, log } = options;
  const [services, addresses] = [registry.resource(Service), registry.resource(IPAddress)];
  const serviceCIDRs = registry.resource(ServiceCIDR);
  const clusterIPs = new ClusterIPs({ serviceCIDRs, addresses, transport, clock, random });
  const nodePorts = new NodePorts({ ranges: registry.resource(RangeAllocation), random });
  const events = new EventSink({ transport, clock, log, newUid });
  const defaultCIDR = new DefaultCIDR({ cidrs, serviceCIDRs, transport, events, clock });
  const portRepair = new PortRepair({ services, nodePorts, events, clock, log });
  const addressRepair = new AddressRepair({ services, addresses, serviceCIDRs, transport, events, clock });
  const families = cidrs.flatMap((cidr) => cidrFamily(cidr) ?? []);

  /** `task` says after how long it wants to be asked again. */
  async function repeat(
    signal: AbortSignal,
    intervalMs: number,
    task: () => Promise<number | undefined | void>,
  ): Promise<void> {
    let waitMs = intervalMs;
    while (!signal.aborted) {
      await sleep(clock, waitMs, { signal }).catch(() => undefined); // rejects when told to end
      if (signal.aborted) return;
      waitMs = intervalMs;
      try {
        waitMs = Math.min((await task()) ?? intervalMs, intervalMs);
      } catch (error) {
        log.warn('Addresses and ports of Services are not looked after', { reason: messageOf(error) });
      }
    }
  }

  let prepared: Promise<void> | undefined;
  const ready = (): Promise<void> => {
    prepared ??= prepareOnce().catch((error: unknown) => {
      prepared = undefined;
      throw error;
    });
    return prepared;
  };

  async function prepareOnce(): Promise<void> {
    await defaultCIDR.sync();
    await portRepair.run();
    await addressRepair.run();
  }

  return {
    hooks: newServiceHooks({ clusterIPs, nodePorts, families, log, ready }),
    metrics: {
      *lines() {
        yield* clusterIPs.metrics.lines();
        yield* nodePorts.metrics.lines();
      },
    },
    async prepare() {
      await ready().catch((error: unknown) => log.error('Addresses and ports cannot be given out yet', { error }));
    },
    async keep(signal) {
      await Promise.all([
        repeat(signal, DEFAULT_CIDR_MS, () => defaultCIDR.sync()),
        repeat(signal, PORTS_MS, () => portRepair.run()),
        repeat(signal, ADDRESSES_MS, () => addressRepair.run()),
      ]);
    },
  };
}
