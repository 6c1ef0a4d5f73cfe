/** Selectors of fields and resources in env vars and volumes. Source: pkg/apis/core/validation and pkg/apis/core/pods/helpers.go v1.36. */
import type { FieldError } from '../../field-error.ts';
import { child, invalid, notSupported, required } from '../../field-error.ts';
import type { ObjectFieldSelector, ResourceFieldSelector } from '../../generated/core.v1.ts';
import { canonicalQuantity, compareQuantity } from '../../quantity.ts';
import { validateQualifiedName } from '../../validation/fields.ts';

/** Labels of fields the downward API knows in v1, wherever they may be used. */
const FIELD_LABELS: ReadonlySet<string> = new Set([
  'metadata.annotations',
  'metadata.labels',
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
  'spec.nodeName',
  'spec.restartPolicy',
  'spec.schedulerName',
  'spec.serviceAccountName',
  'status.hostIP',
  'status.hostIPs',
  'status.phase',
  'status.podIP',
  'status.podIPs',
]);

/** `metadata.labels['app']` → the map and the key. */
export function splitSubscript(fieldPath: string): { path: string; subscript: string } | undefined {
  const match = /^(.+?)\['(.*)'\]$/s.exec(fieldPath);
  return match === null ? undefined : { path: match[1]!, subscript: match[2]! };
}

/** `expressions` are the fields allowed here, sorted as messages show them. */
export function validateObjectFieldSelector(
  { apiVersion = '', fieldPath = '' }: Partial<ObjectFieldSelector>,
  expressions: readonly string[],
  path: string,
): FieldError[] {
  if (apiVersion === '') return [required(child(path, 'apiVersion'))];
  const fieldPathPath = child(path, 'fieldPath');
  if (fieldPath === '') return [required(fieldPathPath)];
  const wrong = (why: string): FieldError[] => [
    invalid(fieldPathPath, fieldPath, `error converting fieldPath: ${why}`),
  ];
  if (apiVersion !== 'v1') return wrong(`unsupported pod version: ${apiVersion}`);
  const split = splitSubscript(fieldPath);
  if (split !== undefined) {
    if (split.path === 'metadata.annotations') return validateQualifiedName(split.subscript.toLowerCase(), path);
    if (split.path === 'metadata.labels') return validateQualifiedName(split.subscript, path);
    return wrong(`field label does not support subscript: ${fieldPath}`);
  }
  // Conversion still knows the old name of the node.
  const internal = fieldPath === 'spec.host' ? 'spec.nodeName' : fieldPath;
  if (!FIELD_LABELS.has(internal)) return wrong(`field label not supported: ${fieldPath}`);
  return expressions.includes(internal) ? [] : [notSupported(fieldPathPath, internal, expressions)];
}

const RESOURCES = [
  'limits.cpu',
  'limits.ephemeral-storage',
  'limits.memory',
  'requests.cpu',
  'requests.ephemeral-storage',
  'requests.memory',
];
const BYTE_DIVISORS = ['1', '1k', '1M', '1G', '1T', '1P', '1E', '1Ki', '1Mi', '1Gi', '1Ti', '1Pi', '1Ei'];
const isHugePages = (resource: string): boolean => /^(limits|requests)\.hugepages-/.test(resource);

/** In a volume the container has to be named. */
export function validateResourceFieldSelector(
  { containerName = '', resource = '', divisor = '0' }: Partial<ResourceFieldSelector>,
  path: string,
  inVolume: boolean,
): FieldError[] {
  const errors: FieldError[] = [];
  if (inVolume && containerName === '') errors.push(required(child(path, 'containerName')));
  else if (resource === '') errors.push(required(child(path, 'resource')));
  else if (!RESOURCES.includes(resource) && !isHugePages(resource)) {
    errors.push(notSupported(child(path, 'resource'), resource, RESOURCES));
  }
  if (compareQuantity(divisor, '0') === 0) return errors;
  const text = canonicalQuantity(divisor);
  const bad = (values: string, what: string): void => {
    errors.push(
      invalid(
        child(path, 'divisor'),
        resource,
        `only divisor's values ${values} are supported with the ${what} resource`,
      ),
    );
  };
  const bytes = BYTE_DIVISORS.join(', ');
  if (resource.endsWith('.cpu')) {
    if (!['1m', '1'].includes(text)) bad('1m and 1', 'cpu');
  } else if (!BYTE_DIVISORS.includes(text)) {
    if (resource.endsWith('.memory')) bad(bytes, 'memory');
    else if (resource.endsWith('.ephemeral-storage')) bad(bytes, 'local ephemeral storage');
    else if (isHugePages(resource)) bad(bytes, 'hugepages');
  }
  return errors;
}
