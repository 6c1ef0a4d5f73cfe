/**
 * The datastore: what etcd is to Kubernetes. One revision counter, keys with versions, compare-and-swap transactions, range reads
 * at a revision, watches from a revision, leases, compaction. It knows bytes only, nothing of Kubernetes.
 *
 * Invariants every backend keeps:
 * - a write is acknowledged, shown to readers and sent to watchers only once it is durable;
 * - revisions grow by exactly one per transaction that changes something, and never go back;
 * - a watcher gets each event once, in order, and all events of one transaction in one call.
 */
export type { CompactionOptions } from './embedded/compactor.ts';
export { type EmbeddedStoreOptions, openEmbeddedStore } from './embedded/embedded.ts';
export type { ChannelOptions } from './etcd-client/channel.ts';
export { downloadSnapshot } from './etcd-client/download.ts';
export { type EtcdStoreOptions, openEtcdStore } from './etcd-client/etcd.ts';
export { type EtcdServerOptions, newEtcdServer } from './etcd-server/server.ts';
export { changesBetween, makeChanges, pairsAt, type StoreChange } from './history/changes.ts';
export { keepMoments, revisionAt, timeOf } from './history/moments.ts';
export { type Contents, contentsOf, differenceOf, type Fingerprint, fingerprint } from './move/contents.ts';
export { writeStoreFiles } from './move/files.ts';
export { claim, complete, countOn, fill } from './move/fill.ts';
export { checkWhole } from './move/mark.ts';
export { readSnapshot } from './snapshot/etcd-file.ts';
export {
  type Compare,
  type Key,
  type KeyValue,
  type Lease,
  type LeaseStatus,
  type Op,
  type OpResult,
  prefixEnd,
  type RangeRequest,
  type RangeResult,
  type Store,
  type StoreDump,
  StoreError,
  type StoreErrorCode,
  type StoreEvent,
  type StoreStatus,
  type TxnRequest,
  type TxnResult,
  type WatchHandler,
  type WatchRequest,
} from './types.ts';
