/**
 * A gRPC client that does no more than a benchmark needs, on frames of HTTP/2 written by hand (RFC 9113): on a machine of few processors a library's client
 * would take more of them than the servers that are measured. It answers pings, keeps to the peer's windows, and opens its own as wide as they go. Headers
 * of answers are not read: a call that ends without a message has failed.
 */
import { connect, type TLSSocket } from 'node:tls';

const FRAME = {
  data: 0,
  headers: 1,
  reset: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;
const FRAME_HEADER_BYTES = 9;
const PREFIX_BYTES = 5;
const END_STREAM = 1;
const ACK = 1;
const END_HEADERS = 4;
const FIRST_STREAM = 1;
const DEFAULT_WINDOW = 65_535;
const LARGEST_WINDOW = 2 ** 31 - 1;
/** RFC 9113, section 6.5.2. */
const SETTING = { enablePush: 2, initialWindow: 4 } as const;
/** RFC 7541, appendix A: the entries of the static table that calls need. Entries of our own follow it. */
const STATIC = { authority: 1, methodPost: 3, path: 4, schemeHttps: 7, contentType: 31, size: 61 } as const;

export interface ClientTls {
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

interface Call {
  readonly onMessage: (message: Buffer) => void;
  readonly onEnd: (error: Error | undefined) => void;
  /** What has come of a message that is not whole, and how much of it is needed to go on. */
  partial: Buffer[];
  partialBytes: number;
  wantedBytes: number;
}

type Handlers = Pick<Call, 'onMessage' | 'onEnd'>;

export class GrpcClient {
  readonly #socket: TLSSocket;
  readonly #calls = new Map<number, Call>();
  /** Frames of requests that the peer's window has no room for, with the bytes that count. */
  readonly #waiting: { readonly bytes: Buffer; readonly counted: number }[] = [];
  readonly #blocks = new Map<string, Buffer>();
  #window = DEFAULT_WINDOW;
  #received = 0;
  #nextStream = FIRST_STREAM;
  #rest: Buffer | undefined;

  private constructor(socket: TLSSocket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail(new Error('the server has closed the connection')));
    const settings = Buffer.alloc(12);
    settings.writeUInt16BE(SETTING.enablePush, 0);
    settings.writeUInt16BE(SETTING.initialWindow, 6);
    settings.writeUInt32BE(LARGEST_WINDOW, 8);
    socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    socket.write(frame(FRAME.settings, 0, 0, settings));
    this.#widen(LARGEST_WINDOW - DEFAULT_WINDOW);
  }

  static open(port: number, { ca, certificate, key }: ClientTls): Promise<GrpcClient> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port, ca, cert: certificate, key, ALPNProtocols: ['h2'] });
      socket.once('error', reject);
      socket.once('secureConnect', () => {
        socket.off('error', reject);
        resolve(new GrpcClient(socket));
      });
    });
  }

  unary(path: string, message: Buffer): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      let answer: Buffer | undefined;
      this.#start(path, message, END_STREAM, {
        onMessage: (bytes) => (answer = bytes),
        onEnd(error) {
          if (answer !== undefined) resolve(answer);
          else reject(error ?? new Error(`${path} has failed`));
        },
      });
    });
  }

  /** A stream that stays open until the client is closed. */
  stream(path: string, message: Buffer, onMessage: (message: Buffer) => void): void {
    this.#start(path, message, 0, {
      onMessage,
      onEnd(error) {
        throw error ?? new Error(`${path} has ended`);
      },
    });
  }

  close(): void {
    this.#calls.clear();
    this.#socket.destroy();
  }

  #start(path: string, message: Buffer, flags: number, handlers: Handlers): void {
    const id = this.#nextStream;
    this.#nextStream += 2;
    this.#calls.set(id, { ...handlers, partial: [], partialBytes: 0, wantedBytes: PREFIX_BYTES });
    const block = this.#headers(path);
    const bytes = Buffer.allocUnsafe(2 * FRAME_HEADER_BYTES + block.length + PREFIX_BYTES + message.length);
    let at = writeFrameHeader(bytes, 0, FRAME.headers, END_HEADERS, id, block.length);
    at += block.copy(bytes, at);
    at = writeFrameHeader(bytes, at, FRAME.data, flags, id, PREFIX_BYTES + message.length);
    bytes[at] = 0;
    bytes.writeUInt32BE(message.length, at + 1);
    message.copy(bytes, at + PREFIX_BYTES);
    // Headers need no room, but streams must begin in the order of their numbers.
    this.#waiting.push({ bytes, counted: PREFIX_BYTES + message.length });
    this.#flush();
  }

  #flush(): void {
    for (let next = this.#waiting[0]; next !== undefined && next.counted <= this.#window; next = this.#waiting[0]) {
      this.#waiting.shift();
      this.#window -= next.counted;
      this.#write(next.bytes);
    }
  }

  /** What is written in one turn goes out together. */
  #write(bytes: Buffer): void {
    if (this.#socket.writableCorked === 0) {
      this.#socket.cork();
      setImmediate(() => this.#socket.uncork());
    }
    this.#socket.write(bytes);
  }

  /** The first call puts what all calls have into the table of headers. */
  #headers(path: string): Buffer {
    const own = Buffer.concat([METHOD_AND_SCHEME, Buffer.from([STATIC.path]), text(path)]);
    if (this.#nextStream === FIRST_STREAM + 2) return Buffer.concat([own, ENTERING]);
    let known = this.#blocks.get(path);
    if (known === undefined) this.#blocks.set(path, (known = Buffer.concat([own, ENTERED])));
    return known;
  }

  #read(chunk: Buffer): void {
    const bytes = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    while (bytes.length - at >= FRAME_HEADER_BYTES) {
      const end = at + FRAME_HEADER_BYTES + bytes.readUIntBE(at, 3);
      if (end > bytes.length) break;
      const payload = bytes.subarray(at + FRAME_HEADER_BYTES, end);
      this.#onFrame(bytes[at + 3]!, bytes[at + 4]!, bytes.readUInt32BE(at + 5) & LARGEST_WINDOW, payload);
      at = end;
    }
    this.#rest = at === bytes.length ? undefined : bytes.subarray(at);
  }

  #onFrame(type: number, flags: number, id: number, payload: Buffer): void {
    switch (type) {
      case FRAME.data:
        this.#onData(id, payload);
        if ((flags & END_STREAM) !== 0) this.#end(id);
        return;
      case FRAME.headers:
        if ((flags & END_STREAM) !== 0) this.#end(id);
        return;
      case FRAME.reset:
        return this.#end(id, new Error(`the server has reset a call: ${payload.readUInt32BE(0)}`));
      case FRAME.settings:
        if ((flags & ACK) === 0) this.#write(frame(FRAME.settings, ACK, 0, Buffer.alloc(0)));
        return;
      case FRAME.ping:
        if ((flags & ACK) === 0) this.#write(frame(FRAME.ping, ACK, 0, payload));
        return;
      case FRAME.windowUpdate:
        // Requests are smaller than the window that each stream begins with.
        if (id === 0) this.#window += payload.readUInt32BE(0);
        return this.#flush();
      case FRAME.goAway:
        return this.#fail(new Error(`the server goes away: ${payload.readUInt32BE(4)} ${payload.toString('utf8', 8)}`));
    }
  }

  #onData(id: number, payload: Buffer): void {
    this.#received += payload.length;
    if (this.#received > LARGEST_WINDOW / 4) this.#widen(this.#received);
    const call = this.#calls.get(id);
    if (call === undefined) return;
    call.partial.push(payload);
    call.partialBytes += payload.length;
    if (call.partialBytes < call.wantedBytes) return;
    let bytes = call.partial.length === 1 ? payload : Buffer.concat(call.partial);
    call.wantedBytes = PREFIX_BYTES;
    while (bytes.length >= PREFIX_BYTES) {
      const end = PREFIX_BYTES + bytes.readUInt32BE(1);
      if (bytes.length < end) {
        call.wantedBytes = end;
        break;
      }
      call.onMessage(bytes.subarray(PREFIX_BYTES, end));
      bytes = bytes.subarray(end);
    }
    call.partial = bytes.length === 0 ? [] : [bytes];
    call.partialBytes = bytes.length;
  }

  #widen(bytes: number): void {
    this.#received = 0;
    const increment = Buffer.alloc(4);
    increment.writeUInt32BE(bytes);
    this.#write(frame(FRAME.windowUpdate, 0, 0, increment));
  }

  #end(id: number, error?: Error): void {
    const call = this.#calls.get(id);
    this.#calls.delete(id);
    call?.onEnd(error);
  }

  #fail(error: Error): void {
    for (const id of this.#calls.keys()) this.#end(id, error);
  }
}

function writeFrameHeader(bytes: Buffer, at: number, type: number, flags: number, id: number, length: number): number {
  bytes.writeUIntBE(length, at, 3);
  bytes[at + 3] = type;
  bytes[at + 4] = flags;
  return bytes.writeUInt32BE(id, at + 5);
}

function frame(type: number, flags: number, id: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(FRAME_HEADER_BYTES);
  writeFrameHeader(header, 0, type, flags, id, payload.length);
  return Buffer.concat([header, payload]);
}

/** RFC 7541: a text shorter than 127 bytes, without Huffman's code. */
const text = (value: string): Buffer => Buffer.concat([Buffer.from([value.length]), Buffer.from(value, 'latin1')]);

/** RFC 7541, section 6.2.1: a header that enters the table, its name from the static one or (0) new. */
function entering(name: number, ...texts: readonly string[]): Buffer {
  return Buffer.concat([Buffer.from([0x40 | name]), ...texts.map(text)]);
}

const METHOD_AND_SCHEME = Buffer.from([0x80 | STATIC.methodPost, 0x80 | STATIC.schemeHttps]);
const ENTERING = Buffer.concat([
  entering(STATIC.authority, '127.0.0.1'),
  entering(STATIC.contentType, 'application/grpc'),
  entering(0, 'te', 'trailers'),
]);
/** The same from then on: the last that entered is the first behind the static table. */
const ENTERED = Buffer.from([3, 2, 1].map((place) => 0x80 | (STATIC.size + place)));
