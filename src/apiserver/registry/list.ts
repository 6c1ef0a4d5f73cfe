import {
  badRequest,
  forbiddenField,
  invalidObject,
  matchFields,
  parseFieldSelector,
  parseLabelSelector,
  requiredFieldValue,
  StatusError,
} from '#api';
import { prefixEnd, type Store } from '#store';
import type { Clock } from '#util';
import { Entry } from '../watchcache/entry.ts';
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
}

export interface ListPage {
  readonly entries: readonly Entry[];
  readonly revision: number;
  readonly continue?: string | undefined;
  readonly remainingItemCount?: number | undefined;
}

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
  const ofFields = fields === undefined ? undefined : matchFields(kind, fields);
  return {
    prefix,
    matches: (entry) =>
      (!single || entry.key === prefix) &&
      (labels === undefined || labels.matches(entry.labels)) &&
      (ofFields === undefined || ofFields(resource.object(entry))),
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
  const { prefix, matches } = selectionOf(resource, namespace, request);
  const limit = request.limit ?? 0;
  if (request.continue !== undefined && request.continue !== '') {
    const { revision, start } = decodeContinue(request.continue, resource.prefix(''));
    const at = revision > 0 ? revision : resource.cache.revision;
    const entries = await entriesAt(store, resource, prefix, at, start);
    return page(resource, entries, { matches, limit, revision: at });
  }
  const wanted = parseRevision(request.resourceVersion);
  if (wanted > resource.cache.revision) await untilReached(store, clock, wanted);
  if (request.resourceVersionMatch === 'Exact' && wanted < resource.cache.revision)
    return page(resource, await entriesAt(store, resource, prefix, wanted), { matches, limit, revision: wanted });
  return page(resource, resource.cache.list(prefix), { matches, limit, revision: resource.cache.revision });
}

interface PageRequest {
  readonly matches: Selection['matches'];
  readonly limit: number;
  readonly revision: number;
}

function page(resource: Resource, all: readonly Entry[], { matches, limit, revision }: PageRequest): ListPage {
  if (limit <= 0) return { entries: matches === undefined ? all : all.filter(matches), revision };
  const entries: Entry[] = [];
  let next = 0;
  while (next < all.length && entries.length < limit) {
    const entry = all[next++]!;
    if (matches === undefined || matches(entry)) entries.push(entry);
  }
  if (next === all.length) return { entries, revision };
  return {
    entries,
    revision,
    continue: encodeContinue(revision, `${all[next - 1]!.key}\0`, resource.prefix('')),
    // With a selector nobody knows how many are left without looking at all.
    ...(matches === undefined ? { remainingItemCount: all.length - next } : {}),
  };
}

async function entriesAt(
  store: Store,
  resource: Resource,
  prefix: string,
  revision: number,
  start = prefix,
): Promise<readonly Entry[]> {
  try {
    const { kvs } = await store.range({ key: start < prefix ? prefix : start, rangeEnd: prefixEnd(prefix), revision });
    return kvs.map(({ key, value, modRevision }) => {
      const cached = resource.cache.get(key);
      return cached?.revision === modRevision ? cached : new Entry(key, value, modRevision);
    });
  } catch (error) {
    const failure = storeFailure(error);
    if (!StatusError.is(failure, 'Expired') || start === prefix) throw failure;
    throw new StatusError('Expired', EXPIRED_CONTINUE, { cause: error });
  }
}

/** Source: etcd3 errors.go handleExpiredListError v1.36. */
const EXPIRED_CONTINUE =
  'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter.';

async function untilReached(store: Store, clock: Clock, revision: number): Promise<void> {
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
  return new StatusError('Timeout', `Too large resource version: ${wanted}, current: ${current}`, {
    details: {
      causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
      retryAfterSeconds: 1,
    },
  });
}

/** '' and '0' are 0. */
export function parseRevision(text: string | undefined): number {
  if (text === undefined || text === '') return 0;
  if (!/^\d{1,15}$/.test(text))
    throw badRequest(`invalid resource version "${text}": strconv.ParseUint: parsing "${text}": invalid syntax`);
  return Number(text);
}

/** Source: metainternalversion validation.ValidateListOptions v1.36. */
function checkListOptions({ resourceVersion, resourceVersionMatch, continue: token }: ListRequest): void {
  if (resourceVersionMatch === undefined || resourceVersionMatch === '') return;
  const kind = { group: 'meta.k8s.io', kind: 'ListOptions' };
  const path = 'resourceVersionMatch';
  if (resourceVersion === undefined || resourceVersion === '')
    throw invalidObject(kind, '', [
      forbiddenField(path, 'resourceVersionMatch is forbidden unless resourceVersion is provided'),
    ]);
  if (token !== undefined && token !== '')
    throw invalidObject(kind, '', [
      forbiddenField(path, 'resourceVersionMatch is forbidden when continue is provided'),
    ]);
  if (resourceVersionMatch === 'Exact' && resourceVersion === '0')
    throw invalidObject(kind, '', [
      forbiddenField(path, 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'),
    ]);
}

/** Tokens look like upstream's (apiserver pkg/storage/continue.go), though no client may rely on it. */
function encodeContinue(revision: number, next: string, root: string): string {
  const start = next.slice(root.length);
  return Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', rv: revision, start }), 'utf8').toString('base64url');
}

function decodeContinue(token: string, root: string): { revision: number; start: string } {
  try {
    const { v, rv, start } = JSON.parse(Buffer.from(token, 'base64url').toString()) as Record<string, unknown>;
    if (v !== 'meta.k8s.io/v1' || typeof rv !== 'number' || typeof start !== 'string' || start === '')
      throw new Error('unknown version');
    return { revision: rv, start: root + start };
  } catch (error) {
    throw new StatusError('BadRequest', `continue key is not valid: ${(error as Error).message}`, { cause: error });
  }
}
