import { apiVersionOf, badRequest, type KubeObject, type StatusError } from '#api';
import type { Clock } from '#util';
import type { ByteSink, HttpResponse } from '../http/context.ts';
import type { Negotiated } from '../http/negotiate.ts';
import { CONTENT_TYPES } from '../http/negotiate.ts';
import { encodeObject } from '../http/respond.ts';
import { type IncludeObject, partialMetadata, table } from '../http/table.ts';
import { isTrue } from '../http/request-info.ts';
import { listObjects, parseRevision, type Selection, selectionOf } from '../registry/list.ts';
import type { Resource } from '../registry/resource.ts';
import type { Entry } from '../watchcache/entry.ts';
import { Frame, type FrameType } from '../watchcache/watchcache.ts';
import type { ApiCall } from './call.ts';
import { listRequest, type VerbEnvironment } from './options.ts';

/** A watch without timeoutSeconds ends after this long, and up to twice as long. Source: --min-request-timeout 1800 v1.36. */
const MIN_TIMEOUT_MS = 1_800_000;
/** Source: bookmarkFrequency of the watch cache v1.36. */
const BOOKMARK_MS = 60_000;
/** A watcher that lets this much pile up is cut off; it resumes from where it was. */
const MAX_BUFFERED_BYTES = 64 << 20;

const INITIAL_EVENTS_END = 'k8s.io/initial-events-end';

/** A watch in terms of frames, for the HTTP writer and for callers in this process alike. */
export interface FrameSink {
  onFrames(frames: readonly Frame[]): void;
  onBookmark(object: KubeObject): void;
  onEnd(error: StatusError | undefined): void;
}

/** What a watch asks for, read and checked before anything is sent. */
export interface WatchPlan {
  readonly selection: Selection;
  readonly from: number;
  readonly bookmarks: boolean;
  readonly initial: boolean | undefined;
}

export function planWatch(call: ApiCall): WatchPlan {
  const { resource, namespace, query, name } = call;
  const request = listRequest(call);
  const bookmarks = isTrue(query('allowWatchBookmarks'));
  return {
    selection: selectionOf(resource, namespace, name === '' ? request : withName(request, name)),
    from: parseRevision(request.resourceVersion),
    bookmarks,
    initial: initialEvents(query('sendInitialEvents'), bookmarks),
  };
}

/**
 * Starts a watch: what is already there if asked for, then every change; bookmarks in between. Ends by timeout, by the signal, or by an error.
 * Source: apiserver pkg/endpoints/handlers/watch.go, storage/cacher v1.36.
 */
export async function startWatch(
  env: VerbEnvironment,
  call: ApiCall,
  { selection, from, bookmarks, initial }: WatchPlan,
  sink: FrameSink,
): Promise<void> {
  const { resource, namespace, query, signal } = call;
  const request = listRequest(call);
  // Without a revision, or with 0, a watch begins with what there is, as synthetic ADDED events.
  const replay = initial === true || (initial === undefined && from === 0);

  let ended = false;
  const cleanup = new DisposableStack();
  const end = (error?: StatusError): void => {
    if (ended) return;
    ended = true;
    cleanup.dispose();
    sink.onEnd(error);
  };
  let entries: readonly Entry[] = [];
  let revision = from;
  if (replay) {
    // Waits for a future revision as a list does.
    await listObjects(env.store, env.clock, resource, namespace, {
      resourceVersion: request.resourceVersion,
      limit: 1,
    });
    revision = resource.cache.revision;
    entries = resource.cache.list(selection.prefix).filter((e) => selection.matches?.(e) ?? true);
  }
  const watch = (): Disposable =>
    resource.cache.watch({
      ...selection,
      fromRevision: replay ? undefined : from,
      onFrames(frames, at) {
        revision = at;
        sink.onFrames(frames);
      },
      onError: end,
    });
  if (entries.length > 0) sink.onFrames(entries.map((entry) => new Frame('ADDED', entry)));
  if (initial === true) sink.onBookmark(bookmark(resource, revision, true));
  cleanup.use(watch());

  const seconds = Number(query('timeoutSeconds') ?? 0);
  const timeoutMs = seconds > 0 ? seconds * 1000 : MIN_TIMEOUT_MS * (1 + env.random());
  cleanup.use(
    env.clock.after(timeoutMs, () => {
      if (bookmarks) sink.onBookmark(bookmark(resource, resource.cache.revision, false));
      end();
    }),
  );
  if (bookmarks)
    cleanup.use(
      every(env.clock, BOOKMARK_MS, () => sink.onBookmark(bookmark(resource, resource.cache.revision, false))),
    );
  const onAbort = (): void => end();
  signal.addEventListener('abort', onAbort, { once: true });
  cleanup.defer(() => signal.removeEventListener('abort', onAbort));
  if (signal.aborted) end();
}

const withName = <T extends { fieldSelector?: string | undefined }>(request: T, name: string): T => ({
  ...request,
  fieldSelector: [request.fieldSelector ?? '', `metadata.name=${name}`].filter((s) => s !== '').join(','),
});

/** Source: metainternalversion validation.validateWatchOptions v1.36. */
function initialEvents(text: string | undefined, bookmarks: boolean): boolean | undefined {
  if (text === undefined) return undefined;
  const wanted = isTrue(text);
  if (wanted && !bookmarks)
    throw badRequest('sendInitialEvents is forbidden unless allowWatchBookmarks is true for watch');
  return wanted;
}

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
      creationTimestamp: null,
      ...(initialEnd ? { annotations: { [INITIAL_EVENTS_END]: 'true' } } : {}),
    } as unknown as KubeObject['metadata'],
  };
}

export interface WatchWriter {
  readonly negotiated: Negotiated;
  readonly include: IncludeObject;
}

/** The HTTP answer of a watch: one JSON document a line, all that a tick brings in one write. */
export function watchResponse(env: VerbEnvironment, call: ApiCall, { negotiated, include }: WatchWriter): HttpResponse {
  const plan = planWatch(call);
  return {
    status: 200,
    headers: { 'content-type': watchContentType(negotiated), 'cache-control': 'no-cache, private' },
    async stream(sink: ByteSink) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const encoder = newEncoder(env.clock, call.resource, negotiated, include);
      let pending: Buffer[] = [];
      const flush = (): void => {
        if (pending.length === 0) return;
        const chunk = pending.length === 1 ? pending[0]! : Buffer.concat(pending);
        pending = [];
        sink.write(chunk);
        if (sink.bufferedBytes > MAX_BUFFERED_BYTES) {
          sink.end();
          resolve();
        }
      };
      const push = (bytes: Buffer): void => {
        if (pending.length === 0) queueMicrotask(flush);
        pending.push(bytes);
      };
      const end = (error: StatusError | undefined): void => {
        if (error !== undefined) push(eventLine('ERROR', Buffer.from(JSON.stringify(error.toStatus()))));
        flush();
        sink.end();
        resolve();
      };
      try {
        await startWatch(env, call, plan, {
          onFrames: (frames) => {
            for (const frame of frames) push(encoder.frame(frame));
          },
          onBookmark: (object) => push(encoder.bookmark(object)),
          onEnd: end,
        });
      } catch (error) {
        // The status line is out already; the error travels as an event, as upstream's does once it streams.
        end(error as StatusError);
      }
      await promise;
    },
  };
}

function watchContentType({ format, as }: Negotiated): string {
  if (format === 'protobuf') return `${CONTENT_TYPES.protobuf};stream=watch`;
  return as === undefined ? CONTENT_TYPES.json : `${CONTENT_TYPES.json};as=${as};v=v1;g=meta.k8s.io;stream=watch`;
}

const NEWLINE = Buffer.from('}\n');

function eventLine(type: FrameType | 'BOOKMARK' | 'ERROR', object: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`{"type":"${type}","object":`), object, NEWLINE]);
}

interface Encoder {
  frame(frame: Frame): Buffer;
  bookmark(object: KubeObject): Buffer;
}

/** Plain JSON lines are shared by all watchers of an event; tables are shared but for the first, which carries the columns. */
function newEncoder(clock: Clock, resource: Resource, negotiated: Negotiated, include: IncludeObject): Encoder {
  const { kind } = resource;
  const format = `${kind.group}/${kind.version}`;
  if (negotiated.format === 'protobuf') return protobufEncoder(resource, negotiated);
  if (negotiated.as === undefined)
    return {
      frame: (frame) => frame.encoded(format, ({ type, entry }) => eventLine(type, resource.bytes(entry))),
      bookmark: (object) => eventLine('BOOKMARK', Buffer.from(JSON.stringify(object))),
    };
  if (negotiated.as === 'Table') {
    let columns = true;
    const line = (type: FrameType | 'BOOKMARK', objects: readonly KubeObject[], resourceVersion: string): Buffer => {
      const metadata = { resourceVersion };
      const content = table(kind, objects, { include, nowMs: clock.now(), columns, metadata });
      columns = false;
      return eventLine(type, Buffer.from(JSON.stringify(content)));
    };
    return {
      frame(frame) {
        const make = ({ type, entry }: Frame): Buffer => line(type, [resource.object(entry)], String(entry.revision));
        return columns ? make(frame) : frame.encoded(`${format} table ${include}`, make);
      },
      bookmark: (object) => line('BOOKMARK', [], object.metadata.resourceVersion),
    };
  }
  return {
    frame: (frame) =>
      frame.encoded(`${format} partial`, ({ type, entry }) =>
        eventLine(type, Buffer.from(JSON.stringify(partialMetadata(resource.object(entry))))),
      ),
    bookmark: (object) => eventLine('BOOKMARK', Buffer.from(JSON.stringify(partialMetadata(object)))),
  };
}

/** Frames of 4 bytes of length and a runtime.Unknown that holds a meta/v1 WatchEvent. */
function protobufEncoder(resource: Resource, negotiated: Negotiated): Encoder {
  const line = (type: string, object: KubeObject): Buffer => {
    const raw = encodeObject(object, resource.kind.definition, negotiated);
    const event = Buffer.concat([field(1, Buffer.from(type)), field(2, field(1, raw))]);
    const length = Buffer.allocUnsafe(4);
    length.writeUInt32BE(event.length);
    return Buffer.concat([length, event]);
  };
  return {
    frame: (frame) =>
      frame.encoded(`${resource.kind.definition} protobuf`, ({ type, entry }) => line(type, resource.object(entry))),
    bookmark: (object) => line('BOOKMARK', object),
  };
}

/** A length-delimited protobuf field. */
function field(number: number, bytes: Buffer): Buffer {
  const head: number[] = [(number << 3) | 2];
  let rest = bytes.length;
  for (; rest > 127; rest >>>= 7) head.push((rest & 127) | 128);
  return Buffer.concat([Buffer.from([...head, rest]), bytes]);
}
