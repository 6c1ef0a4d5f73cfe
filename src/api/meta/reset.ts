import type { KubeObject } from '../kind.ts';

const KEPT = ['labels', 'annotations', 'finalizers', 'ownerReferences'] as const;

/** Takes over from `old` the metadata that writes of the status may not change. Source: metav1.ResetObjectMetaForStatus v0.36. */
export function resetMetadataForStatus({ metadata }: KubeObject, { metadata: old }: KubeObject): void {
  for (const name of KEPT) {
    if (old[name] === undefined) delete metadata[name];
    else Object.assign(metadata, { [name]: old[name] });
  }
}
