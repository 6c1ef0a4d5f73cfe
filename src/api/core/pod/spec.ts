/** Validation of pods and pod templates as a whole. Source: ValidatePodSpec and around in pkg/apis/core/validation v1.36. */
import type { FieldError } from '../../field-error.ts';
import { child, duplicate, forbiddenField, index, invalid, notSupported, required } from '../../field-error.ts';
import type {
  HostAlias,
  Pod,
  PodDNSConfig,
  PodResourceClaim,
  PodSchedulingGate,
  PodSpec,
  PodTemplateSpec,
} from '../../generated/core.v1.ts';
import { canonicalQuantity } from '../../quantity.ts';
import type { Unchecked } from '../../validation/fields.ts';
import {
  eachOf,
  invalidEach,
  Seen,
  validateAnnotations,
  validateDNS1123Label,
  validateDNS1123Subdomain,
  validateEnum,
  validateLabels,
  validateOptionalEnum,
  validateQualifiedName,
  unchecked,
} from '../../validation/fields.ts';
import { own } from '../../validation/equal.ts';
import { validateIP } from '../../validation/ip.ts';
import { inclusiveRangeError, isDNS1123SubdomainWithUnderscore, nameIsDNSSubdomain } from '../../validation/names.ts';
import {
  validateContainers,
  validateEphemeralContainers,
  validateImageWhitespace,
  validateInitContainers,
} from './containers.ts';
import { validateRequirements, validateResourceName } from './requirements.ts';
import { aggregateContainers, isPodLevelResource, resourceAmount } from './resources.ts';
import { validateAffinity, validateTolerations, validateTopologySpreadConstraints } from './scheduling.ts';
import { validateHostUsers, validatePodSecurityContext } from './security.ts';
import { validateVolumes } from './volumes.ts';

export const MIRROR_ANNOTATION = 'kubernetes.io/config.mirror';
const DELETION_COST_ANNOTATION = 'controller.kubernetes.io/pod-deletion-cost';
const MAX_INT32 = 2_147_483_647;

/** All that is wrong with a pod at any time of its life. */
export function validatePod(pod: Pod): FieldError[] {
  const { spec, metadata } = pod;
  const errors = [
    ...validatePodAnnotations(metadata.annotations, spec, 'metadata.annotations'),
    ...validatePodSpec(spec, 'spec', { podName: metadata.name, isPod: true }),
  ];
  if ((spec.serviceAccountName ?? '') === '') {
    for (const [v, { projected }] of (spec.volumes ?? []).entries()) {
      for (const [s, { serviceAccountToken }] of (projected?.sources ?? []).entries()) {
        if (serviceAccountToken === undefined) continue;
        const at = `spec.volumes[${v}].projected.sources[${s}].serviceAccountToken`;
        errors.push(forbiddenField(at, 'must not be specified when serviceAccountName is not set'));
      }
    }
  }
  return [
    ...errors,
    ...eachOf(spec.containers, 'spec.containers', validateImageWhitespace),
    ...eachOf(spec.initContainers, 'spec.initContainers', validateImageWhitespace),
  ];
}

/** What only a new pod has to heed. Source: ValidatePodCreate. */
export function validatePodCreate({ spec }: Pod): FieldError[] {
  const errors: FieldError[] = [];
  if ((spec.ephemeralContainers ?? []).length > 0) {
    errors.push(forbiddenField('spec.ephemeralContainers', 'cannot be set on create'));
  }
  if ((spec.nodeName ?? '') !== '' && (spec.schedulingGates ?? []).length > 0) {
    errors.push(forbiddenField('spec.nodeName', 'cannot be set until all schedulingGates have been cleared'));
  }
  return errors;
}

export function validatePodTemplate(template: PodTemplateSpec, path: string): FieldError[] {
  const { metadata = {}, spec = { containers: [] } } = template;
  const annotationsPath = child(path, 'annotations');
  return [
    ...validateLabels(metadata.labels, child(path, 'labels')),
    ...validateAnnotations(metadata.annotations, annotationsPath),
    ...validatePodAnnotations(metadata.annotations, spec, annotationsPath),
    ...validatePodSpec(spec, child(path, 'spec'), { podName: undefined, isPod: false }),
    ...((spec.ephemeralContainers ?? []).length > 0
      ? [forbiddenField(child(path, 'spec', 'ephemeralContainers'), 'ephemeral containers not allowed in pod template')]
      : []),
  ];
}

function validatePodAnnotations(
  annotations: Readonly<Record<string, string>> = {},
  spec: PodSpec,
  path: string,
): FieldError[] {
  const errors: FieldError[] = [];
  const mirror = annotations[MIRROR_ANNOTATION];
  if (mirror !== undefined && (spec.nodeName ?? '') === '') {
    const why = 'must set spec.nodeName if mirror pod annotation is set';
    errors.push(invalid(`${path}[${MIRROR_ANNOTATION}]`, mirror, why));
  }
  const cost = annotations[DELETION_COST_ANNOTATION];
  // No plus sign, no leading zeros. Source: GetDeletionCostFromPodAnnotations.
  const isInt32 = cost === undefined || (/^(0|-?[1-9]\d{0,9})$/.test(cost) && Math.abs(Number(cost)) <= MAX_INT32);
  if (!isInt32) errors.push(invalid(`${path}[${DELETION_COST_ANNOTATION}]`, cost, 'must be a 32bit integer'));
  return errors;
}

function validatePodSpec(
  spec: PodSpec,
  path: string,
  context: { readonly podName: string | undefined; readonly isPod: boolean },
): FieldError[] {
  const at = (field: keyof PodSpec): string => child(path, field);
  const { volumes, errors } = validateVolumes(spec.volumes, at('volumes'), context);
  const claimNames = new Set((spec.resourceClaims ?? []).map(({ name }) => name).filter((name) => name !== ''));
  const containers = { spec, volumes, claimNames };
  return [
    ...(spec.terminationGracePeriodSeconds === undefined ? [required(at('terminationGracePeriodSeconds'))] : []),
    ...errors,
    ...validateResourceClaims(spec.resourceClaims, at('resourceClaims')),
    ...validateContainers(containers, at('containers')),
    ...validateInitContainers(containers, at('initContainers')),
    ...validateEphemeralContainers(containers, at('ephemeralContainers')),
    ...validatePodResources(spec, at('resources'), claimNames),
    ...validateHostNetworkPorts(spec, at('containers'), context.isPod),
    ...validateEnum(spec.restartPolicy, ['Always', 'OnFailure', 'Never'], at('restartPolicy')),
    ...validateEnum(spec.dnsPolicy, ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None'], at('dnsPolicy')),
    ...validateLabels(spec.nodeSelector, at('nodeSelector')),
    ...validatePodSecurityContext(spec, at('securityContext')),
    ...validateAffinity(spec.affinity, at('affinity')),
    ...validateDNSConfig(spec.dnsConfig, spec.dnsPolicy, at('dnsConfig')),
    ...eachOf(spec.readinessGates, at('readinessGates'), ({ conditionType }, gate) =>
      validateQualifiedName(conditionType ?? '', child(gate, 'conditionType')),
    ),
    ...validateSchedulingGates(spec, at('schedulingGates')),
    ...validateTopologySpreadConstraints(spec.topologySpreadConstraints, at('topologySpreadConstraints')),
    ...validateHostUsers(spec, path),
    ...validateNames(spec, path),
    ...validateTolerations(spec.tolerations, at('tolerations')),
    ...eachOf(spec.hostAliases, at('hostAliases'), ({ ip = '', hostnames }: Unchecked<HostAlias>, alias) => [
      ...validateIP(ip, child(alias, 'ip')),
      ...eachOf(hostnames, child(alias, 'hostnames'), validateDNS1123Subdomain),
    ]),
    ...validateOptionalEnum(spec.preemptionPolicy, ['PreemptLowerPriority', 'Never'], at('preemptionPolicy')),
    ...validateRequirements({ limits: spec.overhead }, at('overhead'), { claimNames: new Set() }),
    ...validateOS(spec, path),
  ];
}

/** Names of other things, and the deadline. */
function validateNames(spec: PodSpec, path: string): FieldError[] {
  const errors: FieldError[] = [];
  for (const field of ['serviceAccountName', 'nodeName', 'priorityClassName', 'runtimeClassName'] as const) {
    const name = spec[field] ?? '';
    if (name !== '') errors.push(...invalidEach(child(path, field), name, nameIsDNSSubdomain(name, false)));
  }
  const seconds = spec.activeDeadlineSeconds;
  if (seconds !== undefined && (seconds < 1 || seconds > MAX_INT32)) {
    errors.push(invalid(child(path, 'activeDeadlineSeconds'), seconds, inclusiveRangeError(1, MAX_INT32)));
  }
  for (const field of ['hostname', 'subdomain'] as const) {
    const name = spec[field] ?? '';
    if (name !== '') errors.push(...validateDNS1123Label(name, child(path, field)));
  }
  return errors;
}

function validateResourceClaims(claims: readonly PodResourceClaim[] | undefined, path: string): FieldError[] {
  const names = new Seen();
  return eachOf(claims, path, (claim, at) => {
    const { name = '', resourceClaimName, resourceClaimTemplateName } = unchecked(claim);
    const errors: FieldError[] = [];
    if (name === '') errors.push(required(child(at, 'name')));
    else if (!names.add(name)) errors.push(duplicate(child(at, 'name'), name));
    else errors.push(...validateDNS1123Label(name, child(at, 'name')));
    if (resourceClaimName !== undefined && resourceClaimTemplateName !== undefined) {
      const why = 'at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified';
      errors.push(invalid(at, claim, why));
    }
    if (resourceClaimName === undefined && resourceClaimTemplateName === undefined) {
      errors.push(invalid(at, claim, 'must specify one of: `resourceClaimName`, `resourceClaimTemplateName`'));
    }
    for (const [field, value] of Object.entries({ resourceClaimName, resourceClaimTemplateName })) {
      if (value !== undefined) errors.push(...invalidEach(child(at, field), value, nameIsDNSSubdomain(value, false)));
    }
    return errors;
  });
}

/** Resources of the pod as a whole have to hold those of its containers. */
function validatePodResources(spec: PodSpec, path: string, claimNames: ReadonlySet<string>): FieldError[] {
  const { resources } = spec;
  if (resources === undefined) return [];
  const errors: FieldError[] = [];
  if (resources.claims !== undefined) {
    errors.push(forbiddenField(child(path, 'claims'), 'claims cannot be set for Resources at pod-level'));
  }
  errors.push(...validateRequirements(resources, path, { claimNames, validateName: validatePodResourceName }));
  const { requests = {}, limits = {} } = resources;
  for (const [name, needed] of Object.entries(aggregateContainers(spec, 'requests'))) {
    const given = own(requests, name) ?? '0';
    if (needed <= resourceAmount(name, given)) continue;
    const shown = name === 'cpu' ? canonicalQuantity(`${needed}m`) : String(needed);
    const why = `must be greater than or equal to aggregate container requests of ${shown}`;
    errors.push(invalid(`${child(path, 'requests')}[${name}]`, canonicalQuantity(given), why));
  }
  for (const [i, container] of spec.containers.entries()) {
    for (const [name, limit] of Object.entries(container.resources?.limits ?? {})) {
      const whole = own(limits, name);
      if (whole === undefined || resourceAmount(name, limit) <= resourceAmount(name, whole)) continue;
      const at = `${index(child(path, 'containers'), i)}[${name}].limits`;
      const why = `must be less than or equal to pod limits of ${canonicalQuantity(whole)}`;
      errors.push(invalid(at, canonicalQuantity(limit), why));
    }
  }
  return errors;
}

function validatePodResourceName(name: string, path: string): FieldError[] {
  const errors = validateResourceName(name, path);
  if (errors.length > 0 || isPodLevelResource(name)) return errors;
  return [notSupported(path, name, ['cpu', 'hugepages-', 'memory'])];
}

/** In the host's network a port of the container is the port of the host; templates may still leave it open. */
const validateHostNetworkPorts = (spec: PodSpec, path: string, isPod: boolean): FieldError[] =>
  spec.hostNetwork !== true
    ? []
    : eachOf(spec.containers, path, ({ ports }, at) =>
        eachOf(ports, child(at, 'ports'), ({ hostPort = 0, containerPort }, portPath) =>
          (isPod || hostPort !== 0) && hostPort !== containerPort
            ? [invalid(child(portPath, 'hostPort'), hostPort, 'must match `containerPort` when `hostNetwork` is true')]
            : [],
        ),
      );

// Limits of libc's resolver.
const MAX_NAMESERVERS = 3;
const MAX_SEARCHES = 32;
const MAX_SEARCH_CHARS = 2048;

function validateDNSConfig(config: PodDNSConfig | undefined, policy: string | undefined, path: string): FieldError[] {
  if (policy === 'None') {
    if (config === undefined) return [required(path, 'must provide `dnsConfig` when `dnsPolicy` is None')];
    if ((config.nameservers ?? []).length === 0) {
      const why = 'must provide at least one DNS nameserver when `dnsPolicy` is None';
      return [required(child(path, 'nameservers'), why)];
    }
  }
  const { nameservers = [], searches = [], options } = config ?? {};
  const errors: FieldError[] = [];
  const [serversPath, searchesPath] = [child(path, 'nameservers'), child(path, 'searches')];
  if (nameservers.length > MAX_NAMESERVERS) {
    errors.push(invalid(serversPath, nameservers, `must not have more than ${MAX_NAMESERVERS} nameservers`));
  }
  errors.push(...eachOf(nameservers, serversPath, validateIP));
  if (searches.length > MAX_SEARCHES) {
    errors.push(invalid(searchesPath, searches, `must not have more than ${MAX_SEARCHES} search paths`));
  }
  if (searches.join(' ').length > MAX_SEARCH_CHARS) {
    const why = `must not have more than ${MAX_SEARCH_CHARS} characters (including spaces) in the search list`;
    errors.push(invalid(searchesPath, searches, why));
  }
  return [
    ...errors,
    ...eachOf(searches, searchesPath, (search, at) => {
      const name = search.replace(/\.$/, '');
      return search === '.' ? [] : invalidEach(at, name, isDNS1123SubdomainWithUnderscore(name));
    }),
    ...eachOf(options, child(path, 'options'), ({ name = '' }, at) =>
      name === '' ? [required(at, 'must not be empty')] : [],
    ),
  ];
}

function validateSchedulingGates({ schedulingGates }: PodSpec, path: string): FieldError[] {
  const names = new Seen();
  return eachOf(schedulingGates, path, ({ name = '' }: Unchecked<PodSchedulingGate>, at) => [
    ...validateQualifiedName(name, at),
    ...(names.add(name) ? [] : [duplicate(at, name)]),
  ]);
}

function validateOS(spec: PodSpec, path: string): FieldError[] {
  if (spec.os === undefined) return [];
  const { name = '' } = unchecked(spec.os);
  const at = child(path, 'os');
  if (name === '') return [required(child(at, 'name'), 'cannot be empty')];
  if (name !== 'linux' && name !== 'windows') return [notSupported(at, name, ['linux', 'windows'])];
  const containers = [
    ...eachOf(spec.containers, child(path, 'containers'), ({ securityContext }, c) =>
      windowsOnLinux(securityContext, c),
    ),
    ...eachOf(spec.initContainers, child(path, 'initContainers'), ({ securityContext }, c) =>
      windowsOnLinux(securityContext, c),
    ),
  ];
  return name === 'linux' ? [...windowsOnLinux(spec.securityContext, path), ...containers] : [];
}

const windowsOnLinux = (context: { windowsOptions?: unknown } | undefined, path: string): FieldError[] =>
  context?.windowsOptions === undefined
    ? []
    : [
        forbiddenField(
          child(path, 'securityContext', 'windowsOptions'),
          'windows options cannot be set for a linux pod',
        ),
      ];
