import {
  apiVersionOf,
  badRequest,
  copyObject,
  type DeleteOptions,
  invalid,
  invalidObject,
  type Kind,
  type KubeObject,
  notFound,
  resourceText,
  resourcePath,
  type Status,
  StatusError,
} from '#api';
import { forbidden } from '../authz/authz.ts';
import { applied, checkUnknownUid } from '../fields/configuration.ts';
import { dedupOwnerReferences } from '../fields/owner-references.ts';
import { createObject, wipeSystemMetadata } from '../registry/create.ts';
import { deleteObject } from '../registry/delete.ts';
import { pauseOf } from '../registry/pace.ts';
import { listObjects, parseRevision, tooLargeRevision } from '../registry/list.ts';
import type { WriteScope } from '../registry/scope.ts';
import { updateObject } from '../registry/update.ts';
import type { ApiCall, Outcome } from './call.ts';
import {
  integerQuery,
  listRequest,
  methodNotAllowed,
  notFoundPath,
  type VerbEnvironment,
  withDryRun,
  writeScope,
} from './options.ts';
import type { Awaitable } from '../http/context.ts';
import { isTrue } from '../http/request-info.ts';
import { APPLY } from './patch.ts';
import { performScale } from './scale.ts';
import { performSpecial } from './special.ts';

/** Everything but watch and the streaming subresources: what the verb does, in terms of objects. */
export function perform(env: VerbEnvironment, call: ApiCall): Awaitable<Outcome> {
  const behind = isAnyVersionFine(call) ? undefined : env.store.sync();
  const run = (): Awaitable<Outcome> =>
    call.resource.use(call.namespace, call.name, () =>
      call.verb === 'get' && call.subresource === '' ? get(call) : act(env, call),
    );
  return behind === undefined ? run() : behind.then(run);
}

async function act(env: VerbEnvironment, call: ApiCall): Promise<Outcome> {
  const { resource, subresource, verb } = call;
  const { kind } = resource;
  if (kind.custom !== undefined && subresource !== '') checkCustomSubresource(call);
  if (subresource !== '' && subresource !== 'status' && kind.parts?.[subresource] === undefined) {
    if (subresource === 'scale' && kind.scale !== undefined) return await performScale(env, call);
    return await performSpecial(env, call);
  }
  if (subresource === 'status' && kind.status === undefined) throw notFoundPath();
  switch (verb) {
    case 'get':
      return get(call);
    case 'list':
      return {
        type: 'page',
        resource,
        page: await listObjects(env.store, env.clock, resource, call.namespace, listRequest(call)),
      };
    case 'create':
      if (subresource !== '' || call.name !== '') throw methodNotAllowed();
      return await create(env, call);
    case 'update':
      return await update(env, call);
    case 'patch':
      return await patch(env, call);
    case 'delete':
      if (subresource !== '') throw methodNotAllowed();
      return await remove(env, call);
    case 'deletecollection':
      return await removeCollection(env, call);
    default:
      throw methodNotAllowed();
  }
}

/** Whoever reads at version 0 takes what is at hand; everybody else sees all that was written before, by other servers too. */
const isAnyVersionFine = ({ verb, query }: ApiCall): boolean =>
  (verb === 'get' || verb === 'list') && query('resourceVersion') === '0';

/** Source: serveStatus, serveScale and what they stand beside, apiextensions-apiserver pkg/apiserver/customresource_handler.go v0.36. */
function checkCustomSubresource({ resource: { kind }, subresource, name, verb }: ApiCall): void {
  if (
    !(subresource === 'status' && kind.status !== undefined) &&
    !(subresource === 'scale' && kind.scale !== undefined)
  )
    throw notFound(kind, name);
  if (verb === 'get' || verb === 'update' || verb === 'patch') return;
  throw new StatusError(
    'MethodNotAllowed',
    `${verb} is not supported on resources of kind ${JSON.stringify(resourceText(kind))}`,
  );
}

function get({ resource, namespace, name, query }: ApiCall): Outcome {
  const wanted = parseRevision(query('resourceVersion'));
  if (wanted > resource.cache.revision) throw tooLargeRevision(wanted, resource.cache.revision);
  const entry = resource.get(namespace, name);
  if (entry === undefined) throw notFound(resource.kind, name);
  return { type: 'entry', resource, entry, status: 200 };
}

/** The decoded body with defaults, checked to be of the kind the path names. */
async function decodedBody(call: ApiCall): Promise<KubeObject> {
  const { kind } = call.resource;
  const object = await call.body(kind);
  if (object === undefined) throw badRequest(`unable to decode an empty body as ${kind.kind}`);
  const pause = pauseOf(call.load);
  if (pause !== undefined) await pause();
  complete(kind, object);
  return object;
}

/** What Go's structs have and JSON may lack: metadata, spec and status are always there. Then the kind's defaults. */
function complete(kind: Kind, object: KubeObject): void {
  object.apiVersion = apiVersionOf(kind);
  object.kind = kind.kind;
  object.metadata ??= {} as KubeObject['metadata'];
  kind.defaults?.(object);
}

async function create(env: VerbEnvironment, call: ApiCall): Promise<Outcome> {
  const scope = writeScope(call);
  const object = await decodedBody(call);
  const { kind } = call.resource;
  wipeSystemMetadata(object);
  dedupOwnerReferences(object, scope.warn, 'as sent');
  const pause = pauseOf(call.load);
  if (pause !== undefined) await pause();
  await env.fields.of(kind, '').update(undefined, object, scope.fieldManager, pause);
  if (pause !== undefined) await pause();
  const entry = await createObject(env, call, object, scope);
  return { type: 'entry', resource: call.resource, entry, status: 201 };
}

async function update(env: VerbEnvironment, call: ApiCall): Promise<Outcome> {
  const { resource, name, subresource } = call;
  const scope = writeScope(call);
  const object = await decodedBody(call);
  dedupOwnerReferences(object, scope.warn, 'as sent');
  const fields = env.fields.of(resource.kind, subresource);
  /** Each round of the loop changes what it is given, so each gets its own copy. */
  const tracked = async (current: KubeObject | undefined): Promise<KubeObject> => {
    const next = copyObject(object, { isOwn: true });
    const pause = pauseOf(call.load);
    if (pause !== undefined) await pause();
    await fields.update(current, next, scope.fieldManager, pause);
    return next;
  };
  const { entry, created } = await updateObject(
    env,
    call,
    {
      name,
      subresource,
      change: tracked,
      ...(subresource === '' && resource.kind.createOnUpdate === true
        ? { create: createInstead(env, call, () => tracked(undefined)) }
        : {}),
    },
    scope,
  );
  return { type: 'entry', resource, entry, status: created ? 201 : 200 };
}

async function patch(env: VerbEnvironment, call: ApiCall): Promise<Outcome> {
  if (call.patchType === APPLY) return await apply(env, call);
  const { resource, name, subresource } = call;
  const { kind } = resource;
  const scope = writeScope(call);
  const patched = await call.patch();
  const fields = env.fields.of(kind, subresource);
  const { entry } = await updateObject(
    env,
    call,
    {
      name,
      subresource,
      async change(current) {
        // It may share parts with what is stored, and defaults and strategies write.
        const changed = patched(current, kind);
        const pause = pauseOf(call.load);
        if (pause !== undefined) await pause();
        const next = copyObject(changed, { isOwn: false });
        complete(kind, next);
        if (pause !== undefined) await pause();
        await fields.update(current, next, scope.fieldManager, pause);
        checkSameUid(kind, name, next, current);
        return next;
      },
    },
    scope,
  );
  return { type: 'entry', resource, entry, status: 200 };
}

async function apply(env: VerbEnvironment, call: ApiCall): Promise<Outcome> {
  const { resource, name, subresource } = call;
  const { kind } = resource;
  const { fieldManager: manager, ...scope } = writeScope(call);
  const configuration = await call.configuration();
  const fields = env.fields.of(kind, subresource);
  const laid = (current: KubeObject | undefined): Promise<KubeObject> =>
    applied(fields, current, { configuration, manager, ...scope, pause: pauseOf(call.load) });
  const { entry, created } = await updateObject(
    env,
    call,
    {
      name,
      subresource,
      async change(current) {
        const next = await laid(current);
        checkSameUid(kind, name, next, current);
        return next;
      },
      ...(subresource === ''
        ? {
            create: createInstead(env, call, async () => {
              const object = await laid(undefined);
              checkUnknownUid(kind, name, object);
              return object;
            }),
          }
        : {}),
    },
    scope,
  );
  return { type: 'entry', resource, entry, status: created ? 201 : 200 };
}

/** Who writes what does not exist must be allowed to create it. Source: withAuthorization of apiserver pkg/endpoints/handlers/update.go v1.36. */
function createInstead(
  env: VerbEnvironment,
  { resource: { kind }, user, namespace, name, subresource }: ApiCall,
  make: () => Promise<KubeObject>,
): () => Promise<KubeObject> {
  return async () => {
    const { group, version, plural: resource } = kind;
    const attributes = {
      user,
      verb: 'create',
      isResourceRequest: true,
      path: resourcePath(kind, { namespace, name }),
      group,
      version,
      resource,
      subresource,
      namespace,
      name,
    };
    const { allowed, reason } = await env.authorizer.authorize(attributes);
    if (!allowed) throw forbidden(attributes, reason);
    return await make();
  };
}

/** To a patch the uid is a field like others, and not what the object is known by. */
function checkSameUid(kind: Kind, name: string, next: KubeObject, { metadata: { uid } }: KubeObject): void {
  if ((next.metadata.uid ?? '') === '' || next.metadata.uid === uid) return;
  throw invalidObject(kind, name, [invalid('metadata.uid', next.metadata.uid, 'field is immutable')]);
}

const DELETE_OPTIONS = {
  group: '',
  version: 'v1',
  kind: 'DeleteOptions',
  definition: 'meta.v1.DeleteOptions',
  anyVersion: true,
} as const;

/** DeleteOptions come as body or as query parameters. */
async function deleteOptions(call: ApiCall): Promise<DeleteOptions> {
  const body = await call.body(DELETE_OPTIONS);
  if (body !== undefined) return body as unknown as DeleteOptions;
  const propagationPolicy = call.query('propagationPolicy');
  const orphanDependents = call.query('orphanDependents');
  return {
    ...(call.query('gracePeriodSeconds') === undefined
      ? {}
      : { gracePeriodSeconds: integerQuery(call.query, 'gracePeriodSeconds') }),
    ...(propagationPolicy === undefined ? {} : { propagationPolicy }),
    ...(orphanDependents === undefined ? {} : { orphanDependents: isTrue(orphanDependents) }),
  };
}

const deleteScope = (call: ApiCall, options: DeleteOptions): WriteScope => withDryRun(writeScope(call), options.dryRun);

/** Kinds whose deletion is answered with the object. Source: ReturnDeletedObject of each storage v1.36. */
const RETURNS_OBJECT = new Set([
  'pods',
  'services',
  'serviceaccounts',
  'persistentvolumes',
  'persistentvolumeclaims',
  'podtemplates',
  'resourcequotas',
]);

async function remove(env: VerbEnvironment, call: ApiCall): Promise<Outcome> {
  const { resource, name } = call;
  const options = await deleteOptions(call);
  const { entry, gone } = await deleteObject(env, call, name, options, deleteScope(call, options));
  if (gone && !(resource.kind.group === '' && RETURNS_OBJECT.has(resource.kind.plural)))
    return deletedStatus(resource.kind, resource.object(entry));
  // Source: handlers/delete.go: 202 where dependents are to go too and the object waits for them.
  const status = !gone && options.orphanDependents === false ? 202 : 200;
  return { type: 'entry', resource, entry, status };
}

function deletedStatus(kind: Kind, { metadata }: KubeObject): Outcome {
  const object: Status = {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Success',
    details: {
      name: metadata.name,
      ...(kind.group === '' ? {} : { group: kind.group }),
      kind: kind.plural,
      uid: metadata.uid,
    },
  };
  return { type: 'object', object, definition: 'meta.v1.Status', status: 200 };
}

/** Deletions of a collection under way together: the store makes them durable in one go, and they go on in one turn. Upstream has one (--delete-collection-workers). */
const COLLECTION_WORKERS = 32;

async function removeCollection(env: VerbEnvironment, call: ApiCall): Promise<Outcome> {
  const { resource, namespace } = call;
  const options = await deleteOptions(call);
  const scope = deleteScope(call, options);
  const page = await listObjects(env.store, env.clock, resource, namespace, listRequest(call));
  const left = page.entries.values();
  const worker = async (): Promise<void> => {
    for (const entry of left) {
      const { metadata } = entry.object;
      try {
        await deleteObject(env, { resource, namespace: metadata.namespace ?? '' }, metadata.name, options, scope);
      } catch (error) {
        if (!StatusError.is(error, 'NotFound')) throw error; // somebody else was quicker
      }
    }
  };
  await Promise.all(Array.from({ length: COLLECTION_WORKERS }, worker));
  return { type: 'page', resource, page };
}
