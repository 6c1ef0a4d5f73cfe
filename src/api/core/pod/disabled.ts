/** Fields of pods behind gates that are off in v1.36: they are dropped unless the pod has them already. Source: dropDisabledFields in pkg/api/pod/util.go v1.36. */
import type { PodSpec, PodStatus, PodTemplateSpec } from '../../generated/core.v1.ts';

export function dropDisabledPodFields(spec: PodSpec | undefined, old?: PodSpec): void {
  if (spec === undefined) return;
  // GenericWorkload
  if (spec.schedulingGroup !== undefined && old?.schedulingGroup === undefined) delete spec.schedulingGroup;
  // ClusterTrustBundleProjection, PodCertificateRequest
  for (const field of ['clusterTrustBundle', 'podCertificate'] as const) {
    if (projects(old, field)) continue;
    for (const volume of spec.volumes ?? []) {
      for (const source of volume.projected?.sources ?? []) delete source[field];
    }
  }
  // ContainerStopSignals
  const lists = [spec.initContainers, spec.containers, spec.ephemeralContainers] as const;
  const before = [old?.initContainers, old?.containers, old?.ephemeralContainers] as const;
  if (before.some((list) => list?.some(({ lifecycle }) => lifecycle?.stopSignal !== undefined))) return;
  for (const list of lists) {
    for (const container of list ?? []) {
      if (container.lifecycle?.stopSignal === undefined) continue;
      delete container.lifecycle.stopSignal;
      if (Object.keys(container.lifecycle).length === 0) delete container.lifecycle;
    }
  }
}

/** The same of the template of a workload. */
export const dropDisabledTemplateFields = (template: PodTemplateSpec | undefined, old?: PodTemplateSpec): void =>
  dropDisabledPodFields(template?.spec, old?.spec);

const projects = (spec: PodSpec | undefined, field: 'clusterTrustBundle' | 'podCertificate'): boolean =>
  spec?.volumes?.some(({ projected }) => projected?.sources?.some((source) => source[field] !== undefined)) === true;

export function dropDisabledPodStatus(status: PodStatus, old: PodStatus): void {
  // DRANodeAllocatableResources
  if (old.nodeAllocatableResourceClaimStatuses === undefined) delete status.nodeAllocatableResourceClaimStatuses;
  // ImageVolumeWithDigest
  for (const list of ['containerStatuses', 'initContainerStatuses', 'ephemeralContainerStatuses'] as const) {
    if (old[list]?.some(({ volumeMounts }) => volumeMounts?.some(({ volumeStatus }) => volumeStatus !== undefined))) {
      continue;
    }
    for (const { volumeMounts } of status[list] ?? [])
      for (const mount of volumeMounts ?? []) delete mount.volumeStatus;
  }
}
