import type { ContainerdEvent, EventsService, EventTopic } from '#cri';
import { type Clock, type Logger, messageOf } from '#util';
import type { RuntimePod } from './model.ts';
import type { PodRuntime, RuntimeListing } from './pod-runtime.ts';

/** How often everything is listed, beside events: what they miss is found so. */
const RELIST_MS = 10_000;
/** The rest is the agent's own doing, or followed by an exit. */
const TOPICS: readonly EventTopic[] = ['/tasks/exit', '/containers/delete'];
/** How soon after an event about something unknown. */
const SOON_MS = 5;

/**
 * Tells which pods have changed in the runtime: by containerd's events, and by comparing lists from time to time and whenever events may have
 * been missed. The name is upstream's: pod lifecycle event generator (pkg/kubelet/pleg).
 */
export interface Pleg {
  /** Until the signal aborts. */
  run(options: { signal: AbortSignal }): Promise<void>;
  /** Whether an exit of this container has been told, whatever its state says yet. */
  hasExited(containerId: string): boolean;
  /** Somebody has read a pod: events about what it has now find it at once. */
  learn(pod: RuntimePod): void;
  /** Lists succeed. */
  readonly healthy: boolean;
}

export interface PlegOptions {
  runtime: PodRuntime;
  events: EventsService;
  clock: Clock;
  log: Logger;
  onChange: (podUid: string) => void;
  onListing: (listing: RuntimeListing) => void;
}

interface Known {
  podUid: string;
  state: string;
}

function snapshot({ sandboxes, containers }: RuntimeListing): Map<string, Known> {
  return new Map([
    ...sandboxes.map(({ id, podUid, ready }): [string, Known] => [id, { podUid, state: ready ? 'ready' : 'notready' }]),
    ...containers.map(({ id, podUid, state }): [string, Known] => [id, { podUid, state }]),
  ]);
}

export function newPleg({ runtime, events, clock, log, onChange, onListing }: PlegOptions): Pleg {
  let known = new Map<string, Known>();
  const exited = new Set<string>();
  let healthy = false;
  let listing = false;
  let again = false;
  let timer: Disposable | undefined;

  function compare(now: Map<string, Known>): void {
    const changed = new Set<string>();
    for (const [id, { podUid, state }] of now) if (known.get(id)?.state !== state) changed.add(podUid);
    for (const [id, { podUid }] of known) if (!now.has(id)) changed.add(podUid);
    known = now;
    for (const id of exited) if (!now.has(id)) exited.delete(id);
    for (const uid of changed) onChange(uid);
  }

  async function relist(signal: AbortSignal): Promise<void> {
    if (listing) {
      again = true;
      return;
    }
    listing = true;
    try {
      do {
        again = false;
        const current = await runtime.list({ signal });
        compare(snapshot(current));
        healthy = true;
        onListing(current);
      } while (again);
    } catch (error) {
      if (signal.aborted) return;
      healthy = false;
      log.warn('containers could not be listed', { error: messageOf(error) });
    } finally {
      listing = false;
      if (!signal.aborted) schedule(RELIST_MS, signal);
    }
  }

  function schedule(delayMs: number, signal: AbortSignal): void {
    timer?.[Symbol.dispose]();
    timer = clock.after(delayMs, () => void relist(signal));
  }

  function handle(event: ContainerdEvent, signal: AbortSignal): void {
    const { containerId } = event;
    if ('execId' in event && event.execId !== undefined) return;
    switch (event.topic) {
      case '/tasks/exit':
        exited.add(containerId);
        break;
      case '/containers/delete':
        exited.delete(containerId);
        known.delete(containerId);
        return;
      default:
        return;
    }
    const pod = known.get(containerId);
    if (pod === undefined) schedule(SOON_MS, signal);
    else onChange(pod.podUid);
  }

  return {
    hasExited: (containerId) => exited.has(containerId),
    learn({ uid: podUid, sandboxes, containers }) {
      for (const { id, ready } of sandboxes) known.set(id, { podUid, state: ready ? 'ready' : 'notready' });
      for (const { id, state } of containers) known.set(id, { podUid, state });
    },
    get healthy() {
      return healthy;
    },
    async run({ signal }) {
      signal.addEventListener('abort', () => timer?.[Symbol.dispose](), { once: true });
      await relist(signal);
      const onResynchronise = (): void => void relist(signal);
      await events.subscribe((event) => handle(event, signal), { signal, topics: TOPICS, onResynchronise });
    },
  };
}
