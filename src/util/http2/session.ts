/**
 * HTTP/2 as a server speaks it: RFC 9113. What is sent in one turn of the event loop goes out in one write, and no frame is an object. Node's own http2 takes
 * several times the processor time of a request; see docs/benchmarks.md.
 *
 * Does not: push, weigh streams, speak HTTP/1.1.
 */
import type { Socket } from 'node:net';
import type { Clock } from '../clock.ts';
import { TokenBucket } from '../token-bucket.ts';
import { EndedStreams } from './ended.ts';
import { FrameReader } from './frame-reader.ts';
import {
  CODE,
  ConnectionError,
  DEFAULT_WINDOW,
  FLAG,
  FRAME,
  frameOf,
  goAwayFrame,
  LARGEST_STREAM,
  LARGEST_WINDOW,
  numberFrame,
  SETTING,
  settingsFrame,
  StreamError,
} from './frames.ts';
import { type FieldList, HeaderReader, HpackError } from './hpack.ts';
import { Output } from './output.ts';
import { isMalformed, readSettings, type Settings } from './rules.ts';
import { Http2Stream, type Outlet } from './stream.ts';

/** Data waits in its stream while so much is on its way to a peer that does not read. */
const UNSENT_BYTES = 1 << 20;
/** While so much data waits for a peer that gives no room for it, it may ask for nothing more. */
const QUEUED_BYTES = 256 << 20;
/** Of each stream in turn, while many wait for the window of the connection. */
const QUANTUM = 64 << 10;
/** Requests beyond those that are let, in which a peer does not heed its settings. Source: maxQueuedControlFrames and unstartedHandlers of Go's net/http2: four times as many. */
const MAX_OVERDRAFT = 4;
/** Frames that lead to nothing: so many at once, and so many a second. */
const IDLE_FRAMES = { burst: 10_000, perSecond: 1000 };
/** A request may go on for so long when it is answered. */
const LINGER_MS = 1000;
const SHUTDOWN_PING = Buffer.from('shutdown');

export interface SessionOptions {
  /** Streams at once, those that the peer has given up and that are still worked on included. */
  readonly maxStreams: number;
  /** What a stream may send before its data is dealt with, and all of them together. */
  readonly streamWindowBytes: number;
  readonly connectionWindowBytes: number;
  /** Names and values of a request's headers, with 32 bytes more for each. */
  readonly maxHeaderBytes: number;
  /** Requests a peer may take back before they are answered. */
  readonly resets: { readonly burst: number; readonly perSecond: number };
  readonly clock: Clock;
  /** A request has begun, and its handler is to be set. What this throws ends the connection. */
  readonly onStream: (stream: Http2Stream) => void;
  /** A request with more headers than it may have, not all of which are there, is to be answered. Absent: it is reset. */
  readonly onTooLong?: (stream: Http2Stream) => void;
  /** The connection has ended because of what the peer sent. */
  readonly onError: (error: Error) => void;
}

export class Http2Session implements Outlet {
  readonly output: Output;
  readonly #socket: Socket;
  readonly #options: SessionOptions;
  readonly #frames: FrameReader;
  readonly #reader: HeaderReader;
  readonly #streams = new Map<number, Http2Stream>();
  /** Streams whose data waits for room, in turn. */
  readonly #blocked = new Set<Http2Stream>();
  readonly #resets: TokenBucket;
  readonly #idleFrames: TokenBucket;
  readonly #ended = new EndedStreams();
  #lastStream = 0;
  /** Answers that are worked on, those of streams that the peer has given up included. */
  #unanswered = 0;
  #refused = 0;
  #queuedBytes = 0;
  #window = DEFAULT_WINDOW;
  #peer: Settings = { initialWindow: DEFAULT_WINDOW };
  /** Data that is not dealt with, and such as is and that the peer was not yet told of. */
  #held = 0;
  #credit = 0;
  /** The peer was told to go; and, once it has heard that, the last stream that is answered. */
  #stopping = false;
  #goneAt: number | undefined;
  #over = false;
  #heard = false;
  #withinTicks = 0;
  #idleTicks = 0;

  constructor(socket: Socket, options: SessionOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#reader = new HeaderReader(options.maxHeaderBytes);
    // Source: readMetaFrame of Go's net/http2: what is far beyond the limit is not read to its end.
    this.#frames = new FrameReader(this.#handler(), 2 * options.maxHeaderBytes);
    const { clock, resets } = options;
    this.#resets = new TokenBucket({ ...resets, clock });
    this.#idleFrames = new TokenBucket({ ...IDLE_FRAMES, clock });
    this.output = new Output(socket, {
      onTaken: () => this.#unblock(),
      onUnread: () => {
        socket.destroy();
        this.#end(new ConnectionError(CODE.enhanceYourCalm, 'the peer does not read'));
      },
    });
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#onChunk(chunk));
    socket.on('error', (error) => this.#end(error));
    socket.on('end', () => this.destroy());
    socket.on('close', () => this.#end(undefined));
    this.#send(
      settingsFrame([
        [SETTING.maxStreams, options.maxStreams],
        [SETTING.initialWindow, options.streamWindowBytes],
        [SETTING.maxList, options.maxHeaderBytes],
      ]),
    );
    this.#send(numberFrame(FRAME.windowUpdate, 0, options.connectionWindowBytes - DEFAULT_WINDOW));
  }

  get room(): number {
    return this.output.bytes < UNSENT_BYTES ? this.#window : 0;
  }

  spend(bytes: number): void {
    this.#window -= bytes;
  }

  queued(bytes: number): void {
    this.#queuedBytes += bytes;
  }

  block(stream: Http2Stream): void {
    this.#blocked.add(stream);
  }

  reset(stream: Http2Stream, code: number): void {
    this.#send(numberFrame(FRAME.reset, stream.id, code));
    this.#close(stream, !stream.remoteEnded);
  }

  consumed(stream: Http2Stream, many: number): void {
    const bytes = Math.min(many, stream.held); // none is held by a stream that is over
    if (bytes === 0) return;
    this.#giveBack(bytes);
    stream.held -= bytes;
    stream.credit += bytes;
    if (stream.credit <= this.#options.streamWindowBytes / 2 || stream.remoteEnded) return;
    this.#send(numberFrame(FRAME.windowUpdate, stream.id, stream.credit));
    stream.credit = 0;
  }

  finished(stream: Http2Stream): void {
    if (stream.remoteEnded) return this.#close(stream, false);
    // What the peer has yet to send nobody wants. It is let go on for a while, since some (curl 7.88) forget an answer when the reset comes right behind it.
    stream.handler?.onClose(true);
    stream.handler = undefined;
    this.consumed(stream, stream.held);
    this.#options.clock.after(LINGER_MS, () => {
      if (this.#streams.get(stream.id) === stream) this.reset(stream, CODE.none);
    });
  }

  settled(): void {
    this.#unanswered--;
  }

  /**
   * Lets what is under way end, and then the connection. Requests that are on their way here are answered too: only when the peer has heard of it is the last
   * one named (RFC 9113, section 6.8).
   */
  goAway(): void {
    if (this.#stopping || this.#over) return;
    this.#stopping = true;
    this.#send(goAwayFrame(LARGEST_STREAM, CODE.none));
    this.#send(frameOf(FRAME.ping, FLAG.none, 0, SHUTDOWN_PING));
  }

  destroy(): void {
    this.#socket.destroy();
    this.#end(undefined);
  }

  /** To be called at even intervals. Ends the connection of a peer that has sent no more than a beginning for so many of them, or has had no request. */
  tick({ withinTicks, idleTicks }: { readonly withinTicks: number; readonly idleTicks: number }): void {
    if (this.#over) return;
    const heard = this.#heard;
    this.#heard = false;
    this.#withinTicks = this.#frames.isWithin && !heard ? this.#withinTicks + 1 : 0;
    this.#idleTicks = heard || this.#streams.size > 0 ? 0 : this.#idleTicks + 1;
    if (this.#withinTicks >= withinTicks) return this.destroy();
    if (this.#idleTicks < idleTicks) return;
    if (this.#stopping) return this.destroy(); // it did not answer
    this.#idleTicks = 0;
    this.goAway();
  }

  #onChunk(chunk: Buffer): void {
    if (this.#over) return;
    try {
      this.#frames.read(chunk);
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  #fail(error: Error): void {
    const code =
      error instanceof ConnectionError ? error.code : error instanceof HpackError ? CODE.compression : CODE.internal;
    this.#send(goAwayFrame(this.#lastStream, code));
    this.output.finish();
    this.#socket.destroySoon();
    this.#end(error);
  }

  #handler(): ConstructorParameters<typeof FrameReader>[0] {
    return {
      onData: (...frame) => this.#onData(...frame),
      onBlock: (...frame) => this.#onBlock(...frame),
      onReset: (id) => this.#onReset(id),
      onSettings: (payload) => this.#onSettings(payload),
      onPing: (isAnswer, payload) => this.#onPing(isAnswer, payload),
      onWindowUpdate: (id, bytes) => this.#onWindowUpdate(id, bytes),
      onIdleFrame: (what) => take(this.#idleFrames, what),
      onStreamError: (error) => this.#onStreamError(error),
    };
  }

  #onStreamError({ stream: id, code, message }: StreamError): void {
    take(this.#idleFrames, message);
    const stream = this.#streams.get(id);
    if (stream === undefined) this.#send(numberFrame(FRAME.reset, id, code));
    else this.reset(stream, code);
  }

  #onData(id: number, ends: boolean, size: number, bytes: Buffer, from: number, to: number): void {
    const stream = this.#known(id);
    // Padding counts, and so does what nobody wants any more.
    if (this.#held + this.#credit + size > this.#options.connectionWindowBytes)
      throw new ConnectionError(CODE.flowControl, 'more data than there is room for');
    this.#held += size;
    if (stream === undefined || stream.remoteEnded) {
      this.#giveBack(size);
      if (stream === undefined && this.#endedBy(id) === 'us') return;
      throw new StreamError(id, CODE.streamClosed, 'data behind the end of a request');
    }
    stream.held += size;
    if (stream.held + stream.credit > this.#options.streamWindowBytes)
      throw new StreamError(id, CODE.flowControl, 'more data than there is room for');
    stream.bodyBytes += to - from;
    checkLength(stream, ends);
    const dealtWith = from === to || stream.handler?.onData(bytes.subarray(from, to)) !== false;
    this.consumed(stream, dealtWith ? size : size - (to - from));
    if (ends) this.#endRemote(stream);
  }

  #onBlock(id: number, ends: boolean, bytes: Buffer, from: number, to: number): void {
    // Read in any case: the table of headers is all streams'.
    const request = this.#reader.read(bytes, from, to);
    this.#heard = true;
    if (id > this.#lastStream) return this.#begin(id, request, ends);
    const stream = this.#streams.get(id);
    if (stream === undefined) {
      const by = this.#endedBy(id);
      if (by === 'us') return; // trailers that were on their way
      if (by === 'peer') throw new ConnectionError(CODE.streamClosed, 'headers behind the end of a stream');
      throw new ConnectionError(CODE.protocol, `stream ${id} comes too late`);
    }
    if (stream.remoteEnded) throw new StreamError(id, CODE.streamClosed, 'headers behind the end of a request');
    if (!ends || request.malformed || request.hasPseudo)
      throw new StreamError(id, CODE.protocol, 'headers within a request');
    checkLength(stream, true);
    this.#endRemote(stream);
  }

  #begin(id: number, request: FieldList, ends: boolean): void {
    if (this.#goneAt !== undefined) return; // the peer knows that it is not answered
    this.#lastStream = id;
    const { maxStreams, onStream, onTooLong } = this.#options;
    if (this.#streams.size >= maxStreams || this.#unanswered >= maxStreams || this.#queuedBytes > QUEUED_BYTES) {
      if (++this.#refused > MAX_OVERDRAFT * maxStreams)
        throw new ConnectionError(CODE.enhanceYourCalm, 'more requests than are let');
      this.#ended.add(id, 'us');
      return this.#send(numberFrame(FRAME.reset, id, CODE.refusedStream));
    }
    this.#refused = 0;
    if (!request.tooLong && isMalformed(request)) {
      this.#ended.add(id, 'us');
      throw new StreamError(id, CODE.protocol, 'headers that are none of a request');
    }
    const stream = new Http2Stream(id, request, this, this.#peer.initialWindow);
    this.#streams.set(id, stream);
    this.#unanswered++;
    if (ends) checkLength(stream, true);
    stream.remoteEnded = ends;
    if (!request.tooLong) onStream(stream);
    else if (onTooLong === undefined) stream.reset(CODE.enhanceYourCalm);
    else onTooLong(stream);
    if (ends && !stream.over) stream.handler?.onEnd();
  }

  #endRemote(stream: Http2Stream): void {
    if (this.#streams.get(stream.id) !== stream) return; // closed by what it heard last
    stream.remoteEnded = true;
    if (stream.over) this.#close(stream, false);
    else stream.handler?.onEnd();
  }

  #onReset(id: number): void {
    const stream = this.#known(id);
    if (stream === undefined) return;
    if (!stream.over) take(this.#resets, 'requests that are taken back');
    this.#close(stream, false);
  }

  #onSettings(payload: Buffer): void {
    take(this.#idleFrames, 'settings');
    const before = this.#peer.initialWindow;
    this.#peer = readSettings(payload, this.#peer);
    if (this.#peer.tableBytes !== undefined) this.output.headerWriter.resize(this.#peer.tableBytes);
    this.#send(frameOf(FRAME.settings, FLAG.ack, 0, NOTHING));
    const more = this.#peer.initialWindow - before;
    if (more === 0) return;
    for (const stream of this.#streams.values()) {
      if (stream.window + more > LARGEST_WINDOW) throw new ConnectionError(CODE.flowControl, 'a window is too large');
      stream.widen(more);
    }
  }

  #onPing(isAnswer: boolean, payload: Buffer): void {
    if (!isAnswer) {
      take(this.#idleFrames, 'pings');
      this.#send(frameOf(FRAME.ping, FLAG.ack, 0, payload));
    } else if (this.#stopping && this.#goneAt === undefined && payload.equals(SHUTDOWN_PING)) {
      this.#goneAt = this.#lastStream;
      this.#send(goAwayFrame(this.#goneAt, CODE.none));
      this.#endIfDone();
    }
  }

  #endIfDone(): void {
    if (this.#goneAt === undefined || this.#streams.size > 0 || this.#over) return;
    this.output.finish();
    this.#socket.destroySoon();
  }

  #onWindowUpdate(id: number, bytes: number): void {
    if (id === 0) {
      if (bytes === 0) throw new ConnectionError(CODE.protocol, 'a window grows by nothing');
      this.#window += bytes;
      if (this.#window > LARGEST_WINDOW) throw new ConnectionError(CODE.flowControl, 'a window is too large');
      return this.#unblock();
    }
    const stream = this.#known(id);
    if (bytes === 0) throw new StreamError(id, CODE.protocol, 'a window grows by nothing');
    if (stream === undefined) return;
    if (stream.window + bytes > LARGEST_WINDOW) throw new StreamError(id, CODE.flowControl, 'a window is too large');
    stream.widen(bytes);
  }

  /** The stream of a frame; undefined: it is over. */
  #known(id: number): Http2Stream | undefined {
    if (id % 2 === 0 || (id > this.#lastStream && this.#goneAt === undefined))
      throw new ConnectionError(CODE.protocol, `stream ${id} has not begun`);
    return this.#streams.get(id);
  }

  /** By whom a stream was ended, if it is not long ago. */
  #endedBy(id: number): 'us' | 'peer' | undefined {
    return this.#goneAt !== undefined && id > this.#goneAt ? 'us' : this.#ended.by(id);
  }

  /** Lets streams that wait send in turn. */
  #unblock(): void {
    while (this.#blocked.size > 0 && this.room > 0) {
      let stuck = true;
      const inTurn = Array.from(this.#blocked); // those that still wait come in again
      for (const stream of inTurn) {
        this.#blocked.delete(stream);
        const before = stream.queuedBytes;
        stream.pump(QUANTUM);
        stuck &&= stream.queuedBytes === before;
      }
      if (stuck) return;
    }
  }

  #giveBack(bytes: number): void {
    this.#held -= bytes;
    this.#credit += bytes;
    if (this.#credit <= this.#options.connectionWindowBytes / 2) return;
    this.#send(numberFrame(FRAME.windowUpdate, 0, this.#credit));
    this.#credit = 0;
  }

  /** `byUs`: while the peer was sending. */
  #close(stream: Http2Stream, byUs: boolean): void {
    if (!this.#streams.delete(stream.id)) return;
    this.#ended.add(stream.id, byUs ? 'us' : 'peer');
    this.#blocked.delete(stream);
    this.#giveBack(stream.held);
    stream.held = 0;
    stream.close();
    stream.handler?.onClose(stream.answered);
    if (this.#stopping) this.#endIfDone();
  }

  #send(bytes: Buffer): void {
    if (!this.#over) this.output.send(bytes);
  }

  #end(error: Error | undefined): void {
    if (this.#over) return;
    this.#over = true;
    this.#frames.stop();
    for (const stream of this.#streams.values()) this.#close(stream, false);
    if (error !== undefined) this.#options.onError(error);
  }
}

const NOTHING = Buffer.alloc(0);

function take(bucket: TokenBucket, what: string): void {
  if (!bucket.tryTake()) throw new ConnectionError(CODE.enhanceYourCalm, `too many ${what}`);
}

/** A body is as long as its request says: RFC 9113, section 8.1.1. */
function checkLength({ id, bodyBytes, request }: Http2Stream, ends: boolean): void {
  const said = request.headers['content-length'];
  if (said === undefined) return;
  if (bodyBytes > Number(said) || (ends && bodyBytes !== Number(said)))
    throw new StreamError(id, CODE.protocol, 'a body is not as long as it was said to be');
}
