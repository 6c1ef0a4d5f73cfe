/** Ranges of sizes and costs: from the least to the most, which is at most what a uint64 holds. Source: cel-go checker/cost.go v0.26. */

export interface Range {
  readonly min: number;
  readonly max: number;
}

/** What stands for "no limit". Doubles are exact enough beside it. */
export const MAX = 2 ** 64;
const capped = (n: number): number => (n >= MAX ? MAX : n);
/** Zero times anything is zero, even times no limit. */
const product = (a: number, b: number): number => (a === 0 || b === 0 ? 0 : capped(a * b));

export const UNKNOWN: Range = { min: 0, max: MAX };
export const NOTHING: Range = { min: 0, max: 0 };
export const ONE: Range = { min: 1, max: 1 };

export const fixed = (n: number): Range => ({ min: n, max: n });
export const plus = (a: Range, b: Range): Range => ({ min: capped(a.min + b.min), max: capped(a.max + b.max) });
export const times = (a: Range, b: Range): Range => ({ min: product(a.min, b.min), max: product(a.max, b.max) });
/** Rounded up. */
export const scale = ({ min, max }: Range, factor: number): Range => ({
  min: capped(Math.ceil(min * factor)),
  max: capped(Math.ceil(max * factor)),
});
export const union = (a: Range, b: Range): Range => ({ min: Math.min(a.min, b.min), max: Math.max(a.max, b.max) });
export const total = (ranges: readonly Range[]): Range => ranges.reduce(plus, NOTHING);
