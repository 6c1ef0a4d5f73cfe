/** etcd's KV service on a store. Source: server/etcdserver/api/v3rpc/key.go, server/etcdserver/txn of etcd v3.6. */
import { emptyKey, invalidSortOption, leaseProvided, tooManyOps, valueProvided } from '../etcd/errors.ts';
import {
  COMPARE_RESULT,
  COMPARE_TARGET,
  type Compare as WireCompare,
  CompactionRequest,
  DeleteRangeRequest,
  DeleteRangeResponse,
  HeaderResponse,
  PutRequest,
  PutResponse,
  RangeRequest,
  RangeResponse,
  type RequestOp,
  type ResponseHeader,
  type ResponseOp,
  SORT_ORDER,
  SORT_TARGET,
  TxnRequest,
  TxnResponse,
} from '../etcd/messages.ts';
import type { Draft } from '../etcd/codec.ts';
import type { Compare, KeyValue, Op, OpResult, RangeResult, Store, TxnRequest as StoreTxn } from '../types.ts';
import type { GrpcMethod } from './grpc.ts';

/** Source: DefaultMaxTxnOps of server/embed/config.go. */
const MAX_OPS = 128;

export type HeaderOf = (revision?: number) => ResponseHeader;

export interface ServiceOptions {
  readonly store: Store;
  /** The header of an answer, as of a revision; default: the newest. */
  readonly header: HeaderOf;
}

export function kvMethods({ store, header }: ServiceOptions): [string, GrpcMethod][] {
  const unary = (name: string, handle: (request: Buffer) => Promise<Buffer>): [string, GrpcMethod] => [
    `/etcdserverpb.KV/${name}`,
    { type: 'unary', handle },
  ];
  return [
    unary('Range', async (bytes) => {
      const request = RangeRequest.decode(bytes);
      checkRange(request);
      const result = await store.range(rangeOp(request));
      const answer = answerRange(request, result);
      return RangeResponse.encode({ header: header(result.revision), ...answer }, sizeOf(result.kvs));
    }),
    unary('Put', async (bytes) => {
      const { results, revision } = await store.txn({ compare: [], success: [putOp(PutRequest.decode(bytes))] });
      const [result] = results;
      return PutResponse.encode({
        header: header(revision),
        ...(result?.type === 'put' ? { prevKv: result.prevKv } : {}),
      });
    }),
    unary('DeleteRange', async (bytes) => {
      const op = deleteOp(DeleteRangeRequest.decode(bytes));
      const { results, revision } = await store.txn({ compare: [], success: [op] });
      return DeleteRangeResponse.encode({ header: header(revision), ...answerDelete(results[0]) });
    }),
    unary('Txn', async (bytes) => {
      const request = TxnRequest.decode(bytes);
      checkOps(request);
      const { succeeded, results, revision } = await store.txn(txnOf(request));
      const ops = succeeded ? request.success : request.failure;
      return TxnResponse.encode({ header: header(revision), succeeded, responses: answers(ops, results, revision) });
    }),
    unary('Compact', async (bytes) => {
      const { revision } = CompactionRequest.decode(bytes);
      await store.compact(revision);
      return HeaderResponse.encode({ header: header() });
    }),
  ];
}

function checkRange({ key, sortOrder, sortTarget }: RangeRequest): void {
  if (key === '') throw emptyKey();
  if (sortOrder < 0 || sortOrder > SORT_ORDER.descend || sortTarget < 0 || sortTarget > SORT_TARGET.value)
    throw invalidSortOption();
}

/** Pairs come in the order of their keys: that order asked for is no order at all. */
const isSorted = ({ sortOrder, sortTarget }: RangeRequest): boolean =>
  sortTarget !== SORT_TARGET.key || sortOrder === SORT_ORDER.descend;

const isFiltered = (r: RangeRequest): boolean =>
  r.minModRevision !== 0 || r.maxModRevision !== 0 || r.minCreateRevision !== 0 || r.maxCreateRevision !== 0;

/** The store can limit only what need not be sorted or filtered first. Values are needed to sort by them. */
function rangeOp(request: RangeRequest): Extract<Op, { type: 'range' }> {
  const { key, rangeEnd, limit, revision, keysOnly, countOnly, sortTarget } = request;
  const all = isSorted(request) || isFiltered(request);
  return {
    type: 'range',
    key,
    ...(rangeEnd === '' ? {} : { rangeEnd }),
    ...(revision > 0 ? { revision } : {}),
    ...(all || limit <= 0 ? {} : { limit }),
    ...(keysOnly && sortTarget !== SORT_TARGET.value ? { keysOnly } : {}),
    ...(countOnly ? { countOnly } : {}),
  };
}

const SORT_FIELDS = {
  [SORT_TARGET.version]: 'version',
  [SORT_TARGET.create]: 'createRevision',
  [SORT_TARGET.mod]: 'modRevision',
} as const;

function compareBy(target: number): (a: KeyValue, b: KeyValue) => number {
  if (target === SORT_TARGET.key) return (a, b) => (a.key < b.key ? -1 : 1);
  if (target === SORT_TARGET.value) return (a, b) => Buffer.compare(a.value, b.value);
  const field = SORT_FIELDS[target as keyof typeof SORT_FIELDS];
  return (a, b) => a[field] - b[field];
}

function answerRange(request: RangeRequest, { kvs, count }: RangeResult): Draft<Omit<RangeResponse, 'header'>> {
  const { limit, sortOrder, sortTarget, keysOnly } = request;
  let pairs = isFiltered(request) ? kvs.filter((kv) => passes(request, kv)) : kvs;
  if (isSorted(request)) {
    const compare = compareBy(sortTarget);
    pairs = pairs.toSorted(sortOrder === SORT_ORDER.descend ? (a, b) => compare(b, a) : compare);
  }
  const cut = limit > 0 && pairs.length > limit ? pairs.slice(0, limit) : pairs;
  // Whether there are more is asked of what the range holds where the store has cut it, else of what was left.
  const more = cut.length < pairs.length || (limit > 0 && kvs.length === limit && count > limit);
  return { kvs: keysOnly ? cut.map((kv) => ({ ...kv, value: NO_VALUE })) : cut, more, count };
}

const NO_VALUE = Buffer.alloc(0);
/** Tags, lengths and numbers of a pair or of an answer; what is too little only costs time. */
const OVERHEAD_BYTES = 64;

/** About what pairs take on the wire. */
const sizeOf = (kvs: readonly KeyValue[]): number =>
  kvs.reduce((sum, { key, value }) => sum + OVERHEAD_BYTES + key.length + value.length, 2 * OVERHEAD_BYTES);

function passes(r: RangeRequest, { modRevision, createRevision }: KeyValue): boolean {
  return (
    (r.maxModRevision === 0 || modRevision <= r.maxModRevision) &&
    (r.minModRevision === 0 || modRevision >= r.minModRevision) &&
    (r.maxCreateRevision === 0 || createRevision <= r.maxCreateRevision) &&
    (r.minCreateRevision === 0 || createRevision >= r.minCreateRevision)
  );
}

function putOp({ key, value, lease, prevKv, ignoreValue, ignoreLease }: PutRequest): Op {
  if (key === '') throw emptyKey();
  if (ignoreValue && value.length > 0) throw valueProvided();
  if (ignoreLease && lease !== 0) throw leaseProvided();
  return { type: 'put', key, value, lease, prevKv, ignoreValue, ignoreLease };
}

function deleteOp({ key, rangeEnd, prevKv }: DeleteRangeRequest): Op {
  if (key === '') throw emptyKey();
  return { type: 'delete', key, prevKv, ...(rangeEnd === '' ? {} : { rangeEnd }) };
}

function answerDelete(result: OpResult | undefined): { deleted: number; prevKvs: readonly KeyValue[] } {
  return result?.type === 'delete' ? { deleted: result.deleted, prevKvs: result.prevKvs } : { deleted: 0, prevKvs: [] };
}

/** Each list counts by itself, as in checkTxnRequest. */
function checkOps({ compare, success, failure }: TxnRequest): void {
  if (Math.max(compare.length, success.length, failure.length) > MAX_OPS) throw tooManyOps();
  for (const { key } of compare) if (key === '') throw emptyKey();
  for (const { txn } of [...success, ...failure]) if (txn !== undefined) checkOps(txn);
}

const txnOf = ({ compare, success, failure }: TxnRequest): StoreTxn => ({
  compare: compare.map(compareOf),
  success: success.map(opOf),
  failure: failure.map(opOf),
});

function opOf({ range, put, deleteRange, txn }: RequestOp): Op {
  if (put !== undefined) return putOp(put);
  if (deleteRange !== undefined) return deleteOp(deleteRange);
  if (txn !== undefined) return { type: 'txn', ...txnOf(txn) };
  if (range === undefined) throw emptyKey();
  checkRange(range);
  return rangeOp(range);
}

const RESULTS: Readonly<Record<number, Compare['result']>> = {
  [COMPARE_RESULT.equal]: '=',
  [COMPARE_RESULT.greater]: '>',
  [COMPARE_RESULT.less]: '<',
  [COMPARE_RESULT.notEqual]: '!=',
};

function compareOf(compare: WireCompare): Compare {
  const { key, rangeEnd, target } = compare;
  const common = { key, result: RESULTS[compare.result] ?? '=', ...(rangeEnd === '' ? {} : { rangeEnd }) };
  switch (target) {
    case COMPARE_TARGET.value:
      return { ...common, target: 'value', value: compare.value };
    case COMPARE_TARGET.create:
      return { ...common, target: 'createRevision', number: compare.createRevision };
    case COMPARE_TARGET.mod:
      return { ...common, target: 'modRevision', number: compare.modRevision };
    case COMPARE_TARGET.lease:
      return { ...common, target: 'lease', number: compare.lease };
    default:
      return { ...common, target: 'version', number: compare.version };
  }
}

/** Each answer has a header with nothing but the revision. */
function answers(ops: readonly RequestOp[], results: readonly OpResult[], revision: number): Draft<ResponseOp>[] {
  const own = { header: { revision } };
  return results.map((result, i): Draft<ResponseOp> => {
    const op = ops[i]!;
    switch (result.type) {
      case 'put':
        return { put: { ...own, prevKv: result.prevKv } };
      case 'delete':
        return { deleteRange: { ...own, ...answerDelete(result) } };
      case 'range':
        return { range: { ...own, ...answerRange(op.range!, result) } };
      case 'txn': {
        const { succeeded, results: inner } = result;
        const done = succeeded ? op.txn!.success : op.txn!.failure;
        return { txn: { ...own, succeeded, responses: answers(done, inner, revision) } };
      }
    }
  });
}
