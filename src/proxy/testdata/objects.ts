import type { Endpoint, EndpointSlice, Service } from '#api';
import type { RulesetOptions } from '../frontends.ts';

export const OPTIONS: RulesetOptions = {
  nodeName: 'n1',
  nodePortAddresses: ['172.18.0.2'],
  clusterCIDR: '10.244.0.0/16',
  serviceCIDR: '10.96.0.0/12',
};

const metadata = { uid: 'u', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' };

export function service(name: string, spec: Partial<Service['spec']>, status: Service['status'] = {}): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { ...metadata, namespace: 'ns', name },
    spec: { type: 'ClusterIP', ports: [{ name: 'web', port: 80, protocol: 'TCP' }], ...spec },
    status,
  };
}

export function slice(of: string, endpoints: readonly Endpoint[], extra: Partial<EndpointSlice> = {}): EndpointSlice {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { ...metadata, namespace: 'ns', name: `${of}-1`, labels: { 'kubernetes.io/service-name': of } },
    addressType: 'IPv4',
    endpoints: [...endpoints],
    ports: [{ name: 'web', port: 8080, protocol: 'TCP' }],
    ...extra,
  };
}

export const endpoint = (ip: string, nodeName = 'n1', conditions: Endpoint['conditions'] = {}): Endpoint => ({
  addresses: [ip],
  nodeName,
  conditions,
});
