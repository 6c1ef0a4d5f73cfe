import {
  alreadyExists,
  badRequest,
  formatTime,
  generateName,
  type KubeObject,
  resourceText,
  StatusError,
  validateObjectMeta,
} from '#api';
import type { Entry } from '../watchcache/entry.ts';
import { admitted } from './managed-fields.ts';
import { pauseOf } from './pace.ts';
import type { RegistryEnvironment, Target, WriteOutcome, WriteScope } from './scope.ts';
import { gathered, refuse } from './validation.ts';

/** Tries with another suffix when a generated name is taken. Source: generic registry store.go, maxNameGenerationCreateAttempts v1.36. */
const NAME_ATTEMPTS = 8;

/**
 * Stores a new object. `object` is a private, decoded and defaulted copy.
 * Order: system metadata → mutating admission → strategy → validation → validating admission → store (endpoints/handlers/create.go, registry/rest/create.go v1.36).
 */
export async function createObject(
  env: RegistryEnvironment,
  { resource, namespace }: Target,
  object: KubeObject,
  scope: WriteScope,
): Promise<Entry> {
  const { kind } = resource;
  checkNamespace(kind.namespaced, object, namespace);
  if (object.metadata.resourceVersion !== undefined && object.metadata.resourceVersion !== '')
    throw badRequest('resourceVersion should not be set on objects to be created');

  const { generateName: base } = object.metadata;
  const generated = (object.metadata.name ?? '') === '' && base !== undefined && base !== '';
  for (let attempt = 1; ; attempt++) {
    const candidate = generated ? structuredClone(object) : object;
    if (generated) candidate.metadata.name = generateName(base, env.random);
    const entry = await createOnce(env, { resource, namespace }, candidate, scope);
    if (entry !== undefined) return entry;
    if (!generated) throw alreadyExists(kind, candidate.metadata.name);
    if (attempt === NAME_ATTEMPTS) throw generatedNameTaken(kind, candidate.metadata.name);
  }
}

async function createOnce(
  env: RegistryEnvironment,
  { resource, namespace }: Target,
  object: KubeObject,
  scope: WriteScope,
): Promise<Entry | undefined> {
  const { kind } = resource;
  wipeSystemMetadata(object);
  fillSystemMetadata(env, object);
  const attributes = {
    operation: 'CREATE',
    kind,
    subresource: '',
    namespace,
    name: object.metadata.name,
    object,
    user: scope.user,
    dryRun: scope.dryRun,
  } as const;
  await admitted(env, attributes, scope);
  const pause = pauseOf(scope.load);
  if (pause !== undefined) await pause();

  if (kind.generation === true) object.metadata.generation = 1;
  kind.prepareForCreate?.(object);
  const hooks = env.hooks.get(resourceText(kind));
  const begun = hooks?.beginCreate?.(object, scope);
  const finish = begun === undefined ? undefined : await begun;
  let outcome: WriteOutcome = 'failed';
  try {
    const ready = kind.ready?.();
    if (ready !== undefined) await ready;
    const early = hooks?.prepareValidation?.(object, undefined);
    if (early !== undefined) refuse(kind, object.metadata.name, await early);
    const errors = gathered(() => [
      ...validateObjectMeta(object.metadata, {
        namespaced: kind.namespaced,
        validateName: kind.validateName,
        anyFinalizers: kind.anyFinalizers,
      }),
      ...(kind.validate?.(object) ?? []),
      ...(kind.validateCreate?.(object) ?? []),
    ]);
    refuse(kind, object.metadata.name, errors);
    if (hooks?.validate !== undefined) refuse(kind, object.metadata.name, await hooks.validate(object, undefined));
    for (const text of kind.warnings?.(object, undefined) ?? []) scope.warn(text);
    if (pause !== undefined) await pause();
    await env.admission.validate(attributes);
    if (pause !== undefined) await pause();

    if (resource.has(namespace, object.metadata.name)) return undefined;
    if (scope.dryRun) return resource.unwritten(object);
    outcome = 'unknown';
    const entry = await resource.insert(object);
    outcome = entry === undefined ? 'failed' : 'done';
    return entry;
  } finally {
    if (finish !== undefined) await finish(outcome);
  }
}

/** Source: rest.FillObjectMetaSystemFields v1.36. */
function fillSystemMetadata(env: RegistryEnvironment, object: KubeObject): void {
  const { metadata } = object;
  metadata.creationTimestamp = formatTime(env.clock.now());
  metadata.uid = env.newUid();
  metadata.name ??= '';
}

/** Source: rest.WipeObjectMetaSystemFields v1.36. */
export function wipeSystemMetadata({ metadata }: KubeObject): void {
  const own: Partial<KubeObject['metadata']> = metadata;
  delete own.creationTimestamp;
  delete own.deletionTimestamp;
  delete own.deletionGracePeriodSeconds;
  delete own.selfLink;
  delete own.uid;
}

/** Source: rest.EnsureObjectNamespaceMatchesRequestNamespace v1.36. */
export function checkNamespace(namespaced: boolean, object: KubeObject, namespace: string): void {
  const { metadata } = object;
  if (!namespaced) {
    delete metadata.namespace;
    return;
  }
  if ((metadata.namespace ?? '') === '') metadata.namespace = namespace;
  if (metadata.namespace !== namespace)
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
}

function generatedNameTaken(kind: { group: string; plural: string }, name: string): StatusError {
  return new StatusError(
    'AlreadyExists',
    `${resourceText(kind)} "${name}" already exists, the server was not able to generate a unique name for the object`,
    { details: { name, kind: kind.plural, ...(kind.group === '' ? {} : { group: kind.group }), retryAfterSeconds: 1 } },
  );
}
