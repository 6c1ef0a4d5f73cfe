/** Warnings about pods that are valid but hardly meant. Source: pkg/api/pod/warnings.go v1.36. */
import { child, index, keyPath } from '../../field-error.ts';
import type { Container, PodAffinityTerm, PodSpec } from '../../generated/core.v1.ts';
import type { ObjectMeta } from '../../generated/meta.v1.ts';
import { canonicalQuantity, parseQuantity } from '../../quantity.ts';
import { unchecked } from '../../validation/fields.ts';
import { ipWarnings } from '../../validation/ip.ts';
import { deprecatedNodeLabel, nodeTermWarnings } from '../../validation/node-labels.ts';
import { overlapWarnings } from './overlaps.ts';
import { profileWarnings } from './security/annotations.ts';

const DEPRECATED_ANNOTATIONS: Readonly<Record<string, string>> = {
  'scheduler.alpha.kubernetes.io/critical-pod': 'non-functional in v1.16+; use the "priorityClassName" field instead',
  'security.alpha.kubernetes.io/sysctls': 'non-functional in v1.11+; use the "sysctls" field instead',
  'security.alpha.kubernetes.io/unsafe-sysctls': 'non-functional in v1.11+; use the "sysctls" field instead',
};

const DEPRECATED_VOLUMES = [
  ['photonPersistentDisk', 'deprecated in v1.11, non-functional in v1.16+', 'photonPersistentDisk'],
  ['gitRepo', 'deprecated in v1.11, and disabled by default in v1.33+', 'gitRepo'],
  ['scaleIO', 'deprecated in v1.16, non-functional in v1.22+', 'scaleIO'],
  ['flocker', 'deprecated in v1.22, non-functional in v1.25+', 'flocker'],
  ['storageos', 'deprecated in v1.22, non-functional in v1.25+', 'storageOS'],
  ['quobyte', 'deprecated in v1.22, non-functional in v1.25+', 'quobyte'],
  ['glusterfs', 'deprecated in v1.25, non-functional in v1.26+', 'glusterfs'],
  ['cephfs', 'deprecated in v1.28, non-functional in v1.31+', 'cephfs'],
  ['rbd', 'deprecated in v1.28, non-functional in v1.31+', 'rbd'],
] as const;

/** `path` is '' for a pod, `spec.template` for a template. */
export function podWarnings(spec: PodSpec, metadata: Partial<ObjectMeta> | undefined, path: string): string[] {
  const specPath = child(path, 'spec');
  return [
    ...nodeLabelWarnings(spec, specPath),
    ...Object.entries(DEPRECATED_ANNOTATIONS)
      .filter(([key]) => metadata?.annotations?.[key] !== undefined)
      .map(([key, message]) => `${keyPath(child(path, 'metadata', 'annotations'), key)}: ${message}`),
    ...volumeWarnings(spec, child(specPath, 'volumes')),
    ...profileWarnings(metadata?.annotations, spec, path),
    ...duplicates(spec.hostAliases, child(specPath, 'hostAliases'), 'ip'),
    ...duplicates(spec.imagePullSecrets, child(specPath, 'imagePullSecrets'), 'name'),
    ...(spec.imagePullSecrets ?? []).flatMap(({ name = '' }, i) =>
      name === '' ? [`${child(index(child(specPath, 'imagePullSecrets'), i), 'name')}: invalid empty name ""`] : [],
    ),
    ...fractional(spec.overhead, child(specPath, 'overhead')),
    ...allContainers(spec, specPath).flatMap(([container, at]) => [
      ...FRACTIONAL.flatMap((name) =>
        (['limits', 'requests'] as const).flatMap((list) =>
          fractional(container.resources?.[list], child(at, 'resources', list), [name]),
        ),
      ),
      ...envWarnings(container, child(at, 'env')),
    ]),
    ...portWarnings(spec, specPath),
    ...portNameWarnings(spec, specPath),
    ...((spec.terminationGracePeriodSeconds ?? 0) < 0
      ? [
          `${child(specPath, 'terminationGracePeriodSeconds')}: must be >= 0; negative values are invalid and will be treated as 1`,
        ]
      : []),
    ...affinityWarnings(spec, child(specPath, 'affinity')),
    ...(spec.dnsConfig?.nameservers ?? []).flatMap((ip, i) =>
      ipWarnings(ip, index(child(specPath, 'dnsConfig', 'nameservers'), i)),
    ),
    ...(spec.hostAliases ?? []).flatMap((alias, i) =>
      ipWarnings(unchecked(alias).ip ?? '', child(index(child(specPath, 'hostAliases'), i), 'ip')),
    ),
  ];
}

const allContainers = (spec: PodSpec, path: string): [Container, string][] =>
  (['initContainers', 'containers', 'ephemeralContainers'] as const).flatMap((list) =>
    (spec[list] ?? []).map((container, i): [Container, string] => [container, index(child(path, list), i)]),
  );

function nodeLabelWarnings(spec: PodSpec, path: string): string[] {
  const warnings = Object.keys(spec.nodeSelector ?? {})
    .filter((key) => deprecatedNodeLabel(key) !== undefined)
    .map((key) => `${keyPath(child(path, 'nodeSelector'), key)}: ${deprecatedNodeLabel(key)}`);
  const { nodeAffinity } = spec.affinity ?? {};
  const affinityPath = child(path, 'affinity', 'nodeAffinity');
  const terms = child(affinityPath, 'requiredDuringSchedulingIgnoredDuringExecution', 'nodeSelectorTerms');
  const preferences = child(affinityPath, 'preferredDuringSchedulingIgnoredDuringExecution');
  warnings.push(
    ...(nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? []).flatMap((term, i) =>
      nodeTermWarnings(term, index(terms, i), false),
    ),
    ...(nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).flatMap(({ preference }, i) =>
      nodeTermWarnings(preference, child(index(preferences, i), 'preference'), true),
    ),
  );
  for (const [i, { topologyKey, labelSelector }] of (spec.topologySpreadConstraints ?? []).entries()) {
    const at = index(child(path, 'topologySpreadConstraints'), i);
    const message = deprecatedNodeLabel(topologyKey);
    if (message !== undefined) warnings.push(`${child(at, 'topologyKey')}: ${topologyKey} is ${message}`);
    if (labelSelector === undefined) warnings.push(`${child(at, 'labelSelector')}: ${NO_SELECTOR}`);
  }
  return warnings;
}

const NO_SELECTOR = 'a null labelSelector results in matching no pod';

const CLAIM_LISTS = ['requests', 'limits'] as const;

const volumeWarnings = ({ volumes = [] }: PodSpec, path: string): string[] =>
  volumes
    .flatMap((volume, i) => {
      const at = index(path, i);
      const claim = volume.ephemeral?.volumeClaimTemplate?.spec;
      return [
        ...DEPRECATED_VOLUMES.filter(([source]) => volume[source] !== undefined).map(
          ([, message, shown]) => `${child(at, shown)}: ${message}`,
        ),
        ...CLAIM_LISTS.flatMap((list) =>
          fractional(
            claim?.resources?.[list],
            child(at, 'ephemeral', 'volumeClaimTemplate', 'spec', 'resources', list),
            ['storage'],
          ),
        ),
      ];
    })
    .concat(overlapWarnings(volumes));

function duplicates<K extends string>(
  list: readonly { readonly [k in K]?: string | undefined }[] | undefined,
  path: string,
  field: K,
): string[] {
  const seen = new Set<string>();
  return (list ?? []).flatMap((item, i) => {
    const value = item[field] ?? '';
    if (!seen.has(value)) {
      seen.add(value);
      return [];
    }
    return [`${child(index(path, i), field)}: duplicate ${field} ${JSON.stringify(value)}`];
  });
}

const FRACTIONAL = ['memory', 'ephemeral-storage'];

/** Half a byte is nothing one can have. */
const fractional = (
  list: Readonly<Record<string, string>> | undefined,
  path: string,
  names: readonly string[] = FRACTIONAL,
): string[] =>
  names.flatMap((name) => {
    const text = list?.[name];
    if (text === undefined) return [];
    const { unscaled, exponent } = parseQuantity(text);
    if (exponent >= 0 || unscaled % 10n ** BigInt(-exponent) === 0n) return [];
    const shown = JSON.stringify(canonicalQuantity(text));
    return [`${keyPath(path, name)}: fractional byte value ${shown} is invalid, must be an integer`];
  });

function envWarnings({ env = [] }: Container, path: string): string[] {
  const seen = new Set<string>();
  return env.flatMap(({ name, value = '', valueFrom }, i) => {
    if (!seen.has(name)) {
      seen.add(name);
      return [];
    }
    // X=$(X)more builds on what was there before.
    const reference = `$(${name})`;
    const buildsOn = valueFrom === undefined && value !== reference && value.includes(reference);
    if (buildsOn) return [];
    return [
      `${index(path, i)}: hides previous definition of ${JSON.stringify(name)}, which may be dropped when using apply`,
    ];
  });
}

/** Each port is held against so many before it, and so many warnings are given: no client is shown as many. */
const MAX_COMPARED = 1000;

function portWarnings(spec: PodSpec, path: string): string[] {
  const warnings: string[] = [];
  const known = new Map<string, { at: string; hostIP: string; hostPort: number }[]>();
  for (const [{ ports = [] }, containerPath] of allContainers(spec, path)) {
    for (const [i, { name = '', containerPort, protocol = 'TCP', hostIP = '', hostPort = 0 }] of ports.entries()) {
      const at = index(child(containerPath, 'ports'), i);
      if (hostIP !== '' && hostPort === 0) {
        const port = `{Name:${name} HostPort:0 ContainerPort:${containerPort} Protocol:${protocol} HostIP:${hostIP}}`;
        warnings.push(`${at}: hostIP set without hostPort: ${port}`);
      }
      const key = `${containerPort}/${protocol}`;
      const others = known.get(key) ?? [];
      for (const other of others) {
        if (hostIP === other.hostIP && hostPort === other.hostPort) {
          warnings.push(`${at}: duplicate port definition with ${other.at}`);
        } else if (hostPort === 0 || other.hostPort === 0) {
          warnings.push(`${at}: overlapping port definition with ${other.at}`);
        } else if (hostPort === other.hostPort && (hostIP === '') !== (other.hostIP === '')) {
          warnings.push(`${at}: dangerously ambiguous port definition with ${other.at}`);
        }
      }
      if (warnings.length >= MAX_COMPARED) return warnings;
      if (others.length < MAX_COMPARED) others.push({ at, hostIP, hostPort });
      known.set(key, others);
    }
  }
  return warnings;
}

/** Whoever asks for a port by its name gets the first that has it. */
function portNameWarnings(spec: PodSpec, path: string): string[] {
  const warnings: string[] = [];
  const known = new Map<string, string>();
  for (const [{ ports = [] }, containerPath] of allContainers(spec, path)) {
    for (const [i, { name = '' }] of ports.entries()) {
      if (name === '') continue;
      const at = index(child(containerPath, 'ports'), i);
      const other = known.get(name);
      if (other === undefined) known.set(name, at);
      else {
        const why = `services and probes that select ports by name will use ${other}`;
        warnings.push(`${at}: duplicate port name ${JSON.stringify(name)} with ${other}, ${why}`);
      }
    }
  }
  return warnings;
}

function affinityWarnings({ affinity }: PodSpec, path: string): string[] {
  const missing = (term: PodAffinityTerm, at: string): string[] =>
    term.labelSelector === undefined ? [`${child(at, 'labelSelector')}: ${NO_SELECTOR}`] : [];
  return (['podAffinity', 'podAntiAffinity'] as const).flatMap((kind) => {
    const {
      requiredDuringSchedulingIgnoredDuringExecution: hard = [],
      preferredDuringSchedulingIgnoredDuringExecution: soft = [],
    } = affinity?.[kind] ?? {};
    const at = child(path, kind);
    return [
      ...hard.flatMap((term, i) =>
        missing(term, index(child(at, 'requiredDuringSchedulingIgnoredDuringExecution'), i)),
      ),
      ...soft.flatMap(({ podAffinityTerm }, i) =>
        missing(
          podAffinityTerm,
          child(index(child(at, 'preferredDuringSchedulingIgnoredDuringExecution'), i), 'podAffinityTerm'),
        ),
      ),
    ];
  });
}
