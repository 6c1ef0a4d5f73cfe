/**
 * A cluster on one machine: its keys and certificates, its nodes (sets of namespaces with a containerd of their own), the control-plane
 * process, and what keeps them running. It is what `up`, `down`, `status`, `node` and `image` do; it prints nothing.
 *
 * Invariants: everything in the kernel that belongs to a cluster is found from the cluster's name alone (names.ts), so that `down` works
 * whatever is left; every process is in the cluster's cgroup from its first instruction on; nothing that carries another name or mark is
 * touched; one command at a time changes a cluster. It does not know what the control plane and the agents do: it starts command lines.
 */
export type { ClusterCommands, KnownCluster } from './context.ts';
export { type CreateClusterOptions, createCluster, type CreatedCluster, RequirementsError } from './up.ts';
export { deleteCluster, type DeleteClusterOptions } from './down.ts';
export {
  clusterStatus,
  type ClusterStatus,
  type NodeStatus,
  openCluster,
  type OpenOptions,
  type ProcessStatus,
} from './status.ts';
export { execInNode, nodeCommand, nodeInit, runInNode, startNode, stopNode } from './node/node.ts';
export { DATA_ERROR_EXIT, startControlPlane, stopControlPlane } from './controlplane.ts';
export { loadImage, type LoadedImage } from './images/load.ts';
export { configureRegistry, forgetRegistry, type Registry } from './images/registries.ts';
export { AGENT_CONFIG, type AgentConfig } from './node/files.ts';
export { CONTAINERD_SOCKET, PAUSE_IMAGE } from './node/containerd.ts';
export {
  contextName,
  KubeconfigError,
  kubeconfigPath,
  mergeKubeconfigFile,
  removeFromKubeconfigFile,
} from './kubeconfig.ts';
export {
  type ClusterState,
  DEFAULT_CLUSTER_NAME,
  DEFAULT_STATE_ROOT,
  type EncryptionAtRest,
  type ExternalEtcd,
  listClusters,
  nodePaths,
  type NodeState,
  readClusterState,
  statePaths,
} from './state.ts';
export { type ApiAccess, httpsReadiness, type Readiness, type WaitOptions } from './ready.ts';
export type { Progress, ProgressEvent } from './progress.ts';
export { apiServerNames, ensurePki, type Pki } from './pki/pki.ts';
export type { KeyPair } from './pki/certificate.ts';
export { connectDatastore, datastoreChannel, HISTORY, openDatastoreFiles } from './datastore/connect.ts';
export { moveDatastore, type Moved, type MoveOptions } from './datastore/move.ts';
export {
  type ObjectChange,
  rewindCluster,
  type RewindTarget,
  type Rewound,
  unreadableText,
} from './datastore/rewind.ts';
export {
  listSnapshots,
  readSchedule,
  saveSnapshot,
  type Snapshot,
  type SnapshotSchedule,
  takeDueSnapshot,
  writeSchedule,
} from './datastore/snapshots.ts';
export { type EncryptionReport, encryptionReport, rotateEncryptionKeys } from './encryption/encrypt.ts';
export type { EncryptionUsage } from './encryption/census.ts';
export type { Rotated, RotationOptions } from './encryption/rotation.ts';
