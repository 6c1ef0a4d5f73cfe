import type { FieldError } from '../field-error.ts';
import { index, invalid } from '../field-error.ts';
import type * as core from '../generated/core.v1.ts';
import { defineKind } from '../kind.ts';
import { validateFinalizerName } from '../meta/objectmeta.ts';
import { AGE, age, NAME } from '../table.ts';
import { nameIsDNSLabel } from '../validation/names.ts';

export type Namespace = core.Namespace;

const NAME_LABEL = 'kubernetes.io/metadata.name';
const FINALIZER = 'kubernetes';

/** Every namespace carries its own name as a label, so that selectors can name it. */
function labelWithName({ metadata }: Namespace): void {
  if ((metadata.name ?? '') !== '') metadata.labels = { ...metadata.labels, [NAME_LABEL]: metadata.name };
}

function validateStatusUpdate({ metadata, status }: Namespace): FieldError[] {
  const field = 'status.Phase';
  if (metadata.deletionTimestamp === undefined) {
    return status.phase === 'Active'
      ? []
      : [invalid(field, status.phase ?? '', "may only be 'Active' if `deletionTimestamp` is empty")];
  }
  return status.phase === 'Terminating'
    ? []
    : [invalid(field, status.phase ?? '', "may only be 'Terminating' if `deletionTimestamp` is not empty")];
}

/**
 * What deleting a namespace takes is the registry's matter: phase Terminating, then the finalizers of `spec`.
 * Source: pkg/registry/core/namespace/strategy.go v1.36.
 */
export const Namespace = defineKind<Namespace>({
  group: '',
  version: 'v1',
  kind: 'Namespace',
  plural: 'namespaces',
  shortNames: ['ns'],
  namespaced: false,
  definition: 'core.v1.Namespace',
  verbs: ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'],

  defaults(namespace) {
    namespace.spec ??= {};
    namespace.status ??= {};
    if ((namespace.status.phase ?? '') === '') namespace.status.phase = 'Active';
    labelWithName(namespace);
  },
  validateName: nameIsDNSLabel,
  validate: ({ spec }) =>
    (spec.finalizers ?? []).flatMap((name) => validateFinalizerName(name, 'spec.finalizers', true)),
  prepareForCreate(namespace) {
    labelWithName(namespace); // the name may have been generated
    namespace.status = { phase: 'Active' };
    const finalizers = namespace.spec.finalizers ?? [];
    if (!finalizers.includes(FINALIZER)) namespace.spec.finalizers = [...finalizers, FINALIZER];
  },
  prepareForUpdate(namespace, old) {
    namespace.spec = { ...namespace.spec, finalizers: old.spec.finalizers };
    namespace.status = old.status;
  },
  status: {
    prepareForUpdate(namespace, old) {
      namespace.spec = old.spec;
    },
    validateUpdate: validateStatusUpdate,
  },
  parts: {
    finalize: {
      prepareForUpdate(namespace, old) {
        namespace.status = old.status;
      },
      validateUpdate: ({ spec }) =>
        (spec.finalizers ?? []).flatMap((name, i) => validateFinalizerName(name, index('spec.finalizers', i), true)),
    },
  },

  columns: [NAME, { name: 'Status', type: 'string' }, AGE],
  row: (namespace, { nowMs }) => ({
    cells: [namespace.metadata.name, namespace.status.phase ?? '', age(namespace, nowMs)],
  }),
  selectableFields: { 'status.phase': ({ status }) => status.phase ?? '' },
});
