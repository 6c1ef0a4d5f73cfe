import { createSocket } from 'node:dgram';
import { connect, isIPv6 } from 'node:net';
import { type Clock, type Logger, LruMap, messageOf } from '#util';
import type { Resolvers } from './resolvers.ts';
import { FLAG, HEADER_BYTES, type Query, RCODE, readName, readResource, TYPE, udpLimit, writeQuery } from './wire.ts';

export interface ForwarderOptions {
  readonly resolvers: Resolvers;
  /** Default 53. */
  readonly port?: number;
  /** Resolvers that must not be asked: our own addresses, or questions would go in circles. */
  readonly notTo: readonly string[];
  readonly clock: Clock;
  readonly log: Logger;
  /** In [0,1). */
  readonly random: () => number;
}

/** Short enough for two resolvers within the five seconds that a resolver library waits. */
const TRY_TIMEOUT_MS = 2000;
const MAX_TRIES = 2;
/** A resolver that did not answer is not asked for so long. */
const DOWN_MS = 5000;
/** `max_concurrent` of kubeadm's Corefile. */
const MAX_CONCURRENT = 1000;
/** `cache 30` of kubeadm's Corefile. */
const MAX_CACHE_SECONDS = 30;
/** Default of CoreDNS's cache plugin. */
const CACHE_ENTRIES = 9984;

interface Cached {
  readonly message: Buffer;
  readonly ttlsAt: readonly number[];
  readonly storedAtMs: number;
  readonly seconds: number;
}

/** Asks the resolvers of the node, one after the other, and remembers answers for a while. */
export class Forwarder {
  readonly #options: ForwarderOptions;
  readonly #cache = new LruMap<string, Cached>(CACHE_ENTRIES);
  readonly #downUntilMs = new Map<string, number>();
  #concurrent = 0;

  constructor(options: ForwarderOptions) {
    this.#options = options;
  }

  /** The answer as bytes for the client of `query`; undefined when nobody gives one. Never takes longer than two tries. */
  async ask(query: Query, { tcp, signal }: { tcp: boolean; signal: AbortSignal }): Promise<Buffer | undefined> {
    const { clock } = this.#options;
    const { question, edns, flags } = query;
    const key = `${question.name} ${question.type} ${question.class} ${flags & FLAG.CD} ${edns?.dnssecOk ?? 'plain'}`;
    const cached = this.#cache.get(key);
    if (cached !== undefined) {
      const ageSeconds = Math.floor((clock.monotonic() - cached.storedAtMs) / 1000);
      if (ageSeconds < cached.seconds) return forClient(aged(cached, ageSeconds), query, tcp);
      this.#cache.delete(key);
    }
    if (this.#concurrent >= MAX_CONCURRENT) return undefined;
    this.#concurrent++;
    try {
      const message = await this.#exchange(query, tcp, signal);
      if (message === undefined) return undefined;
      const entry = cacheable(message, clock.monotonic());
      if (entry !== undefined) this.#cache.set(key, entry);
      return forClient(message, query, tcp);
    } finally {
      this.#concurrent--;
    }
  }

  async #exchange(query: Query, tcp: boolean, signal: AbortSignal): Promise<Buffer | undefined> {
    const { clock, log, notTo, resolvers, port = 53 } = this.#options;
    const servers = (await resolvers.servers()).filter((server) => !notTo.includes(server));
    const up = servers.filter((server) => (this.#downUntilMs.get(server) ?? 0) <= clock.monotonic());
    for (const server of up.slice(0, MAX_TRIES)) {
      try {
        const { random } = this.#options;
        const udp = (): Promise<Buffer> => exchangeUdp({ server, port, query, clock, random, signal });
        let message = tcp ? undefined : await udp();
        message ??= await exchangeTcp({ server, port, query, clock, random, signal });
        this.#downUntilMs.delete(server);
        return message;
      } catch (error) {
        signal.throwIfAborted();
        log.debug('resolver did not answer', { server, error: messageOf(error) });
        this.#downUntilMs.set(server, clock.monotonic() + DOWN_MS);
      }
    }
    return undefined;
  }
}

interface Exchange {
  readonly server: string;
  readonly port: number;
  readonly query: Query;
  readonly clock: Clock;
  readonly random: () => number;
  readonly signal: AbortSignal;
}

const newId = (random: () => number): number => Math.floor(random() * 0x10000);

/** It is the answer to what was asked: same id, same question to the letter's case. */
function answers(message: Buffer, sent: Buffer): boolean {
  const end = questionEnd(sent);
  return (
    message.length >= end &&
    message.readUInt16BE(0) === sent.readUInt16BE(0) &&
    (message.readUInt16BE(2) & FLAG.QR) !== 0 &&
    message.readUInt16BE(4) === 1 &&
    message.compare(sent, HEADER_BYTES, end, HEADER_BYTES, end) === 0
  );
}

const questionEnd = (message: Buffer): number => readName(message, HEADER_BYTES, false).end + 4;

function exchangeUdp({ server, port, query, clock, random, signal }: Exchange): Promise<Buffer> {
  const sent = writeQuery(newId(random), query);
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const socket = createSocket(isIPv6(server.replace(/%.*$/, '')) ? 'udp6' : 'udp4');
  socket.on('error', reject);
  socket.on('message', (message) => {
    if (answers(message, sent)) resolve(message);
  });
  // Connected, so that the kernel keeps strangers' answers away and tells of a port that nobody listens at.
  socket.connect(port, server, () => socket.send(sent));
  return within(promise, reject, clock, signal).finally(() => socket.close());
}

function exchangeTcp({ server, port, query, clock, random, signal }: Exchange): Promise<Buffer> {
  const sent = writeQuery(newId(random), query);
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const socket = connect(port, server);
  const frames = new Frames();
  socket.on('error', reject);
  socket.on('close', () => reject(new Error('the connection ended before the answer')));
  socket.on('data', (chunk: Buffer) => {
    for (const message of frames.push(chunk)) if (answers(message, sent)) resolve(message);
  });
  socket.write(framed(sent));
  return within(promise, reject, clock, signal).finally(() => socket.destroy());
}

async function within<T>(
  promise: Promise<T>,
  reject: (reason: unknown) => void,
  clock: Clock,
  signal: AbortSignal,
): Promise<T> {
  using timers = new DisposableStack();
  timers.use(clock.after(TRY_TIMEOUT_MS, () => reject(new Error(`no answer within ${TRY_TIMEOUT_MS} ms`))));
  const onAbort = (): void => reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  timers.defer(() => signal.removeEventListener('abort', onAbort));
  if (signal.aborted) onAbort();
  return await promise;
}

/** DNS over TCP: each message after its length. */
export function framed(message: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length);
  return Buffer.concat([length, message]);
}

/** Takes what arrives on a connection apart into messages. */
export class Frames {
  #held: Buffer = Buffer.alloc(0);

  push(chunk: Buffer): Buffer[] {
    this.#held = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    const messages: Buffer[] = [];
    while (this.#held.length >= 2) {
      const end = 2 + this.#held.readUInt16BE(0);
      if (this.#held.length < end) break;
      messages.push(this.#held.subarray(2, end));
      this.#held = this.#held.subarray(end);
    }
    return messages;
  }
}

/** Whether and how long an answer may be remembered. */
function cacheable(message: Buffer, nowMs: number): Cached | undefined {
  const flags = message.readUInt16BE(2);
  const rcode = flags & 0xf;
  if ((flags & FLAG.TC) !== 0 || (rcode !== RCODE.NOERROR && rcode !== RCODE.NXDOMAIN)) return undefined;
  const ttlsAt: number[] = [];
  let seconds = MAX_CACHE_SECONDS;
  try {
    let at = questionEnd(message);
    const records = message.readUInt16BE(6) + message.readUInt16BE(8) + message.readUInt16BE(10);
    for (let i = 0; i < records; i++) {
      const record = readResource(message, at);
      at = record.end;
      if (record.type === TYPE.OPT) continue;
      ttlsAt.push(record.ttlAt);
      seconds = Math.min(seconds, record.ttl);
    }
  } catch {
    return undefined; // passed on as it is, and not kept
  }
  return ttlsAt.length === 0 || seconds === 0 ? undefined : { message, ttlsAt, storedAtMs: nowMs, seconds };
}

function aged({ message, ttlsAt }: Cached, ageSeconds: number): Buffer {
  const copy = Buffer.from(message);
  for (const at of ttlsAt) copy.writeUInt32BE(Math.max(0, copy.readUInt32BE(at) - ageSeconds), at);
  return copy;
}

/** With the client's id and spelling, and cut to what it takes. */
function forClient(answer: Buffer, query: Query, tcp: boolean): Buffer {
  const end = HEADER_BYTES + query.question.bytes.length;
  const tooLong = !tcp && answer.length > udpLimit(query);
  const message = Buffer.from(tooLong ? answer.subarray(0, end) : answer);
  message.writeUInt16BE(query.id, 0);
  query.question.bytes.copy(message, HEADER_BYTES);
  // Truth about the client's query, not about ours.
  let flags = (message.readUInt16BE(2) & ~FLAG.RD) | (query.flags & FLAG.RD) | FLAG.RA;
  if (tooLong) {
    flags |= FLAG.TC;
    message.fill(0, 6, HEADER_BYTES);
  }
  message.writeUInt16BE(flags, 2);
  return message;
}
