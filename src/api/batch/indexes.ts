/** Sets of completion indexes as texts: `1,3-5,7`. Source: validateIndexesFormat in pkg/apis/batch/validation v1.36. */

export class IndexesError extends Error {}

type Interval = readonly [first: number, last: number];

/** Intervals in rising order. Throws IndexesError. */
export function parseIndexes(text: string, completions: number): Interval[] {
  if (text === '') return [];
  let previous = -1;
  return text.split(',').map((part) => {
    const interval = parseInterval(part, completions);
    if (previous >= interval[0]) {
      throw new IndexesError(`non-increasing order, previous: ${previous}, current: ${interval[0]}`);
    }
    previous = interval[1];
    return interval;
  });
}

/** How many indexes the intervals hold. */
export const countIndexes = (intervals: readonly Interval[]): number =>
  intervals.reduce((total, [first, last]) => total + last - first + 1, 0);

/** The first index that is in both; undefined when there is none. */
export function commonIndex(a: readonly Interval[], b: readonly Interval[]): number | undefined {
  for (let [i, j] = [0, 0]; i < a.length && j < b.length;) {
    const [x, y] = [a[i]!, b[j]!];
    if (x[0] <= y[1] && y[0] <= x[1]) return Math.max(x[0], y[0]);
    if (x[0] <= y[0]) i++;
    else j++;
  }
  return undefined;
}

function parseInterval(text: string, completions: number): Interval {
  const limits = text.split('-');
  if (limits.length > 2) {
    throw new IndexesError(
      `the fragment ${JSON.stringify(text)} violates the requirement that an index interval can have at most two parts separated by '-'`,
    );
  }
  const [first = '', last] = limits;
  const x = parseIndex(first, completions);
  if (last === undefined) return [x, x];
  const y = parseIndex(last, completions);
  if (x >= y) throw new IndexesError(`non-increasing order, previous: ${x}, current: ${y}`);
  return [x, y];
}

function parseIndex(text: string, completions: number): number {
  if (!/^\+?\d{1,18}$/.test(text)) {
    throw new IndexesError(`cannot convert string to integer for index: ${JSON.stringify(text)}`);
  }
  if (Number(text) >= completions) throw new IndexesError(`too large index: ${JSON.stringify(text)}`);
  return Number(text);
}
