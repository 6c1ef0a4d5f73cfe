/** Questions about pods, containers and owners that many components ask. Pure functions of the object. */
import type { ContainerStatus, Pod, PodCondition, PodTemplateSpec, Taint, Toleration } from '../generated/core.v1.ts';
import type { ObjectMeta, OwnerReference } from '../generated/meta.v1.ts';
import type { KubeObject } from '../kind.ts';
import { safeEncode } from '../meta/names.ts';
import { timeMs } from '../time.ts';

export { podStatusText } from './pod/table.ts';
export { imageTag, syncServiceAccount } from './pod/defaults.ts';
export { splitSubscript } from './pod/downward.ts';
export {
  computePodQOS,
  isExtendedResource,
  isRestartableInitContainer,
  podLimits,
  podQOS,
  podRequests,
  type QOSClass,
  resourceAmount,
  type ResourceAmounts,
  resourceAmounts,
} from './pod/resources.ts';

interface Conditioned<C> {
  readonly conditions?: readonly C[] | undefined;
}

/** The condition of that type, of any object that has conditions. */
export const getCondition = <C extends { readonly type: string }>(
  status: Conditioned<C> | undefined,
  type: string,
): C | undefined => status?.conditions?.find((condition) => condition.type === type);

export const podReadyCondition = ({ status }: Pod): PodCondition | undefined => getCondition(status, 'Ready');

export const isPodReady = (pod: Pod): boolean => podReadyCondition(pod)?.status === 'True';

/** Ready for at least `minReadySeconds`. Source: IsPodAvailable in pkg/api/v1/pod/util.go v1.36. */
export function isPodAvailable(pod: Pod, minReadySeconds: number, nowMs: number): boolean {
  const ready = podReadyCondition(pod);
  if (ready?.status !== 'True') return false;
  if (minReadySeconds === 0) return true;
  const since = ready.lastTransitionTime;
  return since !== undefined && timeMs(since) + minReadySeconds * 1000 <= nowMs;
}

/** Succeeded or Failed: nothing of it will ever run again. */
export const isPodTerminal = ({ status }: Pod): boolean => status?.phase === 'Succeeded' || status?.phase === 'Failed';

/** Neither ended nor being deleted. Source: IsPodActive in pkg/controller/controller_utils.go v1.36. */
export const isPodActive = (pod: Pod): boolean => !isPodTerminal(pod) && pod.metadata.deletionTimestamp === undefined;

/** The container's status, wherever in the three lists it stands. */
export function containerStatusOf({ status }: Pod, name: string): ContainerStatus | undefined {
  for (const list of [status?.containerStatuses, status?.initContainerStatuses, status?.ephemeralContainerStatuses]) {
    const found = list?.find((container) => container.name === name);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Source: Toleration.ToleratesTaint in k8s.io/api core/v1/toleration.go v1.36. */
export function toleratesTaint(toleration: Toleration, taint: Taint): boolean {
  const { key = '', effect = '', operator = '', value = '' } = toleration;
  if (effect !== '' && effect !== taint.effect) return false;
  if (key !== '' && key !== taint.key) return false;
  return operator === 'Exists' || ((operator === '' || operator === 'Equal') && value === (taint.value ?? ''));
}

/** The first taint of the given effects that no toleration covers. */
export const untoleratedTaint = (
  taints: readonly Taint[] | undefined,
  tolerations: readonly Toleration[] | undefined,
  effects: readonly string[],
): Taint | undefined =>
  taints?.find(
    (taint) =>
      effects.includes(taint.effect) && !(tolerations ?? []).some((toleration) => toleratesTaint(toleration, taint)),
  );

type Owned = { readonly metadata: Pick<ObjectMeta, 'ownerReferences'> };

/** The owner that manages the object, if it has one. */
export const controllerOf = ({ metadata }: Owned): OwnerReference | undefined =>
  metadata.ownerReferences?.find(({ controller }) => controller === true);

export const isControlledBy = (object: Owned, owner: { readonly metadata: Pick<ObjectMeta, 'uid'> }): boolean =>
  controllerOf(object)?.uid === owner.metadata.uid;

/** The reference a controller puts on what it makes. Source: metav1.NewControllerRef. */
export const controllerReference = ({ apiVersion, kind, metadata }: KubeObject): OwnerReference => ({
  apiVersion,
  kind,
  name: metadata.name,
  uid: metadata.uid,
  controller: true,
  blockOwnerDeletion: true,
});

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** 32-bit FNV-1a of the text's UTF-8 bytes. */
export function fnv1a32(text: string): number {
  let hash = FNV_OFFSET;
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, FNV_PRIME);
  return hash >>> 0;
}

/**
 * Value of the label pod-template-hash: the same for equal templates whatever the order of their fields. The hash is upstream's (FNV-32a,
 * decimal, safe letters), the text hashed is ours: upstream hashes a dump of Go memory, which nothing else can repeat.
 * Source: ComputeHash in pkg/controller/controller_utils.go v1.36.
 */
export const podTemplateHash = (template: PodTemplateSpec, collisionCount: number | undefined): string =>
  safeEncode(String(fnv1a32(canonicalJSON(template) + (collisionCount === undefined ? '' : `#${collisionCount}`))));

/** JSON with keys in order and without what is absent. */
function canonicalJSON(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJSON).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const entries = Object.entries(value)
    .filter(([, v]) => v !== undefined)
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, v]) => `${JSON.stringify(key)}:${canonicalJSON(v)}`).join(',')}}`;
}
