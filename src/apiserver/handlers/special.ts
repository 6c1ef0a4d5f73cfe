import {
  type Binding,
  conflict,
  deepClone,
  type Eviction,
  type KubeObject,
  type Namespace,
  type Pod,
  type Status,
} from '#api';
import { deleteObject } from '../registry/delete.ts';
import { updateObject } from '../registry/update.ts';
import type { ApiCall, Outcome } from './call.ts';
import { methodNotAllowed, notFoundPath, type VerbEnvironment, writeScope } from './options.ts';

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

/** Subresources that are actions rather than parts of the object: `plural/subresource` → verb → what it does. */
const ACTIONS: Readonly<Record<string, Readonly<Record<string, Action>>>> = {
  'pods/binding': { create: bindPod },
  'pods/eviction': { create: evictPod },
  'namespaces/finalize': { update: finalizeNamespace },
};

export async function performSpecial(env: VerbEnvironment, call: ApiCall): Promise<Outcome> {
  const actions = ACTIONS[`${call.resource.kind.plural}/${call.subresource}`];
  if (actions === undefined) throw notFoundPath();
  const action = actions[call.verb];
  if (action === undefined) throw methodNotAllowed();
  return await action(env, call);
}

const success = (status: number): Outcome => {
  const object: Status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: status };
  return { type: 'object', object, definition: 'meta.v1.Status', status };
};

/** Gives a pod its node. Source: BindingREST.assignPod in pkg/registry/core/pod/storage/storage.go v1.36. */
async function bindPod(env: VerbEnvironment, call: ApiCall): Promise<Outcome> {
  const binding = (await call.body(BINDING)) as Binding | undefined;
  const nodeName = binding?.target?.name ?? '';
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
        delete (pod.metadata as Partial<KubeObject['metadata']>).resourceVersion;
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
        pod.spec.nodeName = nodeName;
        pod.metadata.annotations = { ...pod.metadata.annotations, ...binding?.metadata?.annotations };
        if (Object.keys(pod.metadata.annotations).length === 0) delete pod.metadata.annotations;
        pod.metadata.labels = { ...pod.metadata.labels, ...binding?.metadata?.labels };
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

/** Deletes a pod the way a drain does. Disruption budgets have no kind yet, so none can stand against it. */
async function evictPod(env: VerbEnvironment, call: ApiCall): Promise<Outcome> {
  const eviction = await call.body(EVICTION);
  const { deleteOptions: options = {} } = (eviction ?? {}) as Partial<Eviction>;
  const scope = writeScope(call);
  await deleteObject(env, call, call.name, options, {
    ...scope,
    dryRun: scope.dryRun || options.dryRun?.[0] === 'All',
  });
  return success(201);
}

/** Writes the finalizers of a namespace; without any left it goes. Source: FinalizeREST of pkg/registry/core/namespace v1.36. */
async function finalizeNamespace(env: VerbEnvironment, call: ApiCall): Promise<Outcome> {
  const { resource, name } = call;
  const body = (await call.body(resource.kind)) as Namespace | undefined;
  const { entry } = await updateObject(
    env,
    call,
    {
      name,
      subresource: 'finalize',
      unconditional: true,
      change(current) {
        const next = deepClone(current) as Namespace;
        const finalizers = body?.spec?.finalizers ?? [];
        next.metadata.resourceVersion = body?.metadata.resourceVersion ?? '';
        next.spec = finalizers.length > 0 ? { ...next.spec, finalizers } : {};
        return next;
      },
    },
    writeScope(call),
  );
  return { type: 'entry', resource, entry, status: 200 };
}
