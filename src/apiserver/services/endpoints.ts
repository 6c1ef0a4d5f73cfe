import {
  Endpoints,
  EndpointSlice,
  equalValues,
  ipFamily,
  type Kind,
  type KubeObject,
  parseAddress,
  StatusError,
  type Transport,
} from '#api';
import { prefixEnd, type Store, StoreError } from '#store';
import { type Clock, type Logger, messageOf } from '#util';

/** Source: DefaultEndpointReconcilerTTL and /masterleases/ of pkg/controlplane v1.36. */
const TTL_SECONDS = 15;
const LEASES = '/registry/masterleases/';
const NAMESPACE = 'default';
const NAME = 'kubernetes';
const SKIP_MIRROR = 'endpointslice.kubernetes.io/skip-mirror';
/** Upstream waits for 20 s, which is longer than whoever stops a process does. */
const LEAVE_MS = 5000;
/** Tries where another server writes at the same time. */
const ATTEMPTS = 5;

export interface ServerEndpointsOptions {
  readonly store: Store;
  /** Speaks as the server itself. */
  readonly transport: Transport;
  /** Where nodes and pods reach this server. */
  readonly address: string;
  readonly port: number;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * What stands behind the `kubernetes` Service: the servers whose keys are in the datastore, each bound to a lease of its server. A server that dies is gone with
 * its lease, one that ends takes itself out. Source: pkg/controlplane/reconcilers (lease.go, endpointsadapter.go) v1.36.
 */
export class ServerEndpoints {
  readonly #options: ServerEndpointsOptions;
  readonly #key: string;
  #lease: number | undefined;

  constructor(options: ServerEndpointsOptions) {
    this.#options = options;
    this.#key = `${LEASES}${options.address}`;
  }

  /** To be done again before the lease ends. The port is set right only where it is asked for. */
  async reconcile(withPorts: boolean): Promise<void> {
    await this.#keepLease();
    // The lease may be there when somebody took the key, or went back to a time without it.
    if (!(await this.#addresses()).includes(this.#options.address)) await this.#put();
    await this.#sync(withPorts);
  }

  /** This server ends; the others stay. Where the datastore does not answer nobody waits for long: the lease ends by itself. */
  async leave(): Promise<void> {
    const { clock, log } = this.#options;
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = clock.after(LEAVE_MS, resolve);
    const left = this.#leave().catch((error: unknown) =>
      log.warn('This server stands behind its Service until its lease ends', { reason: messageOf(error) }),
    );
    await Promise.race([left, late]);
    timer[Symbol.dispose]();
  }

  async #leave(): Promise<void> {
    if (this.#lease === undefined) return;
    await this.#options.store.revokeLease(this.#lease).catch(unlessGone);
    this.#lease = undefined;
    await this.#sync(true);
  }

  async #keepLease(): Promise<void> {
    if (this.#lease !== undefined) {
      const kept = await this.#options.store.keepLeaseAlive(this.#lease).catch(unlessGone);
      if (kept !== undefined) return;
    }
    this.#lease = (await this.#options.store.grantLease(TTL_SECONDS)).id;
    await this.#put();
  }

  async #put(): Promise<void> {
    const { store, address } = this.#options;
    const metadata = { name: address };
    const object = { apiVersion: 'v1', kind: Endpoints.kind, metadata, subsets: [{ addresses: [{ ip: address }] }] };
    const value = Buffer.from(JSON.stringify(object));
    await store.txn({ compare: [], success: [{ type: 'put', key: this.#key, value, lease: this.#lease! }] });
  }

  /** Of all servers, in order. */
  async #addresses(): Promise<string[]> {
    const { kvs } = await this.#options.store.range({ key: LEASES, rangeEnd: prefixEnd(LEASES), keysOnly: true });
    const addresses = kvs.map(({ key }) => key.slice(LEASES.length)).filter((ip) => ipFamily(ip) !== undefined);
    return addresses.toSorted((a, b) => (parseAddress(a)!.value < parseAddress(b)!.value ? -1 : 1));
  }

  async #sync(withPorts: boolean): Promise<void> {
    const ports = [{ name: 'https', port: this.#options.port, protocol: 'TCP' }];
    for (let attempt = 1; ; attempt++) {
      try {
        const endpoints = await this.#syncEndpoints(ports, withPorts);
        await this.#syncSlice(endpoints);
        return;
      } catch (error) {
        if (attempt === ATTEMPTS || !StatusError.is(error, 'Conflict', 'AlreadyExists')) throw error;
      }
    }
  }

  /** Whoever writes last has read last: first what is there, then who is. */
  async #syncEndpoints(ports: readonly object[], withPorts: boolean): Promise<Endpoints> {
    const old = await this.#get(Endpoints);
    const addresses = await this.#addresses();
    const [known, ...more] = old?.subsets ?? [];
    const kept = known !== undefined && more.length === 0 && !withPorts ? known.ports : ports;
    const subsets = addresses.length === 0 ? [] : [{ addresses: addresses.map((ip) => ({ ip })), ports: kept }];
    const labels = { ...old?.metadata.labels, [SKIP_MIRROR]: 'true' };
    if (old === undefined)
      return await this.#write('create', Endpoints, {
        metadata: { name: NAME, namespace: NAMESPACE, labels },
        subsets,
      });
    const isSame = equalValues(subsets, old.subsets ?? []) && equalValues(labels, old.metadata.labels);
    return isSame
      ? old
      : await this.#write('update', Endpoints, { ...old, metadata: { ...old.metadata, labels }, subsets });
  }

  /** Source: EnsureEndpointSliceFromEndpoints. */
  async #syncSlice({ subsets = [] }: Endpoints): Promise<void> {
    const [subset] = subsets;
    const ips = (subset?.addresses ?? []).map(({ ip }) => ip);
    const addressType = ips.length > 0 && ips.every((ip) => ipFamily(ip) === 'IPv6') ? 'IPv6' : 'IPv4';
    const endpoints = ips
      .filter((ip) => ipFamily(ip) === addressType)
      .map((ip) => ({ addresses: [ip], conditions: { ready: true } }));
    const ports = (subset?.ports ?? []).map(({ name, port, protocol }) => ({ name, port, protocol }));
    const labels = { 'kubernetes.io/service-name': NAME };
    const body = { metadata: { name: NAME, namespace: NAMESPACE, labels }, addressType, endpoints, ports };
    const old = await this.#get(EndpointSlice);
    if (old === undefined) await this.#write('create', EndpointSlice, body);
    else if (old.addressType !== addressType) {
      await this.#options.transport.request({ verb: 'delete', kind: EndpointSlice, namespace: NAMESPACE, name: NAME });
      await this.#write('create', EndpointSlice, body);
    } else if (
      !equalValues(old.endpoints ?? [], endpoints) ||
      !equalValues(old.ports ?? [], ports) ||
      !equalValues(old.metadata.labels, labels)
    ) {
      const { resourceVersion } = old.metadata;
      await this.#write('update', EndpointSlice, { ...body, metadata: { ...body.metadata, resourceVersion } });
    }
  }

  async #get<T extends KubeObject>(kind: Kind<T>): Promise<T | undefined> {
    try {
      return (await this.#options.transport.request({ verb: 'get', kind, namespace: NAMESPACE, name: NAME })) as T;
    } catch (error) {
      if (StatusError.is(error, 'NotFound')) return undefined;
      throw error;
    }
  }

  async #write<T extends KubeObject>(verb: 'create' | 'update', kind: Kind<T>, body: object): Promise<T> {
    const name = verb === 'update' ? { name: NAME } : {};
    return (await this.#options.transport.request({ verb, kind, namespace: NAMESPACE, ...name, body })) as T;
  }
}

function unlessGone(error: unknown): undefined {
  if (!(error instanceof StoreError && error.code === 'lease-not-found')) throw error;
  return undefined;
}
