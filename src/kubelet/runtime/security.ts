import { join } from 'node:path';
import type { Container, Pod, SeccompProfile, SecurityContext } from '#api';
import type {
  Input,
  LinuxContainerSecurityContext,
  LinuxSandboxSecurityContext,
  NamespaceOption,
  SecurityProfile,
} from '#cri';
import { goQuote, podText } from '../text.ts';

/** Sources: pkg/securitycontext/util.go, kuberuntime/security_context.go and util/util.go v1.36. */
const MASKED_PATHS = [
  '/proc/asound',
  '/proc/acpi',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/sys/firmware',
  '/sys/devices/virtual/powercap',
];
const READONLY_PATHS = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];

/** Who an image runs as. Both absent: nobody said, which is root. */
export interface ImageUser {
  readonly uid?: number | undefined;
  readonly username?: string | undefined;
}

/** The container's settings over the pod's. */
function effective(
  { spec: { securityContext: pod = {} } }: Pod,
  { securityContext: own = {} }: Container,
): SecurityContext {
  return {
    ...own,
    runAsUser: own.runAsUser ?? pod.runAsUser,
    runAsGroup: own.runAsGroup ?? pod.runAsGroup,
    runAsNonRoot: own.runAsNonRoot ?? pod.runAsNonRoot,
    seLinuxOptions: own.seLinuxOptions ?? pod.seLinuxOptions,
    seccompProfile: own.seccompProfile ?? pod.seccompProfile,
  };
}

/** Throws when `runAsNonRoot` is asked for and not certain. Source: verifyRunAsNonRoot. */
export function verifyRunAsNonRoot(pod: Pod, container: Container, { uid, username = '' }: ImageUser): void {
  const { runAsNonRoot, runAsUser } = effective(pod, container);
  if (runAsNonRoot !== true) return;
  const where = `(pod: ${goQuote(podText(pod))}, container: ${container.name})`;
  if (runAsUser !== undefined) {
    if (runAsUser === 0) throw new Error(`container's runAsUser breaks non-root policy ${where}`);
    return;
  }
  if (uid === 0 || (uid === undefined && username === '')) {
    throw new Error(`container has runAsNonRoot and image will run as root ${where}`);
  }
  if (uid === undefined) {
    throw new Error(
      `container has runAsNonRoot and image has non-numeric user (${username}), cannot verify user is non-root ${where}`,
    );
  }
}

/** Which namespaces a pod shares. Source: NamespacesForPod. */
function namespaceOptions({ spec }: Pod, targetId?: string): Input<NamespaceOption> {
  const pid = spec.hostPID === true ? 'NODE' : spec.shareProcessNamespace === true ? 'POD' : 'CONTAINER';
  return {
    network: spec.hostNetwork === true ? 'NODE' : 'POD',
    ipc: spec.hostIPC === true ? 'NODE' : 'POD',
    ...(targetId === undefined ? { pid } : { pid: 'TARGET', target_id: targetId }),
  };
}

function seccomp(profile: SeccompProfile | undefined, kubeletDir: string): Input<SecurityProfile> {
  switch (profile?.type) {
    case 'RuntimeDefault':
      return { profile_type: 'RuntimeDefault' };
    case 'Localhost':
      return { profile_type: 'Localhost', localhost_ref: join(kubeletDir, 'seccomp', profile.localhostProfile ?? '') };
    default:
      return { profile_type: 'Unconfined' };
  }
}

function groups({ spec: { securityContext = {} } }: Pod): number[] {
  const { fsGroup, supplementalGroups = [] } = securityContext;
  return fsGroup === undefined ? supplementalGroups : [...supplementalGroups, fsGroup];
}

const selinux = (options: SecurityContext['seLinuxOptions']): object =>
  options === undefined ? {} : { selinux_options: options };

const isPrivileged = ({ securityContext }: Pick<Container, 'securityContext'>): boolean =>
  securityContext?.privileged === true;

/** Source: generatePodSandboxLinuxConfig. */
export function sandboxSecurity(pod: Pod): Input<LinuxSandboxSecurityContext> {
  const { securityContext = {}, containers, initContainers = [] } = pod.spec;
  const { runAsUser, runAsGroup, seLinuxOptions, supplementalGroupsPolicy } = securityContext;
  return {
    namespace_options: namespaceOptions(pod),
    privileged: [...containers, ...initContainers].some(isPrivileged),
    // The pause process is always confined, whatever the containers are.
    seccomp: { profile_type: 'RuntimeDefault' },
    supplemental_groups: groups(pod),
    ...(supplementalGroupsPolicy === 'Strict' && { supplemental_groups_policy: 'Strict' }),
    ...(runAsUser !== undefined && { run_as_user: { value: runAsUser } }),
    ...(runAsGroup !== undefined && runAsUser !== undefined && { run_as_group: { value: runAsGroup } }),
    ...selinux(seLinuxOptions),
  };
}

function runAs({ runAsUser, runAsGroup }: SecurityContext, image: ImageUser): Input<LinuxContainerSecurityContext> {
  const uid = runAsUser ?? image.uid ?? ((image.username ?? '') === '' ? 0 : undefined);
  return {
    ...(uid === undefined ? { run_as_username: image.username } : { run_as_user: { value: uid } }),
    ...(runAsGroup !== undefined && { run_as_group: { value: runAsGroup } }),
  };
}

/** Source: determineEffectiveSecurityContext and convertToRuntimeSecurityContext. `targetId` is that of an ephemeral container. */
export function containerSecurity(
  pod: Pod,
  container: Container,
  { image, kubeletDir, targetId }: { image: ImageUser; kubeletDir: string; targetId?: string | undefined },
): Input<LinuxContainerSecurityContext> {
  const context = effective(pod, container);
  const unmasked = context.procMount === 'Unmasked';
  const { add = [], drop = [] } = context.capabilities ?? {};
  return {
    ...runAs(context, image),
    privileged: context.privileged === true,
    readonly_rootfs: context.readOnlyRootFilesystem === true,
    no_new_privs: context.allowPrivilegeEscalation === false,
    ...(context.capabilities !== undefined && { capabilities: { add_capabilities: add, drop_capabilities: drop } }),
    namespace_options: namespaceOptions(pod, targetId),
    supplemental_groups: groups(pod),
    ...(pod.spec.securityContext?.supplementalGroupsPolicy === 'Strict' && { supplemental_groups_policy: 'Strict' }),
    seccomp: seccomp(context.seccompProfile, kubeletDir),
    masked_paths: unmasked ? [] : MASKED_PATHS,
    readonly_paths: unmasked ? [] : READONLY_PATHS,
    ...selinux(context.seLinuxOptions),
  };
}
