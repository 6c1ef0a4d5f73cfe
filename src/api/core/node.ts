import type { FieldError } from '../field-error.ts';
import { duplicate, forbiddenField, index, invalid } from '../field-error.ts';
import type * as core from '../generated/core.v1.ts';
import { defineKind } from '../kind.ts';
import { AGE, age, NAME, orNone, orUnknown } from '../table.ts';
import { semanticEqual } from '../validation/equal.ts';
import { eachKey, eachOf, Seen } from '../validation/fields.ts';
import { cidrFamily, cidrWarnings, validateCIDR } from '../validation/ip.ts';
import { byteLength } from '../validation/names.ts';
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
    ...validateSwap(node),
    ...validateDeclaredFeatures(node),
    ...eachOf(podCIDRs, path, (cidr, at) => validateCIDR(cidr, at)),
  ];
  if (podCIDRs.length <= 1) return errors;
  const wrong = podCIDRs.findIndex((cidr) => cidrFamily(cidr) === undefined);
  if (wrong >= 0) {
    const why = `invalid CIDR[${wrong}]: <nil> (invalid CIDR address: ${podCIDRs[wrong]})`;
    const message = `Internal error: invalid PodCIDRs. failed to check with dual stack with error:${why}`;
    errors.push({ type: 'InternalError', field: path, message });
  }
  if (wrong >= 0 || podCIDRs.length > 2 || new Set(podCIDRs.map(cidrFamily)).size < 2) {
    errors.push(invalid(path, podCIDRs, 'may specify no more than one CIDR for each IP family'));
  }
  return errors;
}

function validateSwap({ status }: Node): FieldError[] {
  const capacity = status?.nodeInfo?.swap?.capacity;
  return capacity !== undefined && capacity <= 0
    ? [invalid('metadata.nodeSwapStatus.capacity', capacity, 'must be greater than zero')]
    : [];
}

const FEATURE = /^[A-Z][a-zA-Z0-9]*(\/[a-zA-Z][a-zA-Z0-9]*)*$/;
const FEATURE_MAX = 253;

function featureError(feature: string): string | undefined {
  const name = `invalid feature name ${JSON.stringify(feature)}`;
  if (byteLength(feature) > FEATURE_MAX) return `${name}: must be no more than ${FEATURE_MAX} characters`;
  return FEATURE.test(feature)
    ? undefined
    : `${name}: must start with an UpperCamelCase segment, with subsequent segments separated by '/' (e.g., MyFeature or MyFeature/mySubFeature), and contain only alphanumeric characters and slashes`;
}

/** Names in order, each once. */
function validateDeclaredFeatures({ status }: Node): FieldError[] {
  const features = status?.declaredFeatures ?? [];
  const path = 'status.declaredFeatures';
  return features.flatMap((feature, i) => {
    const why = featureError(feature);
    const errors = why === undefined ? [] : [invalid(index(path, i), feature, why)];
    const next = features[i + 1];
    if (next === undefined || feature < next) return errors;
    const at = index(path, i + 1);
    return [
      ...errors,
      feature === next ? duplicate(at, next) : invalid(at, next, 'list must be sorted alphabetically'),
    ];
  });
}

function validateNodeUpdate(node: Node, old: Node): FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Seen();
  for (const [i, address] of (node.status?.addresses ?? []).entries()) {
    if (!seen.add(`${address.type}\0${address.address}`)) {
      errors.push(
        duplicate(index('status.addresses', i), { Type: address.type ?? '', Address: address.address ?? '' }),
      );
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

/** Configuration through the API is gone; nodes that have it keep it. Source: pkg/registry/core/node/strategy.go v1.36. */
function dropGone({ spec, status }: Node, old: Node | undefined): void {
  if (old?.spec.configSource === undefined) delete spec.configSource;
  if (old?.status?.config === undefined) delete status?.config;
}

function nodeWarnings({ spec }: Node): string[] {
  return [
    ...(spec.configSource === undefined ? [] : ['spec.configSource: the feature is removed']),
    ...((spec.externalID ?? '') === ''
      ? []
      : ['spec.externalID: this field is deprecated, and is unused by Kubernetes']),
    ...(spec.podCIDRs ?? []).flatMap((cidr, i) => cidrWarnings(cidr, index('spec.podCIDRs', i))),
  ];
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
  const ready = status?.conditions?.findLast(({ type }) => type === 'Ready');
  const text = ready === undefined ? 'Unknown' : ready.status === 'True' ? 'Ready' : 'NotReady';
  return spec.unschedulable === true ? `${text},SchedulingDisabled` : text;
}

/** Go writes all of it, whether a kubelet has said it or not. */
const NO_INFO = {
  machineID: '',
  systemUUID: '',
  bootID: '',
  kernelVersion: '',
  osImage: '',
  containerRuntimeVersion: '',
  kubeletVersion: '',
  kubeProxyVersion: '',
  operatingSystem: '',
  architecture: '',
} as const;

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
    // podCIDR is the first of podCIDRs; where they differ the old field wins. Source: pkg/apis/core/v1/conversion.go.
    const { podCIDR = '', podCIDRs = [] } = spec;
    if (podCIDR !== '' && podCIDRs[0] !== podCIDR) spec.podCIDRs = [podCIDR];
    else if (podCIDRs.length > 0) spec.podCIDR = podCIDRs[0];
    status.nodeInfo ??= { ...NO_INFO };
    status.daemonEndpoints ??= {};
    status.daemonEndpoints.kubeletEndpoint ??= { Port: 0 };
    if (status.capacity !== undefined) status.capacity = roundedToMilli(status.capacity);
    if (status.allocatable !== undefined) status.allocatable = roundedToMilli(status.allocatable);
    else if (status.capacity !== undefined) status.allocatable = { ...status.capacity };
  },
  validate: validateNode,
  warnings: nodeWarnings,
  prepareForCreate: (node) => dropGone(node, undefined),
  prepareForUpdate: dropGone,
  validateUpdate: validateNodeUpdate,
  status: {
    prepareForUpdate(node, old) {
      node.spec = old.spec;
      dropGone(node, old);
    },
    validateUpdate: (node, old) => [
      ...validateResources(node),
      ...validateDeclaredFeatures(node),
      ...validateNodeUpdate(node, old),
      ...validateTaints(node.spec.taints, 'metadata.taints'),
    ],
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
        (info?.architecture ?? '') === ''
          ? orUnknown(info?.kernelVersion)
          : `${orUnknown(info?.kernelVersion)} (${info!.architecture})`,
        orUnknown(info?.containerRuntimeVersion),
      ],
    };
  },
  selectableFields: { 'spec.unschedulable': ({ spec }) => String(spec.unschedulable ?? false) },
});
