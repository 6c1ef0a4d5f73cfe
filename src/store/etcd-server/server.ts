/**
 * etcd's v3 API on a store, for `etcdctl` and whatever else speaks to etcd: KV, Watch, Lease, Maintenance, and of Cluster and Auth what one member can
 * say. Clients show a certificate, as with `etcd --client-cert-auth`.
 */
import { createHash } from 'node:crypto';
import type { Clock, Logger } from '#util';
import type { ResponseHeader } from '../etcd/messages.ts';
import type { Store } from '../types.ts';
import { type GrpcServer, newGrpcServer, type ServerTls } from './grpc.ts';
import { kvMethods } from './kv.ts';
import { leaseMethods } from './lease.ts';
import { ETCD_VERSION, maintenanceMethods } from './maintenance.ts';
import { watchMethods } from './watch.ts';

/** Source: --max-request-bytes and the overhead of a message, server/embed/config.go and api/v3rpc/grpc.go. */
const MAX_REQUEST_BYTES = 1.5 * 1024 * 1024;
const OVERHEAD_BYTES = 512 << 10;
const PROGRESS_INTERVAL_MS = 10 * 60_000;
/** Real terms begin at 2, too. */
const TERM = 2;

export interface EtcdServerOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  readonly tls?: ServerTls | undefined;
  /** Name of the member. */
  readonly name: string;
  /** How clients reach it: `https://127.0.0.1:2379`. */
  readonly clientURLs: readonly string[];
  /** Ids of the cluster and of its member are made of this. */
  readonly identity: string;
  /** Default: 10 minutes. */
  readonly progressIntervalMs?: number;
}

export function newEtcdServer(options: EtcdServerOptions): GrpcServer {
  const { store, clock, log, tls, name, clientURLs, identity } = options;
  const clusterId = idOf(`cluster ${identity}`);
  const memberId = idOf(`member ${identity}`);
  const header = (revision = store.revision): ResponseHeader => ({ clusterId, memberId, revision, raftTerm: TERM });
  const service = { store, header };
  const methods = new Map([
    ...kvMethods(service),
    ...watchMethods({
      ...service,
      clock,
      progressIntervalMs: options.progressIntervalMs ?? PROGRESS_INTERVAL_MS,
      maxResponseBytes: MAX_REQUEST_BYTES,
    }),
    ...leaseMethods(service),
    ...maintenanceMethods({ ...service, member: { id: memberId, name, clientURLs } }),
  ]);
  return newGrpcServer({
    tls,
    clock,
    log,
    methods,
    maxRequestBytes: MAX_REQUEST_BYTES + OVERHEAD_BYTES,
    page,
  });
}

/** An id that a number holds. */
const idOf = (text: string): number => Number(createHash('sha256').update(text).digest().readBigUInt64BE() >> 11n);

/** Source: server/etcdserver/api/etcdhttp of etcd v3.6. */
function page(path: string): { contentType: string; body: string } | undefined {
  const contentType = 'application/json';
  switch (path) {
    case '/health':
      return { contentType, body: '{"health":"true","reason":""}' };
    case '/version':
      return { contentType, body: `{"etcdserver":"${ETCD_VERSION}","etcdcluster":"3.6.0","storage":"3.6.0"}` };
    default:
      return undefined;
  }
}
