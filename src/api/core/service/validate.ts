/** Validation of services. Source: ValidateService in pkg/apis/core/validation v1.36. Ranges of ports and addresses are the allocators' matter. */
import type { FieldError } from '../../field-error.ts';
import { child, duplicate, forbiddenField, index, invalid, notSupported, required } from '../../field-error.ts';
import type { Service, ServicePort } from '../../generated/core.v1.ts';
import {
  eachOf,
  invalidEach,
  PROTOCOLS,
  Seen,
  validateDNS1123Label,
  validateDNS1123Subdomain,
  validateEnum,
  validateLabels,
  validateOptionalEnum,
  validatePortNumOrName,
  validateQualifiedName,
} from '../../validation/fields.ts';
import { isAnyIP, validateCIDR, validateIP, validateNonSpecialIP } from '../../validation/ip.ts';
import { isDNS1123Subdomain, isPortNumber } from '../../validation/names.ts';
import { isExternalName, isHeadless, NONE, validateClusterIPs, validateClusterIPsUpdate } from './addresses.ts';

const TYPES = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'];
const MAX_AFFINITY_SECONDS = 86_400;
const ONLY_LOAD_BALANCER = "may only be used when `type` is 'LoadBalancer'";
const TOPOLOGY_MODE = 'service.kubernetes.io/topology-mode';
const TOPOLOGY_HINTS = 'service.kubernetes.io/topology-aware-hints';
const SOURCE_RANGES = 'service.beta.kubernetes.io/load-balancer-source-ranges';

const isLoadBalancer = ({ spec }: Service): boolean => spec.type === 'LoadBalancer';

/** Reached from outside the cluster. Source: pkg/api/service/util.go v1.36. */
export const isExternallyAccessible = ({ spec }: Service): boolean =>
  spec.type === 'LoadBalancer' ||
  spec.type === 'NodePort' ||
  (spec.type === 'ClusterIP' && (spec.externalIPs ?? []).length > 0);

/** Nodes tell load balancers whether they have endpoints. */
export const needsHealthCheck = ({ spec }: Service): boolean =>
  spec.type === 'LoadBalancer' && spec.externalTrafficPolicy === 'Local';

/** Addresses that `old` has may stay, whatever they are. */
export function validateService(service: Service, old?: Service): FieldError[] {
  const { spec } = service;
  const { ports = [] } = spec;
  const names = new Seen();
  return [
    ...validateTopologyAnnotations(service),
    ...(ports.length === 0 && !isHeadless(service) && !isExternalName(service) ? [required('spec.ports')] : []),
    ...validateForType(service),
    ...eachOf(ports, 'spec.ports', (port, at) => validatePort(port, at, ports.length > 1, names)),
    ...validateLabels(spec.selector, 'spec.selector'),
    ...validateSessionAffinity(service),
    ...validateClusterIPs(service, old),
    ...eachOf(spec.externalIPs, 'spec.externalIPs', (ip, at) => {
      const errors = validateIP(ip, at, old?.spec.externalIPs);
      return errors.length > 0 ? errors : validateNonSpecialIP(ip, at);
    }),
    ...validateEnum(spec.type, TYPES, 'spec.type'),
    ...validatePortsTogether(service),
    ...validateLoadBalancer(service, old),
    ...validateTrafficPolicies(service),
  ];
}

function validateTopologyAnnotations({ metadata: { annotations = {} } }: Service): FieldError[] {
  const [mode, hints] = [annotations[TOPOLOGY_MODE], annotations[TOPOLOGY_HINTS]];
  if (mode === undefined || hints === undefined || mode === hints) return [];
  const why = `must match annotations[${TOPOLOGY_HINTS}] when both are specified`;
  return [invalid(`metadata.annotations[${TOPOLOGY_MODE}]`, mode, why)];
}

function validateForType(service: Service): FieldError[] {
  const { type, clusterIPs = [], ipFamilies = [], ipFamilyPolicy, externalName = '' } = service.spec;
  if (type === 'LoadBalancer' || type === 'NodePort') {
    return isHeadless(service)
      ? [invalid('spec.clusterIPs[0]', NONE, `may not be set to 'None' for ${type} services`)]
      : [];
  }
  if (type !== 'ExternalName') return [];
  const why = 'may not be set for ExternalName services';
  const name = externalName.replace(/\.$/, '');
  return [
    ...(clusterIPs.length > 0 ? [forbiddenField('spec.clusterIPs', why)] : []),
    ...(ipFamilies.length > 0 ? [forbiddenField('spec.ipFamilies', why)] : []),
    ...(ipFamilyPolicy === undefined ? [] : [forbiddenField('spec.ipFamilyPolicy', why)]),
    ...(name === '' ? [required('spec.externalName')] : validateDNS1123Subdomain(name, 'spec.externalName')),
  ];
}

function validatePort(port: ServicePort, path: string, named: boolean, names: Seen): FieldError[] {
  const { name = '', appProtocol } = port;
  const errors: FieldError[] = [];
  if (name === '') {
    if (named) errors.push(required(child(path, 'name')));
  } else {
    errors.push(...validateDNS1123Label(name, child(path, 'name')));
    if (!names.add(name)) errors.push(duplicate(child(path, 'name'), name));
  }
  return [
    ...errors,
    ...invalidEach(child(path, 'port'), port.port ?? 0, isPortNumber(port.port ?? 0)),
    ...validateEnum(port.protocol, PROTOCOLS, child(path, 'protocol')),
    ...validatePortNumOrName(port.targetPort ?? 0, child(path, 'targetPort')),
    ...(appProtocol === undefined ? [] : validateQualifiedName(appProtocol, child(path, 'appProtocol'))),
  ];
}

function validatePortsTogether({ spec: { type, ports = [] } }: Service): FieldError[] {
  const errors: FieldError[] = [];
  const [nodePorts, pairs] = [new Seen(), new Seen()];
  for (const [i, { nodePort = 0 }] of ports.entries()) {
    if (type === 'ClusterIP' && nodePort !== 0) {
      const at = child(index('spec.ports', i), 'nodePort');
      errors.push(forbiddenField(at, "may not be used when `type` is 'ClusterIP'"));
    }
  }
  for (const [i, { nodePort = 0, protocol }] of ports.entries()) {
    if (nodePort !== 0 && !nodePorts.add(`${protocol}/${nodePort}`)) {
      errors.push(duplicate(child(index('spec.ports', i), 'nodePort'), nodePort));
    }
  }
  for (const [i, { port, protocol }] of ports.entries()) {
    // Upstream shows the pair as a port, by Go's names, of which nothing else is known.
    const shown = {
      Name: '',
      Protocol: protocol,
      AppProtocol: null,
      Port: port ?? 0,
      TargetPort: 0,
      NodePort: 0,
    };
    if (!pairs.add(`${protocol}/${port ?? 0}`)) errors.push(duplicate(index('spec.ports', i), shown));
  }
  return errors;
}

function validateSessionAffinity({ spec }: Service): FieldError[] {
  const errors = validateEnum(spec.sessionAffinity, ['ClientIP', 'None'], 'spec.sessionAffinity');
  const path = 'spec.sessionAffinityConfig';
  const config = spec.sessionAffinityConfig;
  if (spec.sessionAffinity === 'None' && config !== undefined) {
    return [...errors, forbiddenField(path, 'must not be set when session affinity is None')];
  }
  if (spec.sessionAffinity !== 'ClientIP') return errors;
  const why = 'when session affinity type is ClientIP';
  if (config === undefined) return [...errors, required(path, why)];
  if (config.clientIP === undefined) return [...errors, required(child(path, 'clientIP'), why)];
  const seconds = config.clientIP.timeoutSeconds;
  const at = child(path, 'clientIP', 'timeoutSeconds');
  if (seconds === undefined) return [...errors, required(at, why)];
  return seconds <= 0 || seconds > MAX_AFFINITY_SECONDS
    ? [...errors, invalid(at, seconds, `must be greater than 0 and less than ${MAX_AFFINITY_SECONDS}`)]
    : errors;
}

function validateLoadBalancer(service: Service, old: Service | undefined): FieldError[] {
  const { spec, metadata } = service;
  const errors: FieldError[] = [];
  const ranges = spec.loadBalancerSourceRanges ?? [];
  const annotation = metadata.annotations?.[SOURCE_RANGES];
  if (ranges.length > 0) {
    // Upstream spells this path with a capital.
    const path = 'spec.LoadBalancerSourceRanges';
    if (!isLoadBalancer(service)) errors.push(forbiddenField(path, ONLY_LOAD_BALANCER));
    const existing = (old?.spec.loadBalancerSourceRanges ?? []).map((range) => range.trim());
    errors.push(...eachOf(ranges, path, (range, at) => validateCIDR(range.trim(), at, existing)));
  } else if (annotation !== undefined) {
    const path = `metadata.annotations[${SOURCE_RANGES}]`;
    if (!isLoadBalancer(service)) errors.push(forbiddenField(path, ONLY_LOAD_BALANCER));
    const known = old?.metadata.annotations?.[SOURCE_RANGES] === annotation;
    const list = known || annotation.trim() === '' ? [] : annotation.split(',');
    errors.push(...list.flatMap((range) => validateCIDR(range.trim(), path)));
  }
  if (isLoadBalancer(service)) {
    if (spec.allocateLoadBalancerNodePorts === undefined) errors.push(required('allocateLoadBalancerNodePorts'));
    if (spec.loadBalancerClass !== undefined) {
      errors.push(...validateQualifiedName(spec.loadBalancerClass, 'spec.loadBalancerClass'));
    }
  } else {
    for (const field of ['allocateLoadBalancerNodePorts', 'loadBalancerClass'] as const) {
      if (spec[field] !== undefined) errors.push(forbiddenField(child('spec', field), ONLY_LOAD_BALANCER));
    }
  }
  return errors;
}

function validateTrafficPolicies(service: Service): FieldError[] {
  const {
    externalTrafficPolicy = '',
    healthCheckNodePort = 0,
    internalTrafficPolicy,
    trafficDistribution,
  } = service.spec;
  const errors: FieldError[] = [];
  if (isExternallyAccessible(service)) {
    errors.push(...validateEnum(externalTrafficPolicy, ['Cluster', 'Local'], 'spec.externalTrafficPolicy'));
  } else if (externalTrafficPolicy !== '') {
    const why = 'may only be set for externally-accessible services';
    errors.push(invalid('spec.externalTrafficPolicy', externalTrafficPolicy, why));
  }
  const at = 'spec.healthCheckNodePort';
  if (!needsHealthCheck(service)) {
    if (healthCheckNodePort !== 0) {
      const why = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'";
      errors.push(invalid(at, healthCheckNodePort, why));
    }
  } else if (healthCheckNodePort === 0) errors.push(required(at));
  else errors.push(...invalidEach(at, healthCheckNodePort, isPortNumber(healthCheckNodePort)));
  if (
    internalTrafficPolicy === undefined &&
    ['NodePort', 'LoadBalancer', 'ClusterIP'].includes(service.spec.type ?? '')
  ) {
    errors.push(required('spec.internalTrafficPolicy'));
  }
  return [
    ...errors,
    ...validateOptionalEnum(internalTrafficPolicy, ['Cluster', 'Local'], 'spec.internalTrafficPolicy'),
    ...validateOptionalEnum(
      trafficDistribution,
      ['PreferClose', 'PreferSameZone', 'PreferSameNode'],
      'spec.trafficDistribution',
    ),
  ];
}

export function validateServiceUpdate(service: Service, old: Service): FieldError[] {
  const errors = validateClusterIPsUpdate(service, old);
  const [now, before] = [service.spec, old.spec];
  if (isLoadBalancer(service) && isLoadBalancer(old) && now.loadBalancerClass !== before.loadBalancerClass) {
    errors.push(invalid('spec.loadBalancerClass', now.loadBalancerClass, 'may not change once set'));
  }
  const checked = needsHealthCheck(service) && needsHealthCheck(old);
  if (checked && now.healthCheckNodePort !== before.healthCheckNodePort) {
    errors.push(forbiddenField('spec.healthCheckNodePort', 'field is immutable'));
  }
  return errors;
}

export function validateServiceStatus({ spec, status }: Service, old: Service): FieldError[] {
  const path = 'status.loadBalancer.ingress';
  const ingress = status.loadBalancer?.ingress ?? [];
  if (ingress.length > 0 && spec.type !== 'LoadBalancer') {
    return [forbiddenField(path, "may only be used when `spec.type` is 'LoadBalancer'")];
  }
  const existing = (old.status.loadBalancer?.ingress ?? []).flatMap(({ ip }) => ip ?? []);
  return eachOf(ingress, path, ({ ip = '', ipMode, hostname = '' }, at) => {
    const errors = ip === '' ? [] : validateIP(ip, child(at, 'ip'), existing);
    const modePath = child(at, 'ipMode');
    if (ipMode === undefined) {
      if (ip !== '') errors.push(required(modePath, 'must be specified when `ip` is set'));
    } else if (ip === '') errors.push(forbiddenField(modePath, 'may not be specified when `ip` is not set'));
    else if (ipMode !== 'VIP' && ipMode !== 'Proxy') errors.push(notSupported(modePath, ipMode, ['Proxy', 'VIP']));
    if (hostname !== '') {
      errors.push(...invalidEach(child(at, 'hostname'), hostname, isDNS1123Subdomain(hostname)));
      if (isAnyIP(hostname)) {
        errors.push(invalid(child(at, 'hostname'), hostname, 'must be a DNS name, not an IP address'));
      }
    }
    return errors;
  });
}
