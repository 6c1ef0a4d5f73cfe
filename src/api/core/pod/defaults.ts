/** Defaults of pods and pod templates. Source: pkg/apis/core/v1/defaults.go and zz_generated.defaults.go v1.36. */
import type {
  Container,
  ContainerStatus,
  EphemeralContainer,
  LifecycleHandler,
  Pod,
  PersistentVolumeSpec,
  PodSpec,
  PodTemplateSpec,
  Probe,
  Volume,
} from '../../generated/core.v1.ts';
import {
  canonicalQuantity,
  cpuMilli,
  formatQuantity,
  parseQuantity,
  quantityOf,
  quantityOfMilli,
} from '../../quantity.ts';
import type { ResourceAmounts } from './resources.ts';
import { aggregateContainers, isHugePageResource, isOvercommitAllowed, isPodLevelResource } from './resources.ts';

const ONE_HOUR_SECONDS = 3600;
/** Octal 644: 420 in JSON. */
const DEFAULT_FILE_MODE = 0o644;

/** The tag of an image reference: what follows the last colon of its last part; `latest` when there is neither tag nor digest. */
export function imageTag(image: string): string {
  const [name = '', digest] = image.split('@', 2);
  const colon = name.lastIndexOf(':');
  if (colon > name.lastIndexOf('/')) return name.slice(colon + 1);
  return digest === undefined ? 'latest' : '';
}

const DOMAIN =
  '(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?';
const PATH = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*';
const DIGEST = '[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}';
/** Source: referencePat in distribution/reference v0.6. */
const REFERENCE = new RegExp(`^(?:${DOMAIN}/)?${PATH}(?:/${PATH})*(?::\\w[\\w.-]{0,127})?(?:@${DIGEST})?$`);
/** Name, tag and digest at their longest. */
const REFERENCE_MAX = 600;

/** What cannot be read as a reference has no tag, not even the one that goes without saying. */
const isReference = (image: string): boolean =>
  image.length <= REFERENCE_MAX && REFERENCE.test(image) && !/^[a-f0-9]{64}$/.test(image);

const pullPolicyOf = (image: string | undefined): string =>
  image !== undefined && image !== '' && imageTag(image) === 'latest' && isReference(image) ? 'Always' : 'IfNotPresent';

/** Sets `field` when it is absent or empty. */
function fill<T extends object, K extends keyof T>(object: T, field: K, value: NonNullable<T[K]>): void {
  const present = object[field];
  if (present === undefined || present === null || present === '' || present === 0) object[field] = value;
}

export function defaultPod(pod: Pod): void {
  pod.spec ??= { containers: [] };
  pod.status ??= {};
  const { spec } = pod;
  defaultPodSpec(spec);
  for (const container of [...spec.containers, ...(spec.initContainers ?? [])]) defaultRequestsToLimits(container);
  defaultPodLevelResources(spec);
  for (const list of [
    pod.status.containerStatuses,
    pod.status.initContainerStatuses,
    pod.status.ephemeralContainerStatuses,
  ]) {
    for (const status of list ?? []) defaultContainerStatus(status);
  }
  const { allocatedResources, resources } = pod.status;
  if (allocatedResources !== undefined) pod.status.allocatedResources = roundedToMilli(allocatedResources);
  if (resources !== undefined) defaultRequirements(resources);
  // Source: Convert_v1_Pod_To_core_Pod in conversion.go, same folder.
  if ((spec.terminationGracePeriodSeconds ?? 0) < 0) spec.terminationGracePeriodSeconds = 1;
  spec.enableServiceLinks ??= true;
  if (spec.hostNetwork === true) {
    for (const { ports = [] } of [...spec.containers, ...(spec.initContainers ?? [])]) {
      for (const port of ports) fill(port, 'hostPort', port.containerPort);
    }
  }
}

/** Go writes the states even when they say nothing. */
function defaultContainerStatus(status: ContainerStatus): void {
  status.state ??= {};
  status.lastState ??= {};
  if (status.allocatedResources !== undefined) status.allocatedResources = roundedToMilli(status.allocatedResources);
  if (status.resources !== undefined) defaultRequirements(status.resources);
}

/** Templates have fewer defaults than pods, so that new ones do not change the template's hash. */
export function defaultPodTemplate(template: PodTemplateSpec): void {
  template.metadata ??= {};
  template.spec ??= { containers: [] };
  defaultPodSpec(template.spec);
}

function defaultPodSpec(spec: PodSpec): void {
  spec.containers ??= [];
  fill(spec, 'dnsPolicy', 'ClusterFirst');
  fill(spec, 'restartPolicy', 'Always');
  spec.securityContext ??= {};
  spec.terminationGracePeriodSeconds ??= 30;
  fill(spec, 'schedulerName', 'default-scheduler');
  syncServiceAccount(spec);
  defaultAffinity(spec);
  for (const volume of spec.volumes ?? []) defaultVolume(volume);
  for (const container of [...spec.containers, ...(spec.initContainers ?? [])]) defaultContainer(container);
  for (const container of spec.ephemeralContainers ?? []) defaultContainer(container);
  if (spec.overhead !== undefined) spec.overhead = roundedToMilli(spec.overhead);
  if (spec.resources !== undefined) defaultRequirements(spec.resources);
}

/** Go's structs are there even when nobody sent them. */
function defaultAffinity({ affinity }: PodSpec): void {
  const preferred = 'preferredDuringSchedulingIgnoredDuringExecution';
  for (const kind of ['podAffinity', 'podAntiAffinity'] as const) {
    for (const term of affinity?.[kind]?.[preferred] ?? []) term.podAffinityTerm ??= { topologyKey: '' };
  }
  for (const term of affinity?.nodeAffinity?.[preferred] ?? []) term.preference ??= {};
}

/** `serviceAccount` is the old name of `serviceAccountName`: always both. Source: conversion.go, same folder. */
export function syncServiceAccount(spec: PodSpec): void {
  if ((spec.serviceAccountName ?? '') === '') {
    if ((spec.serviceAccount ?? '') !== '') spec.serviceAccountName = spec.serviceAccount;
  } else spec.serviceAccount = spec.serviceAccountName;
}

function defaultContainer(container: Container | EphemeralContainer): void {
  if ((container.imagePullPolicy ?? '') === '') container.imagePullPolicy = pullPolicyOf(container.image);
  fill(container, 'terminationMessagePath', '/dev/termination-log');
  fill(container, 'terminationMessagePolicy', 'File');
  container.resources ??= {};
  defaultRequirements(container.resources);
  for (const port of container.ports ?? []) fill(port, 'protocol', 'TCP');
  for (const { valueFrom } of container.env ?? []) {
    if (valueFrom?.fileKeyRef !== undefined) valueFrom.fileKeyRef.optional ??= false;
    if (valueFrom?.fieldRef !== undefined) fill(valueFrom.fieldRef, 'apiVersion', 'v1');
    if (valueFrom?.resourceFieldRef !== undefined) fill(valueFrom.resourceFieldRef, 'divisor', '0');
  }
  for (const probe of [container.livenessProbe, container.readinessProbe, container.startupProbe]) {
    if (probe !== undefined) defaultProbe(probe);
  }
  for (const handler of [container.lifecycle?.postStart, container.lifecycle?.preStop]) {
    if (handler !== undefined) defaultHTTPGet(handler);
  }
}

function defaultProbe(probe: Probe): void {
  fill(probe, 'timeoutSeconds', 1);
  fill(probe, 'periodSeconds', 10);
  fill(probe, 'successThreshold', 1);
  fill(probe, 'failureThreshold', 3);
  defaultHTTPGet(probe);
  if (probe.grpc !== undefined) probe.grpc.service ??= '';
}

function defaultHTTPGet({ httpGet }: Pick<LifecycleHandler, 'httpGet'>): void {
  if (httpGet === undefined) return;
  fill(httpGet, 'path', '/');
  fill(httpGet, 'scheme', 'HTTP');
}

/** Sources that persistent volumes have too. */
export function defaultSharedSources({
  hostPath,
  iscsi,
  rbd,
  azureDisk,
  scaleIO,
}: Pick<Volume | PersistentVolumeSpec, 'hostPath' | 'iscsi' | 'rbd' | 'azureDisk' | 'scaleIO'>): void {
  if (hostPath !== undefined) hostPath.type ??= '';
  if (iscsi !== undefined) fill(iscsi, 'iscsiInterface', 'default');
  if (rbd !== undefined) {
    fill(rbd, 'pool', 'rbd');
    fill(rbd, 'user', 'admin');
    fill(rbd, 'keyring', '/etc/ceph/keyring');
  }
  if (azureDisk !== undefined) {
    azureDisk.cachingMode ??= 'ReadWrite';
    azureDisk.kind ??= 'Shared';
    azureDisk.fsType ??= 'ext4';
    azureDisk.readOnly ??= false;
  }
  if (scaleIO !== undefined) {
    fill(scaleIO, 'storageMode', 'ThinProvisioned');
    fill(scaleIO, 'fsType', 'xfs');
  }
}

function defaultVolume(volume: Volume): void {
  const { name: _name, ...sources } = volume;
  if (Object.values(sources).every((source) => source === undefined)) volume.emptyDir = {};
  const { secret, configMap, downwardAPI, projected, image, ephemeral } = volume;
  for (const source of [secret, configMap, downwardAPI, projected]) {
    if (source !== undefined) source.defaultMode ??= DEFAULT_FILE_MODE;
  }
  for (const item of downwardAPI?.items ?? []) defaultDownwardAPIItem(item);
  for (const { serviceAccountToken, downwardAPI: projection } of projected?.sources ?? []) {
    if (serviceAccountToken !== undefined) serviceAccountToken.expirationSeconds ??= ONE_HOUR_SECONDS;
    for (const item of projection?.items ?? []) defaultDownwardAPIItem(item);
  }
  if (image !== undefined && (image.pullPolicy ?? '') === '') image.pullPolicy = pullPolicyOf(image.reference);
  defaultSharedSources(volume);
  if (ephemeral?.volumeClaimTemplate !== undefined) {
    ephemeral.volumeClaimTemplate.spec ??= {};
    ephemeral.volumeClaimTemplate.metadata ??= {};
    ephemeral.volumeClaimTemplate.spec.volumeMode ??= 'Filesystem';
    if (ephemeral.volumeClaimTemplate.spec.resources !== undefined) {
      defaultRequirements(ephemeral.volumeClaimTemplate.spec.resources);
    }
  }
}

function defaultDownwardAPIItem({
  fieldRef,
  resourceFieldRef,
}: {
  fieldRef?: { apiVersion?: string | undefined } | undefined;
  resourceFieldRef?: { divisor?: string | undefined } | undefined;
}): void {
  if (fieldRef !== undefined) fill(fieldRef, 'apiVersion', 'v1');
  if (resourceFieldRef !== undefined) fill(resourceFieldRef, 'divisor', '0');
}

export function defaultRequirements(resources: Pick<NonNullable<Container['resources']>, 'limits' | 'requests'>): void {
  if (resources.limits !== undefined) resources.limits = roundedToMilli(resources.limits);
  if (resources.requests !== undefined) resources.requests = roundedToMilli(resources.requests);
}

/** Quantities finer than a thousandth are rounded up to it, and all are written in the canonical way. */
export function roundedToMilli(list: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(list).map(([name, text]) => {
      const quantity = parseQuantity(text);
      const tooFine = quantity.exponent < -3 && quantity.unscaled % 10n ** BigInt(-3 - quantity.exponent) !== 0n;
      return [name, tooFine ? formatQuantity(quantityOfMilli(cpuMilli(quantity))) : canonicalQuantity(text)];
    }),
  );
}

function defaultRequestsToLimits({ resources }: Container): void {
  if (resources?.limits === undefined) return;
  resources.requests = { ...resources.limits, ...resources.requests };
}

/** Pod-level resources that are given in part are completed from those of the containers. */
function defaultPodLevelResources(spec: PodSpec): void {
  const { resources } = spec;
  if (resources === undefined) return;
  const { limits: givenLimits = {}, requests: givenRequests = {} } = resources;
  const anyGiven = Object.keys(givenLimits).length + Object.keys(givenRequests).length > 0;
  if (!anyGiven) return;
  const containerLimits = aggregateContainers(spec, 'limits');
  const limits = { ...givenLimits };
  for (const name of Object.keys(containerLimits).filter(isHugePageResource)) {
    if (givenRequests[name] === undefined) limits[name] ??= amountText(name, containerLimits);
  }
  const requests = { ...givenRequests };
  if (Object.keys(limits).length > 0) {
    const containerRequests = aggregateContainers(spec, 'requests');
    for (const name of Object.keys(containerRequests)) {
      if (isPodLevelResource(name) && isOvercommitAllowed(name)) requests[name] ??= amountText(name, containerRequests);
    }
    for (const [name, limit] of Object.entries(limits)) if (isPodLevelResource(name)) requests[name] ??= limit;
  } else {
    const containers = [...spec.containers, ...(spec.initContainers ?? [])];
    for (const name of Object.keys(containerLimits)) {
      if (!isPodLevelResource(name) || !isOvercommitAllowed(name)) continue;
      if (containers.every((c) => c.resources?.limits?.[name] !== undefined)) {
        limits[name] = amountText(name, containerLimits);
      }
    }
  }
  if (Object.keys(limits).length > 0) resources.limits = limits;
  if (Object.keys(requests).length > 0) resources.requests = requests;
}

const amountText = (name: string, amounts: ResourceAmounts): string =>
  formatQuantity(name === 'cpu' ? quantityOfMilli(amounts[name]!) : quantityOf(amounts[name]!, 'BinarySI'));
