import { Event } from '../core/event.ts';
import type * as events from '../generated/events.v1.ts';
import { defineKind } from '../kind.ts';
import { nameAndAge } from '../table.ts';
import { fromCoreEvent, toCoreEvent } from './conversion.ts';

export type EventsEvent = events.Event;

/** The events.k8s.io face of core events: one object in the store, two ways to write it down. */
export const EventsEvent = defineKind<EventsEvent>({
  group: 'events.k8s.io',
  version: 'v1',
  kind: 'Event',
  plural: 'events',
  shortNames: ['ev'],
  namespaced: true,
  definition: 'events.v1.Event',
  storedAs: { kind: Event, toStored: toCoreEvent, fromStored: (object) => fromCoreEvent(object as Event) },
  createOnUpdate: true,
  columns: nameAndAge.columns,
  row: nameAndAge.row,
});
