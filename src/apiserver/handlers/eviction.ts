import {
  deepClone,
  type DeleteOptions,
  type Eviction,
  forbidden,
  formatTime,
  invalid,
  invalidObject,
  isPodReady,
  type KubeObject,
  type LabelSelector,
  labelSelectorAsSelector,
  notFound,
  type Pod,
  PodDisruptionBudget,
  type Status,
  type StatusCause,
  StatusError,
} from '#api';
import { type Admission, newAdmission } from '../admission/admission.ts';
import { checkPreconditions, deleteObject } from '../registry/delete.ts';
import type { WriteScope } from '../registry/scope.ts';
import { updateObject } from '../registry/update.ts';
import type { ApiCall } from './call.ts';
import type { VerbEnvironment } from './options.ts';

/** Source: MaxDisruptedPodSize in pkg/registry/core/pod/storage/eviction.go v1.36, as are the rules and texts of this file. */
const MAX_DISRUPTED_PODS = 2000;
/** Source: EvictionsRetry, as above. Between them upstream waits for others' writes; here the cache has seen the one that came between. */
const ATTEMPTS = 20;
const VIOLATED = "Cannot evict pod as it would violate the pod's disruption budget.";
/** What an eviction or a binding does to the pod has been admitted with it. */
export const ADMITTED: Admission = newAdmission([]);

/** Deletes a pod the way a drain does: if the disruption budget that covers it allows one disruption more. Returns what upstream answers. */
export async function evict(
  env: VerbEnvironment,
  call: ApiCall,
  { deleteOptions: options = {} }: Partial<Eviction>,
  scope: WriteScope,
): Promise<Status> {
  checkOptions(call, options);
  const gone = await evictUnguarded(env, call, options, scope);
  if (gone) return SUCCESS;
  const pod = podOf(call);
  const budgets = budgetsOf(env, pod);
  if (budgets.length > 1) return MORE_THAN_ONE;
  const [budget] = budgets;
  if (budget === undefined) {
    await markAndDelete(env, call, options, scope);
    return SUCCESS;
  }
  const guarded = mayGoUnhealthy(pod, budget) ? unlessChanged(pod, options) : options;
  if (guarded === options) await takeDisruption(env, pod, budget, scope);
  try {
    await markAndDelete(env, call, guarded, scope);
  } catch (error) {
    // It may have become ready, which makes it one that counts: who asks again gets a new decision.
    const isOurs = guarded !== options && options.preconditions?.resourceVersion === undefined;
    if (!isOurs || !StatusError.is(error, 'Conflict')) throw error;
    throw stillProcessed(budget.metadata.name);
  }
  return SUCCESS;
}

const SUCCESS: Status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 };
const MORE_THAN_ONE: Status = {
  kind: 'Status',
  apiVersion: 'v1',
  metadata: {},
  status: 'Failure',
  message: 'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.',
  code: 500,
};

function checkOptions({ name }: ApiCall, options: DeleteOptions): void {
  if (options.ignoreStoreReadErrorWithClusterBreakingPotential !== true) return;
  const why = 'can not be set for pod eviction, try after removing the option';
  throw invalidObject({ group: 'policy', kind: 'Eviction' }, name, [
    invalid('deleteOptions.ignoreStoreReadErrorWithClusterBreakingPotential', true, why),
  ]);
}

function podOf({ resource, namespace, name }: ApiCall): Pod {
  const entry = resource.get(namespace, name);
  if (entry === undefined) throw notFound(resource.kind, name);
  return entry.object as Pod;
}

/** Deletes a pod that no budget guards; false: some may. */
async function evictUnguarded(
  env: VerbEnvironment,
  call: ApiCall,
  options: DeleteOptions,
  scope: WriteScope,
): Promise<boolean> {
  const retries = options.preconditions?.resourceVersion === undefined;
  for (let attempt = 1; ; attempt++) {
    const pod = podOf(call);
    if (!ignoresBudgets(pod)) return false;
    try {
      // One that has not begun may become ready meanwhile, and then it counts.
      await markAndDelete(env, call, hasEnded(pod) ? options : unlessChanged(pod, options), scope);
      return true;
    } catch (error) {
      if (!retries || attempt === ATTEMPTS || !StatusError.is(error, 'Conflict')) throw error;
    }
  }
}

/** What does not run, or is on its way out, is no disruption. */
const ignoresBudgets = (pod: Pod): boolean => hasEnded(pod) || pod.status.phase === 'Pending';

const hasEnded = ({ metadata, status }: Pod): boolean =>
  metadata.deletionTimestamp !== undefined || status.phase === 'Succeeded' || status.phase === 'Failed';

/** The options, with the version of the pod that was looked at unless the client knows one itself. */
const unlessChanged = ({ metadata }: Pod, options: DeleteOptions): DeleteOptions => ({
  ...options,
  preconditions: { resourceVersion: metadata.resourceVersion, ...options.preconditions },
});

/** Says in the pod's status why it goes, and deletes it. */
async function markAndDelete(
  env: VerbEnvironment,
  call: ApiCall,
  options: DeleteOptions,
  scope: WriteScope,
): Promise<void> {
  const own = { ...env, admission: ADMITTED };
  if (scope.dryRun) {
    await deleteObject(own, call, call.name, options, scope);
    return;
  }
  const change = (current: KubeObject): Pod => {
    checkPreconditions(call.resource.kind, current, options);
    const pod = deepClone(current) as Pod;
    setEvicted(pod, env.clock.now());
    return pod;
  };
  const request = { name: call.name, subresource: 'status', unconditional: true, change };
  const { entry } = await updateObject(own, call, request, scope);
  const { resourceVersion } = call.resource.object(entry).metadata;
  const { preconditions } = options;
  const next =
    preconditions?.resourceVersion === undefined
      ? options
      : { ...options, preconditions: { ...preconditions, resourceVersion } };
  await deleteObject(own, call, call.name, next, scope);
}

/** Source: UpdatePodCondition of pkg/api/v1/pod/util.go v1.36. */
function setEvicted({ status }: Pod, nowMs: number): void {
  const conditions = status.conditions ?? [];
  const known = conditions.find(({ type }) => type === 'DisruptionTarget');
  const condition = {
    type: 'DisruptionTarget',
    status: 'True',
    lastTransitionTime: known?.status === 'True' ? known.lastTransitionTime : formatTime(nowMs),
    reason: 'EvictionByEvictionAPI',
    message: 'Eviction API: evicting',
  };
  status.conditions =
    known === undefined ? [...conditions, condition] : conditions.map((each) => (each === known ? condition : each));
}

function budgetsOf(env: VerbEnvironment, pod: Pod): readonly PodDisruptionBudget[] {
  const budgets = env.resource(PodDisruptionBudget);
  const { namespace = '', labels } = pod.metadata;
  return budgets.cache
    .list(budgets.prefix(namespace))
    .map(({ object }) => object as PodDisruptionBudget)
    .filter(({ spec }) => selects(spec.selector, labels));
}

/** A selector that cannot be read selects nothing. */
function selects(selector: LabelSelector | undefined, labels: Pod['metadata']['labels']): boolean {
  try {
    return labelSelectorAsSelector(selector).matches(labels);
  } catch {
    return false; // it can only have been stored before its rules were what they are
  }
}

/** A pod that is not ready may go while its budget is met without it, or always if the budget says so. */
function mayGoUnhealthy(pod: Pod, { spec, status }: PodDisruptionBudget): boolean {
  if (isPodReady(pod)) return false;
  if (spec.unhealthyPodEvictionPolicy === 'AlwaysAllow') return true;
  const { currentHealthy = 0, desiredHealthy = 0 } = status;
  return currentHealthy >= desiredHealthy && desiredHealthy > 0;
}

async function takeDisruption(
  env: VerbEnvironment,
  pod: Pod,
  { metadata: { name, namespace = '' } }: PodDisruptionBudget,
  scope: WriteScope,
): Promise<void> {
  const resource = env.resource(PodDisruptionBudget);
  await updateObject(
    env,
    { resource, namespace },
    {
      name,
      subresource: 'status',
      unconditional: true,
      change(current) {
        const budget = deepClone(current) as PodDisruptionBudget;
        checkBudget(budget);
        const { status } = budget;
        status.disruptionsAllowed = (status.disruptionsAllowed ?? 0) - 1;
        if (status.disruptionsAllowed === 0) setInsufficient(status, env.clock.now());
        status.disruptedPods = { ...status.disruptedPods, [pod.metadata.name]: formatTime(env.clock.now()) };
        return budget;
      },
    },
    scope,
  );
}

/** Source: UpdateDisruptionAllowedCondition of k8s.io/component-helpers apps/poddisruptionbudget v0.36. */
function setInsufficient(status: PodDisruptionBudget['status'], nowMs: number): void {
  const conditions = status.conditions ?? [];
  const known = conditions.find(({ type }) => type === 'DisruptionAllowed');
  const condition = {
    type: 'DisruptionAllowed',
    status: 'False',
    ...(status.observedGeneration === undefined ? {} : { observedGeneration: status.observedGeneration }),
    lastTransitionTime: known?.status === 'False' ? known.lastTransitionTime : formatTime(nowMs),
    reason: 'InsufficientPods',
    message: '',
  };
  status.conditions =
    known === undefined ? [...conditions, condition] : conditions.map((each) => (each === known ? condition : each));
}

/** As upstream names it there. */
const BUDGET = { group: 'policy', plural: 'poddisruptionbudget' };

function checkBudget({ metadata: { name, generation = 0 }, status }: PodDisruptionBudget): void {
  const { observedGeneration = 0, disruptionsAllowed = 0, disruptedPods = {} } = status;
  if (observedGeneration < generation) throw stillProcessed(name);
  if (disruptionsAllowed < 0) throw forbidden(BUDGET, name, 'pdb disruptions allowed is negative');
  if (Object.keys(disruptedPods).length > MAX_DISRUPTED_PODS)
    throw forbidden(BUDGET, name, 'DisruptedPods map too big - too many evictions not confirmed by PDB controller');
  if (disruptionsAllowed === 0) throw refused(whyNone(name, status), 0);
}

/** Why a budget allows no disruption, in as far as it knows. */
function whyNone(
  name: string,
  { currentHealthy = 0, desiredHealthy = 0, conditions = [] }: PodDisruptionBudget['status'],
): string {
  const not = `The disruption budget ${name} does not allow evicting pods currently`;
  const { status, reason, message = '' } = conditions.find(({ type }) => type === 'DisruptionAllowed') ?? {};
  const told = status === 'False' && message !== '';
  if (told && reason === 'SyncFailed') return `${not} because it failed sync: ${message}`;
  if (currentHealthy <= desiredHealthy)
    return `The disruption budget ${name} needs ${desiredHealthy} healthy pods and has ${currentHealthy} currently`;
  return told ? `${not} (${reason}): ${message}` : not;
}

const stillProcessed = (name: string): StatusError =>
  refused(`The disruption budget ${name} is still being processed by the server.`, 10);

function refused(message: string, retryAfterSeconds: number): StatusError {
  const cause: StatusCause = { reason: 'DisruptionBudget', message };
  return new StatusError('TooManyRequests', VIOLATED, {
    details: { causes: [cause], ...(retryAfterSeconds === 0 ? {} : { retryAfterSeconds }) },
  });
}
