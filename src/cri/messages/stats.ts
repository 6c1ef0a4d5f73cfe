/** What containers, sandboxes and file systems use, and metrics. */
import type { Int64, Empty } from './basics.ts';
import type { PodSandboxMetadata, ContainerMetadata, UInt64Value } from './config.ts';

export type MetricType = 'COUNTER' | 'GAUGE';

export interface PodSandboxStatsRequest {
  pod_sandbox_id: string;
}

export interface PodSandboxStatsResponse {
  stats?: PodSandboxStats;
}

export interface PodSandboxStatsFilter {
  id: string;
  label_selector: Record<string, string>;
}

export interface ListPodSandboxStatsRequest {
  filter?: PodSandboxStatsFilter;
}

export interface ListPodSandboxStatsResponse {
  stats: PodSandboxStats[];
}

export interface PodSandboxAttributes {
  id: string;
  metadata?: PodSandboxMetadata;
  labels: Record<string, string>;
  annotations: Record<string, string>;
}

export interface PodSandboxStats {
  attributes?: PodSandboxAttributes;
  linux?: LinuxPodSandboxStats;
}

export interface LinuxPodSandboxStats {
  cpu?: CpuUsage;
  memory?: MemoryUsage;
  network?: NetworkUsage;
  process?: ProcessUsage;
  containers: ContainerStats[];
}

export interface NetworkUsage {
  timestamp: Int64;
  default_interface?: NetworkInterfaceUsage;
  interfaces: NetworkInterfaceUsage[];
}

export interface NetworkInterfaceUsage {
  name: string;
  rx_bytes?: UInt64Value;
  rx_errors?: UInt64Value;
  tx_bytes?: UInt64Value;
  tx_errors?: UInt64Value;
}

export interface ProcessUsage {
  timestamp: Int64;
  process_count?: UInt64Value;
}

export type ImageFsInfoRequest = Empty;

export interface FilesystemIdentifier {
  mountpoint: string;
}

export interface FilesystemUsage {
  timestamp: Int64;
  fs_id?: FilesystemIdentifier;
  used_bytes?: UInt64Value;
  inodes_used?: UInt64Value;
}

export interface ImageFsInfoResponse {
  image_filesystems: FilesystemUsage[];
  container_filesystems: FilesystemUsage[];
}

export interface ContainerStatsRequest {
  container_id: string;
}

export interface ContainerStatsResponse {
  stats?: ContainerStats;
}

export interface ListContainerStatsRequest {
  filter?: ContainerStatsFilter;
}

export interface ContainerStatsFilter {
  id: string;
  pod_sandbox_id: string;
  label_selector: Record<string, string>;
}

export interface ListContainerStatsResponse {
  stats: ContainerStats[];
}

export interface ContainerAttributes {
  id: string;
  metadata?: ContainerMetadata;
  labels: Record<string, string>;
  annotations: Record<string, string>;
}

export interface ContainerStats {
  attributes?: ContainerAttributes;
  cpu?: CpuUsage;
  memory?: MemoryUsage;
  writable_layer?: FilesystemUsage;
  swap?: SwapUsage;
}

export interface CpuUsage {
  timestamp: Int64;
  usage_core_nano_seconds?: UInt64Value;
  usage_nano_cores?: UInt64Value;
}

export interface MemoryUsage {
  timestamp: Int64;
  working_set_bytes?: UInt64Value;
  available_bytes?: UInt64Value;
  usage_bytes?: UInt64Value;
  rss_bytes?: UInt64Value;
  page_faults?: UInt64Value;
  major_page_faults?: UInt64Value;
}

export interface SwapUsage {
  timestamp: Int64;
  swap_available_bytes?: UInt64Value;
  swap_usage_bytes?: UInt64Value;
}

export type ListMetricDescriptorsRequest = Empty;

export interface ListMetricDescriptorsResponse {
  descriptors: MetricDescriptor[];
}

export interface MetricDescriptor {
  name: string;
  help: string;
  label_keys: string[];
}

export type ListPodSandboxMetricsRequest = Empty;

export interface ListPodSandboxMetricsResponse {
  pod_metrics: PodSandboxMetrics[];
}

export interface PodSandboxMetrics {
  pod_sandbox_id: string;
  metrics: Metric[];
  container_metrics: ContainerMetrics[];
}

export interface ContainerMetrics {
  container_id: string;
  metrics: Metric[];
}

export interface Metric {
  name: string;
  timestamp: Int64;
  metric_type: MetricType;
  label_values: string[];
  value?: UInt64Value;
}
