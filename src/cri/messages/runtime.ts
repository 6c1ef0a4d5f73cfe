/** Messages of RuntimeService, but for statistics. */
import type { Int64, Empty } from './basics.ts';
import type {
  Mount,
  NamespaceOption,
  PodSandboxMetadata,
  PodSandboxConfig,
  ImageSpec,
  LinuxContainerResources,
  ContainerMetadata,
  ContainerConfig,
} from './config.ts';

export type PodSandboxState = 'SANDBOX_READY' | 'SANDBOX_NOTREADY';

export type ContainerState = 'CONTAINER_CREATED' | 'CONTAINER_RUNNING' | 'CONTAINER_EXITED' | 'CONTAINER_UNKNOWN';

export type ContainerEventType =
  | 'CONTAINER_CREATED_EVENT'
  | 'CONTAINER_STARTED_EVENT'
  | 'CONTAINER_STOPPED_EVENT'
  | 'CONTAINER_DELETED_EVENT';

export type CgroupDriver = 'SYSTEMD' | 'CGROUPFS';

export interface VersionRequest {
  version: string;
}

export interface VersionResponse {
  version: string;
  runtime_name: string;
  runtime_version: string;
  runtime_api_version: string;
}

export interface RunPodSandboxRequest {
  config?: PodSandboxConfig;
  runtime_handler: string;
}

export interface RunPodSandboxResponse {
  pod_sandbox_id: string;
}

export interface StopPodSandboxRequest {
  pod_sandbox_id: string;
}

export type StopPodSandboxResponse = Empty;

export interface RemovePodSandboxRequest {
  pod_sandbox_id: string;
}

export type RemovePodSandboxResponse = Empty;

export interface PodSandboxStatusRequest {
  pod_sandbox_id: string;
  verbose: boolean;
}

export interface PodIP {
  ip: string;
}

export interface PodSandboxNetworkStatus {
  ip: string;
  additional_ips: PodIP[];
}

export interface Namespace {
  options?: NamespaceOption;
}

export interface LinuxPodSandboxStatus {
  namespaces?: Namespace;
}

export interface PodSandboxStatus {
  id: string;
  metadata?: PodSandboxMetadata;
  state: PodSandboxState;
  created_at: Int64;
  network?: PodSandboxNetworkStatus;
  linux?: LinuxPodSandboxStatus;
  labels: Record<string, string>;
  annotations: Record<string, string>;
  runtime_handler: string;
}

export interface PodSandboxStatusResponse {
  status?: PodSandboxStatus;
  info: Record<string, string>;
  containers_statuses: ContainerStatus[];
  timestamp: Int64;
}

export interface PodSandboxStateValue {
  state: PodSandboxState;
}

export interface PodSandboxFilter {
  id: string;
  state?: PodSandboxStateValue;
  label_selector: Record<string, string>;
}

export interface ListPodSandboxRequest {
  filter?: PodSandboxFilter;
}

export interface PodSandbox {
  id: string;
  metadata?: PodSandboxMetadata;
  state: PodSandboxState;
  created_at: Int64;
  labels: Record<string, string>;
  annotations: Record<string, string>;
  runtime_handler: string;
}

export interface ListPodSandboxResponse {
  items: PodSandbox[];
}

export interface LinuxContainerUser {
  uid: Int64;
  gid: Int64;
  supplemental_groups: Int64[];
}

export interface CreateContainerRequest {
  pod_sandbox_id: string;
  config?: ContainerConfig;
  sandbox_config?: PodSandboxConfig;
}

export interface CreateContainerResponse {
  container_id: string;
}

export interface StartContainerRequest {
  container_id: string;
}

export type StartContainerResponse = Empty;

export interface StopContainerRequest {
  container_id: string;
  timeout: Int64;
}

export type StopContainerResponse = Empty;

export interface RemoveContainerRequest {
  container_id: string;
}

export type RemoveContainerResponse = Empty;

export interface ContainerStateValue {
  state: ContainerState;
}

export interface ContainerFilter {
  id: string;
  state?: ContainerStateValue;
  pod_sandbox_id: string;
  label_selector: Record<string, string>;
}

export interface ListContainersRequest {
  filter?: ContainerFilter;
}

export interface Container {
  id: string;
  pod_sandbox_id: string;
  metadata?: ContainerMetadata;
  image?: ImageSpec;
  image_ref: string;
  state: ContainerState;
  created_at: Int64;
  labels: Record<string, string>;
  annotations: Record<string, string>;
  image_id: string;
}

export interface ListContainersResponse {
  containers: Container[];
}

export interface ContainerStatusRequest {
  container_id: string;
  verbose: boolean;
}

export interface ContainerStatus {
  id: string;
  metadata?: ContainerMetadata;
  state: ContainerState;
  created_at: Int64;
  started_at: Int64;
  finished_at: Int64;
  exit_code: number;
  image?: ImageSpec;
  image_ref: string;
  reason: string;
  message: string;
  labels: Record<string, string>;
  annotations: Record<string, string>;
  mounts: Mount[];
  log_path: string;
  resources?: ContainerResources;
  image_id: string;
  user?: ContainerUser;
}

export interface ContainerStatusResponse {
  status?: ContainerStatus;
  info: Record<string, string>;
}

export interface ContainerResources {
  linux?: LinuxContainerResources;
}

export interface ContainerUser {
  linux?: LinuxContainerUser;
}

export interface UpdateContainerResourcesRequest {
  container_id: string;
  linux?: LinuxContainerResources;
  annotations: Record<string, string>;
}

export type UpdateContainerResourcesResponse = Empty;

export interface ExecSyncRequest {
  container_id: string;
  cmd: string[];
  timeout: Int64;
}

export interface ExecSyncResponse {
  stdout: Buffer;
  stderr: Buffer;
  exit_code: number;
}

export interface ExecRequest {
  container_id: string;
  cmd: string[];
  tty: boolean;
  stdin: boolean;
  stdout: boolean;
  stderr: boolean;
}

export interface ExecResponse {
  url: string;
}

export interface AttachRequest {
  container_id: string;
  stdin: boolean;
  tty: boolean;
  stdout: boolean;
  stderr: boolean;
}

export interface AttachResponse {
  url: string;
}

export interface PortForwardRequest {
  pod_sandbox_id: string;
  port: number[];
}

export interface PortForwardResponse {
  url: string;
}

export interface NetworkConfig {
  pod_cidr: string;
}

export interface RuntimeConfig {
  network_config?: NetworkConfig;
}

export interface UpdateRuntimeConfigRequest {
  runtime_config?: RuntimeConfig;
}

export type UpdateRuntimeConfigResponse = Empty;

export interface RuntimeCondition {
  type: string;
  status: boolean;
  reason: string;
  message: string;
}

export interface RuntimeStatus {
  conditions: RuntimeCondition[];
}

export interface StatusRequest {
  verbose: boolean;
}

export interface RuntimeHandlerFeatures {
  recursive_read_only_mounts: boolean;
  user_namespaces: boolean;
}

export interface RuntimeHandler {
  name: string;
  features?: RuntimeHandlerFeatures;
}

export interface RuntimeFeatures {
  supplemental_groups_policy: boolean;
}

export interface StatusResponse {
  status?: RuntimeStatus;
  info: Record<string, string>;
  runtime_handlers: RuntimeHandler[];
  features?: RuntimeFeatures;
}

export interface ReopenContainerLogRequest {
  container_id: string;
}

export type ReopenContainerLogResponse = Empty;

export interface CheckpointContainerRequest {
  container_id: string;
  location: string;
  timeout: Int64;
}

export type CheckpointContainerResponse = Empty;

export type GetEventsRequest = Empty;

export interface ContainerEventResponse {
  container_id: string;
  container_event_type: ContainerEventType;
  created_at: Int64;
  pod_sandbox_status?: PodSandboxStatus;
  containers_statuses: ContainerStatus[];
}

export type RuntimeConfigRequest = Empty;

export interface RuntimeConfigResponse {
  linux?: LinuxRuntimeConfiguration;
}

export interface LinuxRuntimeConfiguration {
  cgroup_driver: CgroupDriver;
}
