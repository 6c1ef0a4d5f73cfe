import {
  badRequest,
  type Binding,
  conflict,
  deepClone,
  type Eviction,
  formatTime,
  invalidObject,
  type KubeObject,
  notSupported,
  type Pod,
  required,
  resourceText,
  type Status,
} from '#api';
import type { AdmissionAttributes } from '../admission/admission.ts';
import type { WriteScope } from '../registry/scope.ts';
import { updateObject } from '../registry/update.ts';
import type { ApiCall, Outcome } from './call.ts';
import { requestToken } from '../serviceaccount/token-request.ts';
import { ADMITTED, evict } from './eviction.ts';
import { methodNotAllowed, notFoundPath, type VerbEnvironment, withDryRun, writeScope } from './options.ts';

const BINDING = { group: '', version: 'v1', kind: 'Binding', definition: 'core.v1.Binding' } as const;
/** Clients of policy/v1beta1 are served too; the two are alike. */
const EVICTION = {
  group: 'policy',
  version: 'v1',
  kind: 'Eviction',
  definition: 'policy.v1.Eviction',
  anyVersion: true,
} as const;

type Action = (env: VerbEnvironment, call: ApiCall) => Promise<Outcome>;

/** Subresources that are actions rather than parts of the object: `plural.group/subresource` → verb → what it does. */
const ACTIONS: Readonly<Record<string, Readonly<Record<string, Action>>>> = {
  'pods/binding': { create: bindPod },
  'pods/eviction': { create: evictPod },
  'serviceaccounts/token': { create: requestToken },
};

export async function performSpecial(env: VerbEnvironment, call: ApiCall): Promise<Outcome> {
  const actions = ACTIONS[`${resourceText(call.resource.kind)}/${call.subresource}`];
  if (actions === undefined) throw notFoundPath();
  const action = actions[call.verb];
  if (action === undefined) throw methodNotAllowed();
  return await action(env, call);
}

const success = (status: number): Outcome => {
  const object: Status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: status };
  return { type: 'object', object, definition: 'meta.v1.Status', status };
};

/** The name may be left out of such a body. Source: BindingREST.Create, EvictionREST.Create of pkg/registry/core/pod/storage v1.36. */
function checkBodyName({ name: url }: ApiCall, name: string | undefined, kind: string): void {
  if ((name ?? '') !== '' && name !== url) throw badRequest(`name in URL does not match name in ${kind} object`);
}

/** Source: ValidatePodBinding of pkg/apis/core/validation v1.36. */
export function checkBinding(name: string, { target }: Binding): void {
  const errors = [];
  if ((target?.kind ?? '') !== '' && target.kind !== 'Node')
    errors.push(notSupported('target.kind', target.kind, ['Node', '<empty>']));
  if ((target?.name ?? '') === '') errors.push(required('target.name'));
  if (errors.length > 0) throw invalidObject({ group: '', kind: 'Binding' }, name, errors);
}

/**
 * Gives a pod its node. The binding is admitted, not what it makes of the pod. Source: BindingREST in pkg/registry/core/pod/storage/storage.go v1.36; an invalid
 * binding, for which that has an error without a reason, is invalid here.
 */
export async function bindPod(env: VerbEnvironment, call: ApiCall): Promise<Outcome> {
  const binding = (await call.body(BINDING)) as Binding | undefined;
  if (binding === undefined) throw badRequest('unable to decode an empty body as Binding');
  const scope = writeScope(call);
  const attributes = admissionOf(call, binding, scope);
  await env.admission.admit(attributes);
  checkBodyName(call, binding.metadata?.name, 'Binding');
  checkBinding(call.name, binding);
  await env.admission.validate(attributes);
  const change = (current: KubeObject): Pod => {
    const pod = deepClone(current) as Pod;
    const why = cannotBeBound(pod);
    if (why !== undefined) throw conflict({ group: '', plural: 'pods/binding' }, call.name, `pod ${call.name} ${why}`);
    assign(pod, binding, env.clock.now());
    return pod;
  };
  const options = { name: call.name, subresource: 'binding', unconditional: true, change } as const;
  await updateObject({ ...env, admission: ADMITTED }, call, options, scope);
  return success(201);
}

function cannotBeBound({ metadata, spec }: Pod): string | undefined {
  if (metadata.deletionTimestamp !== undefined) return 'is being deleted, cannot be assigned to a host';
  if ((spec.nodeName ?? '') !== '') return `is already assigned to node "${spec.nodeName}"`;
  return (spec.schedulingGates ?? []).length > 0 ? 'has non-empty .spec.schedulingGates' : undefined;
}

function assign(pod: Pod, { metadata, target }: Binding, nowMs: number): void {
  // The binding's own uid and resourceVersion, if it has any, are what the scheduler saw of the pod.
  pod.metadata.uid = metadata?.uid ?? '';
  pod.metadata.resourceVersion = metadata?.resourceVersion ?? '';
  pod.spec.nodeName = target.name!;
  delete pod.status.nominatedNodeName;
  pod.metadata.annotations = { ...pod.metadata.annotations, ...metadata?.annotations };
  if (Object.keys(pod.metadata.annotations).length === 0) delete pod.metadata.annotations;
  pod.metadata.labels = { ...pod.metadata.labels, ...metadata?.labels };
  if (Object.keys(pod.metadata.labels).length === 0) delete pod.metadata.labels;
  setScheduled(pod, nowMs);
}

/** Source: UpdatePodCondition in pkg/api/v1/pod/util.go v1.36. */
function setScheduled(pod: Pod, nowMs: number): void {
  const conditions = [...(pod.status.conditions ?? [])];
  const at = conditions.findIndex(({ type }) => type === 'PodScheduled');
  const known = conditions[at];
  const lastTransitionTime = known?.status === 'True' ? known.lastTransitionTime : formatTime(nowMs);
  conditions.splice(at < 0 ? conditions.length : at, 1, {
    type: 'PodScheduled',
    status: 'True',
    ...(lastTransitionTime !== undefined && { lastTransitionTime }),
  });
  pod.status.conditions = conditions;
}

/** Refuses what would break a disruption budget, else deletes the pod. */
async function evictPod(env: VerbEnvironment, call: ApiCall): Promise<Outcome> {
  const eviction: Eviction | undefined = await call.body(EVICTION);
  if (eviction !== undefined) checkBodyName(call, eviction.metadata?.name, 'Eviction');
  const scope = withDryRun(writeScope(call), eviction?.deleteOptions?.dryRun);
  const attributes = admissionOf(call, eviction, scope);
  await env.admission.admit(attributes);
  await env.admission.validate(attributes);
  const object = await evict(env, call, eviction ?? {}, scope);
  // Upstream says 201 whatever stands in it.
  return { type: 'object', object, definition: 'meta.v1.Status', status: 201 };
}

/** As which admission sees what is posted to a subresource. */
const admissionOf = (
  { resource: { kind }, namespace, name, subresource }: ApiCall,
  object: AdmissionAttributes['object'],
  { user, dryRun }: WriteScope,
): AdmissionAttributes => ({ operation: 'CREATE', kind, subresource, namespace, name, object, user, dryRun });
