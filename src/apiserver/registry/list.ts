import { posix } from 'node:path';
import {
  badRequest,
  type FieldError,
  forbiddenField,
  invalidObject,
  type KubeObject,
  matchFields,
  notSupported,
  parseFieldSelector,
  parseJson,
  parseLabelSelector,
  requiredFieldValue,
  StatusError,
} from '#api';
import { type KeyValue, prefixEnd, type Store } from '#store';
import type { Clock } from '#util';
import type { Entry } from '../watchcache/entry.ts';
import { Pace } from './pace.ts';
import { type Resource, storeFailure } from './resource.ts';

/** How long a read waits for a revision that is not there yet. Source: blockTimeout of the watch cache v1.36. */
const FUTURE_WAIT_MS = 3000;

export interface ListRequest {
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
  readonly limit?: number | undefined;
  readonly continue?: string | undefined;
  readonly resourceVersion?: string | undefined;
  readonly resourceVersionMatch?: string | undefined;
  /** Of watches only. */
  readonly sendInitialEvents?: boolean | undefined;
}

export interface ListPage {
  readonly entries: readonly Entry[];
  readonly revision: number;
  readonly continue?: string | undefined;
  readonly remainingItemCount?: number | undefined;
}

/** The metadata of a list as clients see it. */
export const listMetadata = ({ revision, continue: token, remainingItemCount }: ListPage): object => ({
  resourceVersion: String(revision),
  ...(token === undefined ? {} : { continue: token }),
  ...(remainingItemCount === undefined ? {} : { remainingItemCount }),
});

/** What of a kind a list or watch asks for: where to look and what to keep. */
export interface Selection {
  readonly prefix: string;
  /** Absent: everything under the prefix. */
  readonly matches?: ((entry: Entry) => boolean) | undefined;
}

/** Compiles selectors once. A selector on the name alone becomes the prefix, and so a look-up. */
export function selectionOf(
  resource: Resource,
  namespace: string,
  { labelSelector = '', fieldSelector = '' }: ListRequest,
): Selection {
  const labels = labelSelector === '' ? undefined : parseLabelSelector(labelSelector);
  const fields = fieldSelector === '' ? undefined : parseFieldSelector(fieldSelector);
  const { kind } = resource;
  const exact = fields === undefined ? undefined : requiredFieldValue(fields, 'metadata.name');
  const wanted = fields === undefined ? undefined : requiredFieldValue(fields, 'metadata.namespace');
  const within = namespace !== '' ? namespace : (wanted ?? '');
  const single = exact !== undefined && (within !== '' || !kind.namespaced);
  const prefix = single ? resource.key(within, exact) : resource.prefix(within);
  if (labels === undefined && fields === undefined) return { prefix };
  const ofFields = fields === undefined ? undefined : matchFields<KubeObject, Entry>(kind, fields, resource.field);
  return {
    prefix,
    matches: (entry) =>
      (!single || entry.key === prefix) &&
      (labels === undefined || labels.matches(entry.labels)) &&
      (ofFields === undefined || ofFields(entry)),
  };
}

/**
 * One page of a list. The first page comes from the cache; later pages are read at the revision of the first, so that together they are one consistent list.
 * Source: apiserver pkg/storage/etcd3/store.go GetList and cacher v1.36.
 */
export async function listObjects(
  store: Store,
  clock: Clock,
  resource: Resource,
  namespace: string,
  request: ListRequest,
): Promise<ListPage> {
  checkListOptions(request);
  const selection = selectionOf(resource, namespace, request);
  // What there is anyway is given whole. Source: computeListLimit of apiserver pkg/storage/cacher v1.36.
  const limit = request.resourceVersion === '0' ? 0 : Math.max(request.limit ?? 0, 0);
  const pace = new Pace(clock);
  const read = { store, resource, pace, limit, ...selection };
  if (request.continue !== undefined && request.continue !== '') {
    const { revision, start } = decodeContinue(request.continue, resource.prefix(''));
    if (!['', '0', undefined].includes(request.resourceVersion))
      throw badRequest('specifying resource version is not allowed when using continue');
    return await pageAt(read, revision > 0 ? revision : resource.cache.revision, start);
  }
  const wanted = listRevision(request.resourceVersion);
  if (wanted > resource.cache.revision) {
    await untilReached(store, clock, wanted);
    await resource.cache.settled();
  }
  // A limit with a revision and nothing said of how to match it means exactly that revision, as it always has.
  const exact = request.resourceVersionMatch === 'Exact' || (noMatch(request) && limit > 0 && wanted > 0);
  if (exact && wanted < resource.cache.revision) return await pageAt(read, wanted, selection.prefix);
  return await pageNow(read);
}

const noMatch = ({ resourceVersionMatch }: ListRequest): boolean => (resourceVersionMatch ?? '') === '';

interface PageRead extends Selection {
  readonly store: Store;
  readonly resource: Resource;
  readonly pace: Pace;
  /** 0: all. */
  readonly limit: number;
}

/** A page from the beginning, of what the cache holds. */
async function pageNow({ resource, prefix, matches, limit, pace }: PageRead): Promise<ListPage> {
  const { revision } = resource.cache;
  if (matches === undefined && limit > 0) {
    const first = resource.cache.list(prefix, limit);
    return pageOf(resource, first, revision, resource.cache.count(prefix) - first.length);
  }
  const all = resource.cache.list(prefix);
  if (matches === undefined) return { entries: all, revision };
  const entries: Entry[] = [];
  for (let i = 0; i < all.length; i++) {
    const entry = all[i]!;
    if (matches(entry)) entries.push(entry);
    // With a selector nobody knows how many are left without looking at all.
    if (entries.length === limit && limit > 0)
      return pageOf(resource, entries, revision, i + 1 < all.length, entry.key);
    if (pace.due) await pace.turn();
  }
  return { entries, revision };
}

/** Pairs looked at together where a selector leaves out an unknown part of them. */
const SCAN = 1000;

/** A page of how things were at `revision`, from the key `start` on. */
async function pageAt(read: PageRead, revision: number, start: string): Promise<ListPage> {
  const { resource, prefix, matches, limit, pace } = read;
  const entries: Entry[] = [];
  let from = start < prefix ? prefix : start;
  for (;;) {
    const { kvs, count } = await rangeAt(read, revision, from, matches === undefined ? limit : SCAN);
    const found = await entriesOf(resource, kvs);
    for (const [i, entry] of found.entries()) {
      const { key } = entry;
      if (matches?.(entry) ?? true) entries.push(entry);
      const left = count - i - 1;
      if (entries.length === limit && limit > 0)
        return pageOf(resource, entries, revision, matches === undefined ? left : left > 0, key);
      if (pace.due) await pace.turn();
    }
    if (kvs.length >= count) return { entries, revision };
    from = `${kvs.at(-1)!.key}\0`;
  }
}

/** What the cache has of them, and the rest as it would be there. */
async function entriesOf(resource: Resource, kvs: readonly KeyValue[]): Promise<readonly Entry[]> {
  const { cache } = resource;
  const entries = kvs.map((kv) => cache.entryOf(kv));
  const old = entries.filter((entry) => cache.get(entry.key) !== entry);
  if (old.length === 0) return entries;
  const shown = new Map((await cache.shown(old)).map((entry) => [entry.key, entry]));
  return entries.map((entry) => shown.get(entry.key) ?? entry);
}

/** A page that ends after the key `last`; `left`: how many follow, or whether any do. */
function pageOf(
  resource: Resource,
  entries: readonly Entry[],
  revision: number,
  left: number | boolean,
  last = entries.at(-1)?.key ?? '',
): ListPage {
  if (left === 0 || left === false) return { entries, revision };
  return {
    entries,
    revision,
    continue: encodeContinue(revision, `${last}\0`, resource.prefix('')),
    ...(typeof left === 'number' ? { remainingItemCount: left } : {}),
  };
}

async function rangeAt(
  { store, prefix, resource }: PageRead,
  revision: number,
  key: string,
  limit: number,
): ReturnType<Store['range']> {
  if (revision > store.revision) throw tooLargeRevision(revision, store.revision);
  const rangeEnd = prefixEnd(prefix);
  if (key >= rangeEnd) return { kvs: [], count: 0, revision };
  try {
    return await resource.timed('list', () => store.range({ key, rangeEnd, revision, limit }));
  } catch (error) {
    const failure = storeFailure(error);
    if (!StatusError.is(failure, 'Expired') || key === prefix) throw failure;
    const token = encodeContinue(LATEST, key, resource.prefix(''));
    throw new StatusError('Expired', EXPIRED_CONTINUE, { cause: error, continue: token });
  }
}

/** In a token: go on with what there is now. */
const LATEST = -1;
/** Source: etcd3 errors.go handleCompactedErrorForPaging v1.36. */
const EXPIRED_CONTINUE =
  'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.';

export async function untilReached(store: Store, clock: Clock, revision: number): Promise<void> {
  await store.sync();
  if (store.revision >= revision) return;
  const { promise, resolve } = Promise.withResolvers<boolean>();
  using timer = clock.after(FUTURE_WAIT_MS, () => resolve(false));
  using watch = store.watch(
    { key: '\0', rangeEnd: '\0' },
    { onEvents: (_events, at) => at >= revision && resolve(true), onError: () => resolve(false) },
  );
  void [timer, watch]; // held until the end of the wait
  if (!(await promise)) throw tooLargeRevision(revision, store.revision);
}

/** Source: storage.NewTooLargeResourceVersionError v1.36. */
export function tooLargeRevision(wanted: number, current: number): StatusError {
  return new StatusError('Timeout', `Timeout: Too large resource version: ${wanted}, current: ${current}`, {
    details: {
      causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
      retryAfterSeconds: 1,
    },
  });
}

/** '' and '0' are 0. Source: APIObjectVersioner.ParseResourceVersion v1.36. */
export function parseRevision(text: string | undefined): number {
  if (text === undefined || text === '') return 0;
  const quoted = JSON.stringify(text);
  const wrong = (why: string): StatusError =>
    badRequest(`resourceVersion: Invalid value: ${quoted}: strconv.ParseUint: parsing ${quoted}: ${why}`);
  if (!/^\d+$/.test(text)) throw wrong('invalid syntax');
  if (BigInt(text) > MAX_UINT64) throw wrong('value out of range');
  return Math.min(Number(text), Number.MAX_SAFE_INTEGER);
}

const MAX_UINT64 = 2n ** 64n - 1n;

/** As a list reads it. Source: storage.ValidateListOptions v1.36. */
function listRevision(text: string | undefined): number {
  try {
    return parseRevision(text);
  } catch (error) {
    throw badRequest(`invalid resource version: ${(error as Error).message}`);
  }
}

/** Source: ValidateListOptions, apimachinery pkg/apis/meta/internalversion/validation v0.36. */
function checkListOptions({
  resourceVersion,
  resourceVersionMatch,
  continue: token,
  sendInitialEvents,
}: ListRequest): void {
  const path = 'resourceVersionMatch';
  const errors: FieldError[] = [];
  if (resourceVersionMatch !== undefined && resourceVersionMatch !== '') {
    if ((resourceVersion ?? '') === '')
      errors.push(forbiddenField(path, 'resourceVersionMatch is forbidden unless resourceVersion is provided'));
    if ((token ?? '') !== '')
      errors.push(forbiddenField(path, 'resourceVersionMatch is forbidden when continue is provided'));
    if (!MATCHES.includes(resourceVersionMatch))
      errors.push(notSupported(path, resourceVersionMatch, [...MATCHES, '']));
    if (resourceVersionMatch === 'Exact' && resourceVersion === '0')
      errors.push(forbiddenField(path, 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'));
  }
  if (sendInitialEvents !== undefined)
    errors.push(forbiddenField('sendInitialEvents', 'sendInitialEvents is forbidden for list'));
  refuse(errors);
}

const MATCHES = ['Exact', 'NotOlderThan'];

/** Source: validateWatchOptions, as above. */
export function checkWatchOptions({
  resourceVersionMatch: match = '',
  continue: token,
  sendInitialEvents,
}: ListRequest): void {
  const path = 'resourceVersionMatch';
  const errors: FieldError[] = [];
  if (sendInitialEvents !== undefined && match !== 'NotOlderThan')
    errors.push(forbiddenField(path, 'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan'));
  if (match !== '') {
    if (sendInitialEvents === undefined)
      errors.push(
        forbiddenField(path, 'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided'),
      );
    if (match !== 'NotOlderThan') errors.push(notSupported(path, match, ['NotOlderThan']));
    if ((token ?? '') !== '')
      errors.push(forbiddenField(path, 'resourceVersionMatch is forbidden when continue is provided'));
  }
  refuse(errors);
}

function refuse(errors: readonly FieldError[]): void {
  if (errors.length > 0) throw invalidObject({ group: 'meta.k8s.io', kind: 'ListOptions' }, '', errors);
}

/** Tokens look like upstream's (apiserver pkg/storage/continue.go), though no client may rely on it. */
function encodeContinue(revision: number, next: string, root: string): string {
  const start = next.slice(root.length);
  return Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', rv: revision, start }), 'utf8').toString('base64url');
}

/** Source of the texts: storage.DecodeContinue v1.36. */
function decodeContinue(token: string, root: string): { revision: number; start: string } {
  const invalid = (why: string): StatusError => badRequest(`invalid continue token: continue key is not valid${why}`);
  // Base64 that is none is read by Node as far as it goes.
  const wrong = /[^A-Za-z0-9_-]/.exec(token);
  if (wrong !== null) throw invalid(`: illegal base64 data at input byte ${wrong.index}`);
  let decoded: unknown;
  try {
    decoded = parseJson(Buffer.from(token, 'base64url'));
  } catch (error) {
    throw invalid(`: ${(error as Error).message}`);
  }
  const { v = '', rv = 0, start = '' } = (decoded ?? {}) as Record<string, unknown>;
  if (v !== 'meta.k8s.io/v1') throw invalid(`: server does not recognize this encoded version ${String(v)}`);
  if (!Number.isSafeInteger(rv) || typeof start !== 'string') throw invalid(': it holds values of other types');
  if (rv === 0) throw invalid(': incorrect encoded start resourceVersion (version meta.k8s.io/v1)');
  if (start === '') throw invalid(': encoded start key empty (version meta.k8s.io/v1)');
  const key = start.startsWith('/') ? start : `/${start}`;
  if (posix.normalize(key) !== key) throw invalid(`: ${start}`);
  return { revision: rv as number, start: root + key.slice(1) };
}
