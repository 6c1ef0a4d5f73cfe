import { createHash } from 'node:crypto';
import { resourceText } from '#api';
import { CounterVec, header, HistogramVec, labelText, sample } from '#util';
import type { GroupResource } from './providers.ts';
import type { Observe } from './transformer.ts';

/** Source: apiserver pkg/storage/value/metrics.go v1.36: from 5 µs, 25 times doubled. */
const DURATION_BUCKETS = Array.from({ length: 25 }, (_, i) => Number((5e-6 * 2 ** i).toPrecision(12)));

type Outcome = 'success' | 'failure';

/** What is told of encryption. Source of the names: as above, and pkg/server/options/encryptionconfig/metrics v1.36. */
export class EncryptionMetrics {
  readonly #serverHash: string;
  readonly #operations = new CounterVec(
    'apiserver_storage_transformation_operations_total',
    '[ALPHA] Values transformed, by how it ended.',
  );
  readonly #durations = new HistogramVec(
    'apiserver_storage_transformation_duration_seconds',
    '[ALPHA] How long transforming values took.',
    DURATION_BUCKETS,
  );
  readonly #reloads = new Map<Outcome, { count: number; lastMs: number }>();
  #configHash = '';

  constructor(apiServerId: string) {
    this.#serverHash = sha256(apiServerId);
  }

  /** `now` in milliseconds, as the start that is observed. */
  observer({ group, resource }: GroupResource, now: () => number): Observe {
    const name = resourceText({ group, plural: resource });
    return (type, prefix, startedMs, error) => {
      const status = error === undefined ? 'OK' : 'unknown-non-grpc';
      const labels = labelText({ resource: name, status, transformation_type: type, transformer_prefix: prefix });
      this.#operations.add(labels);
      if (error !== undefined) return;
      const series = labelText({ transformation_type: type, transformer_prefix: prefix });
      this.#durations.observe(series, (now() - startedMs) / 1000);
    };
  }

  /** `hash`: of the file in use. */
  loaded(hash: string): void {
    this.#configHash = hash;
  }

  reloaded(outcome: Outcome, nowMs: number): void {
    this.#reloads.set(outcome, { count: (this.#reloads.get(outcome)?.count ?? 0) + 1, lastMs: nowMs });
  }

  lines(): string[] {
    const prefix = 'apiserver_encryption_config_controller';
    const reloads = [...this.#reloads].map(([status, of]) => ({
      labels: labelText({ apiserver_id_hash: this.#serverHash, status }),
      ...of,
    }));
    return [
      ...this.#operations.lines(),
      ...this.#durations.lines(),
      ...header(`${prefix}_automatic_reloads_total`, 'counter', '[ALPHA] Reloads of the encryption configuration.'),
      ...reloads.map(({ labels, count }) => sample(`${prefix}_automatic_reloads_total`, labels, count)),
      ...header(`${prefix}_automatic_reload_last_timestamp_seconds`, 'gauge', '[ALPHA] When it was last reloaded.'),
      ...reloads.map(({ labels, lastMs }) =>
        sample(`${prefix}_automatic_reload_last_timestamp_seconds`, labels, lastMs / 1000),
      ),
      ...header(`${prefix}_last_config_info`, 'gauge', '[ALPHA] The encryption configuration in use, by its hash.'),
      sample(
        `${prefix}_last_config_info`,
        labelText({ apiserver_id_hash: this.#serverHash, hash: this.#configHash }),
        1,
      ),
    ];
  }
}

/** As upstream writes hashes of configurations. */
export const sha256 = (data: string | Buffer): string => `sha256:${createHash('sha256').update(data).digest('hex')}`;
