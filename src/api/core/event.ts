import type * as core from '../generated/core.v1.ts';
import { defineKind } from '../kind.ts';
import { nameAndAge } from '../table.ts';

export type Event = core.Event;

export const Event = defineKind<Event>({
  group: '',
  version: 'v1',
  kind: 'Event',
  plural: 'events',
  shortNames: ['ev'],
  namespaced: true,
  definition: 'core.v1.Event',
  createOnUpdate: true,
  columns: nameAndAge.columns,
  row: nameAndAge.row,
});
