/** Validation of pods and pod templates as a whole. Source: ValidatePodSpec and around in pkg/apis/core/validation v1.36. */
import type { FieldError } from '../../field-error.ts';
import {
  child,
  duplicate,
  forbiddenField,
  invalid,
  keyPath,
  notSupported,
  required,
  ROOT,
  tooLong,
} from '../../field-error.ts';
import type {
  HostAlias,
  Pod,
  PodDNSConfig,
  PodResourceClaim,
  PodSchedulingGate,
  PodSpec,
  PodTemplateSpec,
} from '../../generated/core.v1.ts';
import { canonicalQuantity, formatQuantity, quantityOf } from '../../quantity.ts';
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
  validateQualifiedName,
  unchecked,
} from '../../validation/fields.ts';
import { own } from '../../validation/equal.ts';
import { validateIP } from '../../validation/ip.ts';
import {
  byteLength,
  inclusiveRangeError,
  isDNS1123SubdomainWithUnderscore,
  nameIsDNSSubdomain,
} from '../../validation/names.ts';
import {
  validateContainers,
  validateEphemeralContainers,
  validateFileKeyVolumes,
  validateImageWhitespace,
  validateInitContainers,
} from './container/containers.ts';
import { validateRequirements, validateResourceName } from './requirements.ts';
import { aggregateContainers, isHugePageResource, isPodLevelResource, resourceAmount } from './resources.ts';
import { validateAffinity, validateTolerations, validateTopologySpreadConstraints } from './scheduling.ts';
import { MIRROR_ANNOTATION, validatePodAnnotations, validateProfilesMatch } from './security/annotations.ts';
import { validateHostUsers, validatePodSecurityContext } from './security/context.ts';
import { validateHostProcess, validateLinux, validateWindows } from './security/windows.ts';
import { validateVolumes } from './volume/volumes.ts';

const MAX_INT32 = 2_147_483_647;

/** All that is wrong with a pod at any time of its life. */
export function validatePod(pod: Pod): FieldError[] {
  const { spec, metadata } = pod;
  const errors = [
    ...validatePodAnnotations(metadata.annotations, spec, 'metadata.annotations'),
    ...validatePodSpec(spec, 'spec', {
      podName: metadata.name,
      isPod: true,
      isMirror: Object.hasOwn(metadata.annotations ?? {}, MIRROR_ANNOTATION),
    }),
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
export function validatePodCreate({ spec, metadata }: Pod): FieldError[] {
  const errors: FieldError[] = [];
  if ((spec.ephemeralContainers ?? []).length > 0) {
    errors.push(forbiddenField('spec.ephemeralContainers', 'cannot be set on create'));
  }
  if ((spec.nodeName ?? '') !== '' && (spec.schedulingGates ?? []).length > 0) {
    errors.push(forbiddenField('spec.nodeName', 'cannot be set until all schedulingGates have been cleared'));
  }
  return [...errors, ...validateProfilesMatch(metadata, spec, 'spec')];
}

export function validatePodTemplate(template: PodTemplateSpec, path: string): FieldError[] {
  const { metadata = {}, spec = { containers: [] } } = template;
  const annotationsPath = child(path, 'annotations');
  return [
    ...validateLabels(metadata.labels, child(path, 'labels')),
    ...validateAnnotations(metadata.annotations, annotationsPath),
    ...validatePodAnnotations(metadata.annotations, spec, annotationsPath),
    ...validatePodSpec(spec, child(path, 'spec'), { podName: undefined, isPod: false, isMirror: false }),
    ...validateProfilesMatch(metadata, spec, child(path, 'spec')),
    ...((spec.ephemeralContainers ?? []).length > 0
      ? [forbiddenField(child(path, 'spec', 'ephemeralContainers'), 'ephemeral containers not allowed in pod template')]
      : []),
  ];
}

interface SpecContext {
  readonly podName: string | undefined;
  readonly isPod: boolean;
  readonly isMirror: boolean;
}

function validatePodSpec(spec: PodSpec, path: string, context: SpecContext): FieldError[] {
  const at = (field: keyof PodSpec): string => child(path, field);
  const { volumes, errors } = validateVolumes(spec.volumes, at('volumes'), context);
  const claimNames = new Set(
    (spec.resourceClaims ?? []).map((claim) => unchecked(claim).name ?? '').filter((name) => name !== ''),
  );
  const containers = { spec, volumes, claimNames };
  return [
    ...(spec.terminationGracePeriodSeconds === undefined ? [required(at('terminationGracePeriodSeconds'))] : []),
    ...errors,
    ...validateResourceClaims(spec.resourceClaims, at('resourceClaims'), context),
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
    ...validateHostProcess(spec, path),
    ...validateHostUsers(spec, path),
    ...validateHostnameOverride(spec, at('hostnameOverride')),
    ...validateNames(spec, path),
    ...validateOS(spec, path),
    ...validateFileKeyVolumes(spec, path),
  ];
}

const HOSTNAME_MAX = 64;

function validateHostnameOverride(spec: PodSpec, path: string): FieldError[] {
  const { hostnameOverride: name, setHostnameAsFQDN, hostNetwork } = spec;
  if (name === undefined) return [];
  return [
    ...(setHostnameAsFQDN === true
      ? [forbiddenField(path, 'may not be specified when setHostnameAsFQDN is true')]
      : []),
    ...(hostNetwork === true ? [forbiddenField(path, 'may not be specified when hostNetwork is true')] : []),
    ...(byteLength(name) > HOSTNAME_MAX ? [tooLong(path, HOSTNAME_MAX)] : []),
    ...validateDNS1123Subdomain(name, path),
  ];
}

/** Names of the pod and of other things, and what stands between them upstream. */
function validateNames(spec: PodSpec, path: string): FieldError[] {
  const at = (field: keyof PodSpec): string => child(path, field);
  const subdomain = (field: 'serviceAccountName' | 'nodeName' | 'priorityClassName'): FieldError[] => {
    const name = spec[field] ?? '';
    return name === '' ? [] : invalidEach(at(field), name, nameIsDNSSubdomain(name, false));
  };
  const label = (field: 'hostname' | 'subdomain'): FieldError[] => {
    const name = spec[field] ?? '';
    return name === '' ? [] : validateDNS1123Label(name, at(field));
  };
  const { activeDeadlineSeconds: seconds, runtimeClassName, preemptionPolicy } = spec;
  return [
    ...subdomain('serviceAccountName'),
    ...subdomain('nodeName'),
    ...(seconds !== undefined && (seconds < 1 || seconds > MAX_INT32)
      ? [invalid(at('activeDeadlineSeconds'), seconds, inclusiveRangeError(1, MAX_INT32))]
      : []),
    ...label('hostname'),
    ...label('subdomain'),
    ...validateTolerations(spec.tolerations, at('tolerations')),
    ...eachOf(spec.hostAliases, at('hostAliases'), ({ ip = '', hostnames }: Unchecked<HostAlias>, alias) => [
      ...validateIP(ip, child(alias, 'ip')),
      ...eachOf(hostnames, child(alias, 'hostnames'), validateDNS1123Subdomain),
    ]),
    ...subdomain('priorityClassName'),
    ...(runtimeClassName === undefined
      ? []
      : invalidEach(at('runtimeClassName'), runtimeClassName, nameIsDNSSubdomain(runtimeClassName, false))),
    ...(preemptionPolicy === undefined
      ? []
      : validateEnum(preemptionPolicy, ['PreemptLowerPriority', 'Never'], at('preemptionPolicy'))),
    ...validateRequirements({ limits: spec.overhead }, at('overhead'), { claimNames: new Set() }),
  ];
}

function validateResourceClaims(
  claims: readonly PodResourceClaim[] = [],
  path: string,
  { isMirror }: SpecContext,
): FieldError[] {
  const names = new Seen();
  if (isMirror) return claims.map(() => forbiddenField(ROOT, 'static pods do not support resource claims'));
  return eachOf(claims, path, (claim, at) => {
    const { name = '', resourceClaimName, resourceClaimTemplateName } = unchecked(claim);
    const errors: FieldError[] = [];
    // Upstream prints its internal type, by Go's names.
    const shown = (): object => ({
      Name: name,
      ResourceClaimName: resourceClaimName ?? null,
      ResourceClaimTemplateName: resourceClaimTemplateName ?? null,
    });
    if (name === '') errors.push(required(child(at, 'name')));
    else if (!names.add(name)) errors.push(duplicate(child(at, 'name'), name));
    else errors.push(...validateDNS1123Label(name, child(at, 'name')));
    if (resourceClaimName !== undefined && resourceClaimTemplateName !== undefined) {
      const why = 'at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified';
      errors.push(invalid(at, shown(), why));
    }
    if (resourceClaimName === undefined && resourceClaimTemplateName === undefined) {
      errors.push(invalid(at, shown(), 'must specify one of: `resourceClaimName`, `resourceClaimTemplateName`'));
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
  if (spec.os?.name === 'windows') return [forbiddenField(path, 'may not be set for a windows pod')];
  return [
    ...(resources.claims === undefined
      ? []
      : [forbiddenField(child(path, 'claims'), 'claims may not be set for Resources at pod-level')]),
    ...validateRequirements(resources, path, { claimNames, validateName: validatePodResourceName }),
    ...validateSums(spec, path, 'requests', () => true),
    ...validateSums(spec, path, 'limits', isHugePageResource),
    ...validateLimitsWithinPod(spec, path),
  ];
}

/** What the pod gives has to be as much as its containers take together. */
function validateSums(
  spec: PodSpec,
  path: string,
  side: 'requests' | 'limits',
  counts: (name: string) => boolean,
): FieldError[] {
  return Object.entries(aggregateContainers(spec, side)).flatMap(([name, needed]) => {
    const given = own(spec.resources?.[side], name);
    if (given === undefined || !counts(name) || needed <= resourceAmount(name, given)) return [];
    const shown = name === 'cpu' ? canonicalQuantity(`${needed}m`) : formatQuantity(quantityOf(needed, 'BinarySI'));
    const why = `must be greater than or equal to aggregate container ${side} of ${shown}`;
    return [invalid(keyPath(child(path, side), name), canonicalQuantity(given), why)];
  });
}

const validateLimitsWithinPod = ({ containers, resources }: PodSpec, path: string): FieldError[] =>
  eachOf(containers, child(path, 'containers'), (container, at) =>
    Object.entries(container.resources?.limits ?? {}).flatMap(([name, limit]) => {
      const whole = own(resources?.limits, name);
      if (whole === undefined || resourceAmount(name, limit) <= resourceAmount(name, whole)) return [];
      const why = `must be less than or equal to pod limits of ${canonicalQuantity(whole)}`;
      return [invalid(child(keyPath(at, name), 'limits'), canonicalQuantity(limit), why)];
    }),
  );

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
  errors.push(...eachOf(nameservers, serversPath, (ip, at) => validateIP(ip, at)));
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
  switch (name) {
    case '':
      return [required(child(at, 'name'))];
    case 'linux':
      return validateLinux(spec, path);
    case 'windows':
      return validateWindows(spec, path);
    default:
      return [notSupported(at, name, ['linux', 'windows'])];
  }
}
