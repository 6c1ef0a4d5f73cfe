/** The calls of etcd's API that a store needs. */
import type { Codec } from '../etcd/codec.ts';
import * as wire from '../etcd/messages.ts';
import type { Method } from './channel.ts';

const method = <Q, S>(path: string, request: Codec<Q>, response: Codec<S>, reads?: 'quick' | 'any'): Method<Q, S> => ({
  path: `/etcdserverpb.${path}`,
  request,
  response,
  ...(reads === undefined ? {} : { reads }),
});

export const RANGE = method('KV/Range', wire.RangeRequest, wire.RangeResponse, 'any');
/** A range of a key, or of none: what takes no time. */
export const QUICK_RANGE = method('KV/Range', wire.RangeRequest, wire.RangeResponse, 'quick');
export const TXN = method('KV/Txn', wire.TxnRequest, wire.TxnResponse);
export const COMPACT = method('KV/Compact', wire.CompactionRequest, wire.HeaderResponse);
export const WATCH = method('Watch/Watch', wire.WatchRequest, wire.WatchResponse);
export const LEASE_GRANT = method('Lease/LeaseGrant', wire.LeaseGrantRequest, wire.LeaseGrantResponse);
export const LEASE_REVOKE = method('Lease/LeaseRevoke', wire.LeaseIdRequest, wire.HeaderResponse);
export const LEASE_KEEP_ALIVE = method('Lease/LeaseKeepAlive', wire.LeaseIdRequest, wire.LeaseKeepAliveResponse);
export const LEASE_TIME_TO_LIVE = method(
  'Lease/LeaseTimeToLive',
  wire.LeaseTimeToLiveRequest,
  wire.LeaseTimeToLiveResponse,
  'any',
);
export const LEASES = method('Lease/LeaseLeases', wire.Empty, wire.LeaseLeasesResponse, 'any');
export const STATUS = method('Maintenance/Status', wire.Empty, wire.StatusResponse, 'any');
export const DEFRAGMENT = method('Maintenance/Defragment', wire.Empty, wire.HeaderResponse);
export const SNAPSHOT = method('Maintenance/Snapshot', wire.Empty, wire.SnapshotResponse);
