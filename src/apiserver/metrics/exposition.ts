/** Prometheus' text format, version 0.0.4. */

/** `component="apiserver",verb="GET"`: names in order, as Prometheus' own library writes them. */
export function labelText(labels: Readonly<Record<string, string>>): string {
  return Object.keys(labels)
    .toSorted()
    .map((name) => `${name}="${escaped(labels[name]!)}"`)
    .join(',');
}

const escaped = (value: string): string => value.replaceAll(/[\\"\n]/g, (c) => (c === '\n' ? '\\n' : `\\${c}`));

export type MetricType = 'counter' | 'gauge' | 'histogram';

/** What stands above the samples of a metric. */
export const header = (name: string, type: MetricType, help: string): string[] => [
  `# HELP ${name} ${help}`,
  `# TYPE ${name} ${type}`,
];

export const sample = (name: string, labels: string, value: number): string =>
  labels === '' ? `${name} ${value}` : `${name}{${labels}} ${value}`;

/** Values counted by where they lie between bounds. */
export class Histogram {
  readonly #bounds: readonly number[];
  /** One more than bounds: what is beyond the last. */
  readonly #counts: number[];
  #sum = 0;

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = Array.from({ length: bounds.length + 1 }, () => 0);
  }

  observe(value: number): void {
    this.#sum += value;
    let at = 0;
    while (at < this.#bounds.length && value > this.#bounds[at]!) at++;
    this.#counts[at]!++;
  }

  lines(name: string, labels: string): string[] {
    const comma = labels === '' ? '' : ',';
    let below = 0;
    const buckets = this.#counts.map((count, i) => {
      below += count;
      const bound = this.#bounds[i] ?? '+Inf';
      return `${name}_bucket{${labels}${comma}le="${bound}"} ${below}`;
    });
    return [...buckets, sample(`${name}_sum`, labels, this.#sum), sample(`${name}_count`, labels, below)];
  }
}
