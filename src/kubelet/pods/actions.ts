import type { Container, Pod } from '#api';
import type { ProbeVerdicts } from '../probes/probe-manager.ts';
import { isRestartableInit } from '../resources/pod-resources.ts';
import { containerHash } from '../runtime/hash.ts';
import { newestContainer, type RuntimeContainer, type RuntimePod } from '../runtime/model.ts';
import { shouldStart } from './restart.ts';

/** Why one container is stopped while its pod lives on; probes may have a grace period of their own. */
export type KillReason = 'StartupProbe' | 'LivenessProbe' | 'Unknown';

export interface ContainerKill {
  readonly instance: RuntimeContainer;
  readonly message: string;
  readonly reason: KillReason;
}

/** What brings a pod from what the runtime has to what its spec says, in the order of the fields. */
export interface PodActions {
  /** All containers and the sandbox are stopped. */
  readonly killPod: boolean;
  readonly createSandbox: boolean;
  /** The sandbox to use, or the one that is replaced; undefined: there is none. */
  readonly sandboxId: string | undefined;
  readonly attempt: number;
  readonly kill: readonly ContainerKill[];
  readonly ephemeral: readonly Container[];
  readonly init: readonly Container[];
  readonly containers: readonly Container[];
}

export type VerdictsOf = (containerId: string) => ProbeVerdicts;

/** Whether the pod needs a new sandbox. Source: PodSandboxChanged (kuberuntime/util/util.go v1.36). */
export function sandboxChanged(
  pod: Pod,
  { sandboxes }: RuntimePod,
): { changed: boolean; attempt: number; id: string | undefined } {
  const [newest] = sandboxes;
  if (newest === undefined) return { changed: true, attempt: 0, id: undefined };
  const next = { changed: true, attempt: newest.attempt + 1, id: newest.id };
  if (sandboxes.filter(({ ready }) => ready).length > 1 || !newest.ready) return next;
  const hostNetwork = pod.spec.hostNetwork === true;
  if (newest.hostNetwork !== hostNetwork) return { ...next, id: undefined };
  if (!hostNetwork && newest.ips.length === 0) return next;
  return { changed: false, attempt: newest.attempt, id: newest.id };
}

const definitionChanged = (container: Container, instance: RuntimeContainer): boolean =>
  instance.hash !== '' && instance.hash !== containerHash(container);

const failed = ({ state, exitCode }: RuntimeContainer): boolean =>
  state === 'unknown' || (state === 'exited' && exitCode !== 0);

interface InitDecision {
  readonly start: Container[];
  readonly kill: ContainerKill[];
  readonly killPod: boolean;
  readonly initialized: boolean;
}

/** A sidecar that runs: whether the one after it may start, and whether it has to be replaced. */
function runningSidecar(
  container: Container,
  instance: RuntimeContainer,
  verdicts: ProbeVerdicts,
): { started: boolean; kill?: ContainerKill } {
  const kill = (what: string, reason: KillReason): ContainerKill => ({
    instance,
    message: `Init container ${container.name} ${what}`,
    reason,
  });
  if (container.startupProbe !== undefined && verdicts.startup !== 'success') {
    return verdicts.startup === 'failure'
      ? { started: false, kill: kill('failed startup probe', 'StartupProbe') }
      : { started: false };
  }
  if (definitionChanged(container, instance)) return { started: true, kill: kill('definition changed', 'Unknown') };
  if (container.livenessProbe !== undefined && verdicts.liveness === 'failure') {
    return { started: true, kill: kill('failed liveness probe', 'LivenessProbe') };
  }
  return { started: true };
}

/**
 * Backwards through the init containers: what has run last tells how far the pod is, and what ran before may have been removed since.
 * Source: computeInitContainerActions (kuberuntime_container.go v1.36).
 */
function decideInit(pod: Pod, runtimePod: RuntimePod, verdictsOf: VerdictsOf): InitDecision {
  const all = pod.spec.initContainers ?? [];
  // An exited container says nothing: it may be of a former sandbox, of before a reboot.
  const regularRan = pod.spec.containers.some(({ name }) =>
    ['created', 'running'].includes(newestContainer(runtimePod, name)?.state ?? ''),
  );
  let initialized = all.length === 0 || regularRan;
  let previously = initialized;
  const start: Container[] = [];
  const kill: ContainerKill[] = [];
  for (let i = all.length - 1; i >= 0; i--) {
    const container = all[i];
    if (container === undefined) break;
    const sidecar = isRestartableInit(container);
    const instance = newestContainer(runtimePod, container.name);
    if (instance === undefined) {
      if (previously && sidecar) start.push(container);
      continue;
    }
    if (previously && !sidecar) continue;
    const done = (): void => {
      if (i === all.length - 1) initialized = true;
      else if (!previously) start.push(...all.slice(i + 1, i + 2));
    };
    switch (instance.state) {
      case 'created':
        start.push(container); // the runtime failed to start it
        break;
      case 'running':
        if (sidecar) {
          const { started, kill: own } = runningSidecar(container, instance, verdictsOf(instance.id));
          if (started) done();
          if (own !== undefined) {
            kill.push(own);
            start.push(container);
          }
        }
        break;
      case 'exited':
      case 'unknown':
        if (!sidecar && failed(instance) && !shouldStart(pod, container, runtimePod)) {
          return { start: [], kill, killPod: true, initialized: false };
        }
        if (instance.state === 'unknown') {
          const message = `Init container is in "${instance.state}" state, try killing it before restart`;
          kill.push({ instance, message, reason: 'Unknown' });
        }
        if (sidecar || failed(instance)) start.push(container);
        else done();
        break;
    }
    previously = true;
  }
  if (!previously) start.push(...all.slice(0, 1));
  return { start: start.toReversed(), kill, killPod: false, initialized };
}

/** Why a running container must go, if it must. */
function killOf(
  pod: Pod,
  container: Container,
  instance: RuntimeContainer,
  verdicts: ProbeVerdicts,
): { kill: ContainerKill; restart: boolean } | undefined {
  const restarts = (container.restartPolicy ?? pod.spec.restartPolicy) !== 'Never';
  const decide = (what: string, reason: KillReason, restart: boolean): { kill: ContainerKill; restart: boolean } => ({
    kill: { instance, message: `Container ${container.name} ${what}${restart ? ', will be restarted' : ''}`, reason },
    restart,
  });
  if (definitionChanged(container, instance)) return decide('definition changed', 'Unknown', true);
  if (verdicts.liveness === 'failure') return decide('failed liveness probe', 'LivenessProbe', restarts);
  if (verdicts.startup === 'failure') return decide('failed startup probe', 'StartupProbe', restarts);
  return undefined;
}

function newSandbox(
  pod: Pod,
  runtimePod: RuntimePod,
  { attempt, id }: { attempt: number; id: string | undefined },
): PodActions {
  const base: PodActions = {
    killPod: true,
    createSandbox: true,
    sandboxId: id,
    attempt,
    kill: [],
    ephemeral: [],
    init: [],
    containers: [],
  };
  const none: PodActions = { ...base, createSandbox: false };
  const restartable = pod.spec.restartPolicy !== 'Never';
  if (!restartable && attempt !== 0 && runtimePod.containers.length > 0) return none;
  const containers = pod.spec.containers.filter((container) => {
    const instance = newestContainer(runtimePod, container.name);
    const succeeded = instance?.state === 'exited' && instance.exitCode === 0;
    return !(succeeded && (container.restartPolicy ?? pod.spec.restartPolicy) === 'OnFailure');
  });
  const ranBefore = pod.spec.containers.some(({ name }) => newestContainer(runtimePod, name) !== undefined);
  if (containers.length === 0 && ranBefore) return none;
  const init = pod.spec.initContainers ?? [];
  return init.length > 0 ? { ...base, init: init.slice(0, 1) } : { ...base, containers };
}

/** Source: computePodActions (kuberuntime_manager.go v1.36). */
export function computePodActions(pod: Pod, runtimePod: RuntimePod, verdictsOf: VerdictsOf): PodActions {
  const sandbox = sandboxChanged(pod, runtimePod);
  if (sandbox.changed) return newSandbox(pod, runtimePod, sandbox);
  const ephemeral = (pod.spec.ephemeralContainers ?? []).filter(
    ({ name }) => newestContainer(runtimePod, name) === undefined,
  );
  const init = decideInit(pod, runtimePod, verdictsOf);
  const base: PodActions = {
    killPod: init.killPod,
    createSandbox: false,
    sandboxId: sandbox.id,
    attempt: sandbox.attempt,
    kill: init.kill,
    ephemeral,
    init: init.start,
    containers: [],
  };
  if (init.killPod || !init.initialized) return base;

  const start: Container[] = [];
  const kill: ContainerKill[] = [...init.kill];
  let kept = 0;
  for (const container of pod.spec.containers) {
    const instance = newestContainer(runtimePod, container.name);
    if (instance?.state !== 'running') {
      if (!shouldStart(pod, container, runtimePod)) continue;
      start.push(container);
      if (instance?.state === 'unknown') {
        // It may be running: two at once must not be.
        kill.push({
          instance,
          message: `Container is in "${instance.state}" state, try killing it before restart`,
          reason: 'Unknown',
        });
      }
      continue;
    }
    const decision = killOf(pod, container, instance, verdictsOf(instance.id));
    if (decision === undefined) {
      kept++;
      continue;
    }
    kill.push(decision.kill);
    if (decision.restart) start.push(container);
  }
  // Sidecars do not keep a pod alive.
  if (kept === 0 && start.length === 0) return { ...base, killPod: true, kill, init: [] };
  return { ...base, kill, containers: start };
}
