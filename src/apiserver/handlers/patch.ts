import { type ChangePatchType, StatusError } from '#api';

/** Patch types every built-in kind takes; in the order upstream names them. */
export const PATCH_TYPES: readonly ChangePatchType[] = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
];

/** Source: errNotAcceptable of handlers/patch.go v1.36. */
export const unsupportedPatch = (): StatusError =>
  new StatusError(
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${PATCH_TYPES.join(', ')}`,
  );
