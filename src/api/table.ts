/** Columns and cells many kinds share. Source: pkg/printers/internalversion/printers.go v1.36. */
import type { LabelSelector } from './generated/meta.v1.ts';
import type { Container } from './generated/core.v1.ts';
import type { Column, Kind, KubeObject, Row } from './kind.ts';
import { formatLabelSelector } from './selector/selector.ts';
import { humanDuration, timeMs } from './time.ts';

export const NAME: Column = { name: 'Name', type: 'string', format: 'name' };
export const AGE: Column = { name: 'Age', type: 'string' };

export const orNone = (text: string | undefined): string => (text === undefined || text === '' ? '<none>' : text);
export const orUnknown = (text: string | undefined): string => (text === undefined || text === '' ? '<unknown>' : text);

/** The times that are marked in the row being written for {@link ANY_TIME}. */
let marked: number[] | undefined;
/** In place of now: ages are filled in later. */
const ANY_TIME = NaN;
/** Before the number of a mark, and behind it. An object that has the first of its own is not for {@link timelessRow}. */
export const ROW_MARK = '\uE000';
const MARK_END = '\uE001';

export const sinceText = (thenMs: number, nowMs: number): string =>
  marked !== undefined && Number.isNaN(nowMs)
    ? `${ROW_MARK}${marked.push(thenMs) - 1}${MARK_END}`
    : humanDuration(nowMs - thenMs);

/** The JSON of a row at any time: between the parts stand the ages of these times. */
export interface TimelessRow {
  readonly parts: readonly string[];
  readonly sinceMs: readonly number[];
}

/** The row of an object that is read once and shown often, which `toText` writes as JSON. */
export function timelessRow(kind: Kind, object: KubeObject, toText: (row: Row) => string): TimelessRow {
  marked = [];
  try {
    const text = toText(kind.row(object, { nowMs: ANY_TIME }));
    const [first = '', ...rest] = text.split(ROW_MARK);
    const ends = rest.map((piece) => piece.indexOf(MARK_END));
    return {
      parts: [first, ...rest.map((piece, i) => piece.slice(ends[i]! + 1))],
      sinceMs: rest.map((piece, i) => marked![Number(piece.slice(0, ends[i]))]!),
    };
  } finally {
    marked = undefined;
  }
}

/** The row as it is now. */
export function rowText({ parts, sinceMs }: TimelessRow, nowMs: number): string {
  let text = parts[0]!;
  for (let i = 0; i < sinceMs.length; i++) text += humanDuration(nowMs - sinceMs[i]!) + parts[i + 1]!;
  return text;
}

/** How long ago a time of the API was; `<unknown>` when it is not set. */
export const ageOf = (time: string | undefined, nowMs: number): string =>
  time === undefined || time === '' ? '<unknown>' : sinceText(timeMs(time), nowMs);

export const age = ({ metadata }: KubeObject, nowMs: number): string => ageOf(metadata.creationTimestamp, nowMs);

/** Table of kinds that have no printer of their own. Source: apiserver pkg/registry/rest/table.go v1.36. */
export const DEFAULT_COLUMNS: readonly Column[] = [NAME, { name: 'Created At', type: 'date' }];
export const defaultRow = ({ metadata }: KubeObject): Row => ({
  cells: [metadata.name, metadata.creationTimestamp ?? ''],
});

/** Source: printBoolPtr, same file. */
export const boolText = (value: boolean | undefined): string =>
  value === undefined ? '<unset>' : value ? 'True' : 'False';

/** Columns of what a controller makes pods of. */
export const TEMPLATE_COLUMNS: readonly Column[] = [
  { name: 'Containers', type: 'string', priority: 1 },
  { name: 'Images', type: 'string', priority: 1 },
  { name: 'Selector', type: 'string', priority: 1 },
];

export const templateCells = (
  containers: readonly Container[] | undefined,
  selector: LabelSelector | undefined,
): string[] => [
  (containers ?? []).map(({ name }) => name).join(','),
  (containers ?? []).map(({ image }) => image ?? '').join(','),
  formatLabelSelector(selector),
];

/** `a,b,c + 2 more...` */
export const firstThree = (all: readonly string[]): string => {
  const shown = all.slice(0, 3).join(',');
  return all.length > 3 ? `${shown} + ${all.length - 3} more...` : shown;
};
