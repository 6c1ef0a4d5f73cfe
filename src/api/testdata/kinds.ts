/** What tests of kinds need: objects with their defaults, what is wrong with them, what kubectl prints of them. */
import { deepClone } from '../equality.ts';
import { fieldErrorText } from '../field-error.ts';
import type { Kind, KubeObject } from '../kind.ts';
import { apiVersionOf } from '../kind.ts';

const NOW = Date.parse('2026-01-01T01:00:00Z');

/** An object five minutes old called n/web, with its defaults. */
export function make<T extends KubeObject>(kind: Kind<T>, object: object): T {
  const { metadata = {}, ...rest } = deepClone(object) as { metadata?: object };
  const whole = {
    apiVersion: apiVersionOf(kind),
    kind: kind.kind,
    metadata: {
      name: 'web',
      ...(kind.namespaced ? { namespace: 'n' } : {}),
      uid: 'u',
      resourceVersion: '1',
      creationTimestamp: '2026-01-01T00:55:00Z',
      ...metadata,
    },
    ...rest,
  } as unknown as T;
  kind.defaults?.(whole);
  return whole;
}

/** As {@link make}, after what the server does with a new object. */
export function created<T extends KubeObject>(kind: Kind<T>, object: object): T {
  const whole = make(kind, object);
  kind.prepareForCreate?.(whole);
  return whole;
}

/** Everything wrong with a new object, without its metadata. */
export function errors<T extends KubeObject>(kind: Kind<T>, object: object): string[] {
  const whole = created(kind, object);
  return [...(kind.validate?.(whole) ?? []), ...(kind.validateCreate?.(whole) ?? [])].map(fieldErrorText);
}

export const updateErrors = <T extends KubeObject>(kind: Kind<T>, now: object, old: object): string[] =>
  (kind.validateUpdate?.(make(kind, now), make(kind, old)) ?? []).map(fieldErrorText);

export const statusErrors = <T extends KubeObject>(kind: Kind<T>, now: object, old: object): string[] =>
  (kind.status?.validateUpdate?.(make(kind, now), make(kind, old)) ?? []).map(fieldErrorText);

/** `kubectl get -o wide`: headings in capitals, those of wide output starred, two spaces between. */
export function lines<T extends KubeObject>(kind: Kind<T>, object: object): string[] {
  const { cells } = kind.row(make(kind, object), { nowMs: NOW });
  return [
    kind.columns.map(({ name, priority = 0 }) => name.toUpperCase() + (priority > 0 ? '*' : '')).join('  '),
    cells.join('  '),
  ];
}
