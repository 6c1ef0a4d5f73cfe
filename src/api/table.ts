import type { Column, KubeObject, Row } from './kind.ts';

export const NAME: Column = { name: 'Name', type: 'string', format: 'name' };
export const AGE: Column = { name: 'Age', type: 'string' };

/** The table of kinds that have no columns of their own. */
export const nameAndAge: { columns: readonly Column[]; row(object: KubeObject, context: { nowMs: number }): Row } = {
  columns: [NAME, { name: 'Created At', type: 'date' }],
  row: ({ metadata }) => ({ cells: [metadata.name, metadata.creationTimestamp] }),
};
