/**
 * Server-side apply: who owns which fields of an object, and how a configuration is laid over it.
 *
 * Owns: sets of field paths and FieldsV1 (`fieldpath/`), the walk of values by their type (`typed/`), and managers of fields, which give every
 * write its metadata.managedFields and make an object of what is applied. Pure functions of values but for the clock they are given; values
 * and sets are never written to once they are there, which is what their caches rest on.
 * Does not: read requests, store, admit or validate objects; convert between versions (that is handed in).
 *
 * Source of the rules: sigs.k8s.io/structured-merge-diff v6.4, k8s.io/apimachinery pkg/util/managedfields v0.36.
 */
export { type ApplyOptions, type FieldManager, type FieldManagerOptions, newFieldManager } from './field-manager.ts';
export { applyTypeOf, kindFieldManager, type KindFieldManagerOptions } from './kind.ts';
export {
  copyObject,
  defaultFieldManager,
  ignoreManagedFieldsTimestamps,
  managedFieldsWarning,
  validateFieldManager,
  validateManagedFields,
} from './entries.ts';
export { type Configuration, configurationOf, parseConfiguration, strictError } from './configuration.ts';
export { managedFieldsFromScale, managedFieldsOfScale, type ReplicasPaths } from './scale.ts';
export { excludeFields, includeFields } from './filter.ts';
export type { Convert, SetFilter, Typed } from './updater.ts';
export { definitionType } from './typed/definition-type.ts';
export { structuralType } from './typed/structural-type.ts';
export type { ApplyType } from './typed/type.ts';
