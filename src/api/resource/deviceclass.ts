import { tooMany } from '../field-error.ts';
import type * as resource from '../generated/resource.v1.ts';
import { defineKind } from '../kind.ts';
import { AGE, age, NAME } from '../table.ts';
import { eachOf } from '../validation/fields.ts';
import { RESOURCE_GROUP, validateConfiguration, validateSelectors } from './claimspec.ts';

export type DeviceClass = resource.DeviceClass;

const MAX_CONFIGS = 32;

/** Source: pkg/apis/resource/validation, pkg/registry/resource/deviceclass/strategy.go v1.36. */
export const DeviceClass = defineKind<DeviceClass>({
  group: RESOURCE_GROUP,
  version: 'v1',
  kind: 'DeviceClass',
  plural: 'deviceclasses',
  namespaced: false,
  definition: 'resource.v1.DeviceClass',

  defaults(deviceClass) {
    deviceClass.spec ??= {};
  },
  validate: ({ spec: { selectors, config = [] } }) => [
    ...validateSelectors(selectors, 'spec.selectors'),
    ...(config.length > MAX_CONFIGS ? [tooMany('spec.config', config.length, MAX_CONFIGS)] : []),
    ...eachOf(config, 'spec.config', validateConfiguration),
  ],
  generation: true,

  columns: [NAME, AGE],
  row: (deviceClass, { nowMs }) => ({ cells: [deviceClass.metadata.name, age(deviceClass, nowMs)] }),
});
