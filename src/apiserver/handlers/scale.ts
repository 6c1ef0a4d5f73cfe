import { badRequest, invalid, invalidObject, type KubeObject, notFound, type Scale } from '#api';
import { nameMismatch, updateObject } from '../registry/update.ts';
import type { Entry } from '../watchcache/entry.ts';
import type { Resource } from '../registry/resource.ts';
import type { ApiCall, Outcome } from './call.ts';
import { methodNotAllowed, type VerbEnvironment, writeScope } from './options.ts';

const DEFINITION = 'autoscaling.v1.Scale';
const SCALE = { group: 'autoscaling', version: 'v1', kind: 'Scale', definition: DEFINITION } as const;

/** The scale subresource of any kind that has one. Source: ScaleREST of pkg/registry/apps/deployment/storage v1.36. */
export async function performScale(env: VerbEnvironment, call: ApiCall): Promise<Outcome> {
  switch (call.verb) {
    case 'get': {
      const entry = call.resource.get(call.namespace, call.name);
      if (entry === undefined) throw notFound(call.resource.kind, call.name);
      return outcome(call.resource, entry);
    }
    case 'update': {
      const body = (await call.body(SCALE)) as Scale | undefined;
      if (body === undefined) throw badRequest('unable to decode an empty body as Scale');
      if ((body.metadata?.name ?? '') !== '' && body.metadata.name !== call.name)
        throw nameMismatch(body.metadata.name, call.name);
      return await write(env, call, () => body);
    }
    case 'patch': {
      const apply = await call.patch();
      return await write(env, call, (current) => apply(current, SCALE) as Scale);
    }
    default:
      throw methodNotAllowed();
  }
}

async function write(env: VerbEnvironment, call: ApiCall, next: (current: Scale) => Scale): Promise<Outcome> {
  const { resource, name } = call;
  const { kind } = resource;
  const { entry } = await updateObject(
    env,
    call,
    {
      name,
      subresource: '',
      unconditional: true,
      change(current) {
        const wanted = next(scaleOf(resource, current));
        const replicas = wanted.spec.replicas ?? 0;
        if (replicas < 0)
          throw invalidObject({ group: 'autoscaling', kind: 'Scale' }, name, [
            invalid('spec.replicas', replicas, 'must be greater than or equal to 0'),
          ]);
        const scaled = structuredClone(kind.scale!.withReplicas(current, replicas));
        scaled.metadata.resourceVersion = wanted.metadata?.resourceVersion ?? '';
        if (scaled.metadata.resourceVersion === current.metadata.resourceVersion) scaled.metadata.resourceVersion = '';
        return scaled;
      },
    },
    writeScope(call),
  );
  return outcome(resource, entry);
}

function outcome(resource: Resource, entry: Entry): Outcome {
  return { type: 'object', object: scaleOf(resource, resource.object(entry)), definition: DEFINITION, status: 200 };
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
