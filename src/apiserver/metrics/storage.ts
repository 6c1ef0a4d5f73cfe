import { type Clock, CounterVec, HistogramVec, labelText } from '#util';

/** Source of names, labels and buckets: apiserver pkg/storage/etcd3/metrics/metrics.go v1.36. */
const DURATION_BUCKETS = [
  0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60,
];

export type StorageOperation = 'create' | 'update' | 'delete' | 'list';

/** Times what `request` comes to. */
export type Timed = <T>(operation: StorageOperation, request: () => Promise<T>) => Promise<T>;

/** How requests to the datastore are told of. */
export class StorageMetrics {
  readonly #clock: Clock;
  readonly #durations = new HistogramVec(
    'etcd_request_duration_seconds',
    '[ALPHA] How long the datastore took, by operation and resource.',
    DURATION_BUCKETS,
  );
  readonly #requests = new CounterVec('etcd_requests_total', '[ALPHA] Requests to the datastore.');
  readonly #errors = new CounterVec('etcd_request_errors_total', '[ALPHA] Requests to the datastore that failed.');

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  of({ group, resource }: { readonly group: string; readonly resource: string }): Timed {
    const labels = new Map<StorageOperation, string>();
    const labelsOf = (operation: StorageOperation): string => {
      let text = labels.get(operation);
      if (text === undefined) labels.set(operation, (text = labelText({ group, operation, resource })));
      return text;
    };
    return async (operation, request) => {
      const series = labelsOf(operation);
      const startedMs = this.#clock.monotonic();
      try {
        return await request();
      } catch (error) {
        this.#errors.add(series);
        throw error;
      } finally {
        this.#requests.add(series);
        this.#durations.observe(series, (this.#clock.monotonic() - startedMs) / 1000);
      }
    };
  }

  lines(): string[] {
    return [...this.#durations.lines(), ...this.#requests.lines(), ...this.#errors.lines()];
  }
}
