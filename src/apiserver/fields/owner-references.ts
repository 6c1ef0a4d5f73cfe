import type { KubeObject } from '#api';

const WARNING =
  'API server dedups owner references in 1.20+, and may reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed:';

/**
 * Takes out owner references that stand twice, with a warning. Changes `object`.
 * Source: dedupOwnerReferencesAndAddWarning, apiserver pkg/endpoints/handlers/rest.go v0.36.
 */
export function dedupOwnerReferences(
  { metadata }: KubeObject,
  warn: (text: string) => void,
  when: 'as sent' | 'after admission',
): void {
  const references = metadata.ownerReferences;
  if (references === undefined || references.length < 2) return;
  const kept: (typeof references)[number][] = [];
  const duplicates: string[] = [];
  const seen = new Set<string>();
  for (const reference of references) {
    const { apiVersion, kind, name, uid, controller, blockOwnerDeletion } = reference;
    const text = JSON.stringify([uid, name, kind, apiVersion, controller, blockOwnerDeletion]);
    if (seen.has(text)) duplicates.push(uid);
    else kept.push(reference);
    seen.add(text);
  }
  if (duplicates.length === 0) return;
  metadata.ownerReferences = kept;
  const where = when === 'as sent' ? '' : ' after mutating admission happens';
  warn(`.metadata.ownerReferences contains duplicate entries${where}; ${WARNING} ${duplicates.join(', ')}`);
}
