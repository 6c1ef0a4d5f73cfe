/**
 * Kinds that are served but never stored. Each is declared like any other (`virtual`, with its `verbs`), so that discovery, OpenAPI, authorization and
 * codecs know it; a function per verb answers for it.
 */
import { badRequest, type Kind, type KubeObject, notFound } from '#api';
import type { Call, Outcome } from '../handlers/call.ts';
import { methodNotAllowed, notFoundPath, type VerbEnvironment, writeScope } from '../handlers/options.ts';
import { checkNamespace } from '../registry/create.ts';

/** What answers for a virtual kind: a function for each of the kind's verbs. */
export interface VirtualResource {
  readonly kind: Kind;
  /** `object` is a private, decoded copy that has passed mutating admission. */
  create?(object: KubeObject, call: VirtualCall): Outcome | Promise<Outcome>;
  /** Undefined: there is none of that name. */
  get?(call: VirtualCall): KubeObject | undefined | Promise<KubeObject | undefined>;
  list?(call: VirtualCall): readonly KubeObject[] | Promise<readonly KubeObject[]>;
}

export type VirtualCall = Call<VirtualResource>;

/** All virtual kinds there are, by path. */
export interface VirtualResources {
  find(group: string, version: string, plural: string): VirtualResource | undefined;
}

export function newVirtualResources(resources: readonly VirtualResource[]): VirtualResources {
  const path = (group: string, version: string, plural: string): string => `${group}/${version}/${plural}`;
  const byPath = new Map(resources.map((r) => [path(r.kind.group, r.kind.version, r.kind.plural), r]));
  return {
    find: (group, version, plural) => byPath.get(path(group, version, plural)),
  };
}

/** The answer to a create: an object of the kind itself. */
export const created = ({ definition }: Kind, object: KubeObject): Outcome => ({
  type: 'object',
  object,
  definition,
  status: 201,
});

export async function performVirtual(env: VerbEnvironment, call: VirtualCall): Promise<Outcome> {
  const { resource, verb, subresource, name } = call;
  const { kind } = resource;
  if (subresource !== '') throw notFoundPath();
  if (verb === 'create' && resource.create !== undefined) return await create(env, call, resource.create);
  if (verb === 'get' && resource.get !== undefined) {
    const object = await resource.get(call);
    if (object === undefined) throw notFound(kind, name);
    return { type: 'made', kind, object, status: 200 };
  }
  if (verb === 'list' && resource.list !== undefined)
    return { type: 'made list', kind, objects: await resource.list(call) };
  throw methodNotAllowed();
}

/** Source: createHandler of apiserver pkg/endpoints/handlers/create.go v1.36: clients' system metadata goes, and admission sees these kinds, too. */
async function create(
  { admission }: VerbEnvironment,
  call: VirtualCall,
  answer: NonNullable<VirtualResource['create']>,
): Promise<Outcome> {
  const { kind } = call.resource;
  const { user, dryRun } = writeScope(call);
  const object = await call.body(kind);
  if (object === undefined) throw badRequest(`unable to decode an empty body as ${kind.kind}`);
  const { metadata } = object;
  for (const field of SYSTEM_METADATA) delete metadata[field];
  checkNamespace(kind.namespaced, object, call.namespace);
  const { namespace } = call;
  const name = metadata.name ?? '';
  const attributes = { operation: 'CREATE', kind, subresource: '', namespace, name, object, user, dryRun } as const;
  await admission.admit(attributes);
  await admission.validate(attributes);
  return await answer(object, call);
}

/** Source: rest.WipeObjectMetaSystemFields v1.36. */
const SYSTEM_METADATA = [
  'creationTimestamp',
  'uid',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'selfLink',
] as const;
