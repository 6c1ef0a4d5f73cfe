import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Container, EphemeralContainer, Pod, Service } from '#api';
import { CriError, type ImageService, type Input, type PodSandboxConfig, type RuntimeService } from '#cri';
import { type Clock, type Logger, messageOf } from '#util';
import type { KubeletConfig } from '../config.ts';
import { containerEnvironment } from '../env/env.ts';
import { serviceEnvironment } from '../env/services.ts';
import { KeyedBackoff } from '../images/backoff.ts';
import type { ImageManager } from '../images/image-manager.ts';
import { podPaths } from '../names.ts';
import { hostNetworkHostsFile, podHostname, podHostsFile } from '../network/hosts-file.ts';
import type { NodeFacts } from '../env/fields.ts';
import type { PodObjects } from '../objects/pod-objects.ts';
import { containerConfig } from '../runtime/container-config.ts';
import { containerHash } from '../runtime/hash.ts';
import { newestContainer, type RuntimePod } from '../runtime/model.ts';
import { type ImageUser, verifyRunAsNonRoot } from '../runtime/security.ts';
import { goDuration, podText } from '../text.ts';
import { containerMounts } from '../volumes/container-mounts.ts';
import type { Mounter } from '../volumes/mounter.ts';
import type { PodEvents } from './events.ts';
import type { HookRunner } from './hooks.ts';
import type { Killer } from './killer.ts';
import { StartFailure, type StartFailureReason } from './start-failure.ts';

export interface StartContext {
  readonly runtimePod: RuntimePod;
  readonly sandboxId: string;
  readonly sandboxConfig: Input<PodSandboxConfig>;
  readonly podIPs: readonly string[];
  readonly objects: PodObjects;
}

export interface ContainerStarter {
  /** Image, configuration, creation, start, postStart hook. Throws {@link StartFailure}. Source: startContainer (kuberuntime_container.go v1.36). */
  start(
    pod: Pod,
    container: Container | EphemeralContainer,
    context: StartContext,
    options: { signal: AbortSignal },
  ): Promise<void>;
  /** Forgets the back-off of a pod that is gone. */
  forget(podUid: string): void;
}

export interface NodeView {
  /** Facts about the node that its pods may see. */
  readonly allocatable: Readonly<Record<string, string>>;
  readonly memoryBytes: number;
}

export interface ContainerStarterOptions {
  config: KubeletConfig;
  runtime: RuntimeService;
  imageService: ImageService;
  images: ImageManager;
  hooks: HookRunner;
  killer: Killer;
  mounter: Mounter;
  events: PodEvents;
  clock: Clock;
  log: Logger;
  services: () => readonly Service[];
  node: () => NodeView;
  volumePath: (pod: Pod, name: string) => string | undefined;
  unifiedCgroups: boolean;
  /** The node's own /etc/hosts. */
  readNodeHosts: () => Promise<string>;
}

/** The runtime's own words, without the frame of gRPC. */
const plainMessage = (error: unknown): string => (error instanceof CriError ? error.details : messageOf(error));

/** One more than the newest log file left by a container of that name. Source: calcRestartCountByLogDir. */
async function restartCountByLogs(directory: string): Promise<number> {
  let names: string[];
  try {
    names = await readdir(directory);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return 0;
    throw error;
  }
  const counts = names.map((name) => /^(\d+)\.log/.exec(name)?.[1]).filter((digits) => digits !== undefined);
  return counts.length === 0 ? 0 : Math.max(...counts.map(Number)) + 1;
}

export function newContainerStarter(options: ContainerStarterOptions): ContainerStarter {
  const { config, runtime, imageService, events, clock } = options;
  const backoff = new KeyedBackoff(clock);

  function say(pod: Pod, container: Container, message: string): void {
    events.container(pod, container.name, 'Warning', 'Failed', `Error: ${message}`);
  }

  function fail(pod: Pod, container: Container, reason: StartFailureReason, error: unknown): never {
    const message = plainMessage(error);
    say(pod, container, message);
    throw new StartFailure(reason, message, { cause: error });
  }

  /** A container that ended is not started again at once, each time later. Source: doBackOff (kuberuntime_manager.go). */
  function throwIfBackedOff(pod: Pod, container: Container, runtimePod: RuntimePod): void {
    const last = runtimePod.containers.find(({ name, state }) => name === container.name && state === 'exited');
    if (last === undefined) return;
    const key = `${pod.metadata.uid}/${container.name}/${containerHash(container)}`;
    const endedAtMs = last.finishedAtMs ?? clock.now();
    const remainingMs = backoff.remainingMs(key, endedAtMs);
    if (remainingMs > 0) {
      const where = podText(pod);
      events.container(
        pod,
        container.name,
        'Warning',
        'BackOff',
        `Back-off restarting failed container ${container.name} in pod ${where}`,
      );
      const message = `back-off ${goDuration(backoff.delayMs(key))} restarting failed container=${container.name} pod=${where}`;
      throw new StartFailure('CrashLoopBackOff', message, { retryAfterMs: remainingMs });
    }
    backoff.next(key, endedAtMs);
  }

  async function ensureImage(
    pod: Pod,
    container: Container,
    context: StartContext,
    signal: AbortSignal,
  ): Promise<string> {
    const { pullSecrets, missingPullSecrets } = context.objects;
    try {
      const request = {
        pod,
        containerName: container.name,
        image: container.image ?? '',
        policy: container.imagePullPolicy ?? 'IfNotPresent',
        secrets: pullSecrets,
        sandboxConfig: context.sandboxConfig,
      };
      return await options.images.ensure(request, { signal });
    } catch (error) {
      if (!(error instanceof StartFailure)) throw error;
      say(pod, container, error.reason);
      if (missingPullSecrets.length > 0) {
        const message = `Unable to retrieve some image pull secrets (${missingPullSecrets.join(', ')}); attempting to pull the image may not succeed.`;
        events.pod(pod, 'Warning', 'FailedToRetrieveImagePullSecret', message);
      }
      throw error;
    }
  }

  async function writeEtcHosts(pod: Pod, podIPs: readonly string[]): Promise<string | undefined> {
    const hostNetwork = pod.spec.hostNetwork === true;
    if (!hostNetwork && podIPs.length === 0) return undefined;
    const path = podPaths(config, pod).etcHosts;
    const text = hostNetwork
      ? hostNetworkHostsFile(pod, await options.readNodeHosts())
      : podHostsFile(pod, podIPs, podHostname(pod, config.clusterDomain));
    await writeFile(path, text, { mode: 0o644 });
    return path;
  }

  async function imageUser(imageRef: string, signal: AbortSignal): Promise<ImageUser> {
    const { image } = await imageService.imageStatus({ image: { image: imageRef } }, { signal });
    if (image === undefined) throw new Error(`failed to get image ${JSON.stringify(imageRef)}: it is not on the node`);
    return image.uid === undefined ? { username: image.username } : { uid: Number(image.uid.value) };
  }

  async function configure(
    pod: Pod,
    container: Container | EphemeralContainer,
    imageRef: string,
    restartCount: number,
    context: StartContext,
    signal: AbortSignal,
  ): Promise<ReturnType<typeof containerConfig>> {
    const { allocatable, memoryBytes } = options.node();
    const paths = podPaths(config, pod);
    const facts: NodeFacts = { podIPs: context.podIPs, hostIPs: [config.nodeIP], allocatable };
    const services = serviceEnvironment(options.services(), {
      namespace: pod.metadata.namespace ?? '',
      links: pod.spec.enableServiceLinks !== false,
    });
    const environment = containerEnvironment(pod, container, { facts, objects: context.objects.referenced, services });
    const etcHosts = await writeEtcHosts(pod, context.podIPs);
    const mountContext = {
      paths,
      environment,
      mounter: options.mounter,
      volumes: pod.spec.volumes ?? [],
      volumePath: (name: string) => options.volumePath(pod, name),
      etcHosts,
    };
    const mounts = await containerMounts(container, mountContext, { signal });
    const user = await imageUser(imageRef, signal);
    verifyRunAsNonRoot(pod, container, user);
    await mkdir(join(paths.logs, container.name), { recursive: true, mode: 0o755 });
    return containerConfig(pod, container, {
      restartCount,
      imageRef,
      imageUser: user,
      environment,
      mounts,
      nodeMemoryBytes: memoryBytes,
      kubeletDir: config.kubeletDir,
      unifiedCgroups: options.unifiedCgroups,
      targetId: targetOf(container, context.runtimePod),
    });
  }

  async function runPostStart(
    pod: Pod,
    container: Container,
    containerId: string,
    context: StartContext,
    signal: AbortSignal,
  ): Promise<void> {
    const handler = container.lifecycle?.postStart;
    if (handler === undefined) return;
    const podIP = context.podIPs[0] ?? '';
    try {
      await options.hooks(handler, { pod, container, containerId, podIP }, { signal });
    } catch (error) {
      signal.throwIfAborted();
      // Not with the hook's own words: they may hold secrets.
      events.container(pod, container.name, 'Warning', 'FailedPostStartHook', 'PostStartHook failed');
      const instance = {
        id: containerId,
        name: container.name,
        sandboxId: context.sandboxId,
        image: '',
        imageRef: '',
        hash: '',
        restartCount: 0,
        state: 'running' as const,
        createdAtNanos: 0n,
        exitCode: 0,
        reason: '',
        message: '',
        logPath: '',
        annotations: {},
      };
      await options.killer.killContainer(pod, instance, {
        message: 'FailedPostStartHook',
        reason: 'Unknown',
        podIP,
        signal,
      });
      throw new StartFailure('PostStartHookError', messageOf(error), { cause: error });
    }
  }

  return {
    async start(pod, container, context, { signal }) {
      throwIfBackedOff(pod, container, context.runtimePod);
      const imageRef = await ensureImage(pod, container, context, signal);
      const last = newestContainer(context.runtimePod, container.name);
      const logs = join(podPaths(config, pod).logs, container.name);
      // Created but never started: the agent was killed between the two. Another one takes its place and its name; upstream would count a restart.
      if (last?.state === 'created') await runtime.removeContainer({ container_id: last.id }, { signal });
      const restartCount =
        last === undefined ? await restartCountByLogs(logs) : last.restartCount + (last.state === 'created' ? 0 : 1);
      let created;
      try {
        created = await configure(pod, container, imageRef, restartCount, context, signal);
      } catch (error) {
        signal.throwIfAborted();
        return fail(pod, container, 'CreateContainerConfigError', error);
      }
      let containerId: string;
      try {
        const request = { pod_sandbox_id: context.sandboxId, config: created, sandbox_config: context.sandboxConfig };
        // This call and the next are not called off half way: containerd may then leave processes it does not know of.
        ({ container_id: containerId } = await runtime.createContainer(request));
      } catch (error) {
        signal.throwIfAborted();
        return fail(pod, container, 'CreateContainerError', error);
      }
      events.container(pod, container.name, 'Normal', 'Created', 'Container created');
      signal.throwIfAborted();
      try {
        await runtime.startContainer({ container_id: containerId });
      } catch (error) {
        signal.throwIfAborted();
        return fail(pod, container, 'RunContainerError', error);
      }
      events.container(pod, container.name, 'Normal', 'Started', 'Container started');
      return runPostStart(pod, container, containerId, context, signal);
    },
    forget: (podUid) => backoff.forget(`${podUid}/`),
  };
}

/** The container whose processes an ephemeral container is to see. Throws when it does not run. Source: startSpec.getTargetID. */
function targetOf(container: Container | EphemeralContainer, runtimePod: RuntimePod): string | undefined {
  const name = 'targetContainerName' in container ? (container.targetContainerName ?? '') : '';
  if (name === '') return undefined;
  const target = newestContainer(runtimePod, name);
  if (target === undefined) throw new Error(`unable to find target container ${name}`);
  return target.id;
}
