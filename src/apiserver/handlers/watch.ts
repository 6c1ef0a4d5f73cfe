import { apiVersionOf, badRequest, type KubeObject, StatusError } from '#api';
import type { Clock } from '#util';
import { isTrue } from '../http/request-info.ts';
import { checkWatchOptions, parseRevision, type Selection, selectionOf, untilReached } from '../registry/list.ts';
import { Pace } from '../registry/pace.ts';
import type { Resource } from '../registry/resource.ts';
import type { Entry } from '../watchcache/entry.ts';
import { Frame } from '../watchcache/change.ts';
import type { ApiCall } from './call.ts';
import { integerQuery, listRequest, type VerbEnvironment } from './options.ts';

/** A watch without timeoutSeconds ends after this long, and up to twice as long. Source: --min-request-timeout 1800 v1.36. */
const MIN_TIMEOUT_MS = 1_800_000;
/** Source: bookmarkFrequency of the watch cache v1.36. */
const BOOKMARK_MS = 60_000;
/** A watcher that lets this much pile up is cut off; it resumes from where it was. */
export const MAX_BACKLOG_BYTES = 64 << 20;
/** What is there already is sent in lots of so many objects, or of so many bytes. */
const INITIAL_LOT = 100;
const INITIAL_LOT_BYTES = 256 << 10;

const INITIAL_EVENTS_END = 'k8s.io/initial-events-end';

/** A watch in terms of frames, for the HTTP writer and for callers in this process alike. */
export interface FrameSink {
  /** False: this watcher is too slow and shall be cut off. Frames of the initial state are nobody else's. */
  onFrames(frames: readonly Frame[], isInitial: boolean): boolean;
  onBookmark(object: KubeObject): void;
  /** Resolves when more of the initial state may be given; live changes do not wait for it. */
  drained(): Promise<void>;
}

/** What a watch asks for, read and checked before anything is sent. */
export interface WatchPlan {
  readonly selection: Selection;
  /** Changes after this revision are sent. Undefined: from now on. */
  readonly from: number | undefined;
  /** Begin with what is there, not older than this revision, as synthetic ADDED events. */
  readonly replay: { readonly notOlderThan: number; readonly marked: boolean } | undefined;
  readonly bookmarks: boolean;
  /** 0: the server decides. */
  readonly timeoutMs: number;
}

export function planWatch(call: ApiCall): WatchPlan {
  const { resource, namespace, query, name } = call;
  const request = listRequest(call);
  checkWatchOptions(request);
  const bookmarks = isTrue(query('allowWatchBookmarks'));
  const revision = parseRevision(request.resourceVersion);
  const wanted = request.sendInitialEvents;
  if (wanted === true && !bookmarks)
    // Source: cacher.go Watch v1.36.
    throw badRequest('sendInitialEvents is forbidden unless allowWatchBookmarks is true for watch');
  // Without a revision, or with 0, a watch begins with what there is, if nobody said otherwise.
  const replay = wanted ?? revision === 0;
  return {
    selection: selectionOf(resource, namespace, name === '' ? request : withName(request, name)),
    from: replay || revision === 0 ? undefined : revision,
    replay: replay ? { notOlderThan: revision, marked: wanted === true } : undefined,
    bookmarks,
    timeoutMs: Math.max(integerQuery(query, 'timeoutSeconds'), 0) * 1000,
  };
}

const withName = <T extends { fieldSelector?: string | undefined }>(request: T, name: string): T => ({
  ...request,
  fieldSelector: [request.fieldSelector ?? '', `metadata.name=${name}`].filter((s) => s !== '').join(','),
});

/**
 * Runs a watch: what is already there if asked for, then every change; bookmarks in between. Resolves when it ends in good order: by timeout or by
 * the signal. Source: apiserver pkg/endpoints/handlers/watch.go, storage/cacher v1.36.
 */
export async function runWatch(env: VerbEnvironment, call: ApiCall, plan: WatchPlan, sink: FrameSink): Promise<void> {
  const { resource, signal } = call;
  const { store, clock, random } = env;
  const { selection, from, replay, bookmarks } = plan;
  const behind = from === undefined ? store.sync() : undefined;
  if (behind !== undefined) await behind;
  if (replay !== undefined && replay.notOlderThan > resource.cache.revision)
    await untilReached(store, clock, replay.notOlderThan);
  if (signal.aborted) return;

  const { promise: over, resolve, reject } = Promise.withResolvers<void>();
  using cleanup = new DisposableStack();
  const onAbort = (): void => resolve();
  signal.addEventListener('abort', onAbort, { once: true });
  cleanup.defer(() => signal.removeEventListener('abort', onAbort));

  /** Changes that wait for the initial state to be through. */
  const backlog = replay === undefined ? undefined : new Backlog();
  const snapshot = replay === undefined ? [] : resource.cache.list(selection.prefix);
  const { revision } = resource.cache;
  let live = replay === undefined;
  const watch = resource.cache.watch({
    ...selection,
    fromRevision: from,
    onFrames(frames) {
      if (!(live ? sink.onFrames(frames, false) : backlog!.add(frames))) reject(tooSlow());
    },
    onEnd: (error) => (error === undefined ? resolve() : reject(error)),
  });
  cleanup.use(watch);
  const giveBookmark = (): void => {
    if (bookmarks && live) sink.onBookmark(bookmark(resource, resource.cache.revision, false));
  };
  const timeoutMs = plan.timeoutMs > 0 ? plan.timeoutMs : MIN_TIMEOUT_MS * (1 + random());
  cleanup.use(
    clock.after(timeoutMs, () => {
      giveBookmark();
      resolve();
    }),
  );
  if (bookmarks) cleanup.use(every(clock, BOOKMARK_MS, giveBookmark));

  if (replay !== undefined) {
    let ended = false;
    const end = (): void => void (ended = true);
    over.then(end, end);
    await sendInitial(snapshot, selection, { clock, sink, ended: () => ended });
    if (!ended) {
      if (replay.marked) sink.onBookmark(bookmark(resource, revision, true));
      live = true;
      if (!backlog!.flush(sink)) reject(tooSlow());
    }
  }
  await over;
}

/** ADDED for each object of the snapshot that is selected; a long one in lots, at the pace of the reader. */
async function sendInitial(
  snapshot: readonly Entry[],
  { matches }: Selection,
  { clock, sink, ended }: { clock: Clock; sink: FrameSink; ended: () => boolean },
): Promise<void> {
  const pace = new Pace(clock);
  let lot: Frame[] = [];
  let bytes = 0;
  for (const entry of snapshot) {
    if (matches?.(entry) ?? true) {
      lot.push(new Frame('ADDED', entry));
      bytes += entry.value.length;
    }
    if (lot.length === INITIAL_LOT || bytes > INITIAL_LOT_BYTES) {
      sink.onFrames(lot, true);
      lot = [];
      bytes = 0;
      await sink.drained();
    }
    if (pace.due) await pace.turn();
    if (ended()) return;
  }
  if (lot.length > 0) sink.onFrames(lot, true);
}

/** Live changes that came while the initial state was being sent. */
class Backlog {
  #frames: Frame[] = [];
  #bytes = 0;

  /** False: too much. */
  add(frames: readonly Frame[]): boolean {
    for (const frame of frames) {
      this.#frames.push(frame);
      this.#bytes += frame.entry.value.length;
    }
    return this.#bytes <= MAX_BACKLOG_BYTES;
  }

  flush(sink: FrameSink): boolean {
    const frames = this.#frames;
    this.#frames = [];
    return frames.length === 0 || sink.onFrames(frames, false);
  }
}

const tooSlow = (): StatusError => new StatusError('Timeout', 'the watch was too slow and has been cut off');

function every(clock: Clock, ms: number, fn: () => void): Disposable {
  let timer: Disposable;
  const again = (): void => {
    timer = clock.after(ms, () => {
      fn();
      again();
    });
  };
  again();
  return { [Symbol.dispose]: () => timer[Symbol.dispose]() };
}

function bookmark({ kind }: Resource, revision: number, initialEnd: boolean): KubeObject {
  return {
    kind: kind.kind,
    apiVersion: apiVersionOf(kind),
    metadata: {
      resourceVersion: String(revision),
      ...(initialEnd ? { annotations: { [INITIAL_EVENTS_END]: 'true' } } : {}),
    } as unknown as KubeObject['metadata'],
  };
}
