import { Event, type KubeObject, StatusError } from '#api';
import { type Clock, type Logger, sleep } from '#util';
import { EventCorrelator, type EventDraft } from './event-correlator.ts';
import type { Client, EventRecorder, ObjectReferenceLike } from './types.ts';

/** Source of these: client-go tools/record/event.go v0.36. */
const MAX_QUEUED_EVENTS = 1000;
const MAX_TRIES = 12;
const RETRY_PAUSE_MS = 10_000;

export interface EventRecorderOptions {
  readonly client: Client;
  readonly clock: Clock;
  /** In [0,1). */
  readonly random: () => number;
  readonly log: Logger;
  /** Who reports: `kubelet`, `deployment-controller`. */
  readonly component: string;
  /** The node it runs on, where that matters. */
  readonly host?: string | undefined;
  /** Ends the writing; events still queued are lost. */
  readonly signal: AbortSignal;
}

/** A recorder that writes core/v1 Events one after the other from a bounded queue. When the queue is full, events are dropped and logged. */
export function newEventRecorder(options: EventRecorderOptions): EventRecorder {
  const { clock, log, signal } = options;
  const write = newEventWriter(options);
  const queue: EventDraft[] = [];
  let writing = false;
  let lastNanos = 0n;

  return {
    event(object, type, reason, message) {
      if (signal.aborted) return;
      if (queue.length >= MAX_QUEUED_EVENTS) {
        log.warn('event dropped: too many are waiting', { reason, message });
        return;
      }
      queue.push(newEvent(referenceOf(object), type, reason, message));
      if (!writing) void drain();
    },
  };

  async function drain(): Promise<void> {
    writing = true;
    for (let event = queue.shift(); event !== undefined && !signal.aborted; event = queue.shift()) await write(event);
    writing = false;
  }

  function newEvent(ref: ObjectReferenceLike, type: string, reason: string, message: string): EventDraft {
    const nanos = BigInt(Math.round(clock.now())) * 1_000_000n;
    lastNanos = nanos > lastNanos ? nanos : lastNanos + 1n;
    const at = new Date(clock.now()).toISOString().replace(/\.\d+Z$/, 'Z');
    const { component, host } = options;
    return {
      metadata: { namespace: ref.namespace || 'default', name: eventName(ref.name, lastNanos) },
      involvedObject: ref,
      reason,
      message,
      type,
      source: { component, ...(host === undefined ? {} : { host }) },
      reportingComponent: component,
      reportingInstance: host ?? '',
      firstTimestamp: at,
      lastTimestamp: at,
      count: 1,
    };
  }
}

/** Writes one event, trying again while the server cannot be reached. Never throws. */
function newEventWriter({
  client,
  clock,
  random,
  log,
  signal,
}: EventRecorderOptions): (event: EventDraft) => Promise<void> {
  const correlator = new EventCorrelator(clock);

  return async (received) => {
    const correlated = correlator.correlate(received);
    if (correlated.action === 'drop') return;
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      // The first pause is random, so that all components do not come back to a restarted server at once.
      if (tries > 0)
        await sleep(clock, RETRY_PAUSE_MS * (tries === 1 ? random() : 1), { signal }).catch(() => undefined);
      if (signal.aborted) return;
      try {
        correlator.stored(correlated.key, await record(correlated.action, correlated.event));
        return;
      } catch (error) {
        if (!StatusError.is(error, 'ServiceUnavailable', 'Timeout', 'TooManyRequests')) {
          // Such as a namespace that is being deleted: no later try can succeed.
          if (!signal.aborted) log.warn('event rejected', { event: correlated.event, error });
          return;
        }
      }
    }
    log.error('event lost: the server cannot be reached', { event: correlated.event });
  };

  async function record(action: 'create' | 'patch', event: EventDraft): Promise<Event> {
    if (action === 'create') return client.create(Event, event, { signal });
    const { count, lastTimestamp, message } = event;
    const { namespace, name } = event.metadata;
    try {
      return await client.patch(Event, { namespace, name }, { count, lastTimestamp, message }, { signal });
    } catch (error) {
      if (!StatusError.is(error, 'NotFound')) throw error;
      // Events are deleted after an hour; the count goes on in a new one.
      return client.create(Event, event, { signal });
    }
  }
}

/** The reference that events about `object` carry. */
export function referenceOf(object: KubeObject | ObjectReferenceLike): ObjectReferenceLike {
  if (!('metadata' in object)) return object;
  const { apiVersion, kind, metadata } = object;
  const { namespace, name, uid, resourceVersion } = metadata;
  return { kind, apiVersion, namespace, name, uid, resourceVersion };
}

const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

/** `<object>.<hex nanoseconds>`, or a UUID where that is no valid name. Source: client-go tools/record/util GenerateEventName. */
function eventName(refName: string, nanos: bigint): string {
  const name = `${refName}.${nanos.toString(16)}`;
  return name.length <= 253 && SUBDOMAIN.test(name) ? name : crypto.randomUUID();
}
