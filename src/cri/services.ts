import type * as m from './messages/messages.ts';

/** Every unary RPC of RuntimeService: name → [request, response]. */
export interface RuntimeMethods {
  Version: [m.VersionRequest, m.VersionResponse];
  RunPodSandbox: [m.RunPodSandboxRequest, m.RunPodSandboxResponse];
  StopPodSandbox: [m.StopPodSandboxRequest, m.StopPodSandboxResponse];
  RemovePodSandbox: [m.RemovePodSandboxRequest, m.RemovePodSandboxResponse];
  PodSandboxStatus: [m.PodSandboxStatusRequest, m.PodSandboxStatusResponse];
  ListPodSandbox: [m.ListPodSandboxRequest, m.ListPodSandboxResponse];
  CreateContainer: [m.CreateContainerRequest, m.CreateContainerResponse];
  StartContainer: [m.StartContainerRequest, m.StartContainerResponse];
  StopContainer: [m.StopContainerRequest, m.StopContainerResponse];
  RemoveContainer: [m.RemoveContainerRequest, m.RemoveContainerResponse];
  ListContainers: [m.ListContainersRequest, m.ListContainersResponse];
  ContainerStatus: [m.ContainerStatusRequest, m.ContainerStatusResponse];
  UpdateContainerResources: [m.UpdateContainerResourcesRequest, m.UpdateContainerResourcesResponse];
  ReopenContainerLog: [m.ReopenContainerLogRequest, m.ReopenContainerLogResponse];
  ExecSync: [m.ExecSyncRequest, m.ExecSyncResponse];
  Exec: [m.ExecRequest, m.ExecResponse];
  Attach: [m.AttachRequest, m.AttachResponse];
  PortForward: [m.PortForwardRequest, m.PortForwardResponse];
  ContainerStats: [m.ContainerStatsRequest, m.ContainerStatsResponse];
  ListContainerStats: [m.ListContainerStatsRequest, m.ListContainerStatsResponse];
  PodSandboxStats: [m.PodSandboxStatsRequest, m.PodSandboxStatsResponse];
  ListPodSandboxStats: [m.ListPodSandboxStatsRequest, m.ListPodSandboxStatsResponse];
  UpdateRuntimeConfig: [m.UpdateRuntimeConfigRequest, m.UpdateRuntimeConfigResponse];
  Status: [m.StatusRequest, m.StatusResponse];
  CheckpointContainer: [m.CheckpointContainerRequest, m.CheckpointContainerResponse];
  ListMetricDescriptors: [m.ListMetricDescriptorsRequest, m.ListMetricDescriptorsResponse];
  ListPodSandboxMetrics: [m.ListPodSandboxMetricsRequest, m.ListPodSandboxMetricsResponse];
  RuntimeConfig: [m.RuntimeConfigRequest, m.RuntimeConfigResponse];
}

/** Every RPC of ImageService: name → [request, response]. */
export interface ImageMethods {
  ListImages: [m.ListImagesRequest, m.ListImagesResponse];
  ImageStatus: [m.ImageStatusRequest, m.ImageStatusResponse];
  PullImage: [m.PullImageRequest, m.PullImageResponse];
  RemoveImage: [m.RemoveImageRequest, m.RemoveImageResponse];
  ImageFsInfo: [m.ImageFsInfoRequest, m.ImageFsInfoResponse];
}

export interface ProcessRef {
  container_id: string;
  /** Empty: the container's own process. */
  exec_id: string;
}

export interface Timestamp {
  seconds: m.Int64;
  nanos: number;
}

export interface TaskExecRequest extends ProcessRef {
  /** Paths of FIFOs in the mount namespace that containerd's shim sees; empty: none. */
  stdin: string;
  stdout: string;
  stderr: string;
  terminal: boolean;
  spec?: { type_url: string; value: Buffer };
}

/** containerd.services.tasks.v1, in the part that running a further process in a container takes: name → [request, response]. */
export interface TaskMethods {
  Exec: [TaskExecRequest, m.Empty];
  Start: [ProcessRef, { pid: number }];
  Wait: [ProcessRef, { exit_status: number; exited_at?: Timestamp }];
  CloseIO: [ProcessRef & { stdin: boolean }, m.Empty];
  ResizePty: [ProcessRef & { width: number; height: number }, m.Empty];
  DeleteProcess: [ProcessRef, { id: string; pid: number; exit_status: number; exited_at?: Timestamp }];
  Kill: [ProcessRef & { signal: number; all: boolean }, m.Empty];
}

export interface CallOptions {
  /** Cancels the call; it rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
  /** Milliseconds from now; `Infinity` for none. Defaults by method: see `defaultDeadlineMs`. */
  deadlineMs?: number | undefined;
}

/** One promise-returning method per RPC, named as the RPC with a small first letter. */
export type ServiceClient<Methods> = {
  readonly [K in keyof Methods & string as Uncapitalize<K>]: Methods[K] extends [infer Request, infer Response]
    ? (request: m.Input<Request>, options?: CallOptions) => Promise<Response>
    : never;
};

export type RuntimeService = ServiceClient<RuntimeMethods>;
export type ImageService = ServiceClient<ImageMethods>;
export type TasksService = ServiceClient<TaskMethods>;
