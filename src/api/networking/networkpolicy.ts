import type { FieldError } from '../field-error.ts';
import { child, forbiddenField, index, invalid, notSupported, required } from '../field-error.ts';
import type * as networking from '../generated/networking.v1.ts';
import { defineKind } from '../kind.ts';
import { formatLabelSelector } from '../selector/selector.ts';
import { AGE, age, NAME } from '../table.ts';
import {
  eachOf,
  invalidEach,
  unchecked,
  validateLabelSelector,
  validatePortNumOrName,
  hasInvalidSelector,
} from '../validation/fields.ts';
import { cidrFamily, isStrictSubset, validateCIDR, cidrWarnings } from '../validation/ip.ts';
import { isPortNumber } from '../validation/names.ts';

export type NetworkPolicy = networking.NetworkPolicy;

const PROTOCOLS = ['TCP', 'UDP', 'SCTP'];
const TYPES = ['Ingress', 'Egress'];

/** Source: SetDefaults_NetworkPolicy in pkg/apis/networking/v1/defaults.go v1.36. */
function defaultNetworkPolicy(policy: NetworkPolicy): void {
  policy.spec ??= {};
  const { spec } = policy;
  spec.podSelector ??= {};
  for (const { ports = [] } of [...(spec.ingress ?? []), ...(spec.egress ?? [])]) {
    for (const port of ports) port.protocol ??= 'TCP';
  }
  if ((spec.policyTypes ?? []).length > 0) return;
  spec.policyTypes = (spec.egress ?? []).length > 0 ? ['Ingress', 'Egress'] : ['Ingress'];
}

const peersOf = ({ spec }: NetworkPolicy): networking.NetworkPolicyPeer[] => [
  ...(spec.ingress ?? []).flatMap(({ from = [] }) => from),
  ...(spec.egress ?? []).flatMap(({ to = [] }) => to),
];

function validateNetworkPolicy(policy: NetworkPolicy, old?: NetworkPolicy): FieldError[] {
  const { spec } = policy;
  const existing = (old === undefined ? [] : peersOf(old)).flatMap(({ ipBlock }) =>
    ipBlock === undefined ? [] : [ipBlock.cidr, ...(ipBlock.except ?? [])],
  );
  const invalidValues = hasInvalidSelector(old?.spec.podSelector);
  const checkPeer = (peer: networking.NetworkPolicyPeer, path: string): FieldError[] =>
    validatePeer(peer, path, { existing, invalidValues });
  const errors = validateLabelSelector(spec.podSelector, 'spec.podSelector', { invalidValues });
  for (const [i, { ports, from }] of (spec.ingress ?? []).entries()) {
    const at = index('spec.ingress', i);
    errors.push(...eachOf(ports, child(at, 'ports'), validatePort), ...eachOf(from, child(at, 'from'), checkPeer));
  }
  for (const [i, { ports, to }] of (spec.egress ?? []).entries()) {
    const at = index('spec.egress', i);
    errors.push(...eachOf(ports, child(at, 'ports'), validatePort), ...eachOf(to, child(at, 'to'), checkPeer));
  }
  const { policyTypes: types = [] } = spec;
  if (types.length > TYPES.length) {
    return [...errors, invalid('spec.policyTypes', types, 'may not specify more than two policyTypes')];
  }
  for (const [i, type] of types.entries()) {
    if (!TYPES.includes(type)) errors.push(notSupported(index('spec.policyTypes', i), type, TYPES));
  }
  return errors;
}

function validatePort({ protocol, port, endPort }: networking.NetworkPolicyPort, path: string): FieldError[] {
  const [portPath, endPath] = [child(path, 'port'), child(path, 'endPort')];
  const errors: FieldError[] = [];
  if (protocol !== undefined && !PROTOCOLS.includes(protocol)) {
    errors.push(notSupported(child(path, 'protocol'), protocol, PROTOCOLS));
  }
  if (port === undefined) {
    if (endPort !== undefined) {
      errors.push(invalid(endPath, endPort, 'may not be specified when `port` is not specified'));
    }
    return errors;
  }
  if (typeof port === 'string' && endPort !== undefined) {
    errors.push(invalid(endPath, endPort, 'may not be specified when `port` is non-numeric'));
  }
  errors.push(...validatePortNumOrName(port, portPath));
  if (typeof port === 'number' && endPort !== undefined) {
    // The port is shown, not its end.
    if (endPort < port) errors.push(invalid(endPath, port, 'must be greater than or equal to `port`'));
    errors.push(...invalidEach(endPath, endPort, isPortNumber(endPort)));
  }
  return errors;
}

function validatePeer(
  peer: networking.NetworkPolicyPeer,
  path: string,
  { existing, invalidValues }: { readonly existing: readonly string[]; readonly invalidValues: boolean },
): FieldError[] {
  const { podSelector, namespaceSelector, ipBlock } = peer;
  const others = podSelector !== undefined || namespaceSelector !== undefined;
  return [
    ...validateLabelSelector(podSelector, child(path, 'podSelector'), { invalidValues }),
    ...validateLabelSelector(namespaceSelector, child(path, 'namespaceSelector'), { invalidValues }),
    ...(ipBlock === undefined ? [] : validateIPBlock(ipBlock, child(path, 'ipBlock'), existing)),
    ...(!others && ipBlock === undefined ? [required(path, 'must specify a peer')] : []),
    ...(others && ipBlock !== undefined ? [forbiddenField(path, 'may not specify both ipBlock and another peer')] : []),
  ];
}

/** `existing`: what the policy had before, wrong or not, it may keep. */
function validateIPBlock(block: networking.IPBlock, path: string, existing: readonly string[]): FieldError[] {
  const { cidr = '', except = [] } = unchecked(block);
  const at = child(path, 'cidr');
  if (cidr === '') return [required(at)];
  const errors = validateCIDR(cidr, at, existing);
  if (cidrFamily(cidr) === undefined) return errors;
  return [
    ...errors,
    ...eachOf(except, child(path, 'except'), (inner, exceptPath) => {
      const wrong = validateCIDR(inner, exceptPath, existing);
      if (cidrFamily(inner) === undefined || isStrictSubset(inner, cidr)) return wrong;
      return [...wrong, invalid(exceptPath, inner, 'must be a strict subset of `cidr`')];
    }),
  ];
}

function networkWarnings({ spec: { ingress = [], egress = [] } }: NetworkPolicy): string[] {
  const ofPeers = (peers: readonly networking.NetworkPolicyPeer[] = [], path: string): string[] =>
    peers.flatMap(({ ipBlock }, i) => {
      if (ipBlock === undefined) return [];
      const at = child(index(path, i), 'ipBlock');
      return [
        ...cidrWarnings(ipBlock.cidr ?? '', child(at, 'cidr')),
        ...(ipBlock.except ?? []).flatMap((cidr, j) => cidrWarnings(cidr, index(child(at, 'except'), j))),
      ];
    });
  return [
    ...ingress.flatMap(({ from }, i) => ofPeers(from, child(index('spec.ingress', i), 'from'))),
    ...egress.flatMap(({ to }, i) => ofPeers(to, child(index('spec.egress', i), 'to'))),
  ];
}

/** Source: pkg/apis/networking/validation, pkg/registry/networking/networkpolicy/strategy.go v1.36. */
export const NetworkPolicy = defineKind<NetworkPolicy>({
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'NetworkPolicy',
  plural: 'networkpolicies',
  shortNames: ['netpol'],
  namespaced: true,
  definition: 'networking.v1.NetworkPolicy',

  defaults: defaultNetworkPolicy,
  validate: validateNetworkPolicy,
  warnings: networkWarnings,
  generation: true,

  columns: [NAME, { name: 'Pod-Selector', type: 'string' }, AGE],
  row: (policy, { nowMs }) => ({
    cells: [policy.metadata.name, formatLabelSelector(policy.spec.podSelector), age(policy, nowMs)],
  }),
});
