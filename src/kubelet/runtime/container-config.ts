import type { Container, Pod } from '#api';
import type { ContainerConfig, Input, Mount } from '#cri';
import { expand } from '../env/expansion.ts';
import { containerLinuxResources } from '../resources/linux-resources.ts';
import { containerAnnotations, containerLabels } from './labels.ts';
import { containerSecurity, type ImageUser } from './security.ts';

export interface ContainerContext {
  readonly restartCount: number;
  /** The runtime's name of the image. */
  readonly imageRef: string;
  readonly imageUser: ImageUser;
  readonly environment: ReadonlyMap<string, string>;
  readonly mounts: readonly Input<Mount>[];
  readonly nodeMemoryBytes: number;
  readonly kubeletDir: string;
  /** cgroup v2: all processes of a container die together when it is out of memory. */
  readonly unifiedCgroups: boolean;
  /** Container whose process namespace an ephemeral container enters. */
  readonly targetId?: string | undefined;
}

/** Below the pod's log directory. */
const logPathOf = (containerName: string, restartCount: number): string => `${containerName}/${restartCount}.log`;

/** Source: generateContainerConfig (kuberuntime_container.go, kuberuntime_container_linux.go v1.36). */
export function containerConfig(pod: Pod, container: Container, context: ContainerContext): Input<ContainerConfig> {
  const valueOf = (name: string): string | undefined => context.environment.get(name);
  return {
    metadata: { name: container.name, attempt: context.restartCount },
    image: { image: context.imageRef, user_specified_image: container.image },
    command: (container.command ?? []).map((word) => expand(word, valueOf)),
    args: (container.args ?? []).map((word) => expand(word, valueOf)),
    working_dir: container.workingDir ?? '',
    envs: [...context.environment].map(([key, value]) => ({ key, value })),
    mounts: context.mounts,
    labels: containerLabels(pod, container),
    annotations: containerAnnotations(pod, container, context.restartCount),
    log_path: logPathOf(container.name, context.restartCount),
    stdin: container.stdin === true,
    stdin_once: container.stdinOnce === true,
    tty: container.tty === true,
    linux: {
      resources: {
        ...containerLinuxResources(pod, container, context.nodeMemoryBytes),
        ...(context.unifiedCgroups && { unified: { 'memory.oom.group': '1' } }),
      },
      security_context: containerSecurity(pod, container, {
        image: context.imageUser,
        kubeletDir: context.kubeletDir,
        targetId: context.targetId,
      }),
    },
  };
}
