import type { Informer } from '#client';
import { type KubeObject, splitKey, StatusError } from '#api';
import { messageOf } from '#util';
import { workqueueLines } from './metrics.ts';
import type { Controller, ControllerContext, ControllerStatus, ReconcileContext } from './types.ts';
import { Workqueue } from './workqueue.ts';

/** Controllers that run. */
export interface Manager {
  /** What each controller is doing and did last. */
  status(): readonly ControllerStatus[];
  /** The work queues, in Prometheus' text format. */
  metrics(): readonly string[];
  /** Resolves when every source of every controller has been read once; rejects when the run is aborted before. */
  readonly synced: Promise<void>;
  /** Resolves when all work has stopped after the abort. */
  readonly done: Promise<void>;
}

/**
 * Starts the informers the controllers need and, once they are synced, the workers of each. Runs until `signal` aborts; reconciles under
 * way get the same signal and are waited for.
 */
export function runControllers(
  controllers: readonly Controller[],
  context: Pick<ControllerContext, 'informers' | 'clock' | 'log'>,
  { signal }: { signal: AbortSignal },
): Manager {
  const running = controllers.map((controller) => newRunner(controller, context));
  const informers = context.informers.start({ signal });
  const synced = informers.then(() => Promise.all(running.map((each) => each.synced(signal)))).then(() => undefined);
  synced.catch(() => undefined); // each runner reports it; a caller may, but need not, wait for it too
  const done = Promise.all(running.map((each) => each.run(synced, signal))).then(() => undefined);
  return {
    status: () => running.map((each) => each.status()),
    metrics: () => workqueueLines(running),
    synced,
    done,
  };
}

interface Runner {
  readonly name: string;
  readonly queue: Workqueue;
  status(): ControllerStatus;
  synced(signal: AbortSignal): Promise<unknown>;
  /** Never rejects. */
  run(ready: Promise<void>, signal: AbortSignal): Promise<void>;
}

function newRunner(controller: Controller, context: Pick<ControllerContext, 'informers' | 'clock' | 'log'>): Runner {
  const { informers, clock } = context;
  const log = context.log.with({ controller: controller.name });
  const queue = new Workqueue(clock);
  let last: Partial<Pick<ControllerStatus, 'lastKey' | 'lastDurationMs' | 'lastError'>> = {};
  const enqueue = (key: string): void => queue.add(key);
  let reconciles = 0;
  let failures = 0;

  const sources = controller.sources.map((source) => {
    const informer: Informer<KubeObject> = informers.informer(source.kind, source.options);
    const handle = informer.addHandler((event) => {
      for (const key of source.keys(event)) queue.add(key);
    });
    return { informer, handle };
  });

  async function work(signal: AbortSignal): Promise<void> {
    for (let key = await queue.take(); key !== undefined; key = await queue.take())
      await reconcile(key, { signal, log, enqueue });
  }

  async function reconcile(key: string, options: ReconcileContext): Promise<void> {
    const startedAt = clock.monotonic();
    let lastError: string | undefined;
    try {
      const result = await controller.reconcile(key, options);
      queue.forget(key);
      if (result !== undefined) queue.addAfter(key, result.requeueAfterMs);
    } catch (error) {
      if (!options.signal.aborted) {
        if (!isOfDeleted(key, error)) {
          failures++;
          lastError = messageOf(error);
          log.warn('reconcile failed', { key, failures: queue.failuresOf(key) + 1, error });
        }
        queue.addRateLimited(key);
      }
    } finally {
      reconciles++;
      last = { lastKey: key, lastDurationMs: clock.monotonic() - startedAt, lastError: lastError ?? last.lastError };
      queue.done(key);
    }
  }

  return {
    name: controller.name,
    queue,
    status: () => ({
      name: controller.name,
      queueDepth: queue.depth,
      processing: queue.processing,
      delayed: queue.delayed,
      reconciles,
      failures,
      ...last,
    }),
    synced: (signal) => Promise.all(sources.map(({ informer }) => informer.whenSynced({ signal }))),
    async run(ready, signal) {
      const stop = (): void => {
        for (const { handle } of sources) handle[Symbol.dispose]();
        queue.close();
      };
      signal.addEventListener('abort', stop, { once: true });
      if (signal.aborted) stop();
      try {
        await ready;
      } catch (error) {
        if (!signal.aborted) log.error('controller did not start', { error });
        return stop();
      }
      await Promise.all(Array.from({ length: controller.concurrency }, () => work(signal)));
    },
  };
}

/** What is reconciled was deleted meanwhile: the next look finds nothing to do. */
const isOfDeleted = (key: string, error: unknown): boolean =>
  StatusError.is(error, 'NotFound') && error.details?.name === splitKey(key).name;
