import { type ChangePatchType, type Kind, type PatchType, StatusError } from '#api';

/** Patches that change what is there. */
export const CHANGES: readonly ChangePatchType[] = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
];

export const APPLY = 'application/apply-patch+yaml';

/** What a kind takes, in the order upstream names it. Custom kinds have no strategy to merge by. */
export const patchTypesOf = (kind: Pick<Kind, 'custom'>): readonly PatchType[] =>
  kind.custom === undefined ? [...CHANGES, APPLY] : [CHANGES[0]!, CHANGES[1]!, APPLY];

/** Source: NewUnsupportedMediaTypeError of apiserver pkg/endpoints/handlers/negotiation/errors.go v1.36. */
export const unsupportedPatch = (kind: Pick<Kind, 'custom'>): StatusError =>
  new StatusError(
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${patchTypesOf(kind).join(', ')}`,
  );
