import type { Binding, Node, Pod } from '#api';
import type { Resource } from '../registry/resource.ts';
import type { AdmissionPlugin } from './admission.ts';

const LABELS = ['topology.kubernetes.io/zone', 'topology.kubernetes.io/region'];

/**
 * A pod gets the zone and the region of its node as labels, when it is bound or made with a node: they go with the binding, which hands them on.
 * Source: plugin/pkg/admission/podtopologylabels v1.36.
 */
export function podTopologyLabels(nodes: Resource): AdmissionPlugin {
  const copy = (nodeName: string, object: Pod | Binding): void => {
    const node = nodes.get('', nodeName)?.object as Node | undefined;
    const found = LABELS.flatMap((label) => {
      const value = node?.metadata.labels?.[label];
      return value === undefined ? [] : [[label, value] as const];
    });
    if (found.length === 0) return;
    object.metadata = { ...object.metadata, labels: { ...object.metadata?.labels, ...Object.fromEntries(found) } };
  };
  return {
    name: 'PodTopologyLabels',
    admit({ operation, kind, subresource, object }) {
      if (operation !== 'CREATE' || kind.plural !== 'pods' || kind.group !== '') return;
      if (subresource === '') {
        const pod = object as Pod;
        if ((pod.spec.nodeName ?? '') !== '') copy(pod.spec.nodeName!, pod);
      } else if (subresource === 'binding') {
        const binding = object as Binding;
        if (binding.target?.kind === 'Node') copy(binding.target.name ?? '', binding);
      }
    },
  };
}
