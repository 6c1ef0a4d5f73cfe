/** etcd's Maintenance, Cluster and Auth services, as far as they mean something for a store of one member. */
import { authNotEnabled, CODE, GrpcError, unimplemented } from '../etcd/errors.ts';
import {
  ALARM,
  ALARM_ACTION,
  AlarmRequest,
  AlarmResponse,
  AuthStatusResponse,
  HashKVRequest,
  HashKVResponse,
  HashResponse,
  HeaderResponse,
  MemberListResponse,
  SnapshotResponse,
  StatusResponse,
} from '../etcd/messages.ts';
import { etcdDatabase, revisionPairs, snapshotBytes, snapshotSize } from '../snapshot/etcd-file.ts';
import { StoreError } from '../types.ts';
import { crc32c } from './crc32c.ts';
import type { GrpcMethod, GrpcSink } from './grpc.ts';
import type { ServiceOptions } from './kv.ts';

/** The etcd whose API this is. */
export const ETCD_VERSION = '3.6.9';
/** Source: snapshotSendBufferSize of server/etcdserver/api/v3rpc/maintenance.go. */
const BLOB_BYTES = 32 << 10;

export interface MemberOptions {
  readonly id: number;
  readonly name: string;
  readonly clientURLs: readonly string[];
}

export interface MaintenanceOptions extends ServiceOptions {
  readonly member: MemberOptions;
}

type Unary = (request: Buffer) => Promise<Buffer>;

const unary = (service: string, methods: Readonly<Record<string, Unary>>): [string, GrpcMethod][] =>
  Object.entries(methods).map(([name, handle]) => [`/etcdserverpb.${service}/${name}`, { type: 'unary', handle }]);

export function maintenanceMethods(options: MaintenanceOptions): [string, GrpcMethod][] {
  const { store, header } = options;
  return [
    ...unary('Maintenance', {
      Alarm: (request) => alarm(options, request),
      Status: () => status(options),
      async Defragment() {
        await store.defragment();
        return HeaderResponse.encode({ header: header() });
      },
      async Hash() {
        return HashResponse.encode({ header: header(), hash: await hashOf(options, store.revision) });
      },
      async HashKV(request) {
        const { revision } = HashKVRequest.decode(request);
        const at = revision === 0 ? store.revision : revision;
        if (at > store.revision) throw new StoreError('future-revision', '');
        if (at < store.compactRevision) throw new StoreError('compacted', '');
        return HashKVResponse.encode({
          header: header(),
          hash: await hashOf(options, at),
          compactRevision: store.compactRevision,
          hashRevision: at,
        });
      },
      MoveLeader: refuse('there is one member, which leads'),
      Downgrade: refuse('the datastore has no versions to go back to'),
    }),
    [
      '/etcdserverpb.Maintenance/Snapshot',
      { type: 'server-stream', handle: (_request, sink) => snapshot(options, sink) },
    ],
    ...unary('Cluster', {
      async MemberList() {
        const { id, name, clientURLs } = options.member;
        return MemberListResponse.encode({ header: header(), members: [{ id, name, peerURLs: [], clientURLs }] });
      },
      ...refuseAll(
        ['MemberAdd', 'MemberRemove', 'MemberUpdate', 'MemberPromote'],
        'the embedded datastore has one member',
      ),
    }),
    ...unary('Auth', {
      AuthStatus: async () => AuthStatusResponse.encode({ header: header(), enabled: false, authRevision: 1 }),
      Authenticate: () => Promise.reject(authNotEnabled()),
      ...refuseAll(AUTH_METHODS, 'client certificates say who may use the datastore'),
    }),
  ];
}

const AUTH_METHODS =
  `AuthEnable AuthDisable UserAdd UserGet UserList UserDelete UserChangePassword UserGrantRole UserRevokeRole
  RoleAdd RoleGet RoleList RoleDelete RoleGrantPermission RoleRevokePermission`.split(/\s+/);

const refuse =
  (why: string): Unary =>
  () =>
    Promise.reject(unimplemented(`etcdserver: not supported: ${why}`));

const refuseAll = (names: readonly string[], why: string): Record<string, Unary> =>
  Object.fromEntries(names.map((name) => [name, refuse(why)]));

async function status({ store, header, member }: MaintenanceOptions): Promise<Buffer> {
  const { sizeBytes, sizeInUseBytes, full } = await store.status();
  const own = header();
  return StatusResponse.encode({
    header: own,
    version: ETCD_VERSION,
    dbSize: sizeBytes,
    dbSizeInUse: sizeInUseBytes,
    leader: member.id,
    raftIndex: own.revision,
    raftAppliedIndex: own.revision,
    raftTerm: own.raftTerm,
    storageVersion: '3.6.0',
    // As etcd words an alarm: memberID:N alarm:NOSPACE.
    ...(full ? { errors: [`memberID:${member.id} alarm:NOSPACE `] } : {}),
  });
}

/** The one alarm there can be is that of a full disk: it goes by itself when there is room again. */
async function alarm({ store, header, member }: MaintenanceOptions, bytes: Buffer): Promise<Buffer> {
  const { action, alarm: type } = AlarmRequest.decode(bytes);
  if (action === ALARM_ACTION.activate)
    throw unimplemented('etcdserver: not supported: alarms cannot be raised by hand');
  const { full } = await store.status();
  const wanted = type === ALARM.none || type === ALARM.noSpace;
  return AlarmResponse.encode({
    header: header(),
    alarms: full && wanted ? [{ memberId: member.id, alarm: ALARM.noSpace }] : [],
  });
}

/**
 * The checksum etcd would make of what is written up to a revision: members of a cluster compare it. Source: kvHasher of server/storage/mvcc/hash.go
 * v3.6.
 */
async function hashOf({ store }: ServiceOptions, revision: number): Promise<number> {
  const { versions } = await store.dump();
  let hash = crc32c(Buffer.from('key'));
  for (const { key, value } of revisionPairs({ versions: versions.filter((v) => v.modRevision <= revision) }))
    hash = crc32c(value(), crc32c(key, hash));
  return hash;
}

async function snapshot({ store, header }: MaintenanceOptions, sink: GrpcSink): Promise<void> {
  const file = etcdDatabase(await store.dump());
  let remaining = snapshotSize(file);
  const own = header();
  for (const piece of snapshotBytes(file)) {
    for (let at = 0; at < piece.length; at += BLOB_BYTES) {
      if (sink.closed) throw new GrpcError(CODE.canceled, 'etcdserver: request canceled');
      const blob = piece.subarray(at, at + BLOB_BYTES);
      remaining -= blob.length;
      const ready = sink.send(
        SnapshotResponse.encode({ header: own, remainingBytes: remaining, blob, version: '3.6.0' }),
      );
      if (!ready) await sink.drained();
    }
  }
}
