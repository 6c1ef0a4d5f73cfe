import type * as core from '../generated/core.v1.ts';
import type { LabelSelector } from '../generated/meta.v1.ts';
import { defineKind } from '../kind.ts';
import { own } from '../validation/equal.ts';
import { isDNS1123Label } from '../validation/names.ts';
import { defaultPod, syncServiceAccount } from './pod/defaults.ts';
import { dropDisabledPodFields, dropDisabledPodStatus } from './pod/disabled.ts';
import { validatePodResize } from './pod/resize.ts';
import { computePodQOS } from './pod/resources.ts';
import { syncAppArmor } from './pod/security/annotations.ts';
import { validatePod, validatePodCreate } from './pod/spec.ts';
import { validatePodStatusUpdate } from './pod/status.ts';
import { podColumns, podRow } from './pod/table.ts';
import { validateEphemeralContainersUpdate, validatePodUpdate } from './pod/update.ts';
import { podWarnings } from './pod/warnings.ts';

export type Pod = core.Pod;

/** Source: pkg/registry/core/pod/strategy.go v1.36. */
export const Pod = defineKind<Pod>({
  group: '',
  version: 'v1',
  kind: 'Pod',
  plural: 'pods',
  shortNames: ['po'],
  categories: ['all'],
  namespaced: true,
  definition: 'core.v1.Pod',

  defaults: defaultPod,
  validate: validatePod,
  validateCreate: validatePodCreate,
  validateUpdate: validatePodUpdate,
  generation: true,

  prepareForCreate(pod) {
    syncServiceAccount(pod.spec);
    dropDisabledPodFields(pod.spec);
    // A class that the client says is taken. Source: GetPodQOS in pkg/apis/core/helper/qos v1.36.
    pod.status = { phase: 'Pending', qosClass: pod.status.qosClass || computePodQOS(pod) };
    if ((pod.spec.schedulingGates ?? []).length > 0) {
      pod.status.conditions = [
        {
          type: 'PodScheduled',
          status: 'False',
          ...(pod.metadata.creationTimestamp === undefined
            ? {}
            : { lastTransitionTime: pod.metadata.creationTimestamp }),
          reason: 'SchedulingGated',
          message: 'Scheduling is blocked due to non-empty scheduling gates',
        },
      ];
    }
    mergeLabelKeys(pod);
    syncAppArmor(pod);
  },
  prepareForUpdate(pod, old) {
    pod.status = old.status;
    dropDisabledPodFields(pod.spec, old.spec);
  },

  gracePeriodSeconds({ spec, status }, requested) {
    const nowhere = (spec.nodeName ?? '') === '';
    const ended = status?.phase === 'Failed' || status?.phase === 'Succeeded';
    if (nowhere || ended) return 0;
    const seconds = requested ?? spec.terminationGracePeriodSeconds ?? 0;
    return seconds < 0 ? 1 : seconds;
  },

  // People rarely touch running pods themselves: updates are not looked at.
  warnings(pod, old) {
    if (old !== undefined) return [];
    const messages = isDNS1123Label(pod.metadata.name);
    const hostname =
      "metadata.name: this is used in the Pod's hostname, which can result in surprising behavior; a DNS label is recommended";
    return [
      // Go prints the list in brackets.
      ...(messages.length > 0 ? [`${hostname}: [${messages.join(' ')}]`] : []),
      ...podWarnings(pod.spec, pod.metadata, ''),
    ];
  },

  status: {
    prepareForUpdate(pod, old) {
      pod.spec = old.spec;
      pod.status ??= {};
      // Old kubelets damage owner references when they write the status.
      if (old.metadata.ownerReferences === undefined) delete pod.metadata.ownerReferences;
      else pod.metadata.ownerReferences = old.metadata.ownerReferences;
      syncPodIPs(pod.status);
      if ((pod.status.qosClass ?? '') === '') pod.status.qosClass = old.status.qosClass;
      keepObservedGeneration(pod.status, old.status);
      dropDisabledPodStatus(pod.status, old.status);
    },
    validateUpdate: validatePodStatusUpdate,
  },
  parts: {
    ephemeralcontainers: {
      prepareForUpdate(pod, old) {
        pod.spec = { ...old.spec, ephemeralContainers: pod.spec.ephemeralContainers };
        dropDisabledPodFields(pod.spec, old.spec);
        keepMetadataAndStatus(pod, old);
      },
      validateUpdate: validateEphemeralContainersUpdate,
    },
    resize: {
      prepareForUpdate(pod, old) {
        const { containers, initContainers = [], resources } = pod.spec;
        const { containers: before, initContainers: initBefore = [] } = old.spec;
        dropDisabledPodFields(pod.spec, old.spec);
        // Added or removed containers are left for validation to find.
        if (containers.length !== before.length || initContainers.length !== initBefore.length) return;
        pod.spec = {
          ...old.spec,
          containers: withResourcesOf(before, containers),
          ...(old.spec.initContainers === undefined
            ? {}
            : { initContainers: withResourcesOf(initBefore, initContainers) }),
          resources,
        };
        keepMetadataAndStatus(pod, old);
      },
      validateUpdate: validatePodResize,
    },
  },

  columns: podColumns,
  row: podRow,
  selectableFields: {
    'spec.nodeName': ({ spec }) => spec.nodeName ?? '',
    'spec.restartPolicy': ({ spec }) => spec.restartPolicy ?? '',
    'spec.schedulerName': ({ spec }) => spec.schedulerName ?? '',
    'spec.serviceAccountName': ({ spec }) => spec.serviceAccountName ?? '',
    'spec.hostNetwork': ({ spec }) => String(spec.hostNetwork ?? false),
    'status.phase': ({ status }) => status.phase ?? '',
    'status.podIP': ({ status }) => status.podIPs?.[0]?.ip ?? status.podIP ?? '',
    'status.nominatedNodeName': ({ status }) => status.nominatedNodeName ?? '',
  },
});

/** Of the old containers nothing changes but resources; a renamed one is left for validation to find. */
const withResourcesOf = (old: readonly core.Container[], now: core.Container[]): core.Container[] =>
  old.some(({ name }, i) => now[i]?.name !== name)
    ? now
    : old.map((container, i) => ({
        ...container,
        resources: now[i]!.resources,
        resizePolicy: now[i]!.resizePolicy,
      }));

/** Source: metav1.ResetObjectMetaForStatus. */
function keepMetadataAndStatus(pod: Pod, old: Pod): void {
  pod.status = old.status;
  const { resourceVersion, managedFields } = pod.metadata;
  pod.metadata = { ...old.metadata, resourceVersion };
  // Who owns what of this write is known already.
  if (managedFields === undefined) delete pod.metadata.managedFields;
  else pod.metadata.managedFields = managedFields;
}

/** podIP is the first of podIPs, whichever was given. Source: pkg/apis/core/v1/conversion.go. */
function syncPodIPs(status: core.PodStatus): void {
  if ((status.podIPs ?? []).length > 0) status.podIP = status.podIPs![0]!.ip;
  else if ((status.podIP ?? '') !== '') status.podIPs = [{ ip: status.podIP! }];
}

/** A client that does not know the field must not erase it. */
function keepObservedGeneration(status: core.PodStatus, old: core.PodStatus): void {
  if ((status.observedGeneration ?? 0) === 0 && old.observedGeneration !== undefined) {
    status.observedGeneration = old.observedGeneration;
  }
  for (const condition of status.conditions ?? []) {
    const before = old.conditions?.find(({ type }) => type === condition.type)?.observedGeneration;
    if ((condition.observedGeneration ?? 0) === 0 && before !== undefined) condition.observedGeneration = before;
  }
}

/** matchLabelKeys become requirements on the values this pod has. */
function mergeLabelKeys({ metadata: { labels = {} }, spec }: Pod): void {
  const merge = (selector: LabelSelector | undefined, keys: readonly string[] = [], operator: 'In' | 'NotIn'): void => {
    if (selector === undefined) return;
    for (const key of keys) {
      const value = own(labels, key);
      if (value !== undefined) (selector.matchExpressions ??= []).push({ key, operator, values: [value] });
    }
  };
  for (const affinity of [spec.affinity?.podAffinity, spec.affinity?.podAntiAffinity]) {
    const terms = [
      ...(affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
      ...(affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map((term) => term.podAffinityTerm),
    ];
    for (const term of terms) {
      merge(term.labelSelector, term.matchLabelKeys, 'In');
      merge(term.labelSelector, term.mismatchLabelKeys, 'NotIn');
    }
  }
  for (const { labelSelector, matchLabelKeys } of spec.topologySpreadConstraints ?? []) {
    merge(labelSelector, matchLabelKeys, 'In');
  }
}
