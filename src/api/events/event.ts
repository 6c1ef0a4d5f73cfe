import { equalValues } from '../equality.ts';
import { Event, eventColumns, eventRow, validateEvent } from '../core/event.ts';
import type { FieldError } from '../field-error.ts';
import { invalid, required } from '../field-error.ts';
import type * as events from '../generated/events.v1.ts';
import { defineKind } from '../kind.ts';
import { fromCoreEvent, toCoreEvent } from './conversion.ts';

export type EventsEvent = events.Event;

/** Source: validateV1EventSeries in pkg/apis/core/validation/events.go v1.36. */
function validateSeries({ series }: EventsEvent): FieldError[] {
  if (series === undefined) return [];
  return [
    ...((series.count ?? 0) < 2 ? [invalid('series.count', '', 'should be at least 2')] : []),
    ...((series.lastObservedTime ?? '') === '' ? [required('series.lastObservedTime')] : []),
  ];
}

/** The new API takes nothing of the old one's fields. Paths are those of the core event, which is what is stored. */
function validateCreate(event: EventsEvent): FieldError[] {
  const source = event.deprecatedSource ?? {};
  const old: readonly (readonly [string, boolean])[] = [
    ['firstTimestamp', event.deprecatedFirstTimestamp !== undefined],
    ['lastTimestamp', event.deprecatedLastTimestamp !== undefined],
    ['count', (event.deprecatedCount ?? 0) !== 0],
    ['source', (source.component ?? '') !== '' || (source.host ?? '') !== ''],
  ];
  return [
    ...validateSeries(event),
    ...((event.eventTime ?? '') === '' ? [required('eventTime')] : []),
    ...(event.type === 'Normal' || event.type === 'Warning'
      ? []
      : [invalid('type', '', `has invalid value: ${event.type ?? ''}`)]),
    ...old.filter(([, isSet]) => isSet).map(([field]) => invalid(field, '', 'needs to be unset')),
  ];
}

type Reference = NonNullable<EventsEvent['regarding']>;

/** A reference, and a source, as upstream prints its internal types: by Go's names. */
const internalReference = (reference: Reference | undefined): object | undefined =>
  reference && {
    Kind: reference.kind ?? '',
    Namespace: reference.namespace ?? '',
    Name: reference.name ?? '',
    UID: reference.uid ?? '',
    APIVersion: reference.apiVersion ?? '',
    ResourceVersion: reference.resourceVersion ?? '',
    FieldPath: reference.fieldPath ?? '',
  };

const internalSource = (source: EventsEvent['deprecatedSource']): object => ({
  Component: source?.component ?? '',
  Host: source?.host ?? '',
});

/** What may not change, in upstream's order: the reason is looked at twice. */
const IMMUTABLE: readonly (readonly [field: string, read: (event: EventsEvent) => unknown])[] = [
  ['involvedObject', ({ regarding }) => internalReference(regarding ?? {})],
  ['reason', ({ reason }) => reason ?? ''],
  ['message', ({ note }) => note ?? ''],
  ['source', ({ deprecatedSource }) => internalSource(deprecatedSource)],
  ['firstTimestamp', (event) => event.deprecatedFirstTimestamp],
  ['lastTimestamp', (event) => event.deprecatedLastTimestamp],
  ['count', (event) => event.deprecatedCount ?? 0],
  ['reason', ({ reason }) => reason ?? ''],
  ['type', ({ type }) => type ?? ''],
  ['eventTime', ({ eventTime }) => eventTime],
  ['action', ({ action }) => action ?? ''],
  ['related', ({ related }) => internalReference(related)],
  ['reportingController', (event) => event.reportingController ?? ''],
  ['reportingInstance', (event) => event.reportingInstance ?? ''],
];

const immutableErrors = (event: EventsEvent, old: EventsEvent): FieldError[] =>
  IMMUTABLE.flatMap(([field, read]) => {
    const value = read(event);
    return equalValues(value, read(old)) ? [] : [invalid(field, value, 'field is immutable')];
  });

/** The events.k8s.io face of core events: one object in the store, two ways to write it down. Only the series of an event changes. */
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

  defaults(event) {
    event.deprecatedSource ??= {};
  },
  validate: (event) => validateEvent(toCoreEvent(event), 'reportingController'),
  validateCreate,
  validateUpdate: (event, old) => [
    ...(equalValues(event.series, old.series) ? [] : validateSeries(event)),
    ...immutableErrors(event, old),
  ],

  columns: eventColumns,
  row: (event, context) => eventRow(toCoreEvent(event), context),
  selectableFields: {
    'regarding.kind': ({ regarding }) => regarding?.kind ?? '',
    'regarding.namespace': ({ regarding }) => regarding?.namespace ?? '',
    'regarding.name': ({ regarding }) => regarding?.name ?? '',
    'regarding.uid': ({ regarding }) => regarding?.uid ?? '',
    'regarding.apiVersion': ({ regarding }) => regarding?.apiVersion ?? '',
    'regarding.resourceVersion': ({ regarding }) => regarding?.resourceVersion ?? '',
    'regarding.fieldPath': ({ regarding }) => regarding?.fieldPath ?? '',
    reason: ({ reason }) => reason ?? '',
    reportingController: ({ reportingController }) => reportingController ?? '',
    type: ({ type }) => type ?? '',
  },
});
