import type { FieldError } from '../field-error.ts';
import { duplicate, forbiddenField, index, invalid } from '../field-error.ts';
import type * as core from '../generated/core.v1.ts';
import { defineKind } from '../kind.ts';
import { AGE, age, NAME, orNone, orUnknown } from '../table.ts';
import { semanticEqual } from '../validation/equal.ts';
import { eachKey, eachOf, Seen } from '../validation/fields.ts';
import { cidrFamily, validateCIDR } from '../validation/ip.ts';
import { roundedToMilli } from './pod/defaults.ts';
import { validateQuantity } from './pod/requirements.ts';
import { validateTaints } from './pod/scheduling.ts';

export type Node = core.Node;

const ROLE_PREFIX = 'node-role.kubernetes.io/';
const ROLE_LABEL = 'kubernetes.io/role';

const validateResources = ({ status }: Node): FieldError[] =>
  (['capacity', 'allocatable'] as const).flatMap((list) =>
    // Upstream joins the name with a dot here.
    eachKey(status?.[list], '', (name, quantity) => validateQuantity(name, quantity, `status.${list}.${name}`)),
  );

function validateNode(node: Node): FieldError[] {
  const { taints, podCIDRs = [] } = node.spec;
  const path = 'spec.podCIDRs';
  const errors = [
    ...validateTaints(taints, 'metadata.taints'),
    ...validateResources(node),
    ...eachOf(podCIDRs, path, (cidr, at) => validateCIDR(cidr, at)),
  ];
  if (podCIDRs.length <= 1) return errors;
  if (podCIDRs.length > 2 || new Set(podCIDRs.map(cidrFamily)).size < 2) {
    errors.push(invalid(path, podCIDRs, 'may specify no more than one CIDR for each IP family'));
  }
  const seen = new Seen();
  for (const [i, cidr] of podCIDRs.entries()) if (!seen.add(cidr)) errors.push(duplicate(index(path, i), cidr));
  return errors;
}

function validateNodeUpdate(node: Node, old: Node): FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Seen();
  for (const [i, address] of (node.status?.addresses ?? []).entries()) {
    if (!seen.add(`${address.type}\0${address.address}`)) {
      errors.push(duplicate(index('status.addresses', i), { type: address.type, address: address.address }));
    }
  }
  const { podCIDRs: oldCIDRs = [], providerID: oldProviderID = '' } = old.spec;
  if (oldCIDRs.length > 0 && !semanticEqual(node.spec.podCIDRs, oldCIDRs)) {
    errors.push(forbiddenField('spec.podCIDRs', 'node updates may not change podCIDR except from "" to valid'));
  }
  if (oldProviderID !== '' && node.spec.providerID !== oldProviderID) {
    errors.push(forbiddenField('spec.providerID', 'node updates may not change providerID except from "" to valid'));
  }
  if ((node.spec.externalID ?? '') !== (old.spec.externalID ?? '')) {
    errors.push(forbiddenField('spec.externalID', 'may not be updated'));
  }
  return errors;
}

/** The first address of a type. */
export const nodeAddress = ({ status }: Node, type: string): string | undefined =>
  status?.addresses?.find((address) => address.type === type)?.address;

/** Source: findNodeRoles in pkg/printers/internalversion/printers.go v1.36. */
export const nodeRoles = ({ metadata }: Node): string[] => {
  const roles = Object.entries(metadata.labels ?? {}).map(([key, value]) => {
    if (key.startsWith(ROLE_PREFIX)) return key.slice(ROLE_PREFIX.length);
    return key === ROLE_LABEL ? value : '';
  });
  return [...new Set(roles.filter((role) => role !== ''))].toSorted();
};

function statusText({ spec, status }: Node): string {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready');
  const text = ready === undefined ? 'Unknown' : ready.status === 'True' ? 'Ready' : 'NotReady';
  return spec.unschedulable === true ? `${text},SchedulingDisabled` : text;
}

/** Source: pkg/registry/core/node/strategy.go v1.36. A kubelet may give the status of its node when it registers. */
export const Node = defineKind<Node>({
  group: '',
  version: 'v1',
  kind: 'Node',
  plural: 'nodes',
  shortNames: ['no'],
  namespaced: false,
  definition: 'core.v1.Node',
  storagePrefix: 'minions',

  defaults(node) {
    node.spec ??= {};
    node.status ??= {};
    const { spec, status } = node;
    // podCIDR is the first of podCIDRs, whichever was given. Source: pkg/apis/core/v1/conversion.go.
    if ((spec.podCIDRs ?? []).length > 0) spec.podCIDR = spec.podCIDRs![0];
    else if ((spec.podCIDR ?? '') !== '') spec.podCIDRs = [spec.podCIDR!];
    if (status.capacity !== undefined) status.capacity = roundedToMilli(status.capacity);
    if (status.allocatable !== undefined) status.allocatable = roundedToMilli(status.allocatable);
    else if (status.capacity !== undefined) status.allocatable = { ...status.capacity };
  },
  validate: validateNode,
  validateUpdate: validateNodeUpdate,
  status: {
    prepareForUpdate(node, old) {
      node.spec = old.spec;
    },
    validateUpdate: (node, old) => [...validateResources(node), ...validateNodeUpdate(node, old)],
  },

  columns: [
    NAME,
    { name: 'Status', type: 'string' },
    { name: 'Roles', type: 'string' },
    AGE,
    { name: 'Version', type: 'string' },
    { name: 'Internal-IP', type: 'string', priority: 1 },
    { name: 'External-IP', type: 'string', priority: 1 },
    { name: 'OS-Image', type: 'string', priority: 1 },
    { name: 'Kernel-Version', type: 'string', priority: 1 },
    { name: 'Container-Runtime', type: 'string', priority: 1 },
  ],
  row(node, { nowMs }) {
    const info = node.status?.nodeInfo;
    return {
      cells: [
        node.metadata.name,
        statusText(node),
        orNone(nodeRoles(node).join(',')),
        age(node, nowMs),
        info?.kubeletVersion ?? '',
        orNone(nodeAddress(node, 'InternalIP')),
        orNone(nodeAddress(node, 'ExternalIP')),
        orUnknown(info?.osImage),
        orUnknown(info?.kernelVersion),
        orUnknown(info?.containerRuntimeVersion),
      ],
    };
  },
  selectableFields: { 'spec.unschedulable': ({ spec }) => String(spec.unschedulable ?? false) },
});
