/** What expressions that make patches have besides. Sources: apiserver pkg/cel/library/jsonpatch.go, pkg/cel/mutation v1.36. */
import { type Declarations, fn, type FunctionDecl, overload, type StructFields } from '../../check/declarations.ts';
import { DYN, listType, STRING, structType } from '../../check/types.ts';

/** The object's own type, of which nothing is known; types below it are named by where they stand. */
export const OBJECT = structType('Object');
const PATCH = structType('JSONPatch');
export const PATCH_LIST = listType(PATCH);

const ANY_FIELD: StructFields = { fields: { get: () => DYN } };
const PATCH_FIELDS: StructFields = {
  fields: new Map([
    ['op', STRING],
    ['path', STRING],
    ['from', STRING],
    ['value', DYN],
  ]),
};

/** `Object`, `Object.spec` and so on, whatever their fields; and `JSONPatch`. */
export const patchStructs: Declarations['structs'] = {
  has: (name) => patchStructs.get(name) !== undefined,
  get(name) {
    if (name === PATCH.name) return PATCH_FIELDS;
    return name === OBJECT.name || name.startsWith(`${OBJECT.name}.`) ? ANY_FIELD : undefined;
  },
};

export const jsonPatchLibrary: readonly FunctionDecl[] = [
  fn(
    'jsonpatch.escapeKey',
    overload('string_jsonpatch_escapeKey_string', [STRING], STRING, ([key]) =>
      (key as string).replaceAll('~', '~0').replaceAll('/', '~1'),
    ),
  ),
];
