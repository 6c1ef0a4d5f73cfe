import { Event, EventsEvent, formatMicroTime, formatTime, type Kind, type KubeObject, type Transport } from '#api';
import { type Clock, type Logger, messageOf } from '#util';

/** What was told lately is not told again. */
const MAX_KNOWN = 1000;

export interface EventSinkOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly log: Logger;
  /** A new random UUID. */
  readonly newUid: () => string;
}

/** What is told of an object. */
export interface Told {
  readonly controller: string;
  readonly reason: string;
  /** Absent: it is an event of the old kind, which has none. */
  readonly action?: string;
  readonly note: string;
}

/** Events that the server itself has to tell of objects; each once. Source: client-go tools/events and tools/record v0.36. */
export class EventSink {
  readonly #options: EventSinkOptions;
  readonly #known = new Set<string>();

  constructor(options: EventSinkOptions) {
    this.#options = options;
  }

  /** Does not wait and does not fail: what cannot be told is logged. */
  warn(object: KubeObject, told: Told): void {
    const { log, transport } = this.#options;
    const { namespace = 'default', name, uid } = object.metadata;
    const key = [told.controller, uid, told.reason, told.note].join(' ');
    if (this.#known.has(key)) return;
    if (this.#known.size >= MAX_KNOWN) this.#known.clear();
    this.#known.add(key);
    log.warn('Something is wrong with an object', { namespace, name, reason: told.reason, note: told.note });
    const kind: Kind = told.action === undefined ? Event : EventsEvent;
    transport
      .request({ verb: 'create', kind, namespace, body: this.#event(object, told) })
      .catch((error: unknown) => log.warn('An event is not stored', { reason: messageOf(error) }));
  }

  #event(object: KubeObject, { controller, reason, action, note }: Told): object {
    const { clock, newUid } = this.#options;
    const { namespace = '', name, uid, resourceVersion } = object.metadata;
    const about = { apiVersion: object.apiVersion, kind: object.kind, namespace, name, uid, resourceVersion };
    const metadata = {
      namespace: namespace === '' ? 'default' : namespace,
      name: `${name}.${newUid().replaceAll('-', '').slice(0, 16)}`,
    };
    const now = clock.now();
    const common = { metadata, type: 'Warning', reason };
    if (action === undefined) {
      const at = formatTime(now);
      const source = { component: controller };
      return {
        ...common,
        involvedObject: about,
        message: note,
        source,
        firstTimestamp: at,
        lastTimestamp: at,
        count: 1,
      };
    }
    const reporter = { reportingController: controller, reportingInstance: controller };
    return { ...common, ...reporter, action, note, regarding: about, eventTime: formatMicroTime(now) };
  }
}
