import {
  applyJsonPatch,
  applyMergePatch,
  applyStrategicMergePatch,
  type KubeObject,
  type PatchType,
  StatusError,
} from '#api';

/** Patch types every built-in kind takes; in the order upstream names them. */
export const PATCH_TYPES: readonly PatchType[] = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
];

/** The patched object as plain JSON; `current` is left alone. */
export function applyPatch(current: KubeObject, type: PatchType, patch: unknown, definition: string): unknown {
  switch (type) {
    case 'application/json-patch+json':
      return applyJsonPatch(current, patch);
    case 'application/merge-patch+json':
      return applyMergePatch(current, patch);
    case 'application/strategic-merge-patch+json':
      return applyStrategicMergePatch(current, patch, definition);
    case 'application/apply-patch+yaml':
      throw unsupportedPatch();
  }
}

/** Source: errNotAcceptable of handlers/patch.go v1.36. */
export const unsupportedPatch = (): StatusError =>
  new StatusError(
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${PATCH_TYPES.join(', ')}`,
  );
