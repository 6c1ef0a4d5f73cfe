import { type Clock, sleep } from '#util';
import { CriError, isNotFound } from '../error.ts';
import type { RuntimeService, TasksService } from '../services.ts';

const RETRY_MS = 1000;
/** Between the exit of the process and the runtime's "exited", which comes when it has written the last of the log. */
const SETTLE_MS = 20;

export interface ContainerEndOptions {
  readonly cri: {
    readonly runtime: Pick<RuntimeService, 'containerStatus'>;
    readonly tasks: Pick<TasksService, 'wait'>;
  };
  readonly clock: Clock;
  readonly containerId: string;
}

/** Resolves once the runtime says that the container does not run any more: all it wrote is in its log then. */
export async function containerEnd(
  { cri, clock, containerId }: ContainerEndOptions,
  { signal }: { signal: AbortSignal },
): Promise<void> {
  for (let delayMs = SETTLE_MS; ;) {
    try {
      const { status } = await cri.runtime.containerStatus({ container_id: containerId }, { signal });
      if (status?.state !== 'CONTAINER_RUNNING') return;
      await cri.tasks.wait({ container_id: containerId }, { signal });
      delayMs = SETTLE_MS;
    } catch (error) {
      if (!(error instanceof CriError)) throw error;
      // No task: it has just ended. Anything else: containerd is away, and containers outlive that.
      delayMs = isNotFound(error) ? SETTLE_MS : RETRY_MS;
      if (isNotFound(error) && error instanceof CriError && error.method === 'ContainerStatus') return;
    }
    await sleep(clock, delayMs, { signal });
  }
}
