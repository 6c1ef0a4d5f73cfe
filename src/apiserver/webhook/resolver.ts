import { EndpointSlice, notFound, Service, StatusError } from '#api';
import type { Registry } from '../registry/registry.ts';

export interface ServiceAddress {
  readonly host: string;
  readonly port: number;
}

/** Finds somebody who answers for a Service. Throws what it says when there is nobody. */
export type ServiceResolver = (namespace: string, name: string, port: number) => ServiceAddress;

const SERVICE_NAME = 'kubernetes.io/service-name';
const TYPES = ['ClusterIP', 'LoadBalancer', 'NodePort'];

/**
 * Resolves Services to one of their ready endpoints, since this server stands outside the nodes and their rules for cluster IPs.
 * Source: ResolveEndpoint, apiserver pkg/util/proxy/proxy.go v0.36 (kube-apiserver --enable-aggregator-routing).
 */
export function newServiceResolver(registry: Registry, random: () => number): ServiceResolver {
  const services = registry.resource(Service);
  const slices = registry.resource(EndpointSlice);
  return (namespace, name, port) => {
    const entry = services.get(namespace, name);
    if (entry === undefined) throw notFound({ group: '', plural: 'service' }, name);
    const { spec } = services.object(entry) as Service;
    if (!TYPES.includes(spec.type ?? '')) throw new Error(`unsupported service type ${JSON.stringify(spec.type)}`);
    const servicePort = spec.ports?.find((own) => own.port === port);
    if (servicePort === undefined)
      throw unavailable(`no service port ${port} found for service ${JSON.stringify(name)}`);
    const own = slices.cache
      .list(slices.prefix(namespace))
      .map((found) => slices.object(found) as EndpointSlice)
      .filter(({ metadata }) => metadata.labels?.[SERVICE_NAME] === name);
    const found = own.flatMap(({ ports, endpoints }) => {
      const target = ports?.find((p) => (p.name ?? '') === (servicePort.name ?? ''))?.port;
      const ready = (endpoints ?? []).filter(({ conditions }) => conditions?.ready !== false);
      return target === undefined ? [] : ready.map(({ addresses }) => ({ host: addresses[0]!, port: target }));
    });
    const chosen = found[Math.floor(random() * found.length)];
    if (chosen === undefined) throw unavailable(`no endpoints available for service ${JSON.stringify(name)}`);
    return chosen;
  };
}

const unavailable = (message: string): StatusError => new StatusError('ServiceUnavailable', message);
