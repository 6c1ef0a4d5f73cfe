import { decodeObject } from '../codec/target.ts';
import type { Kind, KubeObject } from '../kind.ts';
import { excludeFields } from './filter.ts';
import { type FieldManager, type FieldManagerOptions, newFieldManager } from './field-manager.ts';
import { definitionType } from './typed/definition-type.ts';
import type { SetFilter } from './updater.ts';
import { includeFields } from './filter.ts';

const STATUS = excludeFields('status');
const SPEC = excludeFields('spec');

/** What writes through a path set back, beside status for the object and spec for its status. Source: GetResetFields of pkg/registry v1.36. */
const FILTERS: Readonly<Record<string, SetFilter>> = {
  'Deployment/status': excludeFields('spec', 'metadata.labels'),
  'Pod/status': excludeFields('spec', 'metadata.deletionTimestamp', 'metadata.ownerReferences'),
  'Pod/ephemeralcontainers': includeFields('spec.ephemeralContainers'),
  'Pod/resize': includeFields(
    'spec.containers.*.resources',
    'spec.containers.*.resizePolicy',
    'spec.initContainers.*.resources',
    'spec.initContainers.*.resizePolicy',
  ),
};

function filterOf(kind: Kind, subresource: string): SetFilter | undefined {
  const own = FILTERS[`${kind.kind}/${subresource}`];
  if (own !== undefined) return own;
  if (kind.status === undefined) return undefined;
  return subresource === '' ? STATUS : subresource === 'status' ? SPEC : undefined;
}

export type KindFieldManagerOptions = Pick<FieldManagerOptions, 'now' | 'report' | 'convert'> & {
  /** Default: '', the object itself. */
  readonly subresource?: string;
  /** Default: upstream's. */
  readonly filter?: FieldManagerOptions['filter'];
};

/** The field manager of a built-in kind, one for each path it is written through. */
export function kindFieldManager(kind: Kind, { subresource = '', ...options }: KindFieldManagerOptions): FieldManager {
  const filter = filterOf(kind, subresource);
  return newFieldManager({
    kind,
    subresource,
    type: definitionType(kind.definition),
    complete(value) {
      const object: KubeObject = decodeObject(value, kind, { fieldValidation: 'Ignore' }).object;
      kind.defaults?.(object);
      return object;
    },
    filter: () => filter,
    ...options,
  });
}
