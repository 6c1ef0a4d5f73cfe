import type * as core from '../generated/core.v1.ts';
import { equalValues } from '../equality.ts';
import { defineKind } from '../kind.ts';
import { selectorFromSet } from '../selector/selector.ts';
import { AGE, age, NAME, orNone } from '../table.ts';
import { nameIsDNSLabel } from '../validation/names.ts';
import { isHeadless, normalizeClusterIPs } from './service/addresses.ts';
import { serviceWarnings } from './service/warnings.ts';
import {
  isExternallyAccessible,
  needsHealthCheck,
  validateService,
  validateServiceStatus,
  validateServiceUpdate,
} from './service/validate.ts';

export type Service = core.Service;
export { isExternallyAccessible, isHeadless, needsHealthCheck };

/** Three hours. */
const DEFAULT_AFFINITY_SECONDS = 10_800;

/** Source: SetDefaults_Service in pkg/apis/core/v1/defaults.go v1.36. Families are the allocator's matter. */
function defaultService(service: Service): void {
  service.spec ??= {};
  service.status ??= {};
  service.status.loadBalancer ??= {};
  const { spec, status } = service;
  if ((spec.sessionAffinity ?? '') === '') spec.sessionAffinity = 'None';
  if (spec.sessionAffinity === 'None') delete spec.sessionAffinityConfig;
  else if (spec.sessionAffinity === 'ClientIP' && spec.sessionAffinityConfig?.clientIP?.timeoutSeconds === undefined) {
    spec.sessionAffinityConfig = { clientIP: { timeoutSeconds: DEFAULT_AFFINITY_SECONDS } };
  }
  if ((spec.type ?? '') === '') spec.type = 'ClusterIP';
  for (const port of spec.ports ?? []) {
    if ((port.protocol ?? '') === '') port.protocol = 'TCP';
    if (port.targetPort === undefined || port.targetPort === 0 || port.targetPort === '') port.targetPort = port.port;
  }
  if (isExternallyAccessible(service) && (spec.externalTrafficPolicy ?? '') === '') {
    spec.externalTrafficPolicy = 'Cluster';
  }
  if (spec.internalTrafficPolicy === undefined && ['ClusterIP', 'LoadBalancer', 'NodePort'].includes(spec.type ?? '')) {
    spec.internalTrafficPolicy = 'Cluster';
  }
  if (spec.type !== 'LoadBalancer') return;
  spec.allocateLoadBalancerNodePorts ??= true;
  for (const ingress of status.loadBalancer?.ingress ?? []) {
    if ((ingress.ip ?? '') !== '') ingress.ipMode ??= 'VIP';
  }
}

/**
 * What belonged to the old type goes with it, unless the client gave it anew.
 * Source: dropTypeDependentFields in pkg/registry/core/service/strategy.go v1.36.
 */
function dropTypeDependentFields(service: Service, old: Service): void {
  const { spec } = service;
  if (spec.type !== 'LoadBalancer') service.status = { ...service.status, loadBalancer: {} };
  const before = old.spec;
  const left = (isOfType: (s: Service) => boolean): boolean => isOfType(old) && !isOfType(service);
  if (left(({ spec: { type } }) => type !== 'ExternalName')) {
    if (spec.clusterIP === before.clusterIP) {
      delete spec.clusterIP;
      delete spec.clusterIPs;
    }
    if (equalValues(spec.ipFamilies, before.ipFamilies)) delete spec.ipFamilies;
    if (spec.ipFamilyPolicy === before.ipFamilyPolicy) delete spec.ipFamilyPolicy;
  }
  if (left(({ spec: { type } }) => type === 'NodePort' || type === 'LoadBalancer')) {
    const had = new Set((before.ports ?? []).map(({ nodePort = 0, protocol }) => `${protocol}/${nodePort}`));
    const kept = (spec.ports ?? []).filter(({ nodePort = 0 }) => nodePort !== 0);
    if (kept.every(({ nodePort, protocol }) => had.has(`${protocol}/${nodePort}`))) {
      for (const port of spec.ports ?? []) delete port.nodePort;
    }
  }
  if (left(needsHealthCheck) && spec.healthCheckNodePort === before.healthCheckNodePort) {
    delete spec.healthCheckNodePort;
  }
  if (left(({ spec: { type } }) => type === 'LoadBalancer')) {
    if (spec.allocateLoadBalancerNodePorts === before.allocateLoadBalancerNodePorts) {
      delete spec.allocateLoadBalancerNodePorts;
    }
    if (spec.loadBalancerClass === before.loadBalancerClass) delete spec.loadBalancerClass;
  }
  if (left(isExternallyAccessible) && spec.externalTrafficPolicy === before.externalTrafficPolicy) {
    delete spec.externalTrafficPolicy;
  }
}

/** Source: getServiceExternalIP in pkg/printers/internalversion/printers.go v1.36. */
function externalIPText({ spec, status }: Service): string {
  const external = spec.externalIPs ?? [];
  switch (spec.type) {
    case 'ClusterIP':
    case 'NodePort':
      return orNone(external.join(','));
    case 'LoadBalancer': {
      const given = (status.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip || hostname || '');
      const all = [...new Set(given.filter((text) => text !== '').toSorted()), ...external];
      return all.length === 0 ? '<pending>' : all.join(',');
    }
    case 'ExternalName':
      return spec.externalName ?? '';
    default:
      return '<unknown>';
  }
}

const portsText = ({ spec: { ports = [] } }: Service): string =>
  ports.map(({ port, nodePort = 0, protocol }) => `${port}${nodePort > 0 ? `:${nodePort}` : ''}/${protocol}`).join(',');

/** Source: pkg/registry/core/service/strategy.go v1.36. */
export const Service = defineKind<Service>({
  group: '',
  version: 'v1',
  kind: 'Service',
  plural: 'services',
  shortNames: ['svc'],
  categories: ['all'],
  namespaced: true,
  definition: 'core.v1.Service',
  storagePrefix: 'services/specs',
  createOnUpdate: true,

  defaults: defaultService,
  // Any label since v1.36, with a digit in front too. Source: RelaxedServiceNameValidation.
  validateName: nameIsDNSLabel,
  changesFirst: true,
  validate: validateService,
  validateUpdate: validateServiceUpdate,
  warnings: serviceWarnings,
  prepareForCreate(service) {
    service.status = { loadBalancer: {} };
    normalizeClusterIPs(service, undefined);
  },
  prepareForUpdate(service, old) {
    service.status = old.status;
    normalizeClusterIPs(service, old);
    dropTypeDependentFields(service, old);
  },
  status: {
    prepareForUpdate(service, old) {
      service.spec = old.spec;
    },
    validateUpdate: validateServiceStatus,
  },

  columns: [
    NAME,
    { name: 'Type', type: 'string' },
    { name: 'Cluster-IP', type: 'string' },
    { name: 'External-IP', type: 'string' },
    { name: 'Port(s)', type: 'string' },
    AGE,
    { name: 'Selector', type: 'string', priority: 1 },
  ],
  row: (service, { nowMs }) => ({
    cells: [
      service.metadata.name,
      service.spec.type ?? '',
      orNone(service.spec.clusterIPs?.[0]),
      externalIPText(service),
      orNone(portsText(service)),
      age(service, nowMs),
      orNone(selectorFromSet(service.spec.selector).toString()),
    ],
  }),
  selectableFields: {
    'spec.clusterIP': ({ spec }) => spec.clusterIP ?? '',
    'spec.type': ({ spec }) => spec.type ?? '',
  },
});
