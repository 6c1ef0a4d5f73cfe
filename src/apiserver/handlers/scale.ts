import {
  apiVersionOf,
  badRequest,
  conflict,
  deepClone,
  internalError,
  invalid,
  invalidObject,
  type KubeObject,
  managedFieldsFromScale,
  managedFieldsOfScale,
  notFound,
  type ReplicasPaths,
  type Scale,
} from '#api';
import { applied } from '../fields/configuration.ts';
import { SCALE } from '../fields/managers.ts';
import { checkNamespace } from '../registry/create.ts';
import type { WriteScope } from '../registry/scope.ts';
import { nameMismatch, updateObject } from '../registry/update.ts';
import type { Entry } from '../watchcache/entry.ts';
import type { Resource } from '../registry/resource.ts';
import type { ApiCall, Outcome } from './call.ts';
import { APPLY } from './patch.ts';
import { methodNotAllowed, type VerbEnvironment, writeScope } from './options.ts';

/** Stands for a number that is not there. Source: invalidSpecReplicas, apiextensions-apiserver pkg/registry/customresource/etcd.go v0.36. */
const UNSET = -(2 ** 31);

/** The scale subresource of any kind that has one. Source: ScaleREST of pkg/registry/apps/deployment/storage v1.36. */
export async function performScale(env: VerbEnvironment, call: ApiCall): Promise<Outcome> {
  switch (call.verb) {
    case 'get': {
      const entry = call.resource.get(call.namespace, call.name);
      if (entry === undefined) throw notFound(call.resource.kind, call.name);
      const optional = call.resource.kind.scale?.optionalReplicas;
      if (optional?.has(call.resource.object(entry)) === false)
        throw internalError(new Error(`the spec replicas field ${JSON.stringify(optional.path)} does not exist`));
      return outcome(call.resource, entry);
    }
    case 'update': {
      const body = (await call.body(SCALE)) as Scale | undefined;
      if (body === undefined) throw badRequest('unable to decode an empty body as Scale');
      const scope = writeScope(call);
      return await write(env, call, scope, async (current) => {
        const next = deepClone(body);
        await env.fields.ofScale().update(current, next, scope.fieldManager);
        return next;
      });
    }
    case 'patch':
      return await patchScale(env, call);
    default:
      throw methodNotAllowed();
  }
}

async function patchScale(env: VerbEnvironment, call: ApiCall): Promise<Outcome> {
  const { fieldManager: manager, ...scope } = writeScope(call);
  const fields = env.fields.ofScale();
  if (call.patchType === APPLY) {
    const configuration = await call.configuration();
    return await write(env, call, scope, async (current) => {
      const object = await applied(fields, current, { configuration, manager, ...scope });
      return object as unknown as Scale;
    });
  }
  const patched = await call.patch();
  return await write(env, call, scope, async (current) => {
    const next = deepClone(patched(current, SCALE));
    await fields.update(current, next, manager);
    return next as unknown as Scale;
  });
}

/** Source: scaleUpdatedObjectInfo of pkg/registry/apps/deployment/storage v1.36. */
async function write(
  env: VerbEnvironment,
  call: ApiCall,
  scope: WriteScope,
  change: (current: Scale) => Promise<Scale>,
): Promise<Outcome> {
  const { resource, name, namespace } = call;
  const { kind } = resource;
  const paths = env.fields.replicasPaths(kind);
  const { entry } = await updateObject(
    env,
    call,
    {
      name,
      subresource: '',
      async change(current) {
        const scale = scaleOf(resource, current);
        const optional = kind.scale?.optionalReplicas;
        if (optional?.has(current) === false) scale.spec.replicas = UNSET;
        const entries = managedFieldsOfScale(current.metadata.managedFields, paths);
        if (entries !== undefined) scale.metadata.managedFields = entries;
        const wanted = await change(scale);
        checkNamespace(kind.namespaced, wanted, namespace);
        if (wanted.metadata.name !== name) throw nameMismatch(wanted.metadata.name, name);
        if (optional !== undefined && wanted.spec.replicas === UNSET)
          throw badRequest(`the spec replicas field ${JSON.stringify(optional.path)} cannot be empty`);
        return scaled(resource, current, wanted, paths);
      },
    },
    scope,
  );
  return outcome(resource, entry);
}

function scaled({ kind }: Resource, current: KubeObject, wanted: Scale, paths: ReplicasPaths): KubeObject {
  const { name, uid } = current.metadata;
  const replicas = wanted.spec.replicas ?? 0;
  // A custom object says itself what is wrong with it.
  if (replicas < 0 && kind.custom === undefined)
    throw invalidObject({ group: 'autoscaling', kind: 'Scale' }, name, [
      invalid('spec.replicas', replicas, 'must be greater than or equal to 0'),
    ]);
  const metadata: Partial<Scale['metadata']> = wanted.metadata;
  const { uid: expected = '', resourceVersion, managedFields } = metadata;
  if (expected !== '' && expected !== uid)
    throw conflict(
      { group: kind.group, plural: `${kind.plural}/scale` },
      name,
      `Precondition failed: UID in precondition: ${expected}, UID in object meta: ${uid}`,
    );
  const next = structuredClone(kind.scale!.withReplicas(current, replicas));
  next.metadata.resourceVersion = resourceVersion ?? '';
  const owners = managedFieldsFromScale(current.metadata.managedFields, managedFields, apiVersionOf(kind), paths);
  if (owners === undefined) delete next.metadata.managedFields;
  else next.metadata.managedFields = owners;
  return next;
}

function outcome(resource: Resource, entry: Entry): Outcome {
  return {
    type: 'object',
    object: scaleOf(resource, resource.object(entry)),
    definition: SCALE.definition,
    status: 200,
  };
}

function scaleOf({ kind }: Resource, object: KubeObject): Scale {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const selector = kind.scale!.selector(object);
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name, ...(namespace === undefined ? {} : { namespace }), uid, resourceVersion, creationTimestamp },
    spec: { replicas: kind.scale!.specReplicas(object) },
    status: { replicas: kind.scale!.statusReplicas(object), ...(selector === '' ? {} : { selector }) },
  };
}
