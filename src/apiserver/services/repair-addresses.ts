import {
  type Address,
  IPAddress,
  ipText,
  type KubeObject,
  parseAddress,
  parsePrefix,
  prefixServes,
  type Service,
  type ServiceCIDR,
  StatusError,
  type Transport,
} from '#api';
import type { Clock } from '#util';
import { Pace } from '../registry/pace.ts';
import type { Resource } from '../registry/resource.ts';
import { addressOf, FAMILY_LABEL, MANAGED_BY, MANAGED_BY_LABEL } from './cluster-ips.ts';
import type { EventSink } from './events.ts';

const CONTROLLER = 'ipallocator-repair-controller';
/** An address is made before its Service, which may be on its way for as long as a request may last. */
const REQUEST_MS = 60_000;
/** An address of a Service that has another may be about to be given back. */
const REVERT_MS = 5000;
/** Addresses that are made at once. */
const AT_ONCE = 64;

export interface AddressRepairOptions {
  readonly services: Resource;
  readonly addresses: Resource;
  readonly serviceCIDRs: Resource;
  readonly transport: Transport;
  readonly events: EventSink;
  readonly clock: Clock;
}

/**
 * Makes IPAddress objects what the Services have: takes over Services of before there were any, and takes away what belongs to none.
 * Source: pkg/registry/core/service/ipallocator/controller/repairip.go v1.36.
 */
export class AddressRepair {
  readonly #options: AddressRepairOptions;

  constructor(options: AddressRepairOptions) {
    this.#options = options;
  }

  /** Resolves with the milliseconds after which something has to be looked at again; undefined: nothing has. */
  async run(): Promise<number | undefined> {
    const { services, addresses, clock } = this.#options;
    const pace = new Pace(clock);
    let repairs: Promise<void>[] = [];
    for (const entry of services.cache.list(services.prefix(''))) {
      const service = entry.object as Service;
      for (const ip of addressesOf(service)) {
        const repair = this.#syncService(service, ip);
        if (repair !== undefined) repairs.push(repair);
      }
      if (repairs.length >= AT_ONCE) await Promise.all(repairs.splice(0));
      if (pace.due) await pace.turn();
    }
    await Promise.all(repairs);
    repairs = [];
    let againMs: number | undefined;
    for (const entry of addresses.cache.list(addresses.prefix(''))) {
      const waitMs = await this.#syncAddress(entry.object as IPAddress);
      if (waitMs !== undefined) againMs = Math.min(againMs ?? waitMs, waitMs);
      if (pace.due) await pace.turn();
    }
    return againMs;
  }

  /** Undefined: all is well. */
  #syncService(service: Service, ip: string): Promise<void> | undefined {
    const { namespace = '', name } = service.metadata;
    const address = parseAddress(ip);
    if (address === undefined) {
      const note = `Cluster IP ${ip} is not a valid IP; please recreate Service`;
      this.#tell(service, 'ClusterIPNotValid', 'ClusterIPValidation', note);
      return undefined;
    }
    const shown = `[${address.family}]: ${ip}`;
    const tell = (reason: string, note: string): void => this.#tell(service, reason, 'ClusterIPAllocation', note);
    if (this.#isOutOfRange(address)) {
      const why = 'is not within any configured Service CIDR; please recreate service';
      tell('ClusterIPOutOfRange', `Cluster IP ${shown} ${why}`);
      return undefined;
    }
    const text = ipText(address.value, address.family);
    const object = this.#options.addresses.get('', text)?.object as IPAddress | undefined;
    if (object === undefined) {
      // It may have gone since, with its address.
      if (!this.#isStillOf(service, ip)) return undefined;
      tell('ClusterIPNotAllocated', `Cluster IP ${shown} is not allocated; repairing`);
      return this.#create(service, text, address);
    }
    const parent = object.spec.parentRef;
    const wrong = `the ClusterIP ${shown} for Service ${namespace}/${name} has a wrong reference; repairing`;
    if ((parent.group ?? '') !== '' || parent.resource !== 'services') {
      tell('ClusterIPNotAllocated', wrong);
      return this.#recreate(service, object, address);
    }
    if (parent.namespace !== namespace || parent.name !== name) {
      const other = this.#options.services.get(parent.namespace ?? '', parent.name)?.object as Service | undefined;
      if (other === undefined) {
        tell('ClusterIPNotAllocated', wrong);
        return this.#recreate(service, object, address);
      }
      if (other.spec.clusterIPs?.includes(text) === true) {
        const why = 'was assigned to multiple services; please recreate service';
        tell('ClusterIPAlreadyAllocated', `Cluster IP [${address.family}]:${ip} ${why}`);
      }
      return undefined;
    }
    const labels = object.metadata.labels ?? {};
    return labels[FAMILY_LABEL] === address.family && labels[MANAGED_BY_LABEL] === MANAGED_BY
      ? undefined
      : this.#recreate(service, object, address);
  }

  #isStillOf({ metadata }: Service, ip: string): boolean {
    const now = this.#options.services.get(metadata.namespace ?? '', metadata.name)?.object as Service | undefined;
    return now !== undefined && now.metadata.uid === metadata.uid && addressesOf(now).includes(ip);
  }

  #isOutOfRange(address: Address): boolean {
    const { serviceCIDRs } = this.#options;
    return !serviceCIDRs.cache.list(serviceCIDRs.prefix('')).some(({ object }) =>
      ((object as ServiceCIDR).spec.cidrs ?? []).some((cidr) => {
        const prefix = parsePrefix(cidr);
        return prefix !== undefined && prefixServes(prefix, address);
      }),
    );
  }

  /** Undefined, or how long it has to be left alone. */
  async #syncAddress(object: IPAddress): Promise<number | undefined> {
    const { services, clock } = this.#options;
    const { labels, creationTimestamp, name } = object.metadata;
    if (labels?.[MANAGED_BY_LABEL] !== MANAGED_BY) return undefined;
    const { group = '', resource, namespace = '', name: parentName } = object.spec.parentRef;
    const tell = (reason: string, note: string): void => this.#tell(object, reason, 'IPAddressAllocation', note);
    if (group !== '' || resource !== 'services') {
      const parent = `&ParentReference{Group:${group},Resource:${resource},Namespace:${namespace},Name:${parentName},}`;
      const why = `appears to have been modified, not referencing a Service ${parent}: cleaning up`;
      tell('IPAddressNotAllocated', `IPAddress ${name} ${why}`);
      await this.#delete(object);
      return undefined;
    }
    const createdMs = Date.parse(creationTimestamp);
    const ageMs = clock.now() - createdMs;
    const service = services.get(namespace, parentName)?.object as Service | undefined;
    if (service === undefined) {
      if (ageMs <= REQUEST_MS) return REQUEST_MS - ageMs + 1000;
      const about = `IPAddress: ${name} for Service ${namespace}/${parentName}`;
      tell('IPAddressNotAllocated', `${about} appears to have leaked: cleaning up`);
      await this.#delete(object);
      return undefined;
    }
    if (addressesOf(service).some((ip) => ip === name || isSame(ip, name))) return undefined;
    // What it was, and is to be again, is on its way.
    if (service.spec.type === 'ExternalName' && ageMs < REQUEST_MS) return REQUEST_MS - ageMs;
    if (createdMs > Date.parse(service.metadata.creationTimestamp) && ageMs < REVERT_MS) return REVERT_MS;
    const about = `IPAddress: ${name} for Service ${namespace}/${parentName}`;
    tell('IPAddressWrongReference', `${about} has a wrong reference; cleaning up`);
    await this.#delete(object);
    return undefined;
  }

  #tell(object: KubeObject, reason: string, action: string, note: string): void {
    this.#options.events.warn(object, { controller: CONTROLLER, reason, action, note });
  }

  async #create(service: Service, name: string, { family }: Address): Promise<void> {
    try {
      const body = addressOf(name, family, service);
      await this.#options.transport.request({ verb: 'create', kind: IPAddress, body });
    } catch (error) {
      // Another server was quicker.
      if (!StatusError.is(error, 'AlreadyExists')) throw error;
    }
  }

  async #recreate(service: Service, object: IPAddress, address: Address): Promise<void> {
    await this.#delete(object);
    await this.#create(service, object.metadata.name, address);
  }

  async #delete({ metadata: { name, uid } }: IPAddress): Promise<void> {
    try {
      const body = { preconditions: { uid } };
      await this.#options.transport.request({ verb: 'delete', kind: IPAddress, name, body });
    } catch (error) {
      if (!StatusError.is(error, 'NotFound', 'Conflict')) throw error;
    }
  }
}

function addressesOf({ spec }: Service): readonly string[] {
  if (spec.type === 'ExternalName') return [];
  const ips = spec.clusterIPs ?? (spec.clusterIP === undefined ? [] : [spec.clusterIP]);
  return ips.filter((ip) => ip !== '' && ip !== 'None');
}

function isSame(ip: string, name: string): boolean {
  const address = parseAddress(ip);
  return address !== undefined && ipText(address.value, address.family) === name;
}
