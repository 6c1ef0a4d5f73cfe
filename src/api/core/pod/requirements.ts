/** Validation of resource names and quantities. Source: validateResourceRequirements in pkg/apis/core/validation v1.36. */
import type { FieldError } from '../../field-error.ts';
import { child, duplicate, forbiddenField, index, invalid, keyPath, required } from '../../field-error.ts';
import type { ResourceClaim, ResourceRequirements } from '../../generated/core.v1.ts';
import { canonicalQuantity, compareQuantity, cpuMilli, QuantityError, valueOf } from '../../quantity.ts';
import { own } from '../../validation/equal.ts';
import { eachKey, invalidEach, Seen, validateDNS1123Label } from '../../validation/fields.ts';
import { isQualifiedName } from '../../validation/names.ts';
import { isExtendedResource, isHugePageResource, isNativeResource, isOvercommitAllowed } from './resources.ts';

const OBJECT_COUNTS = [
  'pods',
  'resourcequotas',
  'services',
  'replicationcontrollers',
  'secrets',
  'configmaps',
  'persistentvolumeclaims',
  'services.nodeports',
  'services.loadbalancers',
];
const COMPUTE = ['cpu', 'memory', 'ephemeral-storage'];
const STANDARD: ReadonlySet<string> = new Set([
  ...COMPUTE,
  ...COMPUTE.flatMap((name) => [`requests.${name}`, `limits.${name}`]),
  ...OBJECT_COUNTS,
  'storage',
  'requests.storage',
]);

const isInteger = (name: string): boolean => OBJECT_COUNTS.includes(name) || isExtendedResource(name);

export function validateResourceName(name: string, path: string): FieldError[] {
  const errors = invalidEach(path, name, isQualifiedName(name));
  if (errors.length > 0 || name.includes('/')) return errors;
  const known = STANDARD.has(name) || isHugePageResource(name) || name.startsWith('requests.hugepages-');
  return known ? [] : [invalid(path, name, 'must be a standard resource type or fully qualified')];
}

export function validateContainerResourceName(name: string, path: string): FieldError[] {
  const errors = validateResourceName(name, path);
  if (!name.includes('/')) {
    if (!COMPUTE.includes(name) && !isHugePageResource(name)) {
      errors.push(invalid(path, name, 'must be a standard resource for containers'));
    }
  } else if (!isNativeResource(name) && !isExtendedResource(name)) {
    errors.push(invalid(path, name, "doesn't follow extended resource name standard"));
  }
  return errors;
}

export function validateQuantity(name: string, quantity: string, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const wrong = (why: string): FieldError => invalid(path, canonicalQuantity(quantity), why);
  // Reading quantities is what validating a pod costs most: the sign alone mostly tells.
  const negative = quantity.startsWith('-') && compareQuantity(quantity, '0') < 0;
  if (negative) errors.push(wrong('must be greater than or equal to 0'));
  if (isInteger(name) && cpuMilli(quantity) % 1000 !== 0) errors.push(wrong('must be an integer'));
  return errors;
}

function validateHugePages(name: string, quantity: string, path: string): FieldError[] {
  if (!isHugePageResource(name)) return [];
  const pageBytes = pageSizeBytes(name);
  const bytes = cpuMilli(quantity) % 1000 === 0 ? BigInt(valueOf(quantity)) : undefined;
  if (pageBytes !== undefined && bytes !== undefined && bytes % pageBytes === 0n) return [];
  const shown = canonicalQuantity(quantity);
  return [invalid(path, shown, `${shown} is not positive integer multiple of ${name}`)];
}

/** `hugepages-2Mi` → 2097152; undefined when the name carries no size. */
function pageSizeBytes(name: string): bigint | undefined {
  try {
    const bytes = BigInt(valueOf(name.slice('hugepages-'.length)));
    return bytes > 0n ? bytes : undefined;
  } catch (error) {
    if (error instanceof QuantityError) return undefined;
    throw error;
  }
}

export interface RequirementsContext {
  /** Names of `spec.resourceClaims`. */
  readonly claimNames: ReadonlySet<string>;
  /** Default: what containers may ask for. */
  readonly validateName?: (name: string, path: string) => FieldError[];
}

export function validateRequirements(
  { limits = {}, requests = {}, claims }: ResourceRequirements,
  path: string,
  { claimNames, validateName = validateContainerResourceName }: RequirementsContext,
): FieldError[] {
  const [limitsPath, requestsPath] = [child(path, 'limits'), child(path, 'requests')];
  const common = (name: string, quantity: string, at: string): FieldError[] => [
    ...validateName(name, at),
    ...validateQuantity(name, quantity, at),
  ];
  const errors = eachKey(limits, limitsPath, (name, quantity, at) => [
    ...common(name, quantity, at),
    ...validateHugePages(name, quantity, at),
  ]);
  for (const [name, quantity] of Object.entries(requests)) {
    const at = keyPath(requestsPath, name);
    errors.push(
      ...common(name, quantity, at),
      ...validateAgainstLimit(name, quantity, own(limits, name), requestsPath, limitsPath),
      ...validateHugePages(name, quantity, at),
    );
  }
  const names = [...Object.keys(limits), ...Object.keys(requests)];
  if (names.some(isHugePageResource) && !names.includes('cpu') && !names.includes('memory')) {
    errors.push(forbiddenField(path, 'HugePages require cpu or memory'));
  }
  return [...errors, ...validateClaimNames(claims, claimNames, child(path, 'claims'))];
}

function validateAgainstLimit(
  name: string,
  request: string,
  limit: string | undefined,
  requestsPath: string,
  limitsPath: string,
): FieldError[] {
  if (limit === undefined) {
    return isOvercommitAllowed(name)
      ? []
      : [required(limitsPath, 'Limit must be set for non overcommitable resources')];
  }
  const order = compareQuantity(request, limit);
  if (order === 0) return [];
  const shown = canonicalQuantity(limit);
  if (!isOvercommitAllowed(name)) {
    return [invalid(requestsPath, canonicalQuantity(request), `must be equal to ${name} limit of ${shown}`)];
  }
  return order > 0
    ? [invalid(requestsPath, canonicalQuantity(request), `must be less than or equal to ${name} limit of ${shown}`)]
    : [];
}

/** A claim is named as a whole or request by request, never both. */
function validateClaimNames(
  claims: readonly ResourceClaim[] = [],
  known: ReadonlySet<string>,
  path: string,
): FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Seen();
  const partly = new Set<string>();
  for (const [i, { name = '', request = '' }] of claims.entries()) {
    const at = index(path, i);
    if (name === '') {
      errors.push(required(at));
      continue;
    }
    if (request !== '') errors.push(...validateDNS1123Label(request, child(at, 'request')));
    const key = request === '' ? name : `${name}/${request}`;
    if (seen.has(name) || !seen.add(key) || (request === '' && partly.has(name))) {
      errors.push(duplicate(at, seen.has(name) ? name : key));
    }
    if (request !== '') partly.add(name);
    if (!known.has(name)) {
      const list = known.size === 0 ? ' which is empty' : `: ${[...known].toSorted().join(', ')}`;
      const message = `Not found: ${JSON.stringify(name)}: must be one of the names in pod.spec.resourceClaims${list}`;
      errors.push({ type: 'FieldValueNotFound', field: at, message });
    }
  }
  return errors;
}
