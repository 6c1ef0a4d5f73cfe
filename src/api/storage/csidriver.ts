import { validateCSIDriverName } from '../core/pod/volume/sources.ts';
import type { FieldError } from '../field-error.ts';
import { child, duplicate, invalid } from '../field-error.ts';
import type * as storage from '../generated/storage.v1.ts';
import { defineKind } from '../kind.ts';
import { AGE, age, NAME, orNone } from '../table.ts';
import { eachOf, Seen, validateImmutable, validateOptionalEnum } from '../validation/fields.ts';
import { STORAGE_GROUP } from './parameters.ts';

export type CSIDriver = storage.CSIDriver;

const FS_GROUP_POLICIES = ['File', 'None', 'ReadWriteOnceWithFSType'];
const MODES = ['Ephemeral', 'Persistent'];
const MIN_TOKEN_SECONDS = 600;
const MAX_TOKEN_SECONDS = 2 ** 32;
const MIN_PERIOD_SECONDS = 10;

/** Source: SetDefaults_CSIDriver in pkg/apis/storage/v1/defaults.go v1.36. */
function defaultCSIDriver(driver: CSIDriver): void {
  driver.spec ??= {};
  const { spec } = driver;
  spec.attachRequired ??= true;
  spec.podInfoOnMount ??= false;
  spec.storageCapacity ??= false;
  spec.fsGroupPolicy ??= 'ReadWriteOnceWithFSType';
  if ((spec.volumeLifecycleModes ?? []).length === 0) spec.volumeLifecycleModes = ['Persistent'];
  spec.requiresRepublish ??= false;
  spec.seLinuxMount ??= false;
}

function validateTokens(requests: readonly storage.TokenRequest[] | undefined, path: string): FieldError[] {
  const audiences = new Seen();
  return eachOf(requests, path, ({ audience, expirationSeconds: seconds }, at) => {
    const errors = audiences.add(audience) ? [] : [duplicate(child(at, 'audience'), audience)];
    if (seconds === undefined) return errors;
    if (seconds < MIN_TOKEN_SECONDS) {
      errors.push(invalid(child(at, 'expirationSeconds'), seconds, 'may not specify a duration less than 10 minutes'));
    }
    if (seconds > MAX_TOKEN_SECONDS) {
      const why = 'may not specify a duration larger than 2^32 seconds';
      errors.push(invalid(child(at, 'expirationSeconds'), seconds, why));
    }
    return errors;
  });
}

/** Source: ValidateCSIDriver in pkg/apis/storage/validation, pkg/registry/storage/csidriver/strategy.go v1.36. */
export const CSIDriver = defineKind<CSIDriver>({
  group: STORAGE_GROUP,
  version: 'v1',
  kind: 'CSIDriver',
  plural: 'csidrivers',
  namespaced: false,
  definition: 'storage.v1.CSIDriver',
  unconditionalUpdate: false,

  defaults: defaultCSIDriver,
  // VolumeLimitScaling is off in v1.36.
  prepareForCreate({ spec }) {
    delete spec.preventPodSchedulingIfMissing;
  },
  prepareForUpdate({ spec }, old) {
    if (old.spec.preventPodSchedulingIfMissing === undefined) delete spec.preventPodSchedulingIfMissing;
  },
  validate: ({ metadata, spec }) => {
    const period = spec.nodeAllocatableUpdatePeriodSeconds;
    const periodPath = 'spec.nodeAllocatableUpdatePeriodSeconds';
    return [
      ...validateCSIDriverName(metadata.name, 'name'),
      ...validateOptionalEnum(spec.fsGroupPolicy, FS_GROUP_POLICIES, 'spec.fsGroupPolicy'),
      ...validateTokens(spec.tokenRequests, 'spec.tokenRequests'),
      ...(spec.volumeLifecycleModes ?? []).flatMap((mode) =>
        validateOptionalEnum(mode, MODES, 'spec.volumeLifecycleModes'),
      ),
      ...(period !== undefined && period < MIN_PERIOD_SECONDS
        ? [invalid(periodPath, period, `must be greater than or equal to ${MIN_PERIOD_SECONDS} seconds`)]
        : []),
    ];
  },
  validateUpdate: ({ spec }, old) => [
    ...validateImmutable(spec.attachRequired, old.spec.attachRequired, 'spec.attachedRequired'),
    ...validateImmutable(spec.volumeLifecycleModes, old.spec.volumeLifecycleModes, 'spec.volumeLifecycleModes'),
  ],

  columns: [
    NAME,
    { name: 'AttachRequired', type: 'boolean' },
    { name: 'PodInfoOnMount', type: 'boolean' },
    { name: 'StorageCapacity', type: 'boolean' },
    { name: 'TokenRequests', type: 'string' },
    { name: 'RequiresRepublish', type: 'boolean' },
    { name: 'Modes', type: 'string' },
    AGE,
  ],
  row: (driver, { nowMs }) => {
    const { spec } = driver;
    return {
      cells: [
        driver.metadata.name,
        spec.attachRequired ?? true,
        spec.podInfoOnMount ?? false,
        spec.storageCapacity ?? false,
        spec.tokenRequests?.map(({ audience }) => audience).join(',') ?? '<unset>',
        spec.requiresRepublish ?? false,
        orNone((spec.volumeLifecycleModes ?? []).join(',')),
        age(driver, nowMs),
      ],
    };
  },
});
