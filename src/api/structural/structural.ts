/**
 * Schemas of custom resources and what the API server does by them, as pure functions of a schema and a value. The value given is always a
 * private copy where a function says that it changes it. The schema of a definition is judged where the definition is: apiextensions/.
 */
export { parseStructural, type StructuralSchema } from './schema.ts';
