import type { Kind } from '#api';
import { CounterVec, exponentialBuckets, HistogramVec, labelText } from '#util';

/** How many events a watch was sent, and how many bytes they were in all. */
export type Sent = (events: number, bytes: number) => void;

/** Source: apiserver pkg/endpoints/metrics/metrics.go v1.36. */
export class WatchMetrics {
  readonly #events = new CounterVec('apiserver_watch_events_total', '[ALPHA] Events sent to watchers.');
  readonly #sizes = new HistogramVec(
    'apiserver_watch_events_sizes',
    '[ALPHA] Bytes of events sent to watchers.',
    exponentialBuckets(1024, 2, 8),
  );

  /** For a watch of `kind`. Events that are sent together count with their mean size. */
  of({ group, version, plural }: Kind): Sent {
    const labels = labelText({ group, resource: plural, version });
    return (events, bytes) => {
      if (events === 0) return;
      this.#events.add(labels, events);
      this.#sizes.observe(labels, bytes / events, events);
    };
  }

  lines(): string[] {
    return [...this.#events.lines(), ...this.#sizes.lines()];
  }
}
