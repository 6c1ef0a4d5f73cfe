import { isIP } from 'node:net';
import { EndpointSlice, keyOf, Service, sliceServiceName } from '#api';
import type { Informers } from '#client';
import { canonicalIP } from './addresses.ts';

export interface DnsEndpoint {
  readonly ip: string;
  /** First label of its name below that of the service. */
  readonly hostname: string;
  readonly ports: readonly DnsPort[];
}

export interface DnsPort {
  readonly name: string;
  /** TCP, UDP or SCTP. */
  readonly protocol: string;
  readonly port: number;
}

/** What names are made from. */
export interface DnsRecords {
  service(namespace: string, name: string): Service | undefined;
  /** Of the service, those that are ready, each address once per slice. */
  endpoints(namespace: string, name: string): readonly DnsEndpoint[];
  /** By an address as {@link canonicalIP} gives it. */
  serviceByIP(address: string): Service | undefined;
  /** Names below the cluster's domain, without it, of the endpoints at an address. */
  endpointNames(address: string): readonly string[];
}

/** The caches of Services and EndpointSlices, filed by what DNS asks for. */
export class DnsCache implements DnsRecords {
  readonly #services = new Map<string, Service>();
  readonly #slices = new Map<string, Map<string, readonly DnsEndpoint[]>>();
  readonly #serviceOfIP = new Map<string, string>();
  /** Address → names of services, with how many of their slices hold it. */
  readonly #endpointsOfIP = new Map<string, Map<string, number>>();
  readonly #handlers = new DisposableStack();
  readonly #synced: () => boolean;
  #changes = 0;

  constructor(informers: Informers) {
    const services = informers.informer(Service);
    const slices = informers.informer(EndpointSlice);
    this.#synced = () => services.synced && slices.synced;
    this.#handlers.use(
      services.addHandler(({ type, object, old }) => {
        this.#changes++;
        if (old !== undefined) this.#setService(keyOf(old), undefined);
        this.#setService(keyOf(object), type === 'delete' ? undefined : object);
      }),
    );
    this.#handlers.use(
      slices.addHandler(({ type, object, old }) => {
        this.#changes++;
        if (old !== undefined) this.#setSlice(old, []);
        this.#setSlice(object, type === 'delete' ? [] : endpointsOf(object));
      }),
    );
  }

  /** All that there is has been seen. */
  get synced(): boolean {
    return this.#synced();
  }

  /** Grows with every change. */
  get changes(): number {
    return this.#changes;
  }

  service(namespace: string, name: string): Service | undefined {
    return this.#services.get(`${namespace}/${name}`);
  }

  endpoints(namespace: string, name: string): readonly DnsEndpoint[] {
    return [...(this.#slices.get(`${namespace}/${name}`)?.values() ?? [])].flat();
  }

  serviceByIP(address: string): Service | undefined {
    return this.#services.get(this.#serviceOfIP.get(address) ?? '');
  }

  endpointNames(address: string): readonly string[] {
    const services = [...(this.#endpointsOfIP.get(address)?.keys() ?? [])].toSorted();
    return services.flatMap((key) => {
      const [namespace = '', name = ''] = key.split('/');
      const hostnames = this.endpoints(namespace, name).filter(({ ip }) => canonicalIP(ip) === address);
      return [...new Set(hostnames.map(({ hostname }) => `${hostname}.${name}.${namespace}.svc`))];
    });
  }

  [Symbol.dispose](): void {
    this.#handlers.dispose();
  }

  #setService(key: string, service: Service | undefined): void {
    for (const ip of clusterIPs(this.#services.get(key)))
      if (this.#serviceOfIP.get(ip) === key) this.#serviceOfIP.delete(ip);
    if (service === undefined) this.#services.delete(key);
    else this.#services.set(key, service);
    for (const ip of clusterIPs(service)) this.#serviceOfIP.set(ip, key);
  }

  #setSlice(slice: EndpointSlice, endpoints: readonly DnsEndpoint[]): void {
    const service = sliceServiceName(slice);
    if (service === undefined) return;
    const key = `${slice.metadata.namespace}/${service}`;
    const held = this.#slices.get(key) ?? new Map<string, readonly DnsEndpoint[]>();
    for (const { ip } of held.get(slice.metadata.name) ?? []) this.#count(canonicalIP(ip), key, -1);
    for (const { ip } of endpoints) this.#count(canonicalIP(ip), key, 1);
    if (endpoints.length === 0) held.delete(slice.metadata.name);
    else held.set(slice.metadata.name, endpoints);
    if (held.size === 0) this.#slices.delete(key);
    else this.#slices.set(key, held);
  }

  #count(ip: string, key: string, by: 1 | -1): void {
    const services = this.#endpointsOfIP.get(ip) ?? new Map<string, number>();
    const count = (services.get(key) ?? 0) + by;
    if (count === 0) services.delete(key);
    else services.set(key, count);
    if (services.size === 0) this.#endpointsOfIP.delete(ip);
    else this.#endpointsOfIP.set(ip, services);
  }
}

function clusterIPs(service: Service | undefined): string[] {
  if (service === undefined) return [];
  const { clusterIPs: ips = [service.spec.clusterIP ?? ''] } = service.spec;
  return ips.filter((ip) => isIP(ip) !== 0).map(canonicalIP);
}

/** Source: plugin/kubernetes/object/endpoint.go of CoreDNS 1.12. */
function endpointsOf({ addressType, endpoints = [], ports = [] }: EndpointSlice): DnsEndpoint[] {
  if (addressType === 'FQDN') return [];
  const dnsPorts = ports.map(({ name = '', protocol = 'TCP', port = 0 }) => ({ name, protocol, port }));
  return endpoints
    .filter(({ conditions }) => conditions?.ready ?? true)
    .flatMap(({ addresses, hostname = '' }) =>
      addresses
        .filter((ip) => isIP(ip) !== 0)
        .map((ip) => ({ ip, hostname: hostname === '' ? ip.replaceAll(/[.:]/g, '-') : hostname, ports: dnsPorts })),
    );
}
