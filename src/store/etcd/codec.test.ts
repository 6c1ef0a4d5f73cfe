import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  KeyValue,
  LeaseTimeToLiveResponse,
  RangeRequest,
  TxnRequest,
  WatchRequest,
  WatchResponse,
} from './messages.ts';
import { WireError } from './wire.ts';

/** With the prototype that what is read has. */
const record = <T>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> =>
  fc.record(fields, { noNullPrototype: true }) as fc.Arbitrary<T>;
const integer = fc.oneof(fc.maxSafeInteger(), fc.nat(), fc.constant(-1));
const key = fc.string({ unit: fc.nat(255).map((code) => String.fromCharCode(code)) });
const keyValue = record({
  key,
  createRevision: integer,
  modRevision: integer,
  version: integer,
  value: fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes)),
  lease: integer,
});

test('what is written is read again, whatever it is', () => {
  const event = record({
    type: fc.nat(1),
    kv: fc.option(keyValue, { nil: undefined }),
    prevKv: fc.option(keyValue, { nil: undefined }),
  });
  const response = record({
    header: fc.option(record({ clusterId: integer, memberId: integer, revision: integer, raftTerm: integer }), {
      nil: undefined,
    }),
    watchId: integer,
    created: fc.boolean(),
    canceled: fc.boolean(),
    compactRevision: integer,
    cancelReason: fc.string({ unit: 'grapheme' }),
    fragment: fc.boolean(),
    events: fc.array(event, { maxLength: 5 }),
  });
  fc.assert(
    fc.property(response, (message) => assert.deepEqual(WatchResponse.decode(WatchResponse.encode(message)), message)),
  );
  fc.assert(
    fc.property(fc.array(key), (keys) =>
      assert.deepEqual(LeaseTimeToLiveResponse.decode(LeaseTimeToLiveResponse.encode({ keys })).keys, keys),
    ),
  );
});

test('messages are written as others write them', () => {
  // etcdctl put a b --lease=7, and get a b --rev=300 --limit=1 --order=DESCEND, as Go's generated code has them.
  assert.equal(KeyValue.encode({ key: 'a', value: Buffer.from('b'), lease: 7 }).toString('hex'), '0a01612a01623007');
  assert.equal(
    RangeRequest.encode({ key: 'a', rangeEnd: 'b', limit: 1, revision: 300, sortOrder: 2 }).toString('hex'),
    '0a0161120162180120ac022802',
  );
  assert.equal(WatchResponse.encode({ watchId: -1 }).toString('hex'), '10ffffffffffffffffff01');
  assert.equal(WatchRequest.encode({ progress: {} }).toString('hex'), '1a00');
  assert.deepEqual(WatchRequest.decode(Buffer.from('0a0a0a01612a0200012a0100', 'hex')).create?.filters, [0, 1, 0]);
});

test('fields nobody knows are passed over', () => {
  const known = KeyValue.encode({ key: 'a' });
  const unknown = Buffer.from('f8070aa10601020304050607082a00c50601020304', 'hex');
  assert.equal(KeyValue.decode(Buffer.concat([unknown, known])).key, 'a');
});

test('garbage is an error of the wire and nothing worse', () => {
  const property = fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
    for (const codec of [TxnRequest, WatchRequest, KeyValue]) {
      try {
        codec.decode(Buffer.from(bytes));
      } catch (error) {
        assert.ok(error instanceof WireError, String(error));
      }
    }
  });
  fc.assert(property, { numRuns: 2000 });
  // Transactions within transactions, deeper than any stack.
  let nested = Buffer.alloc(0);
  for (let i = 0; i < 2000; i++)
    nested = TxnRequest.encode({ success: [{ txn: {} }] }).length > 0 ? wrap(nested) : nested;
  assert.throws(() => TxnRequest.decode(nested), WireError);
});

/** `success: [{ txn: inner }]` */
function wrap(inner: Buffer): Buffer<ArrayBuffer> {
  const txn = Buffer.concat([Buffer.from([0x22]), varint(inner.length), inner]);
  return Buffer.concat([Buffer.from([0x12]), varint(txn.length), txn]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let left = value;
  for (; left >= 128; left >>= 7) bytes.push((left & 127) | 128);
  return Buffer.from([...bytes, left]);
}
