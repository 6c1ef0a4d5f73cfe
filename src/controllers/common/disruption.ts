import { formatTime, Pod, type PodCondition, type PodStatus, StatusError } from '#api';
import type { Client } from '#client';

/** Why the control plane ends a pod: the DisruptionTarget condition. Source: KEP-3329. */
export interface Disruption {
  readonly reason: string;
  readonly message: string;
}

export interface DisruptOptions {
  readonly client: Client;
  readonly nowMs: number;
  readonly signal: AbortSignal;
}

/** Notes on the pod why it goes. Nothing if it is gone. */
export function markDisrupted(pod: Pod, why: Disruption, options: DisruptOptions): Promise<void> {
  return patchStatus(pod, { conditions: [conditionOf(why, options.nowMs)] }, options);
}

/** Notes that a pod which no kubelet watches any more has failed, and why where that has a name. Nothing if it is gone. */
export function markFailed(pod: Pod, why: Disruption | undefined, options: DisruptOptions): Promise<void> {
  const conditions = why === undefined ? {} : { conditions: [conditionOf(why, options.nowMs)] };
  return patchStatus(pod, { phase: 'Failed', ...conditions }, options);
}

const conditionOf = ({ reason, message }: Disruption, nowMs: number): PodCondition => ({
  type: 'DisruptionTarget',
  status: 'True',
  reason,
  message,
  lastTransitionTime: formatTime(nowMs),
});

async function patchStatus(
  { metadata }: Pod,
  status: Partial<PodStatus>,
  { client, signal }: DisruptOptions,
): Promise<void> {
  await unlessGone(
    client.patch(Pod, metadata, { metadata: { uid: metadata.uid }, status }, { subresource: 'status', signal }),
  );
}

/** Deletes this very pod, at once with `force`. Nothing if it is gone. */
export async function deletePod(
  { metadata }: Pod,
  { client, signal, force = false }: Pick<DisruptOptions, 'client' | 'signal'> & { readonly force?: boolean },
): Promise<void> {
  const body = { preconditions: { uid: metadata.uid }, ...(force ? { gracePeriodSeconds: 0 } : {}) };
  await unlessGone(client.delete(Pod, metadata, { signal, body }));
}

async function unlessGone(promise: Promise<unknown>): Promise<void> {
  try {
    await promise;
  } catch (error) {
    // Conflict: another pod has taken its name.
    if (!StatusError.is(error, 'NotFound', 'Conflict')) throw error;
  }
}
