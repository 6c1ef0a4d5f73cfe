/** What is valid in a service but does nothing, or will not for long. Source: pkg/api/service/warnings.go v1.36. */
import type { Service } from '../../generated/core.v1.ts';
import { index } from '../../field-error.ts';
import { cidrWarnings, ipWarnings } from '../../validation/ip.ts';
import { NONE } from './addresses.ts';

const TOPOLOGY_MODE = 'service.kubernetes.io/topology-mode';
const TOPOLOGY_HINTS = 'service.kubernetes.io/topology-aware-hints';

export function serviceWarnings({ metadata, spec }: Service): string[] {
  const { clusterIP = '', clusterIPs = [], externalIPs = [], loadBalancerIP = '', type } = spec;
  const headless = type === 'ClusterIP' && clusterIP === NONE;
  const isExternalName = type === 'ExternalName';
  const hasExternalIPs = externalIPs.length > 0;
  const ignored = (field: string): string => `${field} is ignored for headless services`;
  return [
    ...(metadata.annotations?.[TOPOLOGY_HINTS] === undefined
      ? []
      : [`annotation ${TOPOLOGY_HINTS} is deprecated, please use ${TOPOLOGY_MODE} instead`]),
    ...(clusterIP === '' || clusterIP === NONE
      ? []
      : clusterIPs.flatMap((ip, i) => ipWarnings(ip, index('spec.clusterIPs', i)))),
    ...(headless && loadBalancerIP !== '' ? [ignored('spec.loadBalancerIP')] : []),
    ...(headless && hasExternalIPs ? [ignored('spec.externalIPs')] : []),
    ...(headless && spec.sessionAffinity !== 'None' ? [ignored('spec.SessionAffinity')] : []),
    ...externalIPs.flatMap((ip, i) => ipWarnings(ip, index('spec.externalIPs', i))),
    ...(hasExternalIPs && !headless && !isExternalName
      ? ['spec.externalIPs is deprecated and may no longer be implemented in some clusters']
      : []),
    ...ipWarnings(loadBalancerIP, 'spec.loadBalancerIP'),
    ...(spec.loadBalancerSourceRanges ?? []).flatMap((cidr, i) =>
      cidrWarnings(cidr, index('spec.loadBalancerSourceRanges', i)),
    ),
    ...(isExternalName && hasExternalIPs ? ['spec.externalIPs is ignored when spec.type is "ExternalName"'] : []),
    ...(!isExternalName && (spec.externalName ?? '') !== ''
      ? ['spec.externalName is ignored when spec.type is not "ExternalName"']
      : []),
    ...(spec.trafficDistribution === 'PreferClose'
      ? ['spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"']
      : []),
  ];
}
