import {
  Deployment,
  type DeploymentStatus,
  keyOf,
  labelSelectorAsSelector,
  Pod,
  ReplicaSet,
  semanticEqual,
  StatusError,
} from '#api';
import { type Controller, type ControllerContext, controllerKey, mapped, owned, primary } from '#runtime';
import { messageOf } from '#util';
import { claim, controllerRef, isNamespaceTerminating, orphanNamespace } from '../common/claim.ts';
import { isTerminal } from '../common/pods.ts';
import { desiredReplicas, newReplicaSetAnnotations, REVISION, revisionOf, sizeAnnotations } from './annotations.ts';
import {
  activeOnly,
  activeOrLatest,
  beyondHistory,
  equalIgnoreHash,
  fenceposts,
  findNew,
  isRollingUpdate,
  isSaturated,
  newSize,
  proportionalSizes,
  shrinkOld,
  sizeOf,
  TEMPLATE_HASH,
  templateHash,
  total,
} from './replicasets.ts';
import {
  conditionOf,
  countStatus,
  hasDeadline,
  isComplete,
  newCondition,
  pausedConditions,
  progressCheckMs,
  rolloutStatus,
  withCondition,
} from './status.ts';

const ORPHANS = 'orphan-replicasets';

/**
 * One reconcile in progress. `deployment` carries what is to be written in the end (conditions, revision annotation); the sets are kept
 * as the server last answered.
 */
interface Rollout {
  /** As the cache had it. */
  readonly original: Deployment;
  deployment: Deployment;
  newRS: ReplicaSet | undefined;
  oldRSs: ReplicaSet[];
  readonly signal: AbortSignal;
}

const allSets = ({ newRS, oldRSs }: Rollout): ReplicaSet[] => (newRS === undefined ? [...oldRSs] : [...oldRSs, newRS]);

/** Turns changes of a Deployment's template into new ReplicaSets, and moves pods from the old ones to the new within the bounds of its strategy. */
export function newDeploymentController({ client, informers, recorder, clock }: ControllerContext): Controller {
  const deployments = informers.informer(Deployment);
  const replicaSets = informers.informer(ReplicaSet);
  const pods = informers.informer(Pod);
  replicaSets.addIndex(ORPHANS, orphanNamespace);

  return {
    name: 'deployment',
    concurrency: 5, // default of --concurrent-deployment-syncs
    sources: [
      primary(Deployment),
      owned(ReplicaSet, Deployment),
      mapped(ReplicaSet, (rs) => (orphanNamespace(rs).length === 0 ? [] : possibleOwners(rs))),
      // A Recreate deployment waits for the last of its old pods to be gone, which no ReplicaSet tells.
      mapped(Pod, (pod, { type }) => (type === 'delete' ? recreateOwner(pod) : [])),
    ],

    async reconcile(key, { signal }) {
      const original = deployments.get(key);
      if (original === undefined) return;
      if (Object.keys(original.spec.selector).length === 0) return refuseSelectingAll(original, signal);

      const sets = await claimReplicaSets(original, signal);
      const newRS = findNew(original, sets);
      const rollout: Rollout = {
        original,
        deployment: original,
        newRS,
        oldRSs: sets.filter((rs) => rs !== newRS),
        signal,
      };
      if (original.metadata.deletionTimestamp !== undefined) {
        await writeStatus(rollout, countStatus(original, newRS, sets, clock.now()));
        return;
      }
      setConditions(rollout, pausedConditions(original, clock.now()));
      if (original.spec.paused === true || isScalingEvent(rollout)) {
        await syncRevision(rollout);
        await scale(rollout);
        await cleanUp(rollout);
        await writeStatus(rollout, countStatus(rollout.deployment, rollout.newRS, allSets(rollout), clock.now()));
        return;
      }
      await (isRollingUpdate(original) ? rollOver(rollout) : recreate(rollout));
      return writeRolloutStatus(rollout);
    },
  };

  async function rollOver(rollout: Rollout): Promise<void> {
    const newRS = (await syncRevision(rollout)) ?? (await createNew(rollout));
    const { deployment } = rollout;
    const wanted = sizeOf(deployment);
    const size = sizeOf(newRS) > wanted ? wanted : newSize(deployment, allSets(rollout), sizeOf(newRS));
    if (await resize(rollout, newRS, size)) return;
    const smaller = shrinkOld(deployment, newRS, rollout.oldRSs);
    for (const [rs, replicas] of smaller) await resize(rollout, rs, replicas);
    if (smaller.size === 0) await cleanUpIfComplete(rollout);
  }

  async function recreate(rollout: Rollout): Promise<void> {
    let newRS = await syncRevision(rollout);
    const active = activeOnly(rollout.oldRSs);
    for (const rs of active) await resize(rollout, rs, 0);
    if (active.length > 0 || oldPodsRun(rollout)) return;
    newRS ??= await createNew(rollout);
    if (await resize(rollout, newRS, sizeOf(rollout.deployment))) return;
    await cleanUpIfComplete(rollout);
  }

  /** Terminating pods count: the point of Recreate is that old and new never run together. */
  function oldPodsRun({ oldRSs }: Rollout): boolean {
    if (total(oldRSs, ({ status }) => status.replicas) > 0) return true;
    return oldRSs.some((rs) => pods.controlledBy(rs.metadata.uid).some((pod) => !isTerminal(pod)));
  }

  /** Brings the newest ReplicaSet's annotations up to date, and notes its revision on the Deployment. Returns it, if there is one. */
  async function syncRevision(rollout: Rollout): Promise<ReplicaSet | undefined> {
    const { newRS, deployment, signal } = rollout;
    if (newRS === undefined) return undefined;
    const revision = Math.max(0, ...rollout.oldRSs.map(revisionOf)) + 1;
    const annotations = newReplicaSetAnnotations(deployment, newRS.metadata.annotations ?? {}, revision);
    const minReadySeconds = deployment.spec.minReadySeconds ?? 0;
    if (
      !semanticEqual(annotations, newRS.metadata.annotations) ||
      minReadySeconds !== (newRS.spec.minReadySeconds ?? 0)
    ) {
      const changed = {
        ...newRS,
        metadata: { ...newRS.metadata, annotations: { ...annotations } },
        spec: { ...newRS.spec, minReadySeconds },
      };
      rollout.newRS = await client.update(ReplicaSet, changed, { signal });
    }
    noteRevision(rollout, annotations[REVISION] ?? String(revision));
    if (hasDeadline(deployment) && conditionOf(deployment.status, 'Progressing') === undefined) {
      noteProgress(rollout, 'True', 'FoundNewReplicaSet', `Found new replica set "${newRS.metadata.name}"`);
    }
    return rollout.newRS;
  }

  async function createNew(rollout: Rollout): Promise<ReplicaSet> {
    const { deployment, signal } = rollout;
    const { metadata, spec, status } = deployment;
    const revision = Math.max(0, ...rollout.oldRSs.map(revisionOf)) + 1;
    const hash = templateHash(spec.template, status.collisionCount ?? 0);
    const labels = { ...spec.template.metadata?.labels, [TEMPLATE_HASH]: hash };
    const name = `${metadata.name}-${hash}`;
    const replicas = newSize(deployment, rollout.oldRSs, 0);
    let created: ReplicaSet;
    try {
      created = await client.create(
        ReplicaSet,
        {
          metadata: {
            namespace: metadata.namespace,
            name,
            labels,
            annotations: { ...newReplicaSetAnnotations(deployment, {}, revision), ...ownSize(deployment) },
            ownerReferences: [controllerRef(Deployment, deployment)],
          },
          spec: {
            replicas,
            minReadySeconds: spec.minReadySeconds,
            selector: { ...spec.selector, matchLabels: { ...spec.selector.matchLabels, [TEMPLATE_HASH]: hash } },
            template: { ...spec.template, metadata: { ...spec.template.metadata, labels } },
          },
        },
        { signal },
      );
    } catch (error) {
      created = await recover(rollout, name, error);
      rollout.newRS = created;
      noteRevision(rollout, String(revision));
      return created;
    }
    if (replicas > 0)
      recorder.event(deployment, 'Normal', 'ScalingReplicaSet', `Scaled up replica set ${name} from 0 to ${replicas}`);
    rollout.newRS = created;
    noteRevision(rollout, String(revision));
    if (hasDeadline(deployment))
      noteProgress(rollout, 'True', 'NewReplicaSetCreated', `Created new replica set "${name}"`);
    return created;
  }

  /** The ReplicaSet, if it is there although creating it failed; else notes why and throws. */
  async function recover(rollout: Rollout, name: string, error: unknown): Promise<ReplicaSet> {
    const { deployment, signal } = rollout;
    const { namespace, uid } = deployment.metadata;
    if (StatusError.is(error, 'AlreadyExists')) {
      const there = await client.get(ReplicaSet, { namespace, name }, { signal });
      const ours = there.metadata.ownerReferences?.some((ref) => ref.controller === true && ref.uid === uid) === true;
      if (ours && equalIgnoreHash(there.spec.template, deployment.spec.template)) return there;
      // Another template with the same hash: the next try uses another one.
      const collisionCount = (deployment.status.collisionCount ?? 0) + 1;
      await writeStatus(rollout, { ...deployment.status, collisionCount });
    } else if (!isNamespaceTerminating(error)) {
      const message = `Failed to create new replica set "${name}": ${messageOf(error)}`;
      recorder.event(deployment, 'Warning', 'ReplicaSetCreateError', message);
      if (hasDeadline(deployment)) {
        noteProgress(rollout, 'False', 'ReplicaSetCreateError', message);
        await writeStatus(rollout, rollout.deployment.status);
      }
    }
    throw error;
  }

  /** The size changed, and not the template: the annotation on the sets still tells the old one. */
  function isScalingEvent(rollout: Rollout): boolean {
    return activeOnly(allSets(rollout)).some((rs) => {
      const desired = desiredReplicas(rs);
      return desired !== undefined && desired !== sizeOf(rollout.deployment);
    });
  }

  async function scale(rollout: Rollout): Promise<void> {
    const { deployment, newRS, oldRSs } = rollout;
    const only = activeOrLatest(newRS, oldRSs);
    if (only !== undefined) {
      // Written even when the size is right, so that the annotation tells it and this is no scaling event any more.
      await resize(rollout, only, sizeOf(deployment));
    } else if (isSaturated(deployment, newRS)) {
      for (const rs of activeOnly(oldRSs)) await resize(rollout, rs, 0);
    } else if (isRollingUpdate(deployment)) {
      for (const [rs, replicas] of proportionalSizes(deployment, activeOnly(allSets(rollout))))
        await resize(rollout, rs, replicas);
    }
  }

  /** Writes size and size annotations of a set where they differ; tells whether the size did. */
  async function resize(rollout: Rollout, rs: ReplicaSet, replicas: number): Promise<boolean> {
    const { deployment, signal } = rollout;
    const from = sizeOf(rs);
    const annotations = { ...rs.metadata.annotations, ...ownSize(deployment) };
    if (from === replicas && semanticEqual(annotations, rs.metadata.annotations)) return false;
    const changed = { ...rs, metadata: { ...rs.metadata, annotations }, spec: { ...rs.spec, replicas } };
    const updated = await client.update(ReplicaSet, changed, { signal });
    if (rollout.newRS === rs) rollout.newRS = updated;
    else rollout.oldRSs = rollout.oldRSs.map((old) => (old === rs ? updated : old));
    if (from === replicas) return false;
    const verb = from < replicas ? 'up' : 'down';
    const message = `Scaled ${verb} replica set ${rs.metadata.name} from ${from} to ${replicas}`;
    recorder.event(deployment, 'Normal', 'ScalingReplicaSet', message);
    return true;
  }

  async function cleanUpIfComplete(rollout: Rollout): Promise<void> {
    if (isComplete(rollout.deployment, rollout.deployment.status)) await cleanUp(rollout);
  }

  async function cleanUp({ deployment, oldRSs, signal }: Rollout): Promise<void> {
    for (const rs of beyondHistory(deployment, oldRSs, revisionOf)) {
      await client.delete(ReplicaSet, rs.metadata, { signal }).catch((error: unknown) => {
        if (!StatusError.is(error, 'NotFound')) throw error;
      });
    }
  }

  async function writeRolloutStatus(rollout: Rollout): Promise<{ requeueAfterMs: number } | undefined> {
    const { deployment } = rollout;
    const status = rolloutStatus(deployment, rollout.newRS, allSets(rollout), clock.now());
    await writeStatus(rollout, status);
    const checkMs = progressCheckMs(deployment, status, clock.now());
    return checkMs === undefined ? undefined : { requeueAfterMs: checkMs };
  }

  /** Writes status and revision, if either changed. */
  async function writeStatus({ original, deployment, signal }: Rollout, status: DeploymentStatus): Promise<void> {
    const { annotations } = deployment.metadata;
    if (semanticEqual(original.status, status) && semanticEqual(original.metadata.annotations, annotations)) return;
    await client.updateStatus(Deployment, { ...deployment, status }, { signal });
  }

  function setConditions(rollout: Rollout, conditions: DeploymentStatus['conditions']): void {
    const { deployment } = rollout;
    rollout.deployment = { ...deployment, status: { ...deployment.status, conditions } };
  }

  function noteProgress(rollout: Rollout, status: string, reason: string, message: string): void {
    const condition = newCondition('Progressing', status, reason, message, clock.now());
    setConditions(rollout, withCondition(rollout.deployment.status.conditions, condition));
  }

  function noteRevision(rollout: Rollout, revision: string): void {
    const { deployment } = rollout;
    const annotations = { ...deployment.metadata.annotations, [REVISION]: revision };
    rollout.deployment = { ...deployment, metadata: { ...deployment.metadata, annotations } };
  }

  function claimReplicaSets(owner: Deployment, signal: AbortSignal): Promise<ReplicaSet[]> {
    const { uid, namespace = '' } = owner.metadata;
    const selector = labelSelectorAsSelector(owner.spec.selector);
    const candidates = [...replicaSets.controlledBy(uid), ...replicaSets.byIndex(ORPHANS, namespace)];
    return claim({ client, ownerKind: Deployment, owner, kind: ReplicaSet, selector, candidates, signal });
  }

  async function refuseSelectingAll(deployment: Deployment, signal: AbortSignal): Promise<void> {
    const message = 'This deployment is selecting all pods. A non-empty selector is required.';
    recorder.event(deployment, 'Warning', 'SelectingAll', message);
    const { generation } = deployment.metadata;
    if ((deployment.status.observedGeneration ?? 0) >= (generation ?? 0)) return;
    const status = { ...deployment.status, observedGeneration: generation };
    await client.updateStatus(Deployment, { ...deployment, status }, { signal });
  }

  function possibleOwners(rs: ReplicaSet): string[] {
    return deployments
      .list(rs.metadata.namespace ?? '')
      .filter(({ spec }) => labelSelectorAsSelector(spec.selector).matches(rs.metadata.labels))
      .map(keyOf);
  }

  function recreateOwner(pod: Pod): string[] {
    const rs = replicaSets.get(controllerKey(pod, ReplicaSet) ?? '');
    const key = rs === undefined ? undefined : controllerKey(rs, Deployment);
    const deployment = key === undefined ? undefined : deployments.get(key);
    return deployment === undefined || isRollingUpdate(deployment) ? [] : [keyOf(deployment)];
  }
}

const ownSize = (deployment: Deployment): Readonly<Record<string, string>> =>
  sizeAnnotations(sizeOf(deployment), sizeOf(deployment) + fenceposts(deployment).maxSurge);
