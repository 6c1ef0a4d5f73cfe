/**
 * The Common Expression Language as Kubernetes uses it: parse, check, estimate, run. Expressions come from whoever may define resources or
 * policies and meet objects of whoever may write them, so that nothing here goes deeper than a stack is, or runs on for longer than its
 * budget: text, nesting, copies, steps and memory are bounded. Texts of errors and costs are cel-go's. Knows nothing of custom resources
 * or admission.
 */
export {
  compile,
  estimate,
  mentions,
  patchFunctions,
  program,
  type Expression,
  type Outcome,
  type Program,
} from './environment.ts';
export { type Declarations, type StructFields } from './check/declarations.ts';
export {
  ANY,
  BOOL,
  DYN,
  INT,
  listType,
  mapType,
  NULL,
  optionalType,
  sameType,
  STRING,
  structType,
  TIMESTAMP,
  type Type,
} from './check/types.ts';
export { AUTHORIZER, AuthorizerValue, RESOURCE_CHECK } from './library/kubernetes/authz.ts';
export { OBJECT, PATCH_LIST, patchStructs } from './library/kubernetes/jsonpatch.ts';
export { QUANTITY } from './library/kubernetes/quantity.ts';
export { CompileError } from './syntax/source.ts';
export { ProgramError } from './eval/scope.ts';
export { CelError, NONE, Optional, type Value } from './values/value.ts';
export { type DeclType, declare, declTypeOf, sizesOf } from './schema/decl.ts';
export { escapeName } from './schema/escape.ts';
export { jsonValue } from './schema/json.ts';
export { asResource, type ValueSchema } from './schema/schema.ts';
