import {
  type Compare,
  type Key,
  type KeyValue,
  type Op,
  type OpResult,
  type RangeRequest,
  type RangeResult,
  StoreError,
  type TxnRequest,
  type TxnResult,
} from '../types.ts';
import { contains, type Keyspace, mergeByKey, rangeOf, type Span, spanOf } from './keyspace.ts';
import { NO_VALUE, Version } from './version.ts';

export interface PendingOptions {
  readonly keyspace: Keyspace;
  /** Number of the first row that is not in the log yet. */
  readonly nextRow: number;
  /** Whether a key may be bound to this lease. */
  readonly leaseExists: (id: number) => boolean;
}

export interface Evaluated {
  readonly result: TxnResult;
  /** What it writes, in order; empty if nothing. */
  readonly versions: readonly Version[];
}

/** A transaction whose comparisons are made: the operations to do. */
interface Decided {
  readonly succeeded: boolean;
  readonly steps: readonly Step[];
}

type Step = Exclude<Op, { type: 'txn' }> | ({ readonly type: 'txn' } & Decided);

/**
 * The state as it will be once all writes under way are durable, which is what the next transaction is evaluated against, so that
 * writers need not wait for the disk one after the other. If a write fails, everything evaluated on top of it is void: see `reset`.
 */
export class Pending {
  readonly #keyspace: Keyspace;
  readonly #leaseExists: (id: number) => boolean;
  /** The newest version of each key with a write under way. */
  readonly #newest = new Map<Key, Version>();
  #revision: number;
  #nextRow: number;
  /** Where to go on counting when what is under way fails. */
  #firstPendingRow: number;

  constructor({ keyspace, nextRow, leaseExists }: PendingOptions) {
    this.#keyspace = keyspace;
    this.#leaseExists = leaseExists;
    this.#revision = keyspace.revision;
    this.#nextRow = nextRow;
    this.#firstPendingRow = nextRow;
  }

  /** Evaluates a transaction and takes its writes in. Throws, with nothing changed, if the request cannot be carried out. */
  evaluate(request: TxnRequest): Evaluated {
    checkDuplicates(request.success);
    if (request.failure !== undefined) checkDuplicates(request.failure);
    const { succeeded, steps } = this.#decide(request);
    for (const step of steps) this.#checkStep(step);
    const versions: Version[] = [];
    const results = steps.map((step) => this.#carryOut(step, versions));
    if (versions.length > 0) this.#revision++;
    const revision = this.#revision;
    return { result: { succeeded, results: results.map((r) => withRevision(r, revision)), revision }, versions };
  }

  /** Deletes the keys among `candidates` that are bound to the lease, and those with a write under way that binds them. */
  deleteBoundTo(lease: number, candidates: Iterable<Key>): readonly Version[] {
    const keys = new Set(candidates);
    for (const version of this.#newest.values()) if (version.lease === lease) keys.add(version.key);
    const bound = [...keys].filter((key) => this.#pair(key)?.lease === lease).toSorted();
    const versions: Version[] = [];
    for (const key of bound) this.#write({ ...tombstoneOf(key), modRevision: this.#revision + 1 }, versions);
    if (versions.length > 0) this.#revision++;
    return versions;
  }

  /** The versions are durable and in the keyspace now. */
  settle(versions: readonly Version[]): void {
    for (const version of versions) {
      if (this.#newest.get(version.key) === version) this.#newest.delete(version.key);
      this.#firstPendingRow = version.row + 1;
    }
  }

  /** Drops all writes under way: none of them came to be. */
  reset(): void {
    this.#newest.clear();
    this.#revision = this.#keyspace.revision;
    this.#nextRow = this.#firstPendingRow;
  }

  #newestOf(key: Key): Version | undefined {
    return this.#newest.get(key) ?? this.#keyspace.newest(key);
  }

  #pair(key: Key): Version | undefined {
    const version = this.#newestOf(key);
    return version === undefined || version.isTombstone ? undefined : version;
  }

  /** Which operations are to be done, in all transactions within as well: decided before any of them is. */
  #decide({ compare, success, failure = [] }: TxnRequest): Decided {
    const succeeded = compare.every((one) => this.#holds(one));
    const ops = succeeded ? success : failure;
    return { succeeded, steps: ops.map((op) => (op.type === 'txn' ? { type: 'txn', ...this.#decide(op) } : op)) };
  }

  #holds(compare: Compare): boolean {
    if (compare.rangeEnd === undefined || compare.rangeEnd === '')
      return this.#holdsFor(compare, this.#pair(compare.key));
    const pairs = this.#pairsIn({ key: compare.key, rangeEnd: compare.rangeEnd });
    return pairs.length === 0
      ? this.#holdsFor(compare, undefined)
      : pairs.every((pair) => this.#holdsFor(compare, pair));
  }

  #holdsFor(compare: Compare, pair: Version | undefined): boolean {
    if (compare.target !== 'value') {
      const field = compare.target === 'modRevision' ? 'modRevision' : compare.target;
      return ordered(Math.sign((pair?.[field] ?? 0) - compare.number), compare.result);
    }
    // A missing key has no value to compare with, not even an empty one (etcd server/etcdserver/txn, applyCompare, v3.5).
    return pair !== undefined && ordered(Buffer.compare(pair.value, compare.value), compare.result);
  }

  #checkStep(op: Step): void {
    switch (op.type) {
      case 'txn':
        for (const step of op.steps) this.#checkStep(step);
        return;
      case 'put':
        checkKey(op.key);
        if ((op.ignoreValue === true || op.ignoreLease === true) && this.#pair(op.key) === undefined)
          throw new StoreError('key-not-found', 'a write keeps what a key has that does not exist');
        if ((op.lease ?? 0) !== 0 && !this.#leaseExists(op.lease as number)) {
          throw new StoreError('lease-not-found', `lease ${op.lease} does not exist`);
        }
        return;
      case 'range':
        if ((op.revision ?? 0) !== 0) this.#keyspace.checkReadable(op.revision as number);
        return;
      case 'delete':
        return;
    }
  }

  #carryOut(op: Step, versions: Version[]): OpResult {
    switch (op.type) {
      case 'txn':
        return {
          type: 'txn',
          succeeded: op.succeeded,
          results: op.steps.map((step) => this.#carryOut(step, versions)),
        };
      case 'put': {
        const before = this.#pair(op.key);
        const modRevision = this.#revision + 1;
        const kv: KeyValue = {
          key: op.key,
          value: op.ignoreValue === true ? (before?.value ?? NO_VALUE) : ownBuffer(op.value),
          createRevision: before?.createRevision ?? modRevision,
          modRevision,
          version: (before?.version ?? 0) + 1,
          lease: op.ignoreLease === true ? (before?.lease ?? 0) : (op.lease ?? 0),
        };
        this.#write(kv, versions);
        return op.prevKv === true && before !== undefined ? { type: 'put', prevKv: before } : { type: 'put' };
      }
      case 'delete': {
        const pairs = this.#pairsIn(op);
        for (const { key } of pairs) this.#write({ ...tombstoneOf(key), modRevision: this.#revision + 1 }, versions);
        return { type: 'delete', deleted: pairs.length, prevKvs: op.prevKv === true ? pairs : [] };
      }
      case 'range':
        return { type: 'range', ...this.#range(op) };
    }
  }

  #range(request: RangeRequest): RangeResult {
    const ofThePast = (request.revision ?? 0) !== 0;
    if (ofThePast || this.#newest.size === 0) return this.#keyspace.range(request);
    return rangeOf(this.#pairsIn(request), request, this.#revision);
  }

  /** All pairs of a range in order, writes under way included. */
  #pairsIn(request: { readonly key: Key; readonly rangeEnd?: Key }): readonly Version[] {
    if (request.rangeEnd === undefined || request.rangeEnd === '') {
      const pair = this.#pair(request.key);
      return pair === undefined ? [] : [pair];
    }
    const span = spanOf(request);
    const durable: Version[] = [];
    this.#keyspace.scan(span, (version) => {
      if (!this.#newest.has(version.key)) durable.push(version);
      return true;
    });
    const pending = [...this.#newest.values()].filter((v) => !v.isTombstone && contains(span, v.key));
    return mergeByKey(
      durable,
      pending.toSorted((a, b) => (a.key < b.key ? -1 : 1)),
    );
  }

  #write(kv: KeyValue, versions: Version[]): void {
    const version = new Version(kv, this.#nextRow++, this.#newestOf(kv.key));
    this.#newest.set(kv.key, version);
    versions.push(version);
  }
}

function tombstoneOf(key: Key): Omit<KeyValue, 'modRevision'> {
  return { key, value: NO_VALUE, createRevision: 0, version: 0, lease: 0 };
}

/** Reads inside a transaction that writes answer with the revision it makes. */
function withRevision(result: OpResult, revision: number): OpResult {
  if (result.type === 'txn') return { ...result, results: result.results.map((r) => withRevision(r, revision)) };
  return result.type === 'range' ? { ...result, revision } : result;
}

function ordered(sign: number, result: Compare['result']): boolean {
  switch (result) {
    case '=':
      return sign === 0;
    case '!=':
      return sign !== 0;
    case '<':
      return sign < 0;
    case '>':
      return sign > 0;
  }
}

/** What a list of operations writes. */
interface Written {
  readonly puts: readonly Key[];
  readonly deletes: readonly Span[];
}

/**
 * A key put twice, or put and deleted, in one list of operations. Two deletes may overlap: the second finds nothing. The two branches of a transaction
 * within may write the same keys, since only one of them is done. As etcd's checkIntervals (server/etcdserver/api/v3rpc/key.go, v3.5), whether or not
 * the operations are carried out.
 */
function checkDuplicates(ops: readonly Op[]): Written {
  const parts = ops.map(writtenBy);
  if (parts.length === 1) return parts[0]!;
  const puts = new Map<Key, Written>();
  for (const part of parts) {
    for (const key of part.puts) {
      if (puts.has(key)) throw new StoreError('duplicate-key', 'a transaction puts the same key twice');
      puts.set(key, part);
    }
  }
  for (const part of parts) {
    for (const span of part.deletes) {
      if (writers(puts, span).some((other) => other !== part))
        throw new StoreError('duplicate-key', 'a transaction puts and deletes the same key');
    }
  }
  return { puts: [...puts.keys()], deletes: parts.flatMap(({ deletes }) => deletes) };
}

/** Who of `puts` writes a key of the span. Most spans are of one key, which is looked up. */
function writers(puts: ReadonlyMap<Key, Written>, span: Span): Written[] {
  if (span.end === `${span.from}\0`) {
    const one = puts.get(span.from);
    return one === undefined ? [] : [one];
  }
  return [...puts].flatMap(([key, part]) => (contains(span, key) ? [part] : []));
}

function writtenBy(op: Op): Written {
  switch (op.type) {
    case 'put':
      return { puts: [op.key], deletes: [] };
    case 'delete':
      return { puts: [], deletes: [spanOf(op)] };
    case 'range':
      return NOTHING;
    case 'txn': {
      const branches = [op.success, op.failure ?? []].map(checkDuplicates);
      const puts = new Set(branches.flatMap((branch) => branch.puts));
      return { puts: [...puts], deletes: branches.flatMap(({ deletes }) => deletes) };
    }
  }
}

const NOTHING: Written = { puts: [], deletes: [] };

function checkKey(key: Key): void {
  if (key === '') throw new TypeError('the key is empty');
  // eslint-disable-next-line no-control-regex -- a key is bytes, any of them
  if (/[^\0-\xff]/.test(key)) throw new TypeError('the key has a character that is not a byte');
}

/** A value stays for long: one cut from a shared pool would keep the whole pool alive. */
function ownBuffer(value: Buffer): Buffer {
  if (value.byteLength === value.buffer.byteLength) return value;
  if (value.byteLength === 0) return NO_VALUE;
  const own = Buffer.allocUnsafeSlow(value.byteLength);
  own.set(value);
  return own;
}
