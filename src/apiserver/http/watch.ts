import { encodeProtobuf, internalError, type KubeObject, type Status, StatusError } from '#api';
import type { Clock } from '#util';
import type { ApiCall } from '../handlers/call.ts';
import type { VerbEnvironment } from '../handlers/options.ts';
import { MAX_BACKLOG_BYTES, planWatch, runWatch } from '../handlers/watch.ts';
import type { Resource } from '../registry/resource.ts';
import type { Frame, FrameType } from '../watchcache/change.ts';
import { type FanOut, type Gatherer, join } from '../watchcache/fan-out.ts';
import { answerWebSocket, isWebSocket, webSocketSink } from '../websocket/websocket.ts';
import type { ByteSink, HttpRequest, HttpResponse } from './context.ts';
import { CONTENT_TYPES, metaApiVersion, type Negotiated } from './negotiate.ts';
import { lengthDelimited, partialProtobuf } from './protobuf.ts';
import { type IncludeObject, partialMetadata, partialText, table, tableRowText } from './table.ts';

export interface WatchWriter {
  readonly negotiated: Negotiated;
  readonly include: IncludeObject;
}

/** The HTTP answer of a watch: one JSON document a line, all that a tick brings in one write. */
export function watchResponse(
  env: VerbEnvironment,
  call: ApiCall,
  request: HttpRequest,
  { negotiated, include }: WatchWriter,
): HttpResponse {
  const plan = planWatch(call);
  const sent = env.watchMetrics.of(call.resource.kind);
  const encoder = newEncoder(env.clock, call.resource, negotiated, include);
  if (isWebSocket(request)) {
    const binary = negotiated.format === 'protobuf';
    return answerWebSocket(request, '', async (socket) => {
      const sink = webSocketSink(socket, { binary });
      // A message has its own length, so events go without one before them.
      const push = (event: Buffer): void => void sink.write(binary ? event.subarray(LENGTH_BYTES) : event);
      await speak(sink, encoder, { push, flush: () => 0, bytes: 0 });
    });
  }
  return {
    status: 200,
    headers: { 'content-type': watchContentType(negotiated), 'cache-control': 'no-cache, private' },
    async stream(sink: ByteSink) {
      await speak(sink, encoder, newCoalescer(sink, env.fanOut));
      sink.end();
    },
  };

  async function speak(sink: ByteSink, events: Encoder, out: EventWriter): Promise<void> {
    try {
      await runWatch(env, call, plan, {
        onFrames(frames, isInitial) {
          let bytes = 0;
          const push = (piece: Buffer): void => {
            bytes += piece.length;
            out.push(piece);
          };
          if (isInitial && events.initial !== undefined && !isWebSocket(request)) push(events.initial(frames));
          else for (const frame of frames) push(events.frame(frame));
          sent(frames.length, bytes);
          return sink.bufferedBytes + out.bytes <= MAX_BACKLOG_BYTES;
        },
        onBookmark: (object) => out.push(events.bookmark(object)),
        async drained() {
          out.flush();
          await sink.drained();
        },
      });
    } catch (error) {
      if (sink.bufferedBytes + out.bytes > MAX_BACKLOG_BYTES) return sink.cut();
      // The status line is out already; the error travels as an event, as upstream's does once it streams.
      const known = error instanceof StatusError ? error : internalError(error);
      if (known !== error) env.log.error('Watch failed', { error });
      out.push(events.error(known.toStatus()));
    }
    out.flush();
  }
}

interface EventWriter extends Gatherer {
  push(bytes: Buffer): void;
  /** Gathered and not written yet. */
  readonly bytes: number;
}

/** Before each event of a protobuf stream. */
const LENGTH_BYTES = 4;

/** Gathers what one turn of the event loop brings: a write for each event would cost five times as much. */
function newCoalescer(sink: ByteSink, fanOut: FanOut): EventWriter {
  let pending: Buffer[] = [];
  const writer = {
    bytes: 0,
    push(bytes: Buffer) {
      if (pending.length === 0) fanOut.add(writer);
      pending.push(bytes);
      writer.bytes += bytes.length;
    },
    flush() {
      const { bytes } = writer;
      if (pending.length > 0) sink.write(join(pending));
      pending = [];
      writer.bytes = 0;
      return bytes;
    },
  };
  return writer;
}

/** Source: serveWatchHandler of handlers/watch.go v1.36: whatever JSON is asked for is called just that. */
const watchContentType = ({ format }: Negotiated): string =>
  format === 'protobuf' ? `${CONTENT_TYPES.protobuf};stream=watch` : CONTENT_TYPES.json;

const errorLine = (status: Status): Buffer => eventLine('ERROR', JSON.stringify(status));

const eventLine = (type: FrameType | 'BOOKMARK' | 'ERROR', object: string): Buffer =>
  Buffer.from(`${lineHead(type)}${object}${LINE_TAIL}`);

/** How a table without rows ends. */
const NO_ROWS = ']}';

interface Encoder {
  frame(frame: Frame): Buffer;
  bookmark(object: KubeObject): Buffer;
  error(status: Status): Buffer;
  /** Several frames nobody else is told, at once. */
  initial?(frames: readonly Frame[]): Buffer;
}

const lineHead = (type: FrameType | 'BOOKMARK' | 'ERROR'): string => `{"type":"${type}","object":`;
const LINE_TAIL = '}\n';

/** Lines of entries as they are stored: each byte is copied once. */
function storedLines(frames: readonly Frame[]): Buffer {
  let length = 0;
  for (const { type, entry } of frames) length += lineHead(type).length + entry.byteLength + LINE_TAIL.length;
  const lines = Buffer.allocUnsafe(length);
  let at = 0;
  for (const { type, entry } of frames) {
    at += lines.write(lineHead(type), at, 'latin1');
    at = entry.copyTo(lines, at);
    at += lines.write(LINE_TAIL, at, 'latin1');
  }
  return lines;
}

/** Plain JSON lines are shared by all watchers of an event; tables are shared but for the first, which carries the columns. */
function newEncoder(clock: Clock, resource: Resource, negotiated: Negotiated, include: IncludeObject): Encoder {
  const { kind } = resource;
  const format = `${kind.group}/${kind.version}`;
  const apiVersion = metaApiVersion(negotiated);
  if (negotiated.format === 'protobuf') return protobufEncoder(resource, negotiated);
  // No event is a list, so one that asks for its metadata as a list gets the object.
  if (negotiated.as === undefined || negotiated.as === 'PartialObjectMetadataList') {
    const lineOf = (frame: Frame): Buffer =>
      resource.isStored ? storedLines([frame]) : eventLine(frame.type, JSON.stringify(resource.object(frame.entry)));
    return {
      frame: (frame) => frame.encoded(format, lineOf),
      bookmark: (object) => eventLine('BOOKMARK', JSON.stringify(object)),
      error: errorLine,
      ...(resource.isStored ? { initial: storedLines } : {}),
    };
  }
  if (negotiated.as === 'Table') {
    let columns = true;
    const line = (type: FrameType | 'BOOKMARK', row: string, resourceVersion: string): Buffer => {
      const content = table(kind, [], { include, nowMs: 0, apiVersion, columns, metadata: { resourceVersion } });
      columns = false;
      return eventLine(type, `${JSON.stringify(content).slice(0, -NO_ROWS.length)}${row}${NO_ROWS}`);
    };
    return {
      frame(frame) {
        const make = ({ type, entry }: Frame): Buffer =>
          line(
            type,
            tableRowText(resource, entry, { include, nowMs: clock.now(), apiVersion }),
            String(entry.revision),
          );
        return columns ? make(frame) : frame.encoded(`${format} ${apiVersion} table ${include}`, make);
      },
      bookmark: (object) => line('BOOKMARK', '', object.metadata.resourceVersion),
      error: errorLine,
    };
  }
  return {
    frame: (frame) =>
      frame.encoded(`${format} ${apiVersion} partial`, ({ type, entry }) =>
        eventLine(type, partialText(resource, entry, apiVersion)),
      ),
    bookmark: (object) => eventLine('BOOKMARK', JSON.stringify(partialMetadata(object, apiVersion))),
    error: errorLine,
  };
}

/** Frames of 4 bytes of length and a meta/v1 WatchEvent, whose object is a whole protobuf body. */
function protobufEncoder(resource: Resource, negotiated: Negotiated): Encoder {
  const { definition } = resource.kind;
  const line = (type: string, body: Buffer): Buffer => {
    const event = Buffer.concat([
      ...lengthDelimited(1, [Buffer.from(type)]),
      ...lengthDelimited(2, lengthDelimited(1, [body])),
    ]);
    const length = Buffer.allocUnsafe(LENGTH_BYTES);
    length.writeUInt32BE(event.length);
    return Buffer.concat([length, event]);
  };
  const encode = (object: KubeObject): Buffer =>
    negotiated.as === undefined
      ? encodeProtobuf(object, definition)
      : partialProtobuf(object, metaApiVersion(negotiated));
  return {
    frame: (frame) =>
      frame.encoded(`${definition} ${negotiated.as ?? ''} ${negotiated.metaVersion} protobuf`, ({ type, entry }) =>
        line(type, encode(resource.object(entry))),
      ),
    bookmark: (object) => line('BOOKMARK', encode(object)),
    error: (status) => line('ERROR', encodeProtobuf(status, 'meta.v1.Status')),
  };
}
