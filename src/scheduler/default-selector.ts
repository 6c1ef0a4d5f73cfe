import { controllerOf, labelSelectorAsSelector, type Pod, type ReplicaSet, type Selector, type Service } from '#api';
import type { Lister } from '#client';

/**
 * Selects the pods that belong together with a pod: those of the Services that select it and of the ReplicaSet that owns it. Empty when there is
 * neither. Source: DefaultSelector in pkg/scheduler/framework/plugins/helper/spread.go v1.36; other owners have no kind here yet.
 */
export function newDefaultSelector(services: Lister<Service>, replicaSets: Lister<ReplicaSet>): (pod: Pod) => Selector {
  return (pod) => {
    const { namespace = '', labels = {} } = pod.metadata;
    const matchLabels: Record<string, string> = {};
    for (const { spec } of services.list(namespace)) {
      // Without a selector it selects nothing, not everything.
      const wanted = Object.entries(spec.selector ?? {});
      if (wanted.every(([key, value]) => labels[key] === value))
        for (const [key, value] of wanted) matchLabels[key] = value;
    }
    const owner = controllerOf(pod);
    const selector =
      owner?.kind === 'ReplicaSet' && owner.apiVersion === 'apps/v1'
        ? replicaSets.get(`${namespace}/${owner.name}`)?.spec.selector
        : undefined;
    // Each of them matches the pod, so they cannot contradict one another.
    return labelSelectorAsSelector({ ...selector, matchLabels: { ...matchLabels, ...selector?.matchLabels } });
  };
}
