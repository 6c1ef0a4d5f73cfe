import type { Container, ObjectFieldSelector, Pod, ResourceFieldSelector } from '#api';
import { quantityMilli, quantityValue } from '../resources/quantity.ts';

/** What of a pod is known only on its node. */
export interface NodeFacts {
  readonly podIPs: readonly string[];
  readonly hostIPs: readonly string[];
  /** Quantities: the limits of a container that has none. */
  readonly allocatable: Readonly<Record<string, string>>;
}

/** `key="value"` lines in the order of keys. Source: pkg/fieldpath/fieldpath.go, FormatMap. */
function formatMap(map: Readonly<Record<string, string>> | undefined): string {
  return Object.entries(map ?? {})
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .join('\n');
}

/** Value of a `fieldRef`. Source: podFieldSelectorRuntimeValue (kubelet_pods.go) and ExtractFieldPathAsString (pkg/fieldpath) v1.36. */
export function fieldValue(pod: Pod, { fieldPath }: ObjectFieldSelector, facts: NodeFacts): string {
  const { metadata, spec } = pod;
  const subscript = /^metadata\.(annotations|labels)\['(.*)'\]$/.exec(fieldPath);
  if (subscript !== null) return metadata[subscript[1] as 'annotations' | 'labels']?.[subscript[2] ?? ''] ?? '';
  switch (fieldPath) {
    case 'metadata.name':
      return metadata.name;
    case 'metadata.namespace':
      return metadata.namespace ?? '';
    case 'metadata.uid':
      return metadata.uid;
    case 'metadata.labels':
      return formatMap(metadata.labels);
    case 'metadata.annotations':
      return formatMap(metadata.annotations);
    case 'spec.nodeName':
      return spec.nodeName ?? '';
    case 'spec.serviceAccountName':
      return spec.serviceAccountName ?? '';
    case 'status.hostIP':
      return facts.hostIPs[0] ?? '';
    case 'status.hostIPs':
      return facts.hostIPs.join(',');
    case 'status.podIP':
      return facts.podIPs[0] ?? '';
    case 'status.podIPs':
      return facts.podIPs.join(',');
    default:
      throw new Error(`unsupported fieldPath: ${fieldPath}`);
  }
}

/** Value of a `resourceFieldRef`, divided and rounded up. Source: pkg/api/v1/resource/helpers.go, ExtractContainerResourceValue. */
export function resourceValue(pod: Pod, own: Container, selector: ResourceFieldSelector, facts: NodeFacts): string {
  const { containerName = '', resource } = selector;
  const container =
    containerName === ''
      ? own
      : [...pod.spec.containers, ...(pod.spec.initContainers ?? [])].find(({ name }) => name === containerName);
  if (container === undefined) throw new Error(`container ${containerName} not found`);
  const kind = resource.slice(0, resource.indexOf('.'));
  const name = resource.slice(resource.indexOf('.') + 1);
  if ((kind !== 'limits' && kind !== 'requests') || name === '') {
    throw new Error(`unsupported container resource : ${resource}`);
  }
  const limit = container.resources?.limits?.[name] ?? facts.allocatable[name];
  const quantity = kind === 'limits' ? limit : (container.resources?.requests?.[name] ?? '0');
  const divisor = selector.divisor === undefined || quantityMilli(selector.divisor) === 0 ? '1' : selector.divisor;
  return name === 'cpu'
    ? String(Math.ceil(quantityMilli(quantity) / quantityMilli(divisor)))
    : String(Math.ceil(quantityValue(quantity) / quantityValue(divisor)));
}
