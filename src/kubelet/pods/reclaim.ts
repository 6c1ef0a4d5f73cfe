import { isNotFound, type RuntimeService } from '#cri';
import { removeLog } from '../runtime/log-rotation.ts';
import type { RuntimeContainer, RuntimePod } from '../runtime/model.ts';

/** Dead instances kept of each container, for their status and log. Source: default of --maximum-dead-containers-per-container. */
const KEEP_DEAD = 1;

async function unlessGone(call: Promise<unknown>): Promise<void> {
  try {
    await call;
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

/** Removing what the runtime no longer needs. The log goes first: a container that is left can be removed again. */
export class Reclaimer {
  readonly #runtime: RuntimeService;

  constructor(runtime: RuntimeService) {
    this.#runtime = runtime;
  }

  async removeContainer(
    { id, logPath }: Pick<RuntimeContainer, 'id' | 'logPath'>,
    { signal }: { signal: AbortSignal },
  ): Promise<void> {
    if (logPath !== '') await removeLog(logPath);
    await unlessGone(this.#runtime.removeContainer({ container_id: id }, { signal }));
  }

  /** Dead containers beyond those to keep, and sandboxes that were replaced. */
  async collect(runtimePod: RuntimePod, options: { signal: AbortSignal }): Promise<void> {
    const dead = new Map<string, number>();
    const removed = new Set<string>();
    for (const container of runtimePod.containers) {
      if (container.state === 'running') continue;
      // One that was made and never started is of no use once there is a newer one.
      const superseded = runtimePod.containers.find(({ name }) => name === container.name) !== container;
      if (container.state === 'created' && !superseded) continue;
      const count = (dead.get(container.name) ?? 0) + (container.state === 'created' ? 0 : 1);
      dead.set(container.name, count);
      if (count <= KEEP_DEAD && container.state !== 'created') continue;
      await this.removeContainer(container, options);
      removed.add(container.id);
    }
    for (const { id, ready } of runtimePod.sandboxes.slice(1)) {
      const used = runtimePod.containers.some((container) => container.sandboxId === id && !removed.has(container.id));
      if (!ready && !used) await unlessGone(this.#runtime.removePodSandbox({ pod_sandbox_id: id }, options));
    }
  }

  /** Everything the runtime has of a pod that has been stopped. */
  async removeAll(runtimePod: RuntimePod, options: { signal: AbortSignal }): Promise<void> {
    for (const container of runtimePod.containers) await this.removeContainer(container, options);
    for (const { id } of runtimePod.sandboxes) {
      await unlessGone(this.#runtime.stopPodSandbox({ pod_sandbox_id: id }, options));
      await unlessGone(this.#runtime.removePodSandbox({ pod_sandbox_id: id }, options));
    }
  }
}
