/**
 * What upstream's own validation said of objects, as data: testdata/upstream was recorded from the strategies of kube-apiserver v1.36
 * (pkg/registry), each case a change to one of the file's objects with the errors and warnings that came of it, in their order.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { decodeJson } from './codec/codec.ts';
import { deepClone } from './equality.ts';
import type { FieldError } from './field-error.ts';
import { fieldErrorText } from './field-error.ts';
import type { Kind, KubeObject } from './kind.ts';
import { allKinds } from './kinds.ts';
import { validateObjectMeta, validateObjectMetaUpdate } from './meta/objectmeta.ts';
import { applyMergePatch } from './patch/merge-patch.ts';
import { nameIsPathSegment } from './validation/names.ts';

const NOW_MS = Date.parse('2026-01-01T01:00:00Z');
const FOLDER = new URL('./testdata/upstream/', import.meta.url);

interface Case {
  readonly base: number;
  readonly change: unknown;
  readonly errors?: readonly string[];
  readonly warnings?: readonly string[];
}

interface Recorded {
  /** `pods`, `events.events.k8s.io`, `horizontalpodautoscalers.autoscaling@v1`. */
  readonly kind: string;
  readonly subresource?: string;
  readonly update?: true;
  readonly bases: readonly object[];
  readonly cases: readonly Case[];
}

interface Outcome {
  readonly errors: readonly string[];
  readonly warnings: readonly string[];
}

function read(kind: Kind, value: unknown): KubeObject {
  const { object } = decodeJson(JSON.stringify(value), kind, { fieldValidation: 'Ignore' });
  const own = deepClone(object);
  kind.defaults?.(own);
  return own;
}

/** An error that two rules find is one error. */
const outcome = (errors: readonly FieldError[], warnings: () => readonly string[]): Outcome => ({
  errors: [...new Set(errors.map(fieldErrorText))],
  warnings: errors.length > 0 ? [] : warnings(),
});

function create(kind: Kind, value: unknown): Outcome {
  const object = read(kind, value);
  const { metadata } = object;
  metadata.uid = 'u';
  metadata.creationTimestamp = '2026-01-01T00:55:00Z';
  kind.prepareForCreate?.(object);
  const errors = [
    ...validateObjectMeta(metadata, kind),
    ...(kind.validate?.(object) ?? []),
    ...(kind.validateCreate?.(object) ?? []),
  ];
  return outcome(errors, () => kind.warnings?.(object, undefined) ?? []);
}

function update(kind: Kind, subresource: string, value: unknown, before: unknown): Outcome {
  const [object, old] = [read(kind, value), read(kind, before)];
  const part = subresource === 'status' ? kind.status : kind.parts?.[subresource];
  if (part !== undefined) part.prepareForUpdate(object, old, { nowMs: NOW_MS });
  else {
    if (kind.status !== undefined) Object.assign(object, { status: (old as KubeObject & { status?: unknown }).status });
    kind.prepareForUpdate?.(object, old);
  }
  const ofObject = part === undefined ? (kind.validate?.(object, old) ?? []) : [];
  const ofChange = (part ?? kind).validateUpdate?.(object, old) ?? [];
  const errors = [
    ...validateObjectMeta(object.metadata, { ...kind, validateName: nameIsPathSegment }),
    ...validateObjectMetaUpdate(object.metadata, old.metadata, kind),
    ...(kind.changesFirst === true ? [...ofChange, ...ofObject] : [...ofObject, ...ofChange]),
  ];
  return outcome(errors, () => kind.warnings?.(object, old) ?? []);
}

for (const file of readdirSync(FOLDER).toSorted()) {
  const recorded = JSON.parse(readFileSync(new URL(file, FOLDER), 'utf8')) as Recorded;
  const [name, onlyVersion] = recorded.kind.split('@');
  const kind = allKinds.find(
    ({ group, plural, version }) =>
      name === (group === '' ? plural : `${plural}.${group}`) && (onlyVersion ?? version) === version,
  )!;
  test(`${file}: every object gets the errors and warnings that upstream gave it`, () => {
    for (const { base, change, errors = [], warnings = [] } of recorded.cases) {
      const before = recorded.bases[base]!;
      const value = applyMergePatch(before, change);
      const found =
        recorded.update === true ? update(kind, recorded.subresource ?? '', value, before) : create(kind, value);
      assert.deepEqual(found, { errors, warnings }, JSON.stringify(change));
    }
  });
}
