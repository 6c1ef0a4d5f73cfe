import {
  badRequest,
  type Binding,
  conflict,
  deepClone,
  type Eviction,
  invalidObject,
  notSupported,
  type Pod,
  required,
  resourceText,
  type Status,
} from '#api';
import type { WriteScope } from '../registry/scope.ts';
import { updateObject } from '../registry/update.ts';
import type { ApiCall, Outcome } from './call.ts';
import { requestToken } from '../serviceaccount/token-request.ts';
import { evict } from './eviction.ts';
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

/** Gives a pod its node. Source: BindingREST.assignPod in pkg/registry/core/pod/storage/storage.go v1.36. */
export async function bindPod(env: VerbEnvironment, call: ApiCall): Promise<Outcome> {
  const binding = (await call.body(BINDING)) as Binding | undefined;
  if (binding === undefined) throw badRequest('unable to decode an empty body as Binding');
  checkBodyName(call, binding.metadata?.name, 'Binding');
  checkBinding(call.name, binding);
  const nodeName = binding.target.name!;
  const scope = writeScope(call);
  await updateObject(
    env,
    call,
    {
      name: call.name,
      subresource: 'binding',
      unconditional: true,
      change(current) {
        const pod = deepClone(current) as Pod;
        // The binding's own uid and resourceVersion, if it has any, are what the scheduler saw of the pod.
        pod.metadata.uid = binding.metadata?.uid ?? '';
        pod.metadata.resourceVersion = binding.metadata?.resourceVersion ?? '';
        if (pod.metadata.deletionTimestamp !== undefined)
          throw conflict(
            { group: '', plural: 'pods/binding' },
            call.name,
            `pod ${call.name} is being deleted, cannot be assigned to a host`,
          );
        if ((pod.spec.nodeName ?? '') !== '')
          throw conflict(
            { group: '', plural: 'pods/binding' },
            call.name,
            `pod ${call.name} is already assigned to node "${pod.spec.nodeName}"`,
          );
        if ((pod.spec.schedulingGates ?? []).length > 0)
          throw conflict(
            { group: '', plural: 'pods/binding' },
            call.name,
            `pod ${call.name} has non-empty .spec.schedulingGates`,
          );
        pod.spec.nodeName = nodeName;
        pod.metadata.annotations = { ...pod.metadata.annotations, ...binding.metadata?.annotations };
        if (Object.keys(pod.metadata.annotations).length === 0) delete pod.metadata.annotations;
        pod.metadata.labels = { ...pod.metadata.labels, ...binding.metadata?.labels };
        if (Object.keys(pod.metadata.labels).length === 0) delete pod.metadata.labels;
        setScheduled(pod, env.clock.now());
        return pod;
      },
    },
    scope,
  );
  return success(201);
}

function setScheduled(pod: Pod, nowMs: number): void {
  const conditions = (pod.status.conditions ?? []).filter((c) => c.type !== 'PodScheduled');
  const known = pod.status.conditions?.find((c) => c.type === 'PodScheduled');
  if (known?.status === 'True') return;
  const now = `${new Date(nowMs).toISOString().slice(0, 19)}Z`;
  pod.status.conditions = [...conditions, { type: 'PodScheduled', status: 'True', lastTransitionTime: now }];
}

/** Refuses what would break a disruption budget, else deletes the pod. */
async function evictPod(env: VerbEnvironment, call: ApiCall): Promise<Outcome> {
  const eviction: Eviction | undefined = await call.body(EVICTION);
  if (eviction !== undefined) checkBodyName(call, eviction.metadata?.name, 'Eviction');
  const scope = withDryRun(writeScope(call), eviction?.deleteOptions?.dryRun);
  await admitEviction(env, call, eviction, scope);
  const object = await evict(env, call, eviction ?? {}, scope);
  // Upstream says 201 whatever stands in it.
  return { type: 'object', object, definition: 'meta.v1.Status', status: 201 };
}

async function admitEviction(
  { admission }: VerbEnvironment,
  { resource: { kind }, namespace, name, subresource }: ApiCall,
  eviction: Eviction | undefined,
  { user, dryRun }: WriteScope,
): Promise<void> {
  const attributes = {
    operation: 'CREATE',
    kind,
    subresource,
    namespace,
    name,
    object: eviction,
    user,
    dryRun,
  } as const;
  await admission.admit(attributes);
  await admission.validate(attributes);
}
