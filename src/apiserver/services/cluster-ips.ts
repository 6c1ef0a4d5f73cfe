import {
  type Address,
  IPAddress,
  type IPFamily,
  ipText,
  parseAddress,
  parsePrefix,
  type Prefix,
  prefixServes,
  type Service,
  ServiceCIDR,
  StatusError,
  type Transport,
} from '#api';
import type { Clock } from '#util';
import { Pace } from '../registry/pace.ts';
import type { Resource } from '../registry/resource.ts';
import { AllocationError, AllocationMetrics, RANGE_FULL } from './allocation.ts';

/** Source: LabelIPAddressFamily and LabelManagedBy of networking/v1, ControllerName of the allocator v1.36. */
export const FAMILY_LABEL = 'ipaddress.kubernetes.io/ip-family';
export const MANAGED_BY_LABEL = 'ipaddress.kubernetes.io/managed-by';
export const MANAGED_BY = 'ipallocator.k8s.io';

/** What tells that an address is a Service's. */
export const addressOf = (name: string, family: string, { metadata }: Service): object => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: IPAddress.kind,
  metadata: { name, labels: { [FAMILY_LABEL]: family, [MANAGED_BY_LABEL]: MANAGED_BY } },
  spec: { parentRef: { resource: 'services', namespace: metadata.namespace, name: metadata.name } },
});

/** What addresses are given out from: one network of one or more ServiceCIDRs. */
interface Range {
  readonly cidr: string;
  readonly prefix: Prefix;
  /** The first and the last that are given out, and the first beyond those kept for who chooses. */
  readonly first: bigint;
  readonly upper: bigint;
  readonly last: bigint;
  /** One of its ServiceCIDRs is in use and is not being deleted. */
  ready: boolean;
}

/** IPv6 networks larger than this have no allocator. */
const MIN_IPV6_BITS = 64;

/** How many addresses at the front are left to who chooses: a sixteenth, 16 to 256. Source: calculateRangeOffset of ipallocator v1.36, KEP-3070. */
function reservedOf({ first, last }: Prefix): bigint {
  const size = last - first + 1n;
  if (size <= 16n) return 0n;
  const share = size / 16n;
  return share < 16n ? 16n : share > 256n ? 256n : share;
}

export interface ClusterIPsOptions {
  readonly serviceCIDRs: Resource;
  readonly addresses: Resource;
  /** Speaks as the server itself. */
  readonly transport: Transport;
  readonly clock: Clock;
  /** In [0,1). */
  readonly random: () => number;
}

/**
 * Cluster IPs are IPAddress objects: who creates the object has the address, whichever server asks. The caches only say which to try.
 * Source: pkg/registry/core/service/ipallocator (cidrallocator.go, ipallocator.go) v1.36.
 */
export class ClusterIPs {
  readonly metrics = new AllocationMetrics('clusterip_allocator', 'Cluster IPs');
  readonly #options: ClusterIPsOptions;
  /** Names of objects on their way from here, so that no two requests try the same. */
  readonly #pending = new Set<string>();
  #ranges: readonly Range[] = [];
  #version = -1;

  constructor(options: ClusterIPsOptions) {
    this.#options = options;
  }

  /** All there are, in no order that means anything. */
  #allRanges(): readonly Range[] {
    const { serviceCIDRs } = this.#options;
    const { version } = serviceCIDRs.cache;
    if (version === this.#version) return this.#ranges;
    const ranges = new Map<string, Range>();
    for (const entry of serviceCIDRs.cache.list(serviceCIDRs.prefix(''))) {
      const object = entry.object as ServiceCIDR;
      const ready = isReady(object) && object.metadata.deletionTimestamp === undefined;
      for (const cidr of object.spec.cidrs ?? []) {
        const known = ranges.get(cidr);
        if (known !== undefined) known.ready ||= ready;
        else {
          const range = rangeOf(cidr, ready);
          if (range !== undefined) ranges.set(cidr, range);
        }
      }
    }
    this.#version = version;
    return (this.#ranges = [...ranges.values()]);
  }

  /** Takes the one that was chosen. Throws AllocationError where it cannot be had. */
  async allocate(service: Service, ip: string, dryRun: boolean): Promise<void> {
    const address = parseAddress(ip);
    if (address === undefined) throw new AllocationError(`failed to parse service IP ${JSON.stringify(ip)}`);
    const range = this.#allRanges().find(({ ready, prefix }) => ready && prefixServes(prefix, address));
    if (range === undefined) throw this.#notServed(ip, address, dryRun);
    if (dryRun) return;
    if (await this.#create(ipText(address.value, address.family), address.family, service)) {
      this.metrics.allocated('static', range.cidr);
      return;
    }
    this.metrics.failed('static', range.cidr);
    throw new AllocationError('provided IP is already allocated');
  }

  /** A dry run asks one network, which names itself; whoever means it asks all. */
  #notServed(ip: string, { family }: Address, dryRun: boolean): AllocationError {
    if (!dryRun) return new AllocationError('the provided network does not match the current range');
    const range = this.#allRanges().find(({ ready, prefix }) => ready && prefix.family === family);
    return new AllocationError(
      range === undefined
        ? 'allocator not ready'
        : `the provided IP (${ip}) is not in the valid range. The range of valid IPs is ${range.cidr}`,
    );
  }

  /** Takes any that is free, of any network; a dry run gives one that nobody has. Throws AllocationError. */
  async allocateNext(service: Service, family: IPFamily, dryRun: boolean): Promise<string> {
    const ranges = this.#allRanges().filter(({ ready, prefix }) => ready && prefix.family === family);
    if (dryRun) {
      if (ranges.length === 0) throw new AllocationError('allocator not ready');
      return ipText(ranges[0]!.prefix.first, family);
    }
    const start = Math.floor(this.#options.random() * ranges.length);
    for (let i = 0; i < ranges.length; i++) {
      const range = ranges[(start + i) % ranges.length]!;
      const ip =
        (await this.#takeOne(range.upper, range.last, family, service)) ??
        (await this.#takeOne(range.first, range.upper - 1n, family, service));
      if (ip !== undefined) {
        this.metrics.allocated('dynamic', range.cidr);
        return ip;
      }
      this.metrics.failed('dynamic', range.cidr);
    }
    throw new AllocationError(RANGE_FULL);
  }

  /** The next free one after a random one between the two. */
  async #takeOne(first: bigint, last: bigint, family: IPFamily, service: Service): Promise<string | undefined> {
    const count = last - first + 1n;
    if (count <= 0n) return undefined;
    const { addresses, clock, random } = this.#options;
    const precision = 2 ** 53;
    const start = (BigInt(Math.floor(random() * precision)) * count) / BigInt(precision);
    const pace = new Pace(clock);
    for (let i = 0n; i < count; i++) {
      const name = ipText(first + ((start + i) % count), family);
      const isFree = !this.#pending.has(name) && !addresses.has('', name);
      if (isFree && (await this.#create(name, family, service))) return name;
      if (pace.due) await pace.turn();
    }
    return undefined;
  }

  /** False: somebody has it. */
  async #create(name: string, family: IPFamily, service: Service): Promise<boolean> {
    this.#pending.add(name);
    try {
      const body = addressOf(name, family, service);
      await this.#options.transport.request({ verb: 'create', kind: IPAddress, body });
      return true;
    } catch (error) {
      if (StatusError.is(error, 'AlreadyExists')) return false;
      throw error;
    } finally {
      this.#pending.delete(name);
    }
  }

  /** Gives back what the Service has; what has come to be another's stays. */
  async release({ metadata }: Service, ips: readonly string[]): Promise<void> {
    const { addresses, transport } = this.#options;
    for (const ip of ips) {
      const address = parseAddress(ip);
      if (address === undefined) continue;
      const name = ipText(address.value, address.family);
      const object = addresses.get('', name)?.object as IPAddress | undefined;
      const parent = object?.spec.parentRef;
      if (object === undefined || parent?.namespace !== metadata.namespace || parent?.name !== metadata.name) continue;
      const body = { preconditions: { uid: object.metadata.uid } };
      try {
        await transport.request({ verb: 'delete', kind: IPAddress, name, body });
      } catch (error) {
        if (!StatusError.is(error, 'NotFound', 'Conflict')) throw error;
      }
    }
  }
}

/** Without the condition it is: nobody may be there who sets it. */
function isReady({ status }: ServiceCIDR): boolean {
  const condition = status?.conditions?.find(({ type }) => type === 'Ready');
  return condition === undefined || condition.status === 'True';
}

function rangeOf(cidr: string, ready: boolean): Range | undefined {
  const prefix = parsePrefix(cidr);
  if (prefix === undefined || (prefix.family === 'IPv6' && prefix.bits < MIN_IPV6_BITS)) return undefined;
  const first = prefix.first + 1n;
  const last = prefix.family === 'IPv4' ? prefix.last - 1n : prefix.last;
  return { cidr, prefix, first, upper: first + reservedOf(prefix), last, ready };
}
