import type { Pod } from '#api';
import type { Input, PodSandboxConfig, PortMapping, Protocol } from '#cri';
import { type PodHostname, shownHostname } from '../network/hosts-file.ts';
import type { DnsConfig } from '../network/resolv-conf.ts';
import { podAnnotations, podLabels } from './labels.ts';
import { sandboxSecurity } from './security.ts';

export interface SandboxContext {
  readonly attempt: number;
  readonly logDirectory: string;
  readonly cgroupParent: string;
  readonly dns: DnsConfig;
  readonly hostname: PodHostname;
}

function portMappings(pod: Pod): Input<PortMapping>[] {
  if (pod.spec.hostNetwork === true) return [];
  return pod.spec.containers.flatMap(({ ports = [] }) =>
    ports.map(({ protocol = 'TCP', containerPort, hostPort = 0, hostIP = '' }) => ({
      protocol: protocol as Protocol,
      container_port: containerPort,
      host_port: hostPort,
      host_ip: hostIP,
    })),
  );
}

/** Source: generatePodSandboxConfig (kuberuntime_sandbox.go v1.36). */
export function sandboxConfig(pod: Pod, context: SandboxContext): Input<PodSandboxConfig> {
  const { name, namespace = '', uid } = pod.metadata;
  const sysctls = pod.spec.securityContext?.sysctls ?? [];
  return {
    metadata: { name, namespace, uid, attempt: context.attempt },
    // The node's UTS namespace is shared with the host network: containerd refuses a name for it.
    hostname: pod.spec.hostNetwork === true ? '' : shownHostname(pod, context.hostname),
    log_directory: context.logDirectory,
    dns_config: context.dns,
    port_mappings: portMappings(pod),
    labels: podLabels(pod),
    annotations: podAnnotations(pod),
    linux: {
      cgroup_parent: context.cgroupParent,
      security_context: sandboxSecurity(pod),
      // runc knows the form with dots only.
      sysctls: Object.fromEntries(sysctls.map((sysctl) => [sysctl.name.replaceAll('/', '.'), sysctl.value])),
    },
  };
}
