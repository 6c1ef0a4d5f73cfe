/** What /resize may change in a running pod: cpu and memory of its containers and of itself. Source: ValidatePodResize in pkg/apis/core/validation v1.36. */
import type { FieldError } from '../../field-error.ts';
import { child, forbiddenField, index, invalid, ROOT } from '../../field-error.ts';
import type { Container, Pod, PodSpec, ResourceRequirements } from '../../generated/core.v1.ts';
import { own, semanticEqual } from '../../validation/equal.ts';
import { eachOf } from '../../validation/fields.ts';
import { computePodQOS, isRestartableInitContainer, podQOS } from './resources.ts';
import { MIRROR_ANNOTATION } from './security/annotations.ts';
import { validatePod } from './spec.ts';

type ResourceList = Readonly<Record<string, string>>;

const LISTS = ['containers', 'initContainers'] as const;
const ONLY = 'only cpu and memory resources are mutable';

export function validatePodResize(pod: Pod, old: Pod): FieldError[] {
  if (old.metadata.annotations?.[MIRROR_ANNOTATION] !== undefined) {
    return [forbiddenField(ROOT, 'static pods cannot be resized')];
  }
  if (old.spec.os?.name === 'windows') return [forbiddenField(ROOT, 'windows pods cannot be resized')];
  const errors = validatePod(pod);
  if (podQOS(old) !== computePodQOS(pod)) {
    const why = 'Pod QOS Class may not change as a result of resizing';
    errors.push(invalid('spec', pod.status.qosClass ?? '', why));
  }
  const running = (old.status.containerStatuses ?? []).find(({ state }) => state?.running !== undefined);
  if (running !== undefined && running.resources === undefined) {
    errors.push(forbiddenField('spec', 'Pod running on node without support for resize'));
  }
  if (isSet(pod.spec.resources) || isSet(old.spec.resources)) errors.push(...validatePodLevel(pod.spec, old.spec));
  const order = validateOrder(pod.spec, old.spec);
  errors.push(...order);
  if (order.length > 0) return errors;
  errors.push(
    ...validateNothingRemoved(pod.spec, old.spec, 'initContainers'),
    ...validateNothingRemoved(pod.spec, old.spec, 'containers'),
    ...(pod.spec.containers ?? []).flatMap((container, i) =>
      semanticEqual(withSizesOf(container, old.spec.containers[i]!), old.spec.containers[i])
        ? []
        : [forbiddenField('spec', ONLY)],
    ),
    ...eachOf(pod.spec.initContainers, 'spec.initContainers', (container, at, i) =>
      validateInitContainer(container, old.spec.initContainers![i]!, at),
    ),
  );
  if (errors.length > 0) return errors;
  return semanticEqual(masked(pod.spec, old.spec), old.spec) ? [] : [forbiddenField('spec', ONLY)];
}

const isSet = (resources: ResourceRequirements | undefined): boolean =>
  Object.keys({ ...resources?.requests, ...resources?.limits }).length > 0;

/** Containers are neither added nor removed, renamed nor put into another order. */
const validateOrder = (spec: PodSpec, old: PodSpec): FieldError[] =>
  LISTS.flatMap((list) => {
    const path = child('spec', list);
    const [now, before] = [spec[list] ?? [], old[list] ?? []];
    if (now.length !== before.length) return [forbiddenField(path, `${list} may not be added or removed on resize`)];
    const why = `${list} may not be renamed or reordered on resize`;
    return before.flatMap(({ name }, i) =>
      now[i]?.name === name ? [] : [forbiddenField(child(index(path, i), 'name'), why)],
    );
  });

const removed = (now: ResourceList = {}, before: ResourceList = {}): boolean =>
  Object.keys(before).some((name) => own(now, name) === undefined);

const validateNothingRemoved = (spec: PodSpec, old: PodSpec, list: (typeof LISTS)[number]): FieldError[] =>
  eachOf(old[list], child('spec', list), ({ resources: before }, path, i) => {
    const now = spec[list]?.[i]?.resources;
    return (['requests', 'limits'] as const)
      .filter((side) => removed(now?.[side], before?.[side]))
      .map((side) => forbiddenField(child(path, 'resources', side), `resource ${side} cannot be removed`));
  });

/** Resources of the pod as a whole. */
function validatePodLevel({ resources: now }: PodSpec, { resources: before }: PodSpec): FieldError[] {
  const path = 'spec.resources';
  if (before !== undefined && now === undefined) return [forbiddenField(path, 'pod-level resources cannot be removed')];
  const errors = (['requests', 'limits'] as const)
    .filter((side) => removed(now?.[side], before?.[side]))
    .map((side) => forbiddenField(child(path, side), `pod-level resource ${side} cannot be removed`));
  return semanticEqual(maskedResources(now, before), before ?? {})
    ? errors
    : [...errors, forbiddenField('spec', 'only cpu and memory resources are mutable at pod-level')];
}

function validateInitContainer(container: Container, before: Container, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (!semanticEqual(withSizesOf(container, before), before)) {
    errors.push(forbiddenField(path, 'only cpu and memory resources for init or sidecar containers are mutable'));
  }
  const changed = !semanticEqual(container, before) && !isRestartableInitContainer(container);
  const restarts = (container.resizePolicy ?? []).filter(({ restartPolicy }) => restartPolicy === 'RestartContainer');
  if (changed) {
    const why = 'non-sidecar init containers with a resize policy of RestartContainer cannot be resized';
    errors.push(...restarts.map(() => forbiddenField(path, why)));
  }
  return errors;
}

/** A list with cpu and memory as they were. */
function maskedList(list: ResourceList = {}, before: ResourceList = {}): ResourceList {
  const { cpu: _cpu, memory: _memory, ...others } = list;
  const { cpu, memory } = before;
  return { ...others, ...(cpu === undefined ? {} : { cpu }), ...(memory === undefined ? {} : { memory }) };
}

const maskedResources = (
  now: ResourceRequirements | undefined,
  before: ResourceRequirements | undefined,
): ResourceRequirements => {
  const [requests, limits] = [maskedList(now?.requests, before?.requests), maskedList(now?.limits, before?.limits)];
  return {
    ...(now?.claims === undefined ? {} : { claims: now.claims }),
    ...(Object.keys(requests).length === 0 ? {} : { requests }),
    ...(Object.keys(limits).length === 0 ? {} : { limits }),
  };
};

/** Upstream compares requests and limits alone: a container that claims devices cannot be resized. */
function withSizesOf(container: Container, before: Container): Container {
  const { claims: _, ...resources } = maskedResources(container.resources, before.resources);
  return { ...container, resources };
}

const masked = (spec: PodSpec, old: PodSpec): PodSpec => ({
  ...spec,
  resources: maskedResources(spec.resources, old.resources),
  containers: spec.containers.map((container, i) => withSizesOf(container, old.containers[i]!)),
  initContainers: (spec.initContainers ?? []).map((container, i) => withSizesOf(container, old.initContainers![i]!)),
});
