import { invalid } from '../field-error.ts';
import type * as resource from '../generated/resource.v1.ts';
import { defineKind } from '../kind.ts';
import { AGE, age, NAME } from '../table.ts';
import { isExtendedResource } from '../core/pod/resources.ts';
import { semanticEqual } from '../validation/equal.ts';
import { MAX_CONFIGS, validateConfiguration, validateSelectors } from './claimspec.ts';
import { RESOURCE_GROUP, validateSlice } from './lists.ts';

export type DeviceClass = resource.DeviceClass;

/** What an object of old had, it may keep. */
const isStored = (now: unknown, old: unknown): boolean => old !== undefined && semanticEqual(now, old);

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
  validate: ({ spec: { selectors, config, extendedResourceName } }, old) => [
    ...validateSelectors(selectors, 'spec.selectors', isStored(selectors, old?.spec.selectors)),
    ...validateSlice(config, MAX_CONFIGS, 'spec.config', (item, at) =>
      validateConfiguration(item, at, isStored(config, old?.spec.config)),
    ),
    ...(extendedResourceName === undefined || isExtendedResource(extendedResourceName)
      ? []
      : [invalid('spec.extendedResourceName', extendedResourceName, 'must be a valid extended resource name')]),
  ],
  generation: true,

  columns: [NAME, AGE],
  row: (deviceClass, { nowMs }) => ({ cells: [deviceClass.metadata.name, age(deviceClass, nowMs)] }),
});
