import { type Clock, type Logger, messageOf, sleep } from '#util';
import { type KeyValue, type Store, StoreError } from '../types.ts';

/**
 * Revisions have no times, so the time is written down in the store itself, under a key of its own: what the key was at a revision is when that was.
 * Any engine can be asked.
 */
export const MOMENT_KEY = 'pirogue/moment';
/** How exact a time can be given. */
const INTERVAL_MS = 1000;

export interface MomentsOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/**
 * Writes the time down while things change: about once a second, and not at all when nothing did. Resolves when `signal` aborts. Several servers may do so on one
 * store: what one has written down is no change to the others, and none writes again what another wrote just now.
 */
export async function keepMoments(store: Store, { clock, log, signal }: MomentsOptions): Promise<void> {
  let known = 0;
  while (!signal.aborted) {
    try {
      if (store.revision > known) known = await writeMoment(store, clock.now());
      await sleep(clock, INTERVAL_MS, { signal });
    } catch (error) {
      if (signal.aborted) return;
      log.warn('The time is not written down', { reason: messageOf(error) });
      await sleep(clock, INTERVAL_MS, { signal }).catch(() => {}); // told to end
    }
  }
}

/** The revision up to which the time is known. Times are in the order of revisions even where the clocks of servers differ. */
async function writeMoment(store: Store, nowMs: number): Promise<number> {
  const { kvs, revision: current } = await store.range({ key: MOMENT_KEY });
  const [last] = kvs;
  const known = last?.modRevision ?? 0;
  const lastMs = last === undefined ? 0 : Number(last.value.toString());
  if (known === current || Math.abs(nowMs - lastMs) < INTERVAL_MS / 2) return known;
  const { succeeded, revision } = await store.txn({
    compare: [{ key: MOMENT_KEY, target: 'modRevision', result: '=', number: known }],
    success: [{ type: 'put', key: MOMENT_KEY, value: Buffer.from(String(Math.max(nowMs, lastMs))) }],
  });
  return succeeded ? revision : known;
}

/** When `revision` was, as nearly as is known; undefined for one before the first that is. */
export async function timeOf(store: Store, revision: number): Promise<number | undefined> {
  const moment = await momentAt(store, revision);
  return moment === undefined ? undefined : Number(moment.value.toString());
}

const momentAt = async (store: Store, revision: number): Promise<KeyValue | undefined> =>
  (await store.range({ key: MOMENT_KEY, revision })).kvs[0];

/**
 * A revision of no later time than `timeMs`, and at most a second earlier than that. Throws `compacted` if history does not reach so far back. A handful of reads: the times of
 * revisions are in their order.
 */
export async function revisionAt(store: Store, timeMs: number): Promise<number> {
  await store.sync();
  let low = Math.max(store.compactRevision, 1);
  let high = store.revision;
  const first = await timeOf(store, low);
  if (first !== undefined && first > timeMs) throw begins(first, low);
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    const time = await timeOf(store, middle);
    if (time === undefined || time <= timeMs) low = middle;
    else high = middle - 1;
  }
  const moment = await momentAt(store, low);
  if (moment === undefined) throw await beforeTheFirst(store);
  // What was written after the time was written down last may be of any time since.
  return Math.max(moment.modRevision, store.compactRevision);
}

/** Of a cluster that is younger than the time asked for. */
async function beforeTheFirst(store: Store): Promise<StoreError> {
  const { kvs } = await store.range({ key: MOMENT_KEY });
  const revision = kvs[0]?.createRevision;
  const timeMs = revision === undefined ? undefined : await timeOf(store, revision);
  return timeMs === undefined
    ? new StoreError('compacted', 'no time is known of any revision of that time or before')
    : begins(timeMs, revision!);
}

const begins = (timeMs: number, revision: number): StoreError =>
  new StoreError('compacted', `history begins at ${new Date(timeMs).toISOString()}, at revision ${revision}`);
