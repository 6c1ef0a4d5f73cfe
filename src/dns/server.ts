import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, isIPv4, isIPv6, type Server, type Socket } from 'node:net';
import type { Informers } from '#client';
import { type Clock, type Logger, messageOf } from '#util';
import { Forwarder, framed, Frames } from './forward.ts';
import { addressOfReverse } from './addresses.ts';
import { DnsCache } from './cache.ts';
import { resolversOf } from './resolvers.ts';
import {
  type Answer,
  CLASS_IN,
  FLAG,
  MalformedMessage,
  newQuestion,
  type Query,
  RCODE,
  readName,
  readQuery,
  readResource,
  type Resource,
  TYPE,
  udpLimit,
  writeAnswer,
  writeRefusal,
} from './wire.ts';
import { answerInZone, namesOfAddress, TTL_SECONDS, type ZoneAnswer } from './zone.ts';

export interface DnsOptions {
  readonly informers: Informers;
  /** Addresses to listen at, UDP and TCP. */
  readonly addresses: readonly string[];
  /** Default 53. 0 takes any that is free, the same for both. */
  readonly port?: number;
  /** As `cluster.local`. */
  readonly domain: string;
  /** Address of the service `kube-dns`. */
  readonly clusterDNS: string;
  /** Default `/etc/resolv.conf`. */
  readonly resolvConf?: string;
  /** Port of the resolvers that it names. Default 53. */
  readonly resolverPort?: number;
  readonly clock: Clock;
  readonly log: Logger;
  /** In [0,1). Must not be predictable: it is what a forger of answers has to guess. */
  readonly random: () => number;
}

export interface DnsServer extends AsyncDisposable {
  readonly port: number;
}

const MAX_CONNECTIONS = 1000;
/** A connection on which nothing passes is closed. */
const IDLE_MS = 10_000;

/** Starts to listen; rejects when an address cannot be had. */
export async function startDns(options: DnsOptions): Promise<DnsServer> {
  const { addresses, log } = options;
  await using stack = new AsyncDisposableStack();
  const stop = new AbortController();
  stack.defer(() => stop.abort());
  const handle = newHandler(options, stack, stop.signal);
  let port = options.port ?? 53;
  for (const address of addresses) {
    const tcp = stack.adopt(await listenTcp(address, port, handle, log), closeTcp);
    const bound = tcp.server.address();
    port = typeof bound === 'object' && bound !== null ? bound.port : port;
    stack.adopt(await listenUdp(address, port, handle, log), closeUdp);
  }
  const running = stack.move();
  return { port, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

/** The bytes to send back; undefined: none. Never rejects. */
type Handler = (message: Buffer, tcp: boolean) => Promise<Buffer | undefined>;

function newHandler(options: DnsOptions, stack: AsyncDisposableStack, signal: AbortSignal): Handler {
  const { clock, log, random, resolverPort, resolvConf = '/etc/resolv.conf' } = options;
  const cache = stack.use(new DnsCache(options.informers));
  const forwarder = new Forwarder({
    resolvers: resolversOf(resolvConf),
    notTo: resolverPort === undefined ? [...options.addresses, options.clusterDNS] : [],
    ...(resolverPort === undefined ? {} : { port: resolverPort }),
    clock,
    log,
    random,
  });
  const startedSeconds = Math.floor(clock.now() / 1000);
  return async (message, tcp) => {
    const query = readQuery(message);
    if (query === undefined) return undefined;
    if ('refuse' in query) return writeRefusal(query);
    const limit = tcp ? Infinity : udpLimit(query);
    try {
      const answered = await answer(query, {
        ...options,
        cache,
        forwarder,
        tcp,
        signal,
        serial: startedSeconds + cache.changes,
      });
      return Buffer.isBuffer(answered) ? answered : writeAnswer(query, answered, limit);
    } catch (error) {
      if (!signal.aborted) log.error('DNS query failed', { name: query.question.name, error });
      return writeAnswer(query, { rcode: RCODE.SERVFAIL }, limit);
    }
  };
}

interface Context extends DnsOptions {
  readonly cache: DnsCache;
  readonly forwarder: Forwarder;
  readonly tcp: boolean;
  readonly signal: AbortSignal;
  readonly serial: number;
}

async function answer(query: Query, context: Context): Promise<Answer | Buffer> {
  const { cache, forwarder, tcp, signal } = context;
  const { question, edns } = query;
  const domain = context.domain.toLowerCase();
  if ((edns?.version ?? 0) !== 0) return { rcode: RCODE.BADVERS };
  if (question.class !== CLASS_IN) return { rcode: RCODE.REFUSED };
  const own = { ...context, domain };
  if (question.name === domain || question.name.endsWith(`.${domain}`)) {
    if (!cache.synced) return { rcode: RCODE.SERVFAIL };
    return await inZone(query, answerInZone(question.name, question.type, cache, own), own);
  }
  const address = question.type === TYPE.PTR ? addressOfReverse(question.name) : undefined;
  if (address !== undefined) {
    if (!cache.synced) return { rcode: RCODE.SERVFAIL };
    const names = namesOfAddress(address, cache, domain);
    const pointer = (target: string): Resource => ({ name: question.name, type: 'PTR', ttl: TTL_SECONDS, target });
    if (names !== undefined) return { rcode: RCODE.NOERROR, flags: FLAG.AA | FLAG.RA, answers: names.map(pointer) };
  }
  return (await forwarder.ask(query, { tcp, signal })) ?? { rcode: RCODE.SERVFAIL, flags: FLAG.RA };
}

async function inZone(query: Query, found: ZoneAnswer, context: Context): Promise<Answer> {
  const { outside, answers = [], ...rest } = found;
  const flags = FLAG.AA | FLAG.RA;
  // As CoreDNS's loadbalance plugin: clients take the first.
  if (outside === undefined) return { ...rest, flags, answers: shuffled(answers, context.random) };
  const question = newQuestion(outside, query.question.type);
  const reply = await context.forwarder.ask({ ...query, question }, { tcp: true, signal: context.signal });
  return { ...rest, flags, answers: [...answers, ...(reply === undefined ? [] : addressesIn(reply))] };
}

/** CNAMEs stay in front, in their order. */
function shuffled(answers: readonly Resource[], random: () => number): Resource[] {
  const names = answers.filter(({ type }) => type === 'CNAME');
  const others = answers.filter(({ type }) => type !== 'CNAME');
  for (let i = others.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [others[i], others[j]] = [others[j] as Resource, others[i] as Resource];
  }
  return [...names, ...others];
}

/** What a resolver's answer holds of addresses and names on the way to them. */
function addressesIn(message: Buffer): Resource[] {
  const found: Resource[] = [];
  try {
    let at = readName(message, 12, false).end + 4;
    for (let i = message.readUInt16BE(6); i > 0; i--) {
      const { name, type, ttl, dataAt, end } = readResource(message, at);
      const data = message.subarray(dataAt, end);
      if (type === TYPE.A && data.length === 4) found.push({ name, ttl, type: 'A', address: data.join('.') });
      if (type === TYPE.AAAA && data.length === 16) {
        const groups = data.toString('hex').match(/.{4}/g) ?? [];
        found.push({ name, ttl, type: 'AAAA', address: groups.join(':') });
      }
      if (type === TYPE.CNAME) found.push({ name, ttl, type: 'CNAME', target: readName(message, dataAt).name });
      at = end;
    }
  } catch (error) {
    if (!(error instanceof MalformedMessage)) throw error;
  }
  return found;
}

async function listenUdp(address: string, port: number, handle: Handler, log: Logger): Promise<UdpSocket> {
  const socket = createSocket({ type: isIPv6(address) ? 'udp6' : 'udp4', ipv6Only: !isIPv4(address) });
  const serve = async (message: Buffer, from: { port: number; address: string }): Promise<void> => {
    const reply = await handle(message, false);
    if (reply !== undefined) trySend(socket, reply, from.port, from.address, log);
  };
  socket.on('message', (message, from) => void serve(message, from));
  socket.bind(port, address);
  await once(socket, 'listening'); // rejects on an error before
  socket.on('error', (error) => log.warn('DNS socket failed', { address, error: messageOf(error) }));
  return socket;
}

function trySend(socket: UdpSocket, reply: Buffer, port: number, address: string, log: Logger): void {
  try {
    socket.send(reply, port, address, (error) => {
      if (error) log.debug('DNS answer could not be sent', { address, error: messageOf(error) });
    });
  } catch (error) {
    log.debug('DNS answer could not be sent', { address, error: messageOf(error) }); // closed, or port 0
  }
}

async function closeUdp(socket: UdpSocket): Promise<void> {
  const closed = once(socket, 'close');
  socket.close();
  await closed;
}

async function listenTcp(address: string, port: number, handle: Handler, log: Logger): Promise<TcpListener> {
  const connections = new Set<Socket>();
  const server = createServer((socket) => {
    connections.add(socket);
    socket.on('close', () => connections.delete(socket));
    socket.on('error', () => socket.destroy());
    socket.setTimeout(IDLE_MS, () => socket.destroy());
    void serveConnection(socket, handle);
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.listen({ host: address, port });
  await once(server, 'listening');
  server.on('error', (error) => log.warn('DNS listener failed', { address, error: messageOf(error) }));
  return { server, connections };
}

interface TcpListener {
  readonly server: Server;
  readonly connections: ReadonlySet<Socket>;
}

/** One query after the other; what a client sends ahead waits in the kernel. */
async function serveConnection(socket: Socket, handle: Handler): Promise<void> {
  const frames = new Frames();
  try {
    for await (const chunk of socket) {
      for (const message of frames.push(chunk as Buffer)) {
        const reply = await handle(message, true);
        if (reply === undefined) return;
        socket.write(framed(reply));
      }
    }
  } catch {
    // Broken by the client or by us: nobody waits for an answer any more.
  } finally {
    socket.end();
  }
}

async function closeTcp({ server, connections }: TcpListener): Promise<void> {
  for (const socket of connections) socket.destroy();
  const closed = once(server, 'close');
  server.close();
  await closed;
}
