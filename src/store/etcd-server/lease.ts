/** etcd's Lease service on a store. Source: server/etcdserver/api/v3rpc/lease.go, server/lease/lessor.go of etcd v3.6. */
import { leaseTtlTooLarge } from '../etcd/errors.ts';
import {
  HeaderResponse,
  LeaseGrantRequest,
  LeaseGrantResponse,
  LeaseIdRequest,
  LeaseKeepAliveResponse,
  LeaseLeasesResponse,
  LeaseTimeToLiveRequest,
  LeaseTimeToLiveResponse,
} from '../etcd/messages.ts';
import { type LeaseStatus, type Store, StoreError } from '../types.ts';
import type { GrpcMethod, GrpcSink, GrpcSource } from './grpc.ts';
import type { HeaderOf, ServiceOptions } from './kv.ts';

/** Source: MaxLeaseTTL. A shorter time than a second is a second. */
const MAX_TTL_SECONDS = 9_000_000_000;

export function leaseMethods({ store, header }: ServiceOptions): [string, GrpcMethod][] {
  const unary = (name: string, handle: (request: Buffer) => Promise<Buffer>): [string, GrpcMethod] => [
    `/etcdserverpb.Lease/${name}`,
    { type: 'unary', handle },
  ];
  return [
    unary('LeaseGrant', async (bytes) => {
      const { ttl, id } = LeaseGrantRequest.decode(bytes);
      if (ttl > MAX_TTL_SECONDS) throw leaseTtlTooLarge();
      const lease = await store.grantLease(Math.max(ttl, 1), id);
      return LeaseGrantResponse.encode({ header: header(), id: lease.id, ttl: lease.ttlSeconds });
    }),
    unary('LeaseRevoke', async (bytes) => {
      await store.revokeLease(LeaseIdRequest.decode(bytes).id);
      return HeaderResponse.encode({ header: header() });
    }),
    ['/etcdserverpb.Lease/LeaseKeepAlive', { type: 'bidirectional', open: (sink) => keepAlive(store, header, sink) }],
    unary('LeaseTimeToLive', async (bytes) => {
      const { id, keys } = LeaseTimeToLiveRequest.decode(bytes);
      const status = await statusOf(store, id);
      // A lease there is not has a time of -1. Source: LeaseTimeToLive of lease.go.
      if (status === undefined) return LeaseTimeToLiveResponse.encode({ header: header(), id, ttl: -1 });
      return LeaseTimeToLiveResponse.encode({
        header: header(),
        id,
        ttl: status.remainingSeconds,
        grantedTtl: status.ttlSeconds,
        ...(keys ? { keys: status.keys } : {}),
      });
    }),
    unary('LeaseLeases', async () => {
      const ids = await store.leases();
      return LeaseLeasesResponse.encode({ header: header(), leases: ids.map((id) => ({ id })) });
    }),
  ];
}

async function statusOf(store: Store, id: number): Promise<LeaseStatus | undefined> {
  try {
    return await store.leaseStatus(id);
  } catch (error) {
    if (error instanceof StoreError && error.code === 'lease-not-found') return undefined;
    throw error;
  }
}

/** Each sign of life is answered in order; one for a lease there is not, with a time of 0. */
function keepAlive(store: Store, header: HeaderOf, sink: GrpcSink): GrpcSource {
  let last = Promise.resolve();
  const answer = async (id: number): Promise<void> => {
    const ttlSeconds = await lifeOf(store, id);
    sink.send(LeaseKeepAliveResponse.encode({ header: header(), id, ttl: ttlSeconds }));
  };
  return {
    onMessage(message) {
      const { id } = LeaseIdRequest.decode(message);
      last = last.then(() => answer(id));
      last.catch(() => {}); // looked at when the client is done
    },
    onEnd: () => last,
  };
}

async function lifeOf(store: Store, id: number): Promise<number> {
  try {
    return (await store.keepLeaseAlive(id)).ttlSeconds;
  } catch (error) {
    if (error instanceof StoreError && error.code === 'lease-not-found') return 0;
    throw error;
  }
}
