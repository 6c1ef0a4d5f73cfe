/**
 * Schemas of custom resources and what the API server does by them, as pure functions of a schema and a value. The value given is always a
 * private copy where a function says that it changes it. The schema of a definition is judged where the definition is: apiextensions/.
 *
 * On a write: {@link prune}, {@link dropNulls}, {@link coerceMetadata}, {@link applyDefaults}; then {@link validateValue},
 * {@link validateMetadata} and {@link validateListTypes}. All take time in proportion to the value, whatever the client sent.
 */
export { applyDefaults, dropNulls, pruneDefaults, type Step, surround } from './default.ts';
export { validateListTypes } from './list-type.ts';
export { coerceMetadata, type Coerced, type CoerceOptions, readMetadata, validateMetadata } from './metadata.ts';
export { prune, type PruneOptions } from './prune.ts';
export { parseStructural, type SchemaContents, type StructuralSchema } from './schema.ts';
export { unfoldIntOrString } from './unfold.ts';
export { Correlated } from './values/correlated.ts';
export { patternError } from './values/pattern.ts';
export { compilePattern, forgottenPatterns, type Pattern, PatternError, patternSize } from './values/re2.ts';
export { validateValue, type ValidateOptions } from './values/validate.ts';
