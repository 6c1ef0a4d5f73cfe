/**
 * The messages of etcd's v3 API, by their numbers on the wire. Source: api/etcdserverpb/rpc.proto and api/mvccpb/kv.proto of etcd v3.6. Fields in
 * the order of their numbers, which is the order they are written in.
 */
import {
  bool,
  bytes,
  type Codec,
  int,
  key,
  message,
  type MessageOf,
  nested,
  repeated,
  repeatedInt,
  repeatedText,
  text,
} from './codec.ts';

export const ResponseHeader = message({ clusterId: int(1), memberId: int(2), revision: int(3), raftTerm: int(4) });
export type ResponseHeader = MessageOf<typeof ResponseHeader>;

export const KeyValue = message({
  key: key(1),
  createRevision: int(2),
  modRevision: int(3),
  version: int(4),
  value: bytes(5),
  lease: int(6),
});
export type KeyValue = MessageOf<typeof KeyValue>;

const header = nested(1, () => ResponseHeader);
const kv = (number: number) => nested(number, () => KeyValue);

/** Values of enums. */
export const SORT_ORDER = { none: 0, ascend: 1, descend: 2 } as const;
export const SORT_TARGET = { key: 0, version: 1, create: 2, mod: 3, value: 4 } as const;
export const COMPARE_RESULT = { equal: 0, greater: 1, less: 2, notEqual: 3 } as const;
export const COMPARE_TARGET = { version: 0, create: 1, mod: 2, value: 3, lease: 4 } as const;
export const FILTER = { noPut: 0, noDelete: 1 } as const;
export const EVENT = { put: 0, delete: 1 } as const;
export const ALARM_ACTION = { get: 0, activate: 1, deactivate: 2 } as const;
export const ALARM = { none: 0, noSpace: 1, corrupt: 2 } as const;

export const RangeRequest = message({
  key: key(1),
  rangeEnd: key(2),
  limit: int(3),
  revision: int(4),
  sortOrder: int(5),
  sortTarget: int(6),
  serializable: bool(7),
  keysOnly: bool(8),
  countOnly: bool(9),
  minModRevision: int(10),
  maxModRevision: int(11),
  minCreateRevision: int(12),
  maxCreateRevision: int(13),
});
export type RangeRequest = MessageOf<typeof RangeRequest>;

export const RangeResponse = message({ header, kvs: repeated(2, () => KeyValue), more: bool(3), count: int(4) });
export type RangeResponse = MessageOf<typeof RangeResponse>;

export const PutRequest = message({
  key: key(1),
  value: bytes(2),
  lease: int(3),
  prevKv: bool(4),
  ignoreValue: bool(5),
  ignoreLease: bool(6),
});
export type PutRequest = MessageOf<typeof PutRequest>;

export const PutResponse = message({ header, prevKv: kv(2) });
export type PutResponse = MessageOf<typeof PutResponse>;

export const DeleteRangeRequest = message({ key: key(1), rangeEnd: key(2), prevKv: bool(3) });
export type DeleteRangeRequest = MessageOf<typeof DeleteRangeRequest>;

export const DeleteRangeResponse = message({ header, deleted: int(2), prevKvs: repeated(3, () => KeyValue) });
export type DeleteRangeResponse = MessageOf<typeof DeleteRangeResponse>;

export interface RequestOp {
  range: RangeRequest | undefined;
  put: PutRequest | undefined;
  deleteRange: DeleteRangeRequest | undefined;
  txn: TxnRequest | undefined;
}
/** One of its fields is there. */
export const RequestOp: Codec<RequestOp> = message({
  range: nested(1, () => RangeRequest),
  put: nested(2, () => PutRequest),
  deleteRange: nested(3, () => DeleteRangeRequest),
  txn: nested<TxnRequest>(4, () => TxnRequest),
});

export const Compare = message({
  result: int(1),
  target: int(2),
  key: key(3),
  version: int(4),
  createRevision: int(5),
  modRevision: int(6),
  value: bytes(7),
  lease: int(8),
  rangeEnd: key(64),
});
export type Compare = MessageOf<typeof Compare>;

export interface TxnRequest {
  compare: readonly Compare[];
  success: readonly RequestOp[];
  failure: readonly RequestOp[];
}
export const TxnRequest: Codec<TxnRequest> = message({
  compare: repeated(1, () => Compare),
  success: repeated<RequestOp>(2, () => RequestOp),
  failure: repeated<RequestOp>(3, () => RequestOp),
});

export interface ResponseOp {
  range: RangeResponse | undefined;
  put: PutResponse | undefined;
  deleteRange: DeleteRangeResponse | undefined;
  txn: TxnResponse | undefined;
}
export const ResponseOp: Codec<ResponseOp> = message({
  range: nested(1, () => RangeResponse),
  put: nested(2, () => PutResponse),
  deleteRange: nested(3, () => DeleteRangeResponse),
  txn: nested<TxnResponse>(4, () => TxnResponse),
});

export interface TxnResponse {
  header: ResponseHeader | undefined;
  succeeded: boolean;
  responses: readonly ResponseOp[];
}
export const TxnResponse: Codec<TxnResponse> = message({
  header,
  succeeded: bool(2),
  responses: repeated<ResponseOp>(3, () => ResponseOp),
});

export const CompactionRequest = message({ revision: int(1), physical: bool(2) });
/** Of a compaction, a revocation, a defragmentation: nothing but the header. */
export const HeaderResponse = message({ header });

export const Event = message({ type: int(1), kv: kv(2), prevKv: kv(3) });
export type Event = MessageOf<typeof Event>;

export const WatchCreateRequest = message({
  key: key(1),
  rangeEnd: key(2),
  startRevision: int(3),
  progressNotify: bool(4),
  filters: repeatedInt(5),
  prevKv: bool(6),
  watchId: int(7),
  fragment: bool(8),
});
export type WatchCreateRequest = MessageOf<typeof WatchCreateRequest>;
const WatchCancelRequest = message({ watchId: int(1) });
export const Empty = message({});
/** One of its fields is there. */
export const WatchRequest = message({
  create: nested(1, () => WatchCreateRequest),
  cancel: nested(2, () => WatchCancelRequest),
  progress: nested(3, () => Empty),
});
export type WatchRequest = MessageOf<typeof WatchRequest>;
export const WatchResponse = message({
  header,
  watchId: int(2),
  created: bool(3),
  canceled: bool(4),
  compactRevision: int(5),
  cancelReason: text(6),
  fragment: bool(7),
  events: repeated(11, () => Event),
});
export type WatchResponse = MessageOf<typeof WatchResponse>;

export const LeaseGrantRequest = message({ ttl: int(1), id: int(2) });
export const LeaseGrantResponse = message({ header, id: int(2), ttl: int(3), error: text(4) });
/** Of a revocation and of a sign of life. */
export const LeaseIdRequest = message({ id: int(1) });
export const LeaseKeepAliveResponse = message({ header, id: int(2), ttl: int(3) });
export const LeaseTimeToLiveRequest = message({ id: int(1), keys: bool(2) });
export const LeaseTimeToLiveResponse = message({
  header,
  id: int(2),
  ttl: int(3),
  grantedTtl: int(4),
  keys: repeatedText(5, 'latin1'),
});
export const LeaseLeasesResponse = message({ header, leases: repeated(2, () => LeaseIdRequest) });

const Member = message({
  id: int(1),
  name: text(2),
  peerURLs: repeatedText(3, 'utf8'),
  clientURLs: repeatedText(4, 'utf8'),
  isLearner: bool(5),
});
export const MemberListResponse = message({ header, members: repeated(2, () => Member) });

export const StatusResponse = message({
  header,
  version: text(2),
  dbSize: int(3),
  leader: int(4),
  raftIndex: int(5),
  raftTerm: int(6),
  raftAppliedIndex: int(7),
  errors: repeatedText(8, 'utf8'),
  dbSizeInUse: int(9),
  isLearner: bool(10),
  storageVersion: text(11),
  dbSizeQuota: int(12),
});
export const HashKVRequest = message({ revision: int(1) });
export const HashKVResponse = message({ header, hash: int(2), compactRevision: int(3), hashRevision: int(4) });
export const HashResponse = message({ header, hash: int(2) });
export const SnapshotResponse = message({ header, remainingBytes: int(2), blob: bytes(3), version: text(4) });
export const AlarmRequest = message({ action: int(1), memberId: int(2), alarm: int(3) });
const AlarmMember = message({ memberId: int(1), alarm: int(2) });
export const AlarmResponse = message({ header, alarms: repeated(2, () => AlarmMember) });
export const AuthStatusResponse = message({ header, enabled: bool(2), authRevision: int(3) });
