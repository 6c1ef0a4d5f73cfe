/** The API server as the fuzzer meets it: its handler by function call, without sockets, over a store in memory. */
import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { CompactSign } from 'jose';
import { Namespace, ServiceAccount, type TokenRequest } from '#api';
import type { Client } from '#client';
import { startTestApiServer } from '#testing';
import { errorText, newLogger } from '#util';
import { messageBody, newRequest } from '../../../../src/apiserver/http/connection.ts';
import type { ByteSink, HttpHandler, HttpResponse, Peer } from '../../../../src/apiserver/http/context.ts';
import { signingKey, temporaryKey } from '../../../../src/apiserver/serviceaccount/keys.ts';
import { SOMEBODY } from '../corpus/access.ts';
import { NAMESPACES } from '../corpus/corpus.ts';
import type { FuzzRequest } from '../request.ts';
import { LeapingClock } from './clock.ts';
import { Live } from './live.ts';

export interface Answer {
  /** 101: the connection is taken over. */
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Buffer;
  /** It goes on until the client leaves. */
  readonly endless: boolean;
  /** Time was let pass for it, and so for everything else. */
  readonly waited: boolean;
  /** Longest time on the CPU without a turn of the event loop. */
  readonly holdMs: number;
}

export interface Target extends AsyncDisposable {
  /** Of the store: it grows with each change. */
  readonly revision: number;
  /** Lets the store forget what was before, as it does every five minutes. */
  compact(): Promise<void>;
  /** Throws where the server did what it must never do: no answer, an error thrown or not caught. */
  send(request: FuzzRequest): Promise<Answer>;
}

/** Turns of the event loop a request gets before time begins to pass for it. */
const PATIENCE_TURNS = 40;
/** It waits for something that time brings: a revision to come (3 s), a deadline. */
const LEAP_MS = 500;
const LEAPS = 50;
/** Then it has this long to be through. */
const HANG_MS = 10_000;
/** A watch is left after so many turns. */
const WATCH_TURNS = 12;

const PEERS: Readonly<Record<string, Peer>> = {
  'kubernetes-admin': {
    remoteAddress: '127.0.0.1',
    certificate: { commonName: 'kubernetes-admin', organizations: ['system:masters'] },
  },
  [SOMEBODY]: { remoteAddress: '127.0.0.1', certificate: { commonName: SOMEBODY, organizations: [] } },
};
const NOBODY: Peer = { remoteAddress: '127.0.0.1' };

export async function startTarget(): Promise<Target> {
  const clock = new LeapingClock();
  const unexpected: string[] = [];
  const onError = (error: unknown): void => void unexpected.push(errorText(error));
  process.on('unhandledRejection', onError);
  process.on('uncaughtException', onError);
  const log = newLogger({ level: 'error', write: (line) => void unexpected.push(line), now: () => 0 });
  const key = temporaryKey();
  const { server, client, store, ...test } = await startTestApiServer({ clock, log, serviceAccountKey: key });
  await client.create(Namespace, { metadata: { name: 'fuzz' }, spec: {} });
  for (const namespace of NAMESPACES) await client.create(ServiceAccount, { metadata: { name: 'default', namespace } });
  const handler = server.handler({
    addresses: [],
    port: 6443,
    advertiseAddress: '192.0.2.1',
    certificate: '',
    key: '',
    ca: '',
    kubeletClient: { certificate: '', key: '' },
  });
  const live = await newLive(client, key);
  return {
    get revision() {
      return store.revision;
    },
    compact: async () => await store.compact(store.revision),
    async send(request) {
      unexpected.length = 0;
      const answer = await exchange(handler, clock, await live.fill(request));
      if (answer.status < 300) live.learn(answer.body);
      if (unexpected.length > 0 && !unexpected.every((line) => line.includes('"message":"Request failed"')))
        throw new Error(unexpected.join('\n'));
      return answer;
    },
    async [Symbol.asyncDispose]() {
      process.off('unhandledRejection', onError);
      process.off('uncaughtException', onError);
      await test[Symbol.asyncDispose]();
    },
  };
}

/** What requests can know: a token of an account by the server at `client`, and whatever its `key` would sign. */
export async function newLive(client: Client, key: string): Promise<Live> {
  const account = { namespace: NAMESPACES[0]!, name: 'default' };
  const { status } = (await client.createSubresource(ServiceAccount, account, 'token', {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    metadata: {},
    spec: { expirationSeconds: 4_000_000 },
  })) as TokenRequest;
  const { id, algorithm, privateKey } = signingKey(key);
  return new Live({
    token: status.token!,
    sign: async (claims) =>
      await new CompactSign(claims).setProtectedHeader({ alg: algorithm, kid: id }).sign(privateKey),
  });
}

/** Header values by name as Node gives them: joined, but for those of which only the first counts. */
export function joinedHeaders({ headers, repeated = [] }: FuzzRequest): Record<string, string> {
  const joined: Record<string, string> = { ...headers };
  for (const [name, value] of repeated) {
    const known = Object.hasOwn(joined, name) ? joined[name] : undefined;
    if (known === undefined) joined[name] = value;
    else if (!SINGLE.has(name)) joined[name] = `${known}, ${value}`;
  }
  return joined;
}

/** Source: matchKnownFields of Node's lib/_http_incoming.js. */
const SINGLE = new Set(['authorization', 'content-length', 'content-type', 'host', 'if-modified-since', 'user-agent']);

/** Walks through turns of the event loop and measures each by the time this thread was on the CPU. */
class Turns {
  readonly #clock: LeapingClock;
  #since = process.threadCpuUsage();
  holdMs = 0;
  waited = false;

  constructor(clock: LeapingClock) {
    this.#clock = clock;
  }

  /** All that runs until the loop comes round again belongs to one turn: promises that are settled too. */
  async next(): Promise<void> {
    await turn();
    const { user, system } = process.threadCpuUsage(this.#since);
    this.holdMs = Math.max(this.holdMs, (user + system) / 1000);
    this.#since = process.threadCpuUsage();
  }

  /** Waits until `promise` is settled, and lets time pass when it does not come by itself. Throws when it never comes. */
  async until<T>(promise: Promise<T>): Promise<T> {
    const state = { settled: false };
    const settle = (): void => void (state.settled = true);
    promise.then(settle, settle);
    await this.next();
    for (let i = 0; !state.settled && i < PATIENCE_TURNS; i++) await this.next();
    for (let i = 0; !state.settled && i < LEAPS; i++) {
      this.#clock.leap(LEAP_MS);
      this.waited = true;
      await this.next();
      await this.next();
    }
    const latest = performance.now() + HANG_MS;
    while (!state.settled && performance.now() < latest) await this.next();
    if (!state.settled) throw new Error('no answer');
    return await promise;
  }
}

/** The body as it comes over a connection: in pieces, maybe cut. */
function sourceOf({ body, cutAt }: FuzzRequest): IncomingMessage {
  const chunks: Buffer[] = [];
  const sent = body?.subarray(0, cutAt) ?? Buffer.alloc(0);
  const piece = 1 << 14;
  for (let at = 0; at < sent.length; at += piece) chunks.push(sent.subarray(at, at + piece));
  const source = new Readable({
    read() {
      const chunk = chunks.shift();
      if (chunk !== undefined) this.push(chunk);
      else if (cutAt === undefined) this.push(null);
      else this.destroy();
    },
  });
  return source as IncomingMessage;
}

async function exchange(handler: HttpHandler, clock: LeapingClock, request: FuzzRequest): Promise<Answer> {
  const turns = new Turns(clock);
  const leave: (() => void)[] = [];
  const { method, url, headers, repeated = [], user } = request;
  const peer = user === undefined ? NOBODY : (PEERS[user] ?? NOBODY);
  const raw = [...Object.entries(headers), ...repeated].flat();
  const body = { ...messageBody(sourceOf(request), raw), raw: undefined };
  const incoming = newRequest({ method, url, headers: joinedHeaders(request), peer, body });
  const response = await turns.until(Promise.resolve(handler(incoming, (listener) => void leave.push(listener))));
  if ('upgrade' in response)
    return {
      status: 101,
      headers: {},
      body: Buffer.alloc(0),
      endless: false,
      waited: turns.waited,
      holdMs: turns.holdMs,
    };
  const { status, headers: own = {} } = response;
  const sent = await bodyOf(response, turns, leave);
  return { status, headers: own, ...sent, waited: turns.waited, holdMs: turns.holdMs };
}

async function bodyOf(
  response: Exclude<HttpResponse, { upgrade: unknown }>,
  turns: Turns,
  leave: readonly (() => void)[],
): Promise<{ body: Buffer; endless: boolean }> {
  if (!('stream' in response)) {
    const { body = '' } = response;
    const whole = typeof body === 'string' ? Buffer.from(body) : Buffer.isBuffer(body) ? body : Buffer.concat(body);
    return { body: whole, endless: false };
  }
  const chunks: Buffer[] = [];
  const state = { ended: false };
  const sink: ByteSink = {
    write: (chunk) => chunks.push(chunk) > 0,
    drained: () => Promise.resolve(),
    end: () => void (state.ended = true),
    cut: () => void (state.ended = true),
    bufferedBytes: 0,
    get closed() {
      return state.ended;
    },
  };
  const streaming = response.stream(sink);
  // Who would never end is a watch: it is left after a while.
  const isWatch = /stream=watch/.test(response.headers?.['content-type'] ?? '');
  for (let i = 0; !state.ended && i < WATCH_TURNS; i++) await turns.next();
  const endless = !state.ended;
  if (endless && (isWatch || chunks.length === 0 || chunks.at(-1)?.at(-1) === 0x0a))
    for (const listener of leave) listener();
  await turns.until(streaming);
  return { body: Buffer.concat(chunks), endless };
}
