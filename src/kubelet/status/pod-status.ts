import type { Pod, PodStatus } from '#api';
import { podQosClass } from '../resources/pod-resources.ts';
import { newestContainer } from '../runtime/model.ts';
import { timeText } from '../text.ts';
import { sandboxChanged } from '../pods/actions.ts';
import { podConditions } from './conditions.ts';
import { containerStatuses, type StatusContext } from './container-statuses.ts';
import { isTerminal, podPhase } from './phase.ts';

export interface PodStatusContext extends StatusContext {
  readonly hostIP: string;
  /** Nothing of the pod will be started any more. */
  readonly terminal: boolean;
  /** Set when the pod is ended by the node. */
  readonly verdict?: { readonly reason: string; readonly message: string } | undefined;
}

/**
 * The status of a pod from what the runtime has of it and what was last said of it. Source: generateAPIPodStatus (kubelet_pods.go v1.36).
 */
export function computePodStatus(pod: Pod, previous: PodStatus, context: PodStatusContext): PodStatus {
  const { runtimePod, hostIP, nowMs, verdict } = context;
  const regular = containerStatuses(pod, 'regular', previous.containerStatuses, context);
  const init = containerStatuses(pod, 'init', previous.initContainerStatuses, context);
  const ephemeral = containerStatuses(pod, 'ephemeral', previous.ephemeralContainerStatuses, context);
  const ran = pod.spec.containers.some(({ name }) =>
    ['running', 'exited'].includes(newestContainer(runtimePod, name)?.state ?? ''),
  );
  let phase = podPhase(pod, [...regular, ...init], { terminal: context.terminal, initialized: ran });
  // What has ended stays ended.
  for (const known of [previous.phase, pod.status.phase])
    if (isTerminal(known) && !isTerminal(phase)) phase = known as typeof phase;
  if (isTerminal(pod.status.phase)) phase = pod.status.phase as typeof phase;
  if (verdict !== undefined) phase = 'Failed';
  const samePhase = phase === previous.phase;
  const hostNetwork = pod.spec.hostNetwork === true;
  // A pod whose sandbox has gone keeps its last address. Source: getPodIPs (pkg/kubelet/pleg/generic.go).
  const ownIPs = runtimePod.ips.length > 0 ? runtimePod.ips : (previous.podIPs ?? []).map(({ ip }) => ip);
  const ips = hostNetwork ? [hostIP] : ownIPs;
  const statuses = [...init, ...regular];
  const sandboxReady = !sandboxChanged(pod, runtimePod).changed;
  return {
    observedGeneration: pod.metadata.generation,
    phase,
    conditions: podConditions({ pod, phase, statuses, sandboxReady }, previous.conditions, nowMs),
    reason: verdict?.reason ?? (samePhase ? previous.reason : undefined),
    message: verdict?.message ?? (samePhase ? previous.message : undefined),
    hostIP,
    hostIPs: [{ ip: hostIP }],
    ...(ips[0] !== undefined && { podIP: ips[0], podIPs: ips.map((ip) => ({ ip })) }),
    startTime: previous.startTime ?? timeText(nowMs),
    ...(init.length > 0 && { initContainerStatuses: init }),
    containerStatuses: regular,
    ...(ephemeral.length > 0 && { ephemeralContainerStatuses: ephemeral }),
    qosClass: podQosClass(pod),
  };
}

/** Status of a pod the node does not take. Source: rejectPod (kubelet.go v1.36). */
export function rejectedPodStatus(pod: Pod, reason: string, message: string, nowMs: number): PodStatus {
  return {
    observedGeneration: pod.metadata.generation,
    phase: 'Failed',
    conditions: pod.status.conditions,
    reason,
    message: `Pod was rejected: ${message}`,
    startTime: timeText(nowMs),
    qosClass: podQosClass(pod),
  };
}
