import { mkdir } from 'node:fs/promises';
import type { Container, EphemeralContainer, Pod } from '#api';
import type { Input, PodSandboxConfig, RuntimeService } from '#cri';
import { type Clock, type Logger, messageOf } from '#util';
import type { PodCgroups } from '../cgroups/pod-cgroups.ts';
import type { KubeletConfig } from '../config.ts';
import { podPaths } from '../names.ts';
import { podHostname } from '../network/hosts-file.ts';
import { type DnsConfig, parseResolvConf, podDns } from '../network/resolv-conf.ts';
import type { PodObjects } from '../objects/pod-objects.ts';
import { isRestartableInit } from '../resources/pod-resources.ts';
import type { RuntimePod } from '../runtime/model.ts';
import { sandboxConfig } from '../runtime/sandbox-config.ts';
import type { PodActions } from './actions.ts';
import type { ContainerStarter } from './container-starter.ts';
import type { PodEvents } from './events.ts';
import type { Killer } from './killer.ts';
import type { Reclaimer } from './reclaim.ts';
import { StartFailure } from './start-failure.ts';

export interface SyncOutcome {
  /** Containers that could not be started, and why. */
  readonly failures: ReadonlyMap<string, StartFailure>;
  /** Containers that were started. */
  readonly started: readonly string[];
}

export interface SyncContext {
  readonly runtimePod: RuntimePod;
  readonly objects: PodObjects;
  /** Called after each container, so that its status need not wait for the others. */
  readonly onStarted: (name: string) => Promise<void>;
  readonly onFailed: (name: string, failure: StartFailure) => void;
}

export interface PodSyncer {
  /** Carries out the actions in upstream's order. Throws when the sandbox could not be made or something could not be stopped. */
  apply(pod: Pod, actions: PodActions, context: SyncContext, options: { signal: AbortSignal }): Promise<SyncOutcome>;
}

export interface PodSyncerOptions {
  config: KubeletConfig;
  runtime: RuntimeService;
  starter: ContainerStarter;
  killer: Killer;
  reclaimer: Reclaimer;
  cgroups: PodCgroups;
  events: PodEvents;
  clock: Clock;
  log: Logger;
  readResolvConf: () => Promise<string>;
}

/** Source: SyncPod (kuberuntime_manager.go v1.36). */
export function newPodSyncer(options: PodSyncerOptions): PodSyncer {
  const { config, runtime, killer, reclaimer, events } = options;

  async function dnsOf(pod: Pod): Promise<DnsConfig> {
    const host = parseResolvConf(await options.readResolvConf());
    const { config: dns, warnings } = podDns(pod, {
      host,
      clusterDNS: config.clusterDNS,
      clusterDomain: config.clusterDomain,
    });
    for (const warning of warnings) events.pod(pod, 'Warning', 'DNSConfigForming', warning);
    return dns;
  }

  async function sandboxConfigOf(pod: Pod, attempt: number): Promise<Input<PodSandboxConfig>> {
    return sandboxConfig(pod, {
      attempt,
      logDirectory: podPaths(config, pod).logs,
      cgroupParent: options.cgroups.pathOf(pod),
      dns: await dnsOf(pod),
      hostname: podHostname(pod, config.clusterDomain),
    });
  }

  async function createSandbox(
    pod: Pod,
    sandbox: Input<PodSandboxConfig>,
    signal: AbortSignal,
  ): Promise<{ id: string; ips: string[] }> {
    try {
      await mkdir(podPaths(config, pod).logs, { recursive: true, mode: 0o755 });
      // Carried to its end once begun: containerd, called off half way, may leave a shim or a network behind.
      const { pod_sandbox_id: id } = await runtime.runPodSandbox({ config: sandbox, runtime_handler: '' });
      const { status } = await runtime.podSandboxStatus({ pod_sandbox_id: id }, { signal });
      const { ip = '', additional_ips = [] } = status?.network ?? {};
      const ips = [ip, ...additional_ips.map((additional) => additional.ip)].filter((address) => address !== '');
      return { id, ips: pod.spec.hostNetwork === true ? [config.nodeIP] : ips };
    } catch (error) {
      signal.throwIfAborted();
      events.pod(pod, 'Warning', 'FailedCreatePodSandBox', `Failed to create pod sandbox: ${messageOf(error)}`);
      throw error;
    }
  }

  async function stopUnwanted(
    pod: Pod,
    actions: PodActions,
    runtimePod: RuntimePod,
    signal: AbortSignal,
  ): Promise<void> {
    if (actions.killPod) {
      await killer.killPod(pod, runtimePod, { signal });
      if (!actions.createSandbox) return;
      // Initialisation begins anew: what the init containers did in the old sandbox does not count.
      const init = new Set((pod.spec.initContainers ?? []).map(({ name }) => name));
      for (const container of runtimePod.containers)
        if (init.has(container.name)) await reclaimer.removeContainer(container, { signal });
      return;
    }
    const podIP = runtimePod.ips[0] ?? '';
    for (const { instance, message, reason } of actions.kill) {
      await killer.killContainer(pod, instance, { message, reason, podIP, signal });
    }
  }

  return {
    async apply(pod, actions, { runtimePod, objects, onStarted, onFailed }, { signal }) {
      const failures = new Map<string, StartFailure>();
      const started: string[] = [];
      if (actions.createSandbox && actions.sandboxId !== undefined) {
        events.pod(pod, 'Normal', 'SandboxChanged', 'Pod sandbox changed, it will be killed and re-created.');
      }
      await stopUnwanted(pod, actions, runtimePod, signal);
      const nothing = actions.ephemeral.length + actions.init.length + actions.containers.length === 0;
      if (!actions.createSandbox && (actions.killPod || nothing)) return { failures, started };

      const sandbox = await sandboxConfigOf(pod, actions.attempt);
      let sandboxId = actions.sandboxId ?? '';
      let podIPs: readonly string[] = pod.spec.hostNetwork === true ? [config.nodeIP] : runtimePod.ips;
      if (actions.createSandbox) ({ id: sandboxId, ips: podIPs } = await createSandbox(pod, sandbox, signal));

      /** Returns whether it was started. */
      const start = async (container: Container | EphemeralContainer): Promise<boolean> => {
        try {
          const context = { runtimePod, sandboxId, sandboxConfig: sandbox, podIPs, objects };
          await options.starter.start(pod, container, context, { signal });
        } catch (error) {
          if (!(error instanceof StartFailure)) throw error;
          failures.set(container.name, error);
          onFailed(container.name, error);
          return false;
        }
        started.push(container.name);
        await onStarted(container.name);
        return true;
      };
      for (const container of actions.ephemeral) await start(container);
      for (const container of actions.init) {
        if (!(await start(container)) && !isRestartableInit(container)) return { failures, started };
      }
      for (const container of actions.containers) await start(container);
      return { failures, started };
    },
  };
}
