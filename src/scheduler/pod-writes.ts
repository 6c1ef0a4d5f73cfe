import { formatTime, getCondition, Node, Pod, type PodCondition, StatusError } from '#api';
import type { Client } from '#client';
import type { Clock } from '#util';

/** Writes under way at once; more would only wait in the API server, and take memory. */
const MAX_WRITES = 100;

/** Makes the API server put the pod on the node. Throws StatusError. */
export async function bindPod(client: Client, pod: Pod, nodeName: string, signal: AbortSignal): Promise<void> {
  const { name, namespace, uid } = pod.metadata;
  const target = { kind: Node.kind, name: nodeName };
  const body = { apiVersion: 'v1', kind: 'Binding', metadata: { name, namespace, uid }, target };
  await client.createSubresource(Pod, { namespace, name }, 'binding', body, { signal });
}

export interface UnscheduledOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/**
 * Says in the pod's status why it has no node; nothing is written when it says so already, and nothing on another pod of the same name.
 * Throws StatusError. Source: updatePod in pkg/scheduler/schedule_one.go v1.36.
 */
export async function markUnscheduled(
  pod: Pod,
  reason: 'Unschedulable' | 'SchedulerError',
  message: string,
  { client, clock, signal }: UnscheduledOptions,
): Promise<void> {
  const { name, namespace, uid, generation } = pod.metadata;
  const wanted = {
    type: 'PodScheduled',
    status: 'False',
    reason,
    message,
    ...(generation === undefined ? {} : { observedGeneration: generation }),
  };
  const known: Partial<PodCondition> = getCondition(pod.status, wanted.type) ?? {};
  const fields = ['status', 'reason', 'message', 'observedGeneration'] as const;
  if (fields.every((field) => known[field] === (wanted as Partial<PodCondition>)[field])) return;
  const lastTransitionTime =
    known.status === 'False' && known.lastTransitionTime !== undefined
      ? known.lastTransitionTime
      : formatTime(clock.now());
  const patch = { metadata: { uid }, status: { conditions: [{ ...wanted, lastTransitionTime }] } };
  try {
    await client.patch(Pod, { namespace, name }, patch, { subresource: 'status', signal });
  } catch (error) {
    // Gone, or another pod stands under its name.
    if (!StatusError.is(error, 'NotFound', 'Conflict')) throw error;
  }
}

/** Writes under way: a bounded number, and those about one pod one after the other, since the last word must be the last. */
export class PodWrites {
  readonly #last = new Map<string, Promise<void>>();
  #running = 0;
  #wake: (() => void) | undefined;

  /** Resolves when there is room for one more. For one waiter at a time. */
  async room(): Promise<void> {
    while (this.#running >= MAX_WRITES) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await promise;
    }
  }

  /** Runs `write`, which must not throw, after what is under way for this pod. */
  start(uid: string, write: () => Promise<void>): void {
    this.#running++;
    const done = this.#run(this.#last.get(uid), write).finally(() => {
      if (this.#last.get(uid) === done) this.#last.delete(uid);
    });
    this.#last.set(uid, done);
  }

  /** Resolves when nothing is under way any more. */
  async settled(): Promise<void> {
    while (this.#last.size > 0) await Promise.all(this.#last.values());
  }

  async #run(before: Promise<void> | undefined, write: () => Promise<void>): Promise<void> {
    await before;
    try {
      await write();
    } finally {
      this.#running--;
      this.#wake?.();
      this.#wake = undefined;
    }
  }
}
