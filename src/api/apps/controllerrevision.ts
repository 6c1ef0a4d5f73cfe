import { required } from '../field-error.ts';
import type * as apps from '../generated/apps.v1.ts';
import { defineKind } from '../kind.ts';
import { AGE, age, NAME } from '../table.ts';
import { validateImmutable, validateNonnegative } from '../validation/fields.ts';

export type ControllerRevision = apps.ControllerRevision;

/** `statefulset.apps/web`. */
function controllerText({ metadata }: ControllerRevision): string {
  const owner = metadata.ownerReferences?.find(({ controller }) => controller === true);
  if (owner === undefined) return '<none>';
  const [group = '', version] = owner.apiVersion.split('/');
  return `${owner.kind}${version === undefined ? '' : `.${group}`}`.toLowerCase() + `/${owner.name}`;
}

/** Source: pkg/apis/apps/validation, pkg/registry/apps/controllerrevision/strategy.go v1.36. */
export const ControllerRevision = defineKind<ControllerRevision>({
  group: 'apps',
  version: 'v1',
  kind: 'ControllerRevision',
  plural: 'controllerrevisions',
  namespaced: true,
  definition: 'apps.v1.ControllerRevision',

  defaults(controllerRevision) {
    controllerRevision.revision ??= 0;
  },
  validate: ({ revision }) => validateNonnegative(revision, 'revision'),
  validateCreate: ({ data }) => {
    if (data === undefined || data === null) return [required('data', 'data is mandatory')];
    return typeof data === 'object' && !Array.isArray(data)
      ? []
      : [required('data', 'data must be a valid JSON object')];
  },
  validateUpdate: ({ data }, old) => validateImmutable(data, old.data, 'data'),

  columns: [NAME, { name: 'Controller', type: 'string' }, { name: 'Revision', type: 'string' }, AGE],
  row: (controllerRevision, { nowMs }) => ({
    cells: [
      controllerRevision.metadata.name,
      controllerText(controllerRevision),
      controllerRevision.revision,
      age(controllerRevision, nowMs),
    ],
  }),
});
