import { countKeys, duplicateKeys } from '../codec/json-scan.ts';
import type { ChangePatchType } from './patch.ts';

/** Source: jsonPatchOp of apiserver pkg/endpoints/handlers/patch.go v0.36. */
const OPERATION_FIELDS = new Set(['op', 'path', 'from', 'value']);

/**
 * What strict reading has against the text of a patch: keys that stand twice, and fields operations do not have. They are told before what is
 * wrong with the object that comes of it. Source: applyJSPatch and strategicPatchObject, as above.
 */
export function strictPatchErrors(type: ChangePatchType, text: string, patch: unknown): string[] {
  const duplicates = countKeys(text) === keysOf(patch) ? [] : duplicateKeys(text);
  const errors = duplicates.map((path) => `duplicate field ${JSON.stringify(path)}`);
  if (type !== 'application/json-patch+json' || !Array.isArray(patch)) return errors;
  const unknown = patch.flatMap((operation: unknown, i) =>
    typeof operation === 'object' && operation !== null
      ? Object.keys(operation)
          .filter((name) => !OPERATION_FIELDS.has(name))
          .map((name) => `unknown field ${JSON.stringify(`[${i}].${name}`)}`)
      : [],
  );
  return [...unknown, ...errors].map((error) => `json patch ${error}`);
}

function keysOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  const own: readonly unknown[] = Object.values(value);
  let keys = Array.isArray(value) ? 0 : own.length;
  for (const item of own) keys += keysOf(item);
  return keys;
}
