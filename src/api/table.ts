/** Columns and cells many kinds share. Source: pkg/printers/internalversion/printers.go v1.36. */
import type { LabelSelector } from './generated/meta.v1.ts';
import type { Container } from './generated/core.v1.ts';
import type { Column, KubeObject, Row } from './kind.ts';
import { formatLabelSelector } from './selector/selector.ts';
import { humanDuration, timeMs } from './time.ts';

export const NAME: Column = { name: 'Name', type: 'string', format: 'name' };
export const AGE: Column = { name: 'Age', type: 'string' };

export const orNone = (text: string | undefined): string => (text === undefined || text === '' ? '<none>' : text);
export const orUnknown = (text: string | undefined): string => (text === undefined || text === '' ? '<unknown>' : text);

export const sinceText = (thenMs: number, nowMs: number): string => humanDuration(nowMs - thenMs);

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
