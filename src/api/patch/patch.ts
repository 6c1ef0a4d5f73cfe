/**
 * The patches clients send, applied to objects as JSON values: JSON patch, JSON merge patch, strategic merge patch. Original and patch are
 * never changed; the result shares what stayed as it was. Which media type it is decides how the body is read and what an error says.
 */
import { type BodyTarget, type Decoded, decodeObject, type DecodeOptions } from '../codec/target.ts';
import { rawDepthError } from '../codec/decode.ts';
import { parseJson, stringifyObject } from '../codec/json.ts';
import { invalid, invalidObject } from '../field-error.ts';
import { goValue } from '../apply/fieldpath/text.ts';
import type { KubeObject } from '../kind.ts';
import { badRequest, StatusError } from '../status.ts';
import type { PatchType } from '../transport.ts';
import { applyJsonPatch, PatchError } from './json-patch.ts';
import { applyMergePatch, isObject } from './merge-patch.ts';
import { applyStrategicMergePatch, StrategicPatchError } from './strategic.ts';

export { strictPatchErrors } from './strict.ts';
export { applyJsonPatch, type JsonPatchOptions, PatchError } from './json-patch.ts';
export { applyMergePatch } from './merge-patch.ts';
export { applyStrategicMergePatch, StrategicPatchError } from './strategic.ts';

/** Patches that say what to change; apply-patch+yaml says what is wanted, and is not one of them. */
export type ChangePatchType = Exclude<PatchType, 'application/apply-patch+yaml'>;

/** Source: maxJSONPatchOperations, apiserver pkg/endpoints/handlers/patch.go v0.36. */
const MAX_OPERATIONS = 10_000;

/** 422 without the reason in its text: the server keeps what went wrong to itself. Source: NewGenericServerResponse. */
const rejected = (cause: Error): StatusError =>
  new StatusError('Invalid', 'the server rejected our request due to an error in our request', { cause, details: {} });

/**
 * A patch read from a request's body: the value JSON says, checked as far as it can be without an object. Throws StatusError BadRequest or
 * RequestEntityTooLarge.
 */
export function parsePatch(type: ChangePatchType, body: Uint8Array | string): unknown {
  let patch: unknown;
  try {
    patch = parseJson(body);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw badRequest(type === 'application/merge-patch+json' ? 'Invalid JSON Patch' : error.message);
  }
  checkPatch(type, patch);
  return patch;
}

function checkPatch(type: ChangePatchType, patch: unknown): void {
  const depth = rawDepthError(patch);
  if (depth !== undefined) throw badRequest(depth);
  const word = Array.isArray(patch) ? 'array' : typeof patch === 'boolean' ? 'bool' : typeof patch;
  switch (type) {
    case 'application/json-patch+json':
      if (!Array.isArray(patch))
        throw badRequest(`json: cannot unmarshal ${word} into Go value of type jsonpatch.Patch`);
      if (patch.length > MAX_OPERATIONS) {
        const why = `The allowed maximum operations in a JSON patch is ${MAX_OPERATIONS}, got ${patch.length}`;
        throw new StatusError('RequestEntityTooLarge', `Request entity is too large: ${why}`);
      }
      return;
    case 'application/merge-patch+json':
      if (!isObject(patch)) throw badRequest('Invalid JSON Patch');
      return;
    case 'application/strategic-merge-patch+json':
      if (!isObject(patch))
        throw badRequest(`json: cannot unmarshal ${word} into Go value of type map[string]interface {}`);
  }
}

/** The value the patch makes of the original; it may be anything, and has to be decoded. Throws StatusError with upstream's text. */
export function patchValue(type: ChangePatchType, original: KubeObject, patch: unknown, definition: string): unknown {
  checkPatch(type, patch);
  try {
    switch (type) {
      case 'application/json-patch+json':
        return applyJsonPatch(original, patch as unknown[]);
      case 'application/merge-patch+json':
        return applyMergePatch(original, patch);
      case 'application/strategic-merge-patch+json':
        return applyStrategicMergePatch({ ...original }, patch as Record<string, unknown>, definition);
    }
  } catch (error) {
    if (error instanceof PatchError) throw rejected(error);
    if (error instanceof StrategicPatchError) throw strategicError(error);
    throw error;
  }
}

/** Source: interpretStrategicMergePatchError; what it does not know goes out as it is, without a reason. */
function strategicError(error: StrategicPatchError): StatusError {
  if (error.fault === 'format') return badRequest(error.message);
  return error.fault === 'unsupported' ? rejected(error) : new StatusError('', error.message, { cause: error });
}

/**
 * The object the patch makes of the original, decoded against the schema. It shares parts with the original: copy before writing to it.
 * `strict` is what {@link strictPatchErrors} has found. Throws StatusError with upstream's text.
 */
export function applyPatch(
  type: ChangePatchType,
  original: KubeObject,
  patch: unknown,
  target: BodyTarget,
  options: DecodeOptions = {},
  strict: readonly string[] = [],
): Decoded {
  const patched = patchValue(type, original, patch, target.definition);
  try {
    return decodeObject(patched, target, options, undefined, strict);
  } catch (error) {
    if (!StatusError.is(error, 'BadRequest')) throw error;
    // What comes of the patch is at fault, not the body as such. Source: applyJSPatch.
    const why = error.message.replace(/^.*? cannot be handled as a .*?: /, '');
    // A strategic patch is itself what is shown, as Go prints maps; of others what they made.
    const shown =
      type === 'application/strategic-merge-patch+json'
        ? goValue(patch)
        : isObject(patched)
          ? stringifyObject(patched)
          : JSON.stringify(patched);
    throw invalidObject({ group: '', kind: '' }, '', [invalid('patch', shown, why)]);
  }
}
