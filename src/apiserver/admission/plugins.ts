import {
  forbidden,
  type Namespace,
  type Node,
  notFound,
  type Pod,
  type PriorityClass,
  StatusError,
  SYSTEM_PRIORITIES,
  type Toleration,
} from '#api';
import type { Resource } from '../registry/resource.ts';
import type { AdmissionAttributes, AdmissionPlugin } from './admission.ts';

/** Namespaces that cannot be deleted. Source: NamespaceLifecycle, plugin/namespace/lifecycle/admission.go v1.36. */
const IMMORTAL_NAMESPACES = new Set(['default', 'kube-system', 'kube-public']);

/** Nothing is created in a namespace that is not there or on its way out, and some namespaces stay. */
export function namespaceLifecycle(namespaces: Resource): AdmissionPlugin {
  return {
    name: 'NamespaceLifecycle',
    admit({ operation, kind, namespace, name }) {
      if (operation !== 'CREATE' || !kind.namespaced) return;
      // Whether a namespace is there is nothing an access review tells.
      if (kind.plural === 'localsubjectaccessreviews') return;
      const entry = namespaces.get('', namespace);
      if (entry === undefined) throw notFound({ group: '', plural: 'namespaces' }, namespace);
      const { metadata, status } = entry.object as Namespace;
      if (status.phase !== 'Terminating' && metadata.deletionTimestamp === undefined) return;
      const why = `unable to create new content in namespace ${namespace} because it is being terminated`;
      const error = forbidden(kind, name, why);
      throw new StatusError('Forbidden', error.message, {
        details: {
          ...error.details,
          causes: [
            {
              reason: 'NamespaceTerminating',
              message: `namespace ${namespace} is being terminated`,
              field: 'metadata.namespace',
            },
          ],
        },
      });
    },
    validate({ operation, kind, name }) {
      if (operation === 'DELETE' && kind.plural === 'namespaces' && kind.group === '' && IMMORTAL_NAMESPACES.has(name))
        throw forbidden(kind, name, 'this namespace may not be deleted');
    },
  };
}

const isPodCreate = ({ operation, kind, subresource }: AdmissionAttributes): boolean =>
  operation === 'CREATE' && kind.plural === 'pods' && kind.group === '' && subresource === '';

/** Seconds a pod stays on a node that is not ready or unreachable. Source: --default-not-ready-toleration-seconds v1.36. */
const DEFAULT_TOLERATION_SECONDS = 300;
const NOT_READY = 'node.kubernetes.io/not-ready';
const UNREACHABLE = 'node.kubernetes.io/unreachable';

/** Source: plugin/pkg/admission/defaulttolerationseconds v1.36. */
export const defaultTolerationSeconds: AdmissionPlugin = {
  name: 'DefaultTolerationSeconds',
  admit(attributes) {
    if (!isPodCreate(attributes)) return;
    const pod = attributes.object as Pod;
    const tolerations = pod.spec.tolerations ?? [];
    const tolerates = (key: string): boolean =>
      tolerations.some(
        (t) => (t.key === key || (t.key ?? '') === '') && (t.effect === 'NoExecute' || (t.effect ?? '') === ''),
      );
    const added = [NOT_READY, UNREACHABLE]
      .filter((key) => !tolerates(key))
      .map((key): Toleration => ({
        key,
        operator: 'Exists',
        effect: 'NoExecute',
        tolerationSeconds: DEFAULT_TOLERATION_SECONDS,
      }));
    if (added.length > 0) pod.spec.tolerations = [...tolerations, ...added];
  },
};

/** The class of that name, or the default for '': of several global defaults the lowest counts. Source: getDefaultPriority of the same plugin. */
function priorityOf(classes: Resource, name: string): Pick<PriorityClass, 'value' | 'preemptionPolicy'> | undefined {
  if (name !== '') {
    const system = SYSTEM_PRIORITIES[name];
    const known: PriorityClass | undefined = classes.get('', name)?.object;
    return known ?? (system === undefined ? undefined : { value: system });
  }
  const all: readonly PriorityClass[] = classes.cache.list(classes.prefix('')).map(({ object }) => object);
  const defaults = all.filter(({ globalDefault }) => globalDefault === true);
  return defaults.toSorted((a, b) => (a.value ?? 0) - (b.value ?? 0))[0] ?? { value: 0 };
}

/** Turns the name of a priority class into its number. Source: plugin/pkg/admission/priority v1.36. */
export function priority(classes: Resource): AdmissionPlugin {
  return {
    name: 'Priority',
    admit(attributes) {
      if (!isPodCreate(attributes)) return;
      const pod = attributes.object as Pod;
      const name = pod.spec.priorityClassName ?? '';
      const found = priorityOf(classes, name);
      if (found === undefined)
        throw forbidden(attributes.kind, attributes.name, `no PriorityClass with name ${name} was found`);
      const { value = 0 } = found;
      if (pod.spec.priority !== undefined && pod.spec.priority !== value)
        throw forbidden(
          attributes.kind,
          attributes.name,
          `the integer value of priority (${pod.spec.priority}) must not be provided in pod spec; priority admission controller computed ${value} from the given PriorityClass name`,
        );
      pod.spec.priority = value;
      pod.spec.preemptionPolicy ??= found.preemptionPolicy ?? 'PreemptLowerPriority';
    },
  };
}

/** A new node takes no pods before it has been seen ready. Source: plugin/pkg/admission/nodetaint v1.36. */
export const taintNodesByCondition: AdmissionPlugin = {
  name: 'TaintNodesByCondition',
  admit({ operation, kind, subresource, object }) {
    if (operation !== 'CREATE' || kind.plural !== 'nodes' || kind.group !== '' || subresource !== '') return;
    const node = object as Node;
    const taints = node.spec.taints ?? [];
    if (!taints.some((t) => t.key === NOT_READY && t.effect === 'NoSchedule'))
      node.spec.taints = [...taints, { key: NOT_READY, effect: 'NoSchedule' }];
  },
};
