/** Files of one volume that get into each other's way. Source: warningsForOverlappingVirtualPaths in pkg/api/pod/warnings.go v1.36. */
import type { Volume, VolumeProjection } from '../../generated/core.v1.ts';

interface File {
  readonly path: string;
  /** What it is made from; '' where the volume says it. */
  readonly source: string;
}

const quoted = (name: string | undefined): string => JSON.stringify(name ?? '');

const filesOf = (items: readonly { readonly path?: string | undefined }[] | undefined, source: string): File[] =>
  (items ?? []).map(({ path = '' }) => ({ path: path.replace(/\/+$/, ''), source }));

const shown = ({ path, source }: File): string => (source === '' ? quoted(path) : `${quoted(path)} (${source})`);

/** One file stands where another does, or where it needs a folder. */
const collide = (a: File, b: File): boolean =>
  a.path !== '' && b.path !== '' && (`${a.path}/`.startsWith(`${b.path}/`) || `${b.path}/`.startsWith(`${a.path}/`));

/** Each file is held against so many before it, and so many warnings are given: no client is shown as many. */
const MAX_COMPARED = 1000;

function overlaps(name: string, what: string, files: readonly File[]): string[] {
  const warnings: string[] = [];
  for (const [i, file] of files.entries()) {
    if (i >= MAX_COMPARED || warnings.length >= MAX_COMPARED) break;
    for (const earlier of files.slice(0, i)) {
      if (!collide(earlier, file)) continue;
      warnings.push(`volume ${quoted(name)} (${what}): overlapping paths: ${shown(file)} with ${shown(earlier)}`);
    }
  }
  return warnings;
}

/** Bundles and certificates are behind gates that are off, unless the pod had them before. */
function projectedFiles(source: VolumeProjection): File[] {
  const { configMap, secret, downwardAPI, serviceAccountToken, clusterTrustBundle, podCertificate } = source;
  if (configMap?.items !== undefined) return filesOf(configMap.items, `ConfigMap ${quoted(configMap.name)}`);
  if (secret?.items !== undefined) return filesOf(secret.items, `Secret ${quoted(secret.name)}`);
  if (downwardAPI?.items !== undefined) return filesOf(downwardAPI.items, 'DownwardAPI');
  if (serviceAccountToken !== undefined) return filesOf([serviceAccountToken], 'ServiceAccountToken');
  if (clusterTrustBundle !== undefined) {
    const name = clusterTrustBundle.name ?? clusterTrustBundle.signerName;
    return filesOf([clusterTrustBundle], `ClusterTrustBundle ${quoted(name)}`);
  }
  const { certificateChainPath, keyPath, credentialBundlePath } = podCertificate ?? {};
  return [
    { path: certificateChainPath, source: 'PodCertificate chain' },
    { path: keyPath, source: 'PodCertificate key' },
    { path: credentialBundlePath, source: 'PodCertificate credential bundle' },
  ].flatMap(({ path, source: from }) => (path === undefined || path === '' ? [] : filesOf([{ path }], from)));
}

const isEmpty = (source: VolumeProjection): boolean => Object.values(source).every((value) => value === undefined);

export const overlapWarnings = (volumes: readonly Volume[]): string[] =>
  volumes.flatMap(({ name, configMap, secret, downwardAPI, projected }) => {
    const sources = projected?.sources ?? [];
    return [
      ...overlaps(name, `ConfigMap ${quoted(configMap?.name)}`, filesOf(configMap?.items, '')),
      ...overlaps(name, `Secret ${quoted(secret?.secretName)}`, filesOf(secret?.items, '')),
      ...overlaps(name, 'DownwardAPI', filesOf(downwardAPI?.items, '')),
      ...sources.filter(isEmpty).map(() => `volume ${quoted(name)} (Projected) has no sources provided`),
      ...overlaps(name, 'Projected', sources.flatMap(projectedFiles)),
    ];
  });
