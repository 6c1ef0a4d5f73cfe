import {
  deepClone,
  type Eviction,
  forbidden,
  formatTime,
  isPodReady,
  labelSelectorAsSelector,
  notFound,
  type Pod,
  PodDisruptionBudget,
  type StatusCause,
  StatusError,
} from '#api';
import { deleteObject } from '../registry/delete.ts';
import type { WriteScope } from '../registry/scope.ts';
import { updateObject } from '../registry/update.ts';
import type { ApiCall } from './call.ts';
import type { VerbEnvironment } from './options.ts';

/** Source: MaxDisruptedPodSize in pkg/registry/core/pod/storage/eviction.go v1.36, as are the rules and texts of this file. */
const MAX_DISRUPTED_PODS = 2000;
const VIOLATED = "Cannot evict pod as it would violate the pod's disruption budget.";

/** Deletes a pod the way a drain does: if the disruption budget that covers it allows one disruption more. */
export async function evict(
  env: VerbEnvironment,
  call: ApiCall,
  { deleteOptions: options = {} }: Partial<Eviction>,
  scope: WriteScope,
): Promise<void> {
  const entry = call.resource.get(call.namespace, call.name);
  if (entry === undefined) throw notFound(call.resource.kind, call.name);
  const pod = entry.object as Pod;
  const budget = ignoresBudgets(pod) ? undefined : budgetOf(env, pod);
  if (budget !== undefined && !mayGoUnhealthy(pod, budget)) await takeDisruption(env, pod, budget, scope);
  await deleteObject(env, call, call.name, options, scope);
}

/** What does not run, or is on its way out, is no disruption. */
const ignoresBudgets = ({ metadata, status }: Pod): boolean =>
  metadata.deletionTimestamp !== undefined || ['Succeeded', 'Failed', 'Pending'].includes(status.phase ?? '');

function budgetOf(env: VerbEnvironment, pod: Pod): PodDisruptionBudget | undefined {
  const budgets = env.resource(PodDisruptionBudget);
  const { namespace = '', labels } = pod.metadata;
  const matching = budgets.cache
    .list(budgets.prefix(namespace))
    .map(({ object }) => object as PodDisruptionBudget)
    .filter(({ spec }) => labelSelectorAsSelector(spec.selector).matches(labels));
  if (matching.length > 1)
    throw new StatusError(
      'InternalError',
      'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.',
    );
  return matching[0];
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
        status.disruptedPods = { ...status.disruptedPods, [pod.metadata.name]: formatTime(env.clock.now()) };
        return budget;
      },
    },
    scope,
  );
}

function checkBudget({ metadata: { name, generation = 0 }, status }: PodDisruptionBudget): void {
  const { observedGeneration = 0, disruptionsAllowed = 0, disruptedPods = {} } = status;
  if (observedGeneration < generation)
    throw refused(`The disruption budget ${name} is still being processed by the server.`, 10);
  if (disruptionsAllowed < 0) throw forbidden(PodDisruptionBudget, name, 'pdb disruptions allowed is negative');
  if (Object.keys(disruptedPods).length > MAX_DISRUPTED_PODS)
    throw forbidden(
      PodDisruptionBudget,
      name,
      'DisruptedPods map too big - too many evictions not confirmed by PDB controller',
    );
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

function refused(message: string, retryAfterSeconds: number): StatusError {
  const cause: StatusCause = { reason: 'DisruptionBudget', message };
  return new StatusError('TooManyRequests', VIOLATED, {
    details: { causes: [cause], ...(retryAfterSeconds === 0 ? {} : { retryAfterSeconds }) },
  });
}
