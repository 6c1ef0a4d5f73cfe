import { backoffMs, type Clock, type Logger, sleep } from '#util';
import { type Channel, loadProto, type Method, methodsOf } from './channel.ts';
import { CriError } from './error.ts';
import type { Proto } from './proto.ts';
import type { Int64 } from './messages/messages.ts';
import type { Timestamp } from './services.ts';

const NAMESPACE = 'k8s.io';
/** A topic of our own: seeing our message come back proves that a new subscription is in force. */
const PROBE_TOPIC = '/kubelet/subscribed';
const PROBE_EVERY_MS = 100;

/** What containerd tells about containers and the processes in them. A process started by exec has an `execId`. */
export type ContainerdEvent =
  | { readonly topic: '/tasks/start'; readonly containerId: string; readonly pid: number }
  | {
      readonly topic: '/tasks/exit';
      readonly containerId: string;
      readonly execId: string | undefined;
      readonly pid: number;
      readonly exitStatus: number;
      /** Nanoseconds since the Unix epoch. */
      readonly exitedAtNanos: bigint;
    }
  | { readonly topic: '/tasks/oom'; readonly containerId: string }
  | { readonly topic: '/tasks/delete'; readonly containerId: string; readonly execId: string | undefined }
  | { readonly topic: '/containers/create'; readonly containerId: string }
  | { readonly topic: '/containers/delete'; readonly containerId: string };

export type EventTopic = ContainerdEvent['topic'];

export interface SubscribeOptions {
  signal: AbortSignal;
  /** What to be told of. Default: everything; a container at its memory limit alone can cause a thousand events a second. */
  topics?: readonly EventTopic[];
  /**
   * Called each time a subscription has come into force, the first time too: events before that moment may have been
   * missed, none after it will be. Relist here.
   */
  onResynchronise: () => void;
}

export interface EventsService {
  /**
   * Calls `handler` for each event of containers in containerd's namespace `k8s.io` (pod sandboxes are containers
   * too), reconnecting until `signal` aborts; then resolves. Whatever `handler` throws rejects.
   */
  subscribe(handler: (event: ContainerdEvent) => void, options: SubscribeOptions): Promise<void>;
}

interface Envelope {
  topic: string;
  event?: { value: Buffer };
}

export function newEventsService(channel: Channel, clock: Clock, log: Logger): EventsService {
  const proto = loadProto('events.proto');
  const methods = methodsOf(proto, 'containerd.services.events.v1.Events');
  const methodNamed = (name: string): Method => {
    const method = methods.find((candidate) => candidate.name === name);
    if (method === undefined) throw new Error(`events.proto lacks ${name}`);
    return method;
  };
  const subscribeMethod = methodNamed('Subscribe');
  const publishMethod = methodNamed('Publish');

  async function probeUntil(seen: () => boolean, topic: string, signal: AbortSignal): Promise<void> {
    while (!seen()) {
      await channel.unary(publishMethod, { topic, event: PROBE_EVENT }, { signal, deadlineMs: 10_000 });
      if (!seen()) await sleep(clock, PROBE_EVERY_MS, { signal });
    }
  }

  /** Resolves when the stream is over, whyever; says whether it had come into force. */
  async function subscribeOnce(handler: (event: ContainerdEvent) => void, options: SubscribeOptions): Promise<boolean> {
    // Aborts the stream when the probe fails and the probe when the stream ends.
    const scope = new AbortController();
    const signal = AbortSignal.any([options.signal, scope.signal]);
    const probe = `${PROBE_TOPIC}/p${crypto.randomUUID().replaceAll('-', '')}`;
    let inForce = false;
    const onMessage = (message: object): void => {
      const { topic, event } = message as Envelope;
      if (topic === probe) {
        if (inForce) return; // a second probe was under way
        inForce = true;
        options.onResynchronise();
      } else {
        const decoded = decodeEvent(proto, topic, event?.value ?? Buffer.alloc(0));
        if (decoded !== undefined) handler(decoded);
      }
    };
    const ended = new Error('the event stream ended');
    const endScope = (): void => scope.abort(ended);
    const stream = channel
      .serverStream(subscribeMethod, { filters: filters(options.topics ?? TOPICS, probe) }, onMessage, { signal })
      .finally(endScope);
    const probing = probeUntil(() => inForce, probe, signal).finally(() => {
      if (!inForce) endScope();
    });
    const [result] = await Promise.allSettled([stream, probing]);
    if (options.signal.aborted) return inForce;
    const error: unknown = result.status === 'rejected' ? result.reason : undefined;
    const callerThrew = error !== undefined && error !== ended && !(error instanceof CriError);
    if (callerThrew) await stream; // rejects with it
    log.warn('event stream of containerd broke', { error });
    return inForce;
  }

  return {
    async subscribe(handler, options) {
      let failures = 0;
      while (!options.signal.aborted) {
        failures = (await subscribeOnce(handler, options)) ? 0 : failures + 1;
        await sleep(clock, backoffMs(failures, { baseMs: 100, maxMs: 1000 }), options).catch(() => {}); // aborted: leave
      }
    },
  };
}

const PROBE_EVENT = { type_url: 'types.googleapis.com/google.protobuf.Empty', value: Buffer.alloc(0) };

/** Filters are alternatives; the commas inside one mean "and" (containerd's filters package). */
function filters(topics: readonly EventTopic[], probe: string): string[] {
  return [...topics, probe].map((topic) => `namespace==${NAMESPACE},topic=="${topic}"`);
}

const MESSAGES: Readonly<Record<EventTopic, string>> = {
  '/tasks/start': 'TaskStart',
  '/tasks/exit': 'TaskExit',
  '/tasks/oom': 'TaskOOM',
  '/tasks/delete': 'TaskDelete',
  '/containers/create': 'ContainerCreate',
  '/containers/delete': 'ContainerDelete',
};

interface AnyEvent {
  container_id: string;
  id: string;
  pid: number;
  exit_status: number;
  exited_at?: Timestamp;
}

const TOPICS = Object.keys(MESSAGES) as EventTopic[];

function decodeEvent(proto: Proto, topic: string, bytes: Buffer): ContainerdEvent | undefined {
  if (!isTopic(topic)) return undefined;
  const message = proto.message(MESSAGES[topic]).decode(bytes) as AnyEvent;
  const { container_id: containerId, pid } = message;
  // The container's own process has the container's id.
  const execId = message.id === containerId || message.id === '' ? undefined : message.id;
  switch (topic) {
    case '/tasks/start':
      return { topic, containerId, pid };
    case '/tasks/exit': {
      const exitedAtNanos = message.exited_at === undefined ? 0n : nanosOf(message.exited_at);
      return { topic, containerId, execId, pid, exitStatus: message.exit_status, exitedAtNanos };
    }
    case '/tasks/oom':
      return { topic, containerId };
    case '/tasks/delete':
      return { topic, containerId, execId };
    case '/containers/create':
    case '/containers/delete':
      return { topic, containerId: message.id };
  }
}

function isTopic(topic: string): topic is EventTopic {
  return Object.hasOwn(MESSAGES, topic);
}

function nanosOf({ seconds, nanos }: { seconds: Int64; nanos: number }): bigint {
  return BigInt(seconds) * 1_000_000_000n + BigInt(nanos);
}
