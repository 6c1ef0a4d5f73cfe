/**
 * A store as etcd keeps it: the buckets of its database, and its snapshots, which are that database with a checksum behind it. Read and written
 * by `etcdctl snapshot`. Source: server/storage/schema and server/storage/mvcc/{kvstore,revision}.go, etcdutl/snapshot of etcd v3.6.
 */
import { createHash } from 'node:crypto';
import { BoltError, BoltReader } from '../bolt/read.ts';
import { type BoltBucket, type BoltFile, type BoltPair, layOut } from '../bolt/write.ts';
import { int, message } from '../etcd/codec.ts';
import { KeyValue as WireKeyValue } from '../etcd/messages.ts';
import { WireError } from '../etcd/wire.ts';
import { type Key, type KeyValue, type Lease, type StoreDump, StoreError } from '../types.ts';

const TOMBSTONE = 0x74; // t
const SEPARATOR = 0x5f; // _
const REVISION_BYTES = 17;
const CHECKSUM_BYTES = 32;
const CHECKSUM_ALIGNMENT = 512;
const NO_VALUE = Buffer.alloc(0);
/** Buckets etcd expects to find, empty or not, in the order of their names. */
const BUCKETS = [
  'alarm',
  'auth',
  'authRoles',
  'authUsers',
  'cluster',
  'key',
  'lease',
  'members',
  'members_removed',
  'meta',
];

const LeaseRecord = message({ id: int(1), ttl: int(2), remainingTtl: int(3) });

/** The pairs of etcd's bucket `key`: a revision, and what was written at it. */
export function revisionPairs({ versions }: Pick<StoreDump, 'versions'>): BoltPair[] {
  let main = 0;
  let part = 0;
  return versions.map((version) => {
    part = version.modRevision === main ? part + 1 : 0;
    main = version.modRevision;
    return {
      key: revisionKey(main, part, version.version === 0),
      valueBytes: recordBytes(version),
      value: () => record(version),
    };
  });
}

function revisionKey(main: number, part: number, tombstone: boolean): Buffer {
  const key = Buffer.alloc(REVISION_BYTES + Number(tombstone));
  key.writeBigUInt64BE(BigInt(main), 0);
  key[8] = SEPARATOR;
  key.writeBigUInt64BE(BigInt(part), 9);
  if (tombstone) key[REVISION_BYTES] = TOMBSTONE;
  return key;
}

/** Of a deletion etcd keeps the key and nothing else. */
const record = (version: KeyValue): Buffer =>
  WireKeyValue.encode(version.version === 0 ? { key: version.key } : version);

/** Length of {@link record}: known without making it, since values are large and numbers are not. */
const recordBytes = (version: KeyValue): number => {
  const head = WireKeyValue.encode({ ...(version.version === 0 ? { key: version.key } : version), value: NO_VALUE });
  const { length } = version.value;
  return head.length + (length === 0 ? 0 : 1 + varintBytes(length) + length);
};

const varintBytes = (value: number): number => (value < 128 ? 1 : 1 + varintBytes(Math.floor(value / 128)));

/** Lays the dump out as a database of etcd. */
export function etcdDatabase(dump: StoreDump): BoltFile {
  const pairs: Readonly<Record<string, readonly BoltPair[]>> = {
    key: revisionPairs(dump),
    lease: dump.leases.toSorted((a, b) => a.id - b.id).map(leasePair),
    meta: metaPairs(dump),
  };
  return layOut(BUCKETS.map((name): BoltBucket => ({ name, pairs: pairs[name] ?? [] })));
}

function pair(key: Buffer, bytes: Buffer): BoltPair {
  return { key, valueBytes: bytes.length, value: () => bytes };
}

function leasePair({ id, ttlSeconds }: Lease): BoltPair {
  return pair(bigEndian(id), LeaseRecord.encode({ id, ttl: ttlSeconds }));
}

function bigEndian(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}

function metaPairs({ compactRevision, revision }: StoreDump): BoltPair[] {
  const compacted = revisionKey(compactRevision, 0, false);
  return [
    pair(Buffer.from('consistent_index'), bigEndian(revision)),
    ...(compactRevision === 0
      ? []
      : [pair(Buffer.from('finishedCompactRev'), compacted), pair(Buffer.from('scheduledCompactRev'), compacted)]),
    pair(Buffer.from('term'), bigEndian(1)),
  ];
}

/** The bytes of a snapshot in pieces, its checksum last. */
export function* snapshotBytes(file: BoltFile): Generator<Buffer> {
  const hash = createHash('sha256');
  for (const page of file.pages()) {
    hash.update(page);
    yield page;
  }
  yield hash.digest();
}

/** Size of what {@link snapshotBytes} gives. */
export const snapshotSize = ({ sizeBytes }: BoltFile): number => sizeBytes + CHECKSUM_BYTES;

/**
 * What a snapshot of ours or of a real etcd holds. A database that was copied out of etcd's directory has no checksum and will do as well.
 * Throws StoreError `corrupt`, with what is wrong.
 */
export function readSnapshot(bytes: Buffer): StoreDump {
  try {
    return readDatabase(new BoltReader(withoutChecksum(bytes)));
  } catch (error) {
    if (!(error instanceof BoltError || error instanceof WireError)) throw error;
    throw new StoreError('corrupt', `the snapshot is damaged: ${error.message}`, { cause: error });
  }
}

function withoutChecksum(bytes: Buffer): Buffer {
  if (bytes.length % CHECKSUM_ALIGNMENT !== CHECKSUM_BYTES) return bytes;
  const data = bytes.subarray(0, bytes.length - CHECKSUM_BYTES);
  if (!createHash('sha256').update(data).digest().equals(bytes.subarray(data.length)))
    throw new BoltError('its checksum is wrong');
  return data;
}

function readDatabase(reader: BoltReader): StoreDump {
  const keys = reader.bucket('key');
  if (keys === undefined) throw new BoltError('it has no bucket of keys: it is no database of etcd');
  const meta = new Map([...(reader.bucket('meta') ?? [])].map(({ key, value }) => [key.toString('latin1'), value]));
  const compacted = meta.get('finishedCompactRev');
  const compactRevision = compacted === undefined ? 0 : mainOf(compacted);
  const versions: KeyValue[] = [];
  for (const { key, value } of keys) versions.push(versionOf(key, value));
  const leases = [...(reader.bucket('lease') ?? [])].map(({ value }) => {
    const { id, ttl } = LeaseRecord.decode(value);
    return { id, ttlSeconds: ttl };
  });
  return {
    revision: Math.max(versions.at(-1)?.modRevision ?? 1, compactRevision, 1),
    compactRevision,
    versions,
    leases,
  };
}

function mainOf(key: Buffer): number {
  if (key.length < REVISION_BYTES || key[8] !== SEPARATOR) throw new BoltError('a revision is not written as one');
  return Number(key.readBigUInt64BE(0));
}

function versionOf(key: Buffer, value: Buffer): KeyValue {
  const modRevision = mainOf(key);
  const kv = WireKeyValue.decode(value);
  if (key.length > REVISION_BYTES) return { ...tombstone(kv.key), modRevision };
  // A copy: a view would keep the whole file in memory.
  return { ...kv, value: Buffer.from(kv.value) };
}

const tombstone = (key: Key): Omit<KeyValue, 'modRevision'> => ({
  key,
  value: NO_VALUE,
  createRevision: 0,
  version: 0,
  lease: 0,
});
