/** What a status update of a pod has to heed. Source: ValidatePodStatusUpdate in pkg/apis/core/validation v1.36. */
import type { FieldError } from '../../field-error.ts';
import { child, duplicate, forbiddenField, invalid, notSupported, required, tooLong } from '../../field-error.ts';
import type {
  Container,
  ContainerStatus,
  Pod,
  PodCondition,
  PodExtendedResourceClaimStatus,
  PodIP,
  PodSpec,
  PodStatus,
} from '../../generated/core.v1.ts';
import type { Unchecked } from '../../validation/fields.ts';
import { own } from '../../validation/equal.ts';
import {
  eachOf,
  invalidEach,
  Seen,
  unchecked,
  validateDNS1123Label,
  validateImmutable,
  validateQualifiedName,
} from '../../validation/fields.ts';
import { ipFamily, validateIP } from '../../validation/ip.ts';
import { byteLength, isUnixID, nameIsDNSSubdomain } from '../../validation/names.ts';
import { anyRestartsAll, containerShouldRestart } from './container/restart.ts';
import { validateAnnotationUpdates } from './security/annotations.ts';

const SYSTEM_CONDITIONS = ['Initialized', 'PodScheduled', 'Ready'];
const STATUS_LISTS = ['containerStatuses', 'initContainerStatuses', 'ephemeralContainerStatuses'] as const;

export function validatePodStatusUpdate(pod: Pod, old: Pod): FieldError[] {
  const { status, spec } = pod;
  return [
    ...validateAnnotationUpdates(pod, old),
    ...eachOf(status.conditions, 'status.conditions', validateCondition),
    ...validateNominatedNode(status, old),
    ...validateObservedGeneration(status.observedGeneration, 'status'),
    ...validateImmutable(status.qosClass ?? '', old.status.qosClass ?? '', 'status.qosClass'),
    ...STATUS_LISTS.flatMap((list) => staysTerminated(status, old, list)),
    ...validateClaimStatuses(status, spec),
    ...validateExtendedClaim(status.extendedResourceClaimStatus, spec, 'status.extendedResourceClaimStatus'),
    ...validateAddresses(status.podIPs, 'status.podIPs', old.status.podIPs),
    ...validateHostIPs(status, old.status),
    ...STATUS_LISTS.flatMap((list) =>
      eachOf(status[list], child('status', list), (container, at) => validateUser(container, at, spec)),
    ),
    ...eachOf(status.containerStatuses, 'status.containerStatuses', (container, at) =>
      validateAllocated(container, at, spec.containers),
    ),
    ...eachOf(status.initContainerStatuses, 'status.initContainerStatuses', (container, at) =>
      validateAllocated(container, at, spec.initContainers),
    ),
    ...eachOf(status.ephemeralContainerStatuses, 'status.ephemeralContainerStatuses', (container, at) =>
      (container.allocatedResourcesStatus ?? []).length === 0
        ? []
        : [forbiddenField(child(at, 'allocatedResourcesStatus'), 'must not be specified in container status')],
    ),
  ];
}

const validateObservedGeneration = (generation: number | undefined, path: string): FieldError[] =>
  generation !== undefined && generation < 0
    ? [invalid(child(path, 'observedGeneration'), generation, 'must be a non-negative integer')]
    : [];

const validateCondition = (condition: Unchecked<PodCondition>, path: string): FieldError[] => [
  ...validateObservedGeneration(condition.observedGeneration, path),
  ...(SYSTEM_CONDITIONS.includes(condition.type ?? '')
    ? []
    : validateQualifiedName(condition.type ?? '', child(path, 'Type'))),
];

function validateNominatedNode({ nominatedNodeName: name = '' }: PodStatus, old: Pod): FieldError[] {
  const path = 'status.nominatedNodeName';
  if (name === '' || name === old.status.nominatedNodeName) return [];
  return [
    ...invalidEach(path, name, nameIsDNSSubdomain(name, false)),
    ...((old.spec.nodeName ?? '') === ''
      ? []
      : [forbiddenField(path, 'may not be set on pods that are already bound to a node')]),
  ];
}

/** A container that has ended for good may not come back; the kubelet never restarts ephemeral ones. */
function staysTerminated(status: PodStatus, old: Pod, list: (typeof STATUS_LISTS)[number]): FieldError[] {
  const { spec } = old;
  const ephemeral = list === 'ephemeralContainerStatuses';
  if (!ephemeral && anyRestartsAll(spec)) return [];
  const containers = list === 'containerStatuses' ? spec.containers : (spec.initContainers ?? []);
  return eachOf(old.status[list], child('status', list), ({ name, state }, at) => {
    const ended = state?.terminated;
    if (ended === undefined) return [];
    const next = (status[list] ?? []).find((container) => container.name === name);
    if (next === undefined || next.state?.terminated !== undefined) return [];
    const container = ephemeral ? undefined : containers.find((c) => c.name === name);
    if (container !== undefined && containerShouldRestart(container, spec, ended.exitCode ?? 0)) return [];
    return [forbiddenField(child(at, 'state'), 'may not be transitioned to non-terminated state')];
  });
}

function validateClaimStatuses({ resourceClaimStatuses }: PodStatus, { resourceClaims = [] }: PodSpec): FieldError[] {
  const names = new Seen();
  return eachOf(resourceClaimStatuses, 'status.resourceClaimStatuses', (claim, at) => {
    const { name = '', resourceClaimName } = unchecked(claim);
    const path = child(at, 'name');
    return [
      ...(resourceClaims.some((c) => c.name === name)
        ? []
        : [invalid(path, name, 'must match the name of an entry in `spec.resourceClaims`')]),
      ...(names.add(name) ? [] : [duplicate(path, name)]),
      ...(resourceClaimName === undefined
        ? []
        : invalidEach(child(at, 'resourceClaimName'), resourceClaimName, nameIsDNSSubdomain(resourceClaimName, false))),
    ];
  });
}

function validateExtendedClaim(
  status: PodExtendedResourceClaimStatus | undefined,
  spec: PodSpec,
  path: string,
): FieldError[] {
  if (status === undefined) return [];
  const { requestMappings = [], resourceClaimName = '' } = unchecked(status);
  const containers = new Map([...(spec.initContainers ?? []), ...spec.containers].map((c) => [c.name, c]));
  const [mappingsPath, namePath] = [child(path, 'requestMappings'), child(path, 'resourceClaimName')];
  const seen = new Seen();
  const where = (field: string): string => `spec.initContainers.${field} or spec.containers.${field}`;
  return [
    ...(requestMappings.length === 0 ? [required(mappingsPath, 'at least one request mapping is required')] : []),
    ...eachOf(requestMappings, mappingsPath, (mapping, at) => {
      const { containerName = '', resourceName = '', requestName = '' } = unchecked(mapping);
      const errors: FieldError[] = [];
      const container = containers.get(containerName);
      if (container === undefined) {
        const why = `must match the name of an entry in ${where('name')}`;
        errors.push(invalid(child(at, 'containerName'), containerName, why));
      } else if (own(container.resources?.requests, resourceName) === undefined) {
        const why = `must match the extended resource name of an entry in ${where('resources.requests')}`;
        errors.push(invalid(child(at, 'resourceName'), resourceName, why));
      }
      errors.push(...validateDNS1123Label(requestName, child(path, 'requestName')));
      if (!seen.add([containerName, resourceName, requestName].join('\0'))) {
        errors.push(
          duplicate(child(at, 'containerName'), containerName),
          duplicate(child(at, 'resourceName'), resourceName),
          duplicate(child(at, 'requestName'), requestName),
        );
      }
      return errors;
    }),
    ...(resourceClaimName === ''
      ? [required(namePath)]
      : invalidEach(namePath, resourceClaimName, nameIsDNSSubdomain(resourceClaimName, false))),
  ];
}

function validateAddresses(
  addresses: readonly { ip: string }[] = [],
  path: string,
  old: readonly { ip: string }[] = [],
): FieldError[] {
  const existing = old.map(({ ip }) => ip);
  const errors = eachOf(addresses, path, ({ ip = '' }: Unchecked<PodIP>, at) => validateIP(ip, at, existing));
  if (addresses.length <= 1) return errors;
  const ips = addresses.map((address) => unchecked(address).ip ?? '');
  const families = ips.map(ipFamily);
  const wrong = families.indexOf(undefined);
  if (wrong >= 0) {
    const why = `failed to check for dual stack with error:invalid IP[${wrong}]: ${ips[wrong]}`;
    errors.push({ type: 'InternalError', field: path, message: `Internal error: ${why}` });
  }
  if (wrong >= 0 || new Set(families).size < 2 || addresses.length > 2) {
    const shown = ips.map((ip) => ({ IP: ip }));
    errors.push(invalid(path, shown, 'may specify no more than one IP for each IP family'));
  }
  return errors;
}

function validateHostIPs({ hostIP = '', hostIPs = [] }: PodStatus, old: PodStatus): FieldError[] {
  const [first] = hostIPs;
  if (first === undefined) return [];
  return [
    ...((first.ip ?? '') === hostIP
      ? []
      : [invalid('status.hostIPs[0].ip', first.ip ?? '', 'must be equal to `hostIP`')]),
    ...validateAddresses(hostIPs, 'status.hostIPs', old.hostIPs),
  ];
}

function validateUser({ user }: ContainerStatus, path: string, { os }: PodSpec): FieldError[] {
  const linux = user?.linux;
  if (linux === undefined) return [];
  const at = child(path, 'user', 'linux');
  if (os?.name === 'windows') return [forbiddenField(at, 'cannot be set for a windows pod')];
  const { uid = 0, gid = 0, supplementalGroups } = unchecked(linux);
  return [
    ...invalidEach(child(at, 'uid'), uid, isUnixID(uid)),
    ...invalidEach(child(at, 'gid'), gid, isUnixID(gid)),
    ...eachOf(supplementalGroups, child(at, 'supplementalGroups'), (id, i) => invalidEach(i, id, isUnixID(id))),
  ];
}

const HEALTH = ['Healthy', 'Unhealthy', 'Unknown'];
const MESSAGE_MAX = 1024;

/** Devices a container has been given: known to the container, each told of once. */
function validateAllocated(status: ContainerStatus, path: string, containers: readonly Container[] = []): FieldError[] {
  const container = containers.find(({ name }) => name === status.name);
  return eachOf(status.allocatedResourcesStatus, child(path, 'allocatedResourcesStatus'), (allocated, at) => {
    const { name = '', resources } = unchecked(allocated);
    const ids = new Seen();
    return [
      ...(container === undefined ? [] : validateAllocatedName(name, child(at, 'name'), container)),
      ...eachOf(resources, child(at, 'resources'), (health, healthPath) => {
        const { health: value = '', message, resourceID = '' } = unchecked(health);
        const errors = HEALTH.includes(value) ? [] : [notSupported(child(healthPath, 'health'), value, HEALTH)];
        const messagePath = child(healthPath, 'message');
        if (message === '') errors.push(required(messagePath, 'must be non-empty if specified'));
        else if (byteLength(message ?? '') > MESSAGE_MAX) errors.push(tooLong(messagePath, MESSAGE_MAX));
        return ids.add(resourceID) ? errors : [...errors, duplicate(child(healthPath, 'resourceID'), resourceID)];
      }),
    ];
  });
}

function validateAllocatedName(name: string, path: string, { resources }: Container): FieldError[] {
  if (!name.startsWith('claim:')) {
    const known = own(resources?.requests, name) !== undefined;
    return known ? [] : [invalid(path, name, "must match one of the container's resource requests")];
  }
  const claims = (resources?.claims ?? []).map(
    (claim) => `claim:${claim.name}${(claim.request ?? '') === '' ? '' : `/${claim.request}`}`,
  );
  const why =
    "must match one of the container's resource claims in a format 'claim:<claimName>/<request>' or 'claim:<claimName>' if request is empty";
  return claims.includes(name) ? [] : [invalid(path, name, why)];
}
