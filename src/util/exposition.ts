/** Prometheus' text format, version 0.0.4, and the metrics that speak it. */

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
  labels === '' ? `${name} ${numberText(value)}` : `${name}{${labels}} ${numberText(value)}`;

/** As Go's strconv.FormatFloat(value, 'g', -1, 64) writes it: `1e+06`, `0.005`, `1e-08`. Bounds of buckets are compared as texts. */
export function numberText(value: number): string {
  // What most samples are.
  if (Number.isInteger(value) && value >= 0 && value < 1e6) return String(value);
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';
  const [digits = '', exponent = ''] = value.toExponential().split('e');
  const power = Number(exponent);
  if (power >= -4 && power < 6) return String(value);
  return `${digits}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`;
}

/** `count` bounds from `start`, each `factor` times the one before. */
export function exponentialBuckets(start: number, factor: number, count: number): number[] {
  const bounds: number[] = [];
  for (let bound = start; bounds.length < count; bound *= factor) bounds.push(bound);
  return bounds;
}

const texts = new WeakMap<readonly number[], readonly string[]>();

/** How bounds are written, and what is beyond them; the same for all histograms that share them. */
function textsOf(bounds: readonly number[]): readonly string[] {
  const known = texts.get(bounds);
  if (known !== undefined) return known;
  const made = [...bounds, Infinity].map(numberText);
  texts.set(bounds, made);
  return made;
}

/** Values counted by where they lie between bounds. */
export class Histogram {
  readonly #bounds: readonly number[];
  /** One more than bounds: what is beyond the last. */
  readonly #counts: number[];
  readonly #texts: readonly string[];
  #sum = 0;

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#texts = textsOf(bounds);
    this.#counts = Array.from({ length: bounds.length + 1 }, () => 0);
  }

  observe(value: number, times = 1): void {
    this.#sum += value * times;
    let at = 0;
    while (at < this.#bounds.length && value > this.#bounds[at]!) at++;
    this.#counts[at]! += times;
  }

  lines(name: string, labels: string): string[] {
    const comma = labels === '' ? '' : ',';
    let below = 0;
    const buckets = this.#counts.map((count, i) => {
      below += count;
      return sample(`${name}_bucket`, `${labels}${comma}le="${this.#texts[i]!}"`, below);
    });
    return [...buckets, sample(`${name}_sum`, labels, this.#sum), sample(`${name}_count`, labels, below)];
  }
}

/** A counter with a series for each set of labels, in the order they were first counted. */
export class CounterVec {
  readonly #name: string;
  readonly #help: string;
  readonly #counts = new Map<string, number>();

  constructor(name: string, help: string) {
    this.#name = name;
    this.#help = help;
  }

  /** `labels` as {@link labelText} writes them. */
  add(labels: string, by = 1): void {
    this.#counts.set(labels, (this.#counts.get(labels) ?? 0) + by);
  }

  lines(): string[] {
    const samples = [...this.#counts].map(([labels, count]) => sample(this.#name, labels, count));
    return [...header(this.#name, 'counter', this.#help), ...samples];
  }
}

/** A histogram for each set of labels, all of the same bounds. */
export class HistogramVec {
  readonly #name: string;
  readonly #help: string;
  readonly #bounds: readonly number[];
  readonly #series = new Map<string, Histogram>();

  constructor(name: string, help: string, bounds: readonly number[]) {
    this.#name = name;
    this.#help = help;
    this.#bounds = bounds;
  }

  observe(labels: string, value: number, times = 1): void {
    let histogram = this.#series.get(labels);
    if (histogram === undefined) this.#series.set(labels, (histogram = new Histogram(this.#bounds)));
    histogram.observe(value, times);
  }

  lines(): string[] {
    const samples = [...this.#series].flatMap(([labels, histogram]) => histogram.lines(this.#name, labels));
    return [...header(this.#name, 'histogram', this.#help), ...samples];
  }
}
