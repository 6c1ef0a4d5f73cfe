import { prefixEnd } from '#store';
import {
  COMPARE_RESULT,
  COMPARE_TARGET,
  PutRequest,
  PutResponse,
  RangeRequest,
  RangeResponse,
  TxnRequest,
  TxnResponse,
  WatchRequest,
  WatchResponse,
} from '../../../src/store/etcd/messages.ts';
import { Reader } from '../../../src/store/etcd/wire.ts';
import type { GrpcClient } from './grpc-client.ts';

export const KEYS = 20_000;
const VALUE_BYTES = 1024;
const PREFIX = '/registry/pods/default/';
/** The number of the field. */
const EVENTS = 11;
const SMALL_LIST = 500;
/** Neither a divisor of the number of keys nor near to one: successive keys lie far apart. */
const STRIDE = 7919;
const SWAPPED_KEYS = 200;

export const keyOf = (n: number): string => `${PREFIX}pod-${String(n % KEYS).padStart(6, '0')}`;

const VALUE = Buffer.alloc(VALUE_BYTES, 'v');

/** One call, by one of the clients of a round. Resolves when it is answered as it should. */
type Step = (client: GrpcClient, n: number) => Promise<void>;

export interface Round {
  readonly name: string;
  readonly clients: number;
  readonly step: Step;
}

export const put: Step = async (client, n) => {
  const answer = await client.unary(
    '/etcdserverpb.KV/Put',
    PutRequest.encode({ key: keyOf(n * STRIDE), value: VALUE }),
  );
  if (PutResponse.decode(answer).header!.revision < 2) throw new Error('a put has made no revision');
};

const range =
  (serializable: boolean, limit: number): Step =>
  async (client, n) => {
    const key = keyOf(n * STRIDE);
    const many = limit === 1 ? {} : { rangeEnd: prefixEnd(PREFIX), limit };
    const request = RangeRequest.encode({ ...many, key: limit === 1 ? key : PREFIX, serializable });
    const answer = await client.unary('/etcdserverpb.KV/Range', request);
    // Of a long list only that it is one is looked at: taking it to pieces would cost more than what is measured.
    const isWhole = limit === 1 ? RangeResponse.decode(answer).kvs.length === 1 : answer.length > limit * VALUE_BYTES;
    if (!isWhole) throw new Error('a range has found too little');
  };

/**
 * As the API server writes: the revision of the last write compared, the new one put, what is there instead read. Of few enough keys that each is met often: the first
 * time its revision is not known, so nothing is written.
 */
function compareAndSwap(): Step {
  const revisions = new Map<string, number>();
  return async (client, n) => {
    const key = keyOf((n % SWAPPED_KEYS) * STRIDE);
    const request = TxnRequest.encode({
      compare: [
        {
          result: COMPARE_RESULT.equal,
          target: COMPARE_TARGET.mod,
          key,
          modRevision: revisions.get(key) ?? 0,
        },
      ],
      success: [{ put: { key, value: VALUE } }, { range: { key } }],
      failure: [{ range: { key } }],
    });
    const { header, succeeded, responses } = TxnResponse.decode(await client.unary('/etcdserverpb.KV/Txn', request));
    const found = responses.at(-1)?.range?.kvs[0]?.modRevision ?? 0;
    if (found === 0 || (succeeded && found !== header!.revision))
      throw new Error('a transaction has not found its key');
    revisions.set(key, found);
  };
}

/** New ones for each server: what a transaction compares is that server's. */
export const rounds = (): readonly Round[] => [
  ...[1, 16, 128].map((clients) => ({ name: `put, ${clients}`, clients, step: put })),
  { name: 'txn, 1', clients: 1, step: compareAndSwap() },
  { name: 'txn, 128', clients: 128, step: compareAndSwap() },
  { name: 'get, linearizable, 1', clients: 1, step: range(false, 1) },
  { name: 'get, linearizable, 128', clients: 128, step: range(false, 1) },
  { name: 'get, serializable, 128', clients: 128, step: range(true, 1) },
  { name: `list of ${SMALL_LIST}, linearizable, 16`, clients: 16, step: range(false, SMALL_LIST) },
  { name: `list of ${SMALL_LIST}, serializable, 16`, clients: 16, step: range(true, SMALL_LIST) },
];

/** Watches all keys; resolves when the server has begun to. `onEvents` hears how many events came. */
export function watchAll(client: GrpcClient, onEvents: (count: number) => void): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const request = WatchRequest.encode({ create: { key: PREFIX, rangeEnd: prefixEnd(PREFIX) } });
  client.stream('/etcdserverpb.Watch/Watch', request, (message) => {
    if (message.length < VALUE_BYTES) {
      if (WatchResponse.decode(message).created) resolve();
    } else onEvents(countEvents(message));
  });
  return promise;
}

/** Counts them without reading what they are. */
function countEvents(message: Buffer): number {
  let events = 0;
  for (const reader = new Reader(message); !reader.done;) {
    const tag = reader.varint();
    if (tag >> 3 === EVENTS) events++;
    reader.skip(tag & 7);
  }
  return events;
}
