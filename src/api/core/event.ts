import type { FieldError } from '../field-error.ts';
import { invalid, required } from '../field-error.ts';
import type * as core from '../generated/core.v1.ts';
import type { Column, Row } from '../kind.ts';
import { defineKind } from '../kind.ts';
import { ageOf } from '../table.ts';
import { invalidEach } from '../validation/fields.ts';
import { byteLength, isDNS1123Subdomain, isQualifiedName } from '../validation/names.ts';

export type Event = core.Event;

const MAX_BYTES = 128;
const MAX_NOTE_BYTES = 1024;

/** What every event has to be, through whichever API it comes; `controllerField` is that API's name of it. Source: legacyValidateEvent in pkg/apis/core/validation/events.go v1.36. */
export function validateEvent(event: Event, controllerField = 'reportingComponent'): FieldError[] {
  const { namespace = '' } = event.metadata;
  const involved = event.involvedObject?.namespace ?? '';
  const mismatch = [invalid('involvedObject.namespace', involved, 'does not match event.namespace')];
  const errors: FieldError[] = [];
  if (event.eventTime === undefined) {
    // An event about something of the whole cluster lives in the default namespace.
    const matches = involved === '' ? namespace === '' || namespace === 'default' : namespace === involved;
    if (!matches) errors.push(...mismatch);
  } else {
    if (involved === '' && namespace !== 'default' && namespace !== 'kube-system') errors.push(...mismatch);
    errors.push(...validateNewFields(event, controllerField));
  }
  return [...errors, ...invalidEach('namespace', namespace, isDNS1123Subdomain(namespace))];
}

function validateNewFields(event: Event, controller: string): FieldError[] {
  const { reportingComponent = '', reportingInstance = '', action = '', reason = '', message = '' } = event;
  const bounded = (field: string, value: string, max: number): FieldError[] =>
    byteLength(value) > max ? [invalid(field, '', `can have at most ${max} characters`)] : [];
  const filled = (field: string, value: string): FieldError[] => [
    ...(value === '' ? [required(field)] : []),
    ...bounded(field, value, MAX_BYTES),
  ];
  return [
    ...(reportingComponent === '' ? [required(controller)] : []),
    ...invalidEach(controller, reportingComponent, isQualifiedName(reportingComponent)),
    ...filled('reportingInstance', reportingInstance),
    ...filled('action', action),
    ...filled('reason', reason),
    ...bounded('message', message, MAX_NOTE_BYTES),
  ];
}

export const eventColumns: readonly Column[] = [
  { name: 'Last Seen', type: 'string' },
  { name: 'Type', type: 'string' },
  { name: 'Reason', type: 'string' },
  { name: 'Object', type: 'string' },
  { name: 'Subobject', type: 'string', priority: 1 },
  { name: 'Source', type: 'string', priority: 1 },
  { name: 'Message', type: 'string' },
  { name: 'First Seen', type: 'string', priority: 1 },
  { name: 'Count', type: 'string', priority: 1 },
  { name: 'Name', type: 'string', format: 'name', priority: 1 },
];

/** Source: printEvent in pkg/printers/internalversion/printers.go v1.36. */
export function eventRow(event: Event, { nowMs }: { readonly nowMs: number }): Row {
  const { involvedObject, series, source } = event;
  const first = ageOf(event.firstTimestamp ?? event.eventTime, nowMs);
  const last = event.lastTimestamp === undefined ? first : ageOf(event.lastTimestamp, nowMs);
  const object = [involvedObject.kind?.toLowerCase() ?? '', involvedObject.name ?? ''];
  const component = source?.component || event.reportingComponent || '';
  const instance = source?.host || event.reportingInstance || '';
  return {
    cells: [
      series === undefined ? last : ageOf(series.lastObservedTime, nowMs),
      event.type ?? '',
      event.reason ?? '',
      object[1] === '' ? object[0]! : object.join('/'),
      involvedObject.fieldPath ?? '',
      instance === '' ? component : `${component}, ${instance}`,
      (event.message ?? '').trim(),
      first,
      // Events of the new API have no count unless they are a series.
      series === undefined ? event.count || 1 : (series.count ?? 0),
      event.metadata.name,
    ],
  };
}

export const Event = defineKind<Event>({
  group: '',
  version: 'v1',
  kind: 'Event',
  plural: 'events',
  shortNames: ['ev'],
  namespaced: true,
  definition: 'core.v1.Event',
  createOnUpdate: true,
  // Source: --event-ttl, one hour.
  ttlSeconds: 3600,
  defaults(event) {
    event.involvedObject ??= {};
    event.source ??= {};
  },
  anyFinalizers: true,
  validate: (event) => validateEvent(event),
  columns: eventColumns,
  row: eventRow,
  selectableFields: {
    'involvedObject.kind': ({ involvedObject }) => involvedObject.kind ?? '',
    'involvedObject.namespace': ({ involvedObject }) => involvedObject.namespace ?? '',
    'involvedObject.name': ({ involvedObject }) => involvedObject.name ?? '',
    'involvedObject.uid': ({ involvedObject }) => involvedObject.uid ?? '',
    'involvedObject.apiVersion': ({ involvedObject }) => involvedObject.apiVersion ?? '',
    'involvedObject.resourceVersion': ({ involvedObject }) => involvedObject.resourceVersion ?? '',
    'involvedObject.fieldPath': ({ involvedObject }) => involvedObject.fieldPath ?? '',
    reason: ({ reason }) => reason ?? '',
    reportingComponent: ({ reportingComponent }) => reportingComponent ?? '',
    source: ({ source, reportingComponent }) => source?.component || reportingComponent || '',
    type: ({ type }) => type ?? '',
  },
});
