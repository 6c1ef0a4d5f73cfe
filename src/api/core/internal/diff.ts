/**
 * What changed, as a unified diff of the internal forms with three lines of context: what upstream appends to errors about what may not change.
 * Source: apimachinery pkg/util/diff v0.36, which uses the matcher of Python's difflib (Ratcliff and Obershelp: the longest run of equal lines first,
 * then the same to its left and right; lines that are all too common start no run).
 */
import { internalText } from './print.ts';

const CONTEXT = 3;
/** From so many lines on the common ones are left out of the search. */
const MANY_LINES = 200;
/** Beyond this only what is before and behind the change is found: the search would hold everybody up. */
const MAX_LINES = 6000;

/** Equal runs: from line `a` of the one and `b` of the other. */
interface Run {
  readonly a: number;
  readonly b: number;
  readonly size: number;
}

export const internalDiff = (from: unknown, to: unknown, type: string): string =>
  unifiedDiff(internalText(from, type).split('\n'), internalText(to, type).split('\n'));

export function unifiedDiff(a: readonly string[], b: readonly string[]): string {
  const runs = a.length + b.length > MAX_LINES ? outerRuns(a, b) : equalRuns(a, b);
  return hunksOf(changesOf(runs, a.length, b.length), a.length)
    .map((changes) => hunkText(changes, a, b))
    .join('');
}

function outerRuns(a: readonly string[], b: readonly string[]): Run[] {
  const short = Math.min(a.length, b.length);
  let head = 0;
  while (head < short && a[head] === b[head]) head++;
  let tail = 0;
  while (tail < short - head && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail++;
  return [
    { a: 0, b: 0, size: head },
    { a: a.length - tail, b: b.length - tail, size: tail },
  ];
}

/** Where in `b` each line stands, without lines that are too common. */
function placesOf(b: readonly string[]): Map<string, number[]> {
  const places = new Map<string, number[]>();
  for (const [i, line] of b.entries()) {
    const known = places.get(line);
    if (known === undefined) places.set(line, [i]);
    else known.push(i);
  }
  if (b.length >= MANY_LINES) {
    const most = Math.floor(b.length / 100) + 1;
    for (const [line, list] of places) if (list.length > most) places.delete(line);
  }
  return places;
}

function equalRuns(a: readonly string[], b: readonly string[]): Run[] {
  const places = placesOf(b);
  const runs: Run[] = [];
  const open: (readonly [number, number, number, number])[] = [[0, a.length, 0, b.length]];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const [aFrom, aTo, bFrom, bTo] = next;
    const run = longestRun(a, b, places, next);
    if (run.size === 0) continue;
    runs.push(run);
    if (aFrom < run.a && bFrom < run.b) open.push([aFrom, run.a, bFrom, run.b]);
    if (run.a + run.size < aTo && run.b + run.size < bTo) open.push([run.a + run.size, aTo, run.b + run.size, bTo]);
  }
  return runs.toSorted((x, y) => x.a - y.a || x.b - y.b);
}

/** Of equally long ones the first in `a`, then in `b`; grown over common lines on both sides. */
function longestRun(
  a: readonly string[],
  b: readonly string[],
  places: ReadonlyMap<string, readonly number[]>,
  [aFrom, aTo, bFrom, bTo]: readonly [number, number, number, number],
): Run {
  let [bestA, bestB, size] = [aFrom, bFrom, 0];
  // Length of the run that ends at each line of `b`, for the line of `a` before.
  let endingAt = new Map<number, number>();
  for (let i = aFrom; i < aTo; i++) {
    const now = new Map<number, number>();
    for (const j of places.get(a[i]!) ?? []) {
      if (j < bFrom) continue;
      if (j >= bTo) break;
      const length = (endingAt.get(j - 1) ?? 0) + 1;
      now.set(j, length);
      if (length > size) [bestA, bestB, size] = [i - length + 1, j - length + 1, length];
    }
    endingAt = now;
  }
  while (bestA > aFrom && bestB > bFrom && a[bestA - 1] === b[bestB - 1]) {
    bestA--;
    bestB--;
    size++;
  }
  while (bestA + size < aTo && bestB + size < bTo && a[bestA + size] === b[bestB + size]) size++;
  return { a: bestA, b: bestB, size };
}

/** Lines [aFrom, aTo) give way to [bFrom, bTo). */
interface Change {
  readonly aFrom: number;
  readonly aTo: number;
  readonly bFrom: number;
  readonly bTo: number;
}

function changesOf(runs: readonly Run[], aLength: number, bLength: number): Change[] {
  const changes: Change[] = [];
  let [a, b] = [0, 0];
  for (const run of [...runs, { a: aLength, b: bLength, size: 0 }]) {
    if (run.a > a || run.b > b) changes.push({ aFrom: a, aTo: run.a, bFrom: b, bTo: run.b });
    [a, b] = [run.a + run.size, run.b + run.size];
  }
  return changes;
}

/** Changes whose context touches stand together, with the lines around them. */
function hunksOf(changes: readonly Change[], aLength: number): Change[][] {
  const hunks: Change[][] = [];
  for (const change of changes) {
    const hunk = hunks.at(-1);
    const last = hunk?.at(-1);
    if (hunk !== undefined && last !== undefined && change.aFrom - last.aTo <= 2 * CONTEXT) hunk.push(change);
    else hunks.push([change]);
  }
  return aLength === 0 && changes.length === 0 ? [] : hunks;
}

const rangeText = (from: number, length: number): string =>
  length === 1 ? `${from + 1}` : `${length === 0 ? from : from + 1},${length}`;

function hunkText(changes: readonly Change[], a: readonly string[], b: readonly string[]): string {
  const [first, last] = [changes[0]!, changes.at(-1)!];
  const before = Math.min(CONTEXT, first.aFrom);
  const after = Math.min(CONTEXT, a.length - last.aTo);
  const [aFrom, bFrom] = [first.aFrom - before, first.bFrom - before];
  const [aLength, bLength] = [last.aTo + after - aFrom, last.bTo + after - bFrom];
  const lines = [`@@ -${rangeText(aFrom, aLength)} +${rangeText(bFrom, bLength)} @@`];
  let at = aFrom;
  for (const { aFrom: from, aTo, bFrom: start, bTo } of changes) {
    lines.push(...a.slice(at, from).map((line) => ` ${line}`));
    lines.push(...a.slice(from, aTo).map((line) => `-${line}`), ...b.slice(start, bTo).map((line) => `+${line}`));
    at = aTo;
  }
  lines.push(...a.slice(at, at + after).map((line) => ` ${line}`));
  return `${lines.join('\n')}\n`;
}
