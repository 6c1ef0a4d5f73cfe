import type { FieldError } from '../field-error.ts';
import { child, duplicate, invalid } from '../field-error.ts';
import type * as storage from '../generated/storage.v1.ts';
import { defineKind } from '../kind.ts';
import { AGE, age, NAME, orNone } from '../table.ts';
import { semanticEqual } from '../validation/equal.ts';
import { eachOf, Seen, unchecked, validateImmutable, validateOptionalEnum } from '../validation/fields.ts';
import { STORAGE_GROUP } from './parameters.ts';

export type CSIDriver = storage.CSIDriver;

const FS_GROUP_POLICIES = ['File', 'None', 'ReadWriteOnceWithFSType'];
const MODES = ['Persistent', 'Ephemeral'];
const TOKENS_WARNING =
  'spec.serviceAccountTokenInSecrets is unset; if supported by this CSI driver, set to true to prevent possible logging of tokens in volume attributes';
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
  return eachOf(requests, path, (request, at) => {
    const { audience = '', expirationSeconds: seconds } = unchecked(request);
    if (!audiences.add(audience)) return [duplicate(child(at, 'audience'), audience)];
    const errors: FieldError[] = [];
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
  prepareForUpdate({ metadata, spec }, old) {
    if (old.spec.preventPodSchedulingIfMissing === undefined) delete spec.preventPodSchedulingIfMissing;
    // Counted from the first change on: a new driver has no generation.
    if (!semanticEqual(spec, old.spec)) metadata.generation = (old.metadata.generation ?? 0) + 1;
  },
  warnings: ({ spec: { tokenRequests = [], serviceAccountTokenInSecrets } }, old) =>
    tokenRequests.length > 0 &&
    serviceAccountTokenInSecrets === undefined &&
    (old === undefined || !semanticEqual(tokenRequests, old.spec.tokenRequests))
      ? [TOKENS_WARNING]
      : [],
  validate: ({ spec }) => {
    const { nodeAllocatableUpdatePeriodSeconds: period, serviceAccountTokenInSecrets: inSecrets } = spec;
    const periodPath = 'spec.nodeAllocatableUpdatePeriodSeconds';
    return [
      ...validateOptionalEnum(spec.fsGroupPolicy, FS_GROUP_POLICIES, 'spec.fsGroupPolicy'),
      ...validateTokens(spec.tokenRequests, 'spec.tokenRequests'),
      ...(spec.volumeLifecycleModes ?? []).flatMap((mode) =>
        validateOptionalEnum(mode, MODES, 'spec.volumeLifecycleModes'),
      ),
      ...(period !== undefined && period < MIN_PERIOD_SECONDS
        ? [invalid(periodPath, period, `must be greater than or equal to ${MIN_PERIOD_SECONDS} seconds`)]
        : []),
      ...(inSecrets !== undefined && (spec.tokenRequests ?? []).length === 0
        ? [
            invalid(
              'spec.serviceAccountTokenInSecrets',
              inSecrets,
              'serviceAccountTokenInSecrets is set but no tokenRequests are specified',
            ),
          ]
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
