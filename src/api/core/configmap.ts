import type { FieldError } from '../field-error.ts';
import { invalid, ROOT, tooLong } from '../field-error.ts';
import type * as core from '../generated/core.v1.ts';
import { defineKind } from '../kind.ts';
import { AGE, age, NAME } from '../table.ts';
import { eachKey, invalidEach } from '../validation/fields.ts';
import { byteLength, isConfigMapKey } from '../validation/names.ts';
import { base64Bytes, MAX_DATA_BYTES, validateFrozen, validateKeys } from './data.ts';

export type ConfigMap = core.ConfigMap;

const sum = (numbers: readonly number[]): number => numbers.reduce((total, n) => total + n, 0);

function validateConfigMap({ data = {}, binaryData = {} }: ConfigMap): FieldError[] {
  const errors = [
    ...eachKey(data, 'data', (key, _value, at) => [
      ...invalidEach(at, key, isConfigMapKey(key)),
      ...(Object.hasOwn(binaryData, key) ? [invalid(at, key, 'duplicate of key present in binaryData')] : []),
    ]),
    ...validateKeys(binaryData, 'binaryData'),
  ];
  const bytes = sum(Object.values(data).map(byteLength)) + sum(Object.values(binaryData).map(base64Bytes));
  // The error is about the object as a whole.
  if (bytes > MAX_DATA_BYTES) errors.push(tooLong(ROOT, MAX_DATA_BYTES));
  return errors;
}

/** Source: ValidateConfigMap in pkg/apis/core/validation, pkg/registry/core/configmap v1.36. */
export const ConfigMap = defineKind<ConfigMap>({
  group: '',
  version: 'v1',
  kind: 'ConfigMap',
  plural: 'configmaps',
  shortNames: ['cm'],
  namespaced: true,
  definition: 'core.v1.ConfigMap',
  validate: validateConfigMap,
  changesFirst: true,
  validateUpdate: (configMap, old) => validateFrozen(configMap, old, ['data', 'binaryData']),
  columns: [NAME, { name: 'Data', type: 'string' }, AGE],
  row: (configMap, { nowMs }) => ({
    cells: [
      configMap.metadata.name,
      Object.keys(configMap.data ?? {}).length + Object.keys(configMap.binaryData ?? {}).length,
      age(configMap, nowMs),
    ],
  }),
});
