/**
 * Equality as upstream's `apiequality.Semantic.DeepEqual` sees it, on JSON: absent, empty list and empty map are the same,
 * so is a zero value where the Go field is no pointer.
 */
import { compareQuantity, QuantityError } from '../quantity.ts';

/** Fields that are pointers to scalars: here a zero says something absence does not. Source: staging k8s.io/api types.go v1.36. */
const POINTERS: ReadonlySet<string> = new Set([
  'activeDeadlineSeconds',
  'allocateLoadBalancerNodePorts',
  'allowPrivilegeEscalation',
  'allowVolumeExpansion',
  'attachRequired',
  'automountServiceAccountToken',
  'backoffLimit',
  'backoffLimitPerIndex',
  'blockOwnerDeletion',
  'completions',
  'controller',
  'defaultMode',
  'deletionGracePeriodSeconds',
  'enableServiceLinks',
  'expirationSeconds',
  'fsGroup',
  'hostProcess',
  'hostUsers',
  'immutable',
  'lun',
  'manualSelector',
  'maxExpirationSeconds',
  'maxFailedIndexes',
  'minDomains',
  'mode',
  'optional',
  'parallelism',
  'podInfoOnMount',
  'priority',
  'privileged',
  'readOnlyRootFilesystem',
  'replicas',
  'requiresRepublish',
  'runAsGroup',
  'runAsNonRoot',
  'runAsUser',
  'seLinuxMount',
  'setHostnameAsFQDN',
  'shareProcessNamespace',
  'storageCapacity',
  'succeededCount',
  'suspend',
  'terminationGracePeriodSeconds',
  'tolerationSeconds',
  'ttlSecondsAfterFinished',
]);

const QUANTITY_MAPS: ReadonlySet<string> = new Set(['allocatable', 'capacity', 'limits', 'overhead', 'requests']);
const QUANTITIES: ReadonlySet<string> = new Set(['divisor', 'sizeLimit']);

/** Maps of texts: a key with an empty text is there. */
const TEXT_MAPS: ReadonlySet<string> = new Set([
  'annotations',
  'attachmentMetadata',
  'attributes',
  'binaryData',
  'data',
  'labels',
  'matchLabels',
  'nodeSelector',
  'options',
  'parameters',
  'selector',
  'volumeAttributes',
]);

const isAbsent = (value: unknown, key: string, parent: string): boolean => {
  if (value === undefined || value === null) return true;
  if (Array.isArray(value)) return value.length === 0;
  if (typeof value === 'object') return Object.keys(value).length === 0;
  return !POINTERS.has(key) && !TEXT_MAPS.has(parent) && (value === '' || value === 0 || value === false);
};

export interface Difference {
  readonly path: string;
  readonly from: unknown;
  readonly to: unknown;
}

/** Leaves in which two values differ, in the order of the first. Stops at `limit`. */
export function differences(from: unknown, to: unknown, limit = Number.POSITIVE_INFINITY): Difference[] {
  const found: Difference[] = [];
  walk(from, to, '', '', '', found, limit);
  return found;
}

function walk(
  from: unknown,
  to: unknown,
  path: string,
  key: string,
  parent: string,
  found: Difference[],
  limit: number,
): void {
  if (found.length >= limit || from === to) return;
  if (isAbsent(from, key, parent) && isAbsent(to, key, parent)) return;
  if (Array.isArray(from) && Array.isArray(to)) {
    for (let i = 0; i < Math.max(from.length, to.length); i++) {
      if (i >= from.length || i >= to.length) {
        if (found.length < limit) found.push({ path: `${path}[${i}]`, from: from[i], to: to[i] });
      } else walk(from[i], to[i], `${path}[${i}]`, '[]', '[]', found, limit);
    }
    return;
  }
  if (isRecord(from) && isRecord(to)) {
    for (const name of new Set([...Object.keys(from), ...Object.keys(to)])) {
      walk(own(from, name), own(to, name), path === '' ? name : `${path}.${name}`, name, key, found, limit);
    }
    return;
  }
  if (
    typeof from === 'string' &&
    typeof to === 'string' &&
    (QUANTITIES.has(key) || QUANTITY_MAPS.has(parent)) &&
    isSameQuantity(from, to)
  ) {
    return;
  }
  found.push({ path, from, to });
}

/** In raw values anything may stand where quantities stand elsewhere. */
function isSameQuantity(a: string, b: string): boolean {
  try {
    return compareQuantity(a, b) === 0;
  } catch (error) {
    if (error instanceof QuantityError) return false;
    throw error;
  }
}

/** The map's own value: `constructor` may be a key, and is inherited. */
export const own = <T>(map: Readonly<Record<string, T>> | undefined, key: string): T | undefined =>
  map !== undefined && Object.hasOwn(map, key) ? map[key] : undefined;

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export const semanticEqual = (a: unknown, b: unknown): boolean => differences(a, b, 1).length === 0;
