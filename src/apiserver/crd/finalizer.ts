/** The end of a definition: all its objects go first. Source: apiextensions-apiserver pkg/controller/finalizer/crd_finalizer.go v0.36. */
import { allKinds, type CustomResourceDefinition, StatusError } from '#api';
import { newAdmission } from '../admission/admission.ts';
import { deleteObject } from '../registry/delete.ts';
import type { Resource } from '../registry/resource.ts';
import type { RegistryEnvironment, WriteScope } from '../registry/scope.ts';
import { CLEANUP_FINALIZER, type Condition, isTrue } from './conditions.ts';

/** How long the last of the objects may take before it is said that they do. */
const WAIT_MS = 60_000;

const terminating = (status: string, reason: string, message: string): Condition => ({
  type: 'Terminating',
  status,
  reason,
  message,
});

export const isGoing = ({ metadata }: CustomResourceDefinition): boolean =>
  metadata.deletionTimestamp !== undefined && (metadata.finalizers ?? []).includes(CLEANUP_FINALIZER);

export const DELETION_IN_PROGRESS = terminating(
  'True',
  'InstanceDeletionInProgress',
  'CustomResource deletion is in progress',
);

export interface FinalizeOptions {
  readonly env: RegistryEnvironment;
  /** Where the objects are. */
  readonly resource: Resource | undefined;
  readonly signal: AbortSignal;
}

export interface Finalized {
  readonly condition: Condition;
  /** The definition may go. */
  readonly done: boolean;
}

/** Deletes the objects of a definition and waits until they are gone; says how that went. */
export async function finalize(
  definition: CustomResourceDefinition,
  { env, resource, signal }: FinalizeOptions,
): Promise<Finalized> {
  const { group, names } = definition.spec;
  if (allKinds.some((kind) => kind.group === group && kind.plural === names.plural)) {
    const message = 'instances overlap with built-in resources in storage';
    return { condition: terminating('False', 'OverlappingBuiltInResource', message), done: true };
  }
  if (!isTrue(definition, 'Established') || resource === undefined) {
    const message = 'resource was never established';
    return { condition: terminating('False', 'NeverEstablished', message), done: true };
  }
  const failed = (reason: string, what: string, error: unknown): Finalized => ({
    condition: terminating('True', reason, `${what}: ${(error as Error).message}`),
    done: false,
  });
  return await resource.use('', '', async (): Promise<Finalized> => {
    try {
      await deleteAll(env, resource, signal);
    } catch (error) {
      return failed('InstanceDeletionFailed', 'could not issue all deletes', error);
    }
    try {
      await untilEmpty(env, resource, signal);
    } catch (error) {
      return failed('InstanceDeletionCheck', 'could not confirm zero CustomResources remaining', error);
    }
    return { condition: terminating('False', 'InstanceDeletionCompleted', 'removed all instances'), done: true };
  });
}

/** Straight from the storage, whatever admission might say. */
async function deleteAll(env: RegistryEnvironment, resource: Resource, signal: AbortSignal): Promise<void> {
  const scope: WriteScope = {
    user: { name: 'system:apiserver', groups: ['system:masters'] },
    dryRun: false,
    warn() {},
    signal,
  };
  const own = { ...env, admission: newAdmission([]) };
  for (const entry of resource.cache.list(resource.prefix(''))) {
    const { name, namespace = '' } = entry.object.metadata;
    try {
      await deleteObject(own, { resource, namespace }, name, {}, scope);
    } catch (error) {
      if (!StatusError.is(error, 'NotFound')) throw error; // somebody else was quicker
    }
  }
}

/** Objects with finalizers of their own go when their owners let them. */
async function untilEmpty({ clock }: RegistryEnvironment, { cache }: Resource, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const look = (): void => {
    if (cache.size === 0) resolve();
  };
  const onAbort = (): void => reject(signal.reason as Error);
  signal.addEventListener('abort', onAbort, { once: true });
  using timer = clock.after(WAIT_MS, () => reject(new Error('context deadline exceeded')));
  using watch = cache.watch({
    prefix: cache.prefix,
    onFrames: look,
    onEnd: (error) => reject(error ?? new Error('the watch ended')),
  });
  void [timer, watch]; // held until the end of the wait
  look();
  try {
    await promise;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
