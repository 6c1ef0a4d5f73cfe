/** An API server with caches, DNS servers on the loopback that answer from them, and resolvers for them to ask. */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { Resolver } from 'node:dns/promises';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Draft, EndpointSlice, keyOf, type Kind, type KubeObject, Service } from '#api';
import { type Client, newInformers } from '#client';
import { startTestApiServer } from '#testing';
import { FakeClock, silentLogger, systemClock } from '#util';
import { framed, Frames } from '../forward.ts';
import { type DnsServer, startDns } from '../server.ts';
import { FLAG, newQuestion, type Query, RCODE, readName, readQuery, readResource, writeAnswer } from '../wire.ts';

export const DOMAIN = 'cluster.local';
export const HOST = '127.0.0.1';

interface EndpointOptions {
  readonly hostname?: string;
  readonly ready?: boolean;
}

export interface StartedDns extends AsyncDisposable {
  readonly server: DnsServer;
  readonly resolver: Resolver;
  readonly clock: FakeClock;
  /** The bytes that come back over UDP. */
  send(message: Buffer): Promise<Buffer>;
}

export interface DnsLab extends AsyncDisposable {
  readonly client: Client;
  create<T extends KubeObject>(kind: Kind<T>, draft: Draft<T>): Promise<T>;
  /** A service with endpoints, of which each has two ports. */
  serve(
    name: string,
    ips: readonly (readonly [ip: string, options?: EndpointOptions])[],
    spec?: Partial<Service['spec']>,
  ): Promise<Service>;
  /** A server that knows the objects of this lab. */
  started(resolvers?: readonly string[], extra?: Partial<Parameters<typeof startDns>[0]>): Promise<StartedDns>;
}

export async function startDnsLab(): Promise<DnsLab> {
  const stop = new AbortController();
  const directory = await mkdtemp(join(tmpdir(), 'dns-test-'));
  const api = await startTestApiServer();
  const { client } = api;
  const informers = newInformers({ client, clock: systemClock, random: () => 0, log: silentLogger });
  informers.informer(Service);
  informers.informer(EndpointSlice);
  await informers.start(stop);

  /** Creates an object and waits until the informers know it. */
  async function create<T extends KubeObject>(kind: Kind<T>, draft: Draft<T>): Promise<T> {
    const object = await client.create(kind, draft);
    const { promise, resolve } = Promise.withResolvers<void>();
    using handlers = new DisposableStack();
    handlers.use(informers.informer(kind).addHandler((event) => keyOf(event.object) === keyOf(object) && resolve()));
    await promise;
    return object;
  }

  async function serve(
    name: string,
    ips: readonly (readonly [ip: string, options?: EndpointOptions])[],
    spec: Partial<Service['spec']> = {},
  ): Promise<Service> {
    await create(EndpointSlice, {
      metadata: { name, namespace: 'default', labels: { 'kubernetes.io/service-name': name } },
      addressType: 'IPv4',
      endpoints: ips.map(([ip, { ready = true, hostname } = {}]) => ({
        addresses: [ip],
        conditions: { ready },
        hostname,
      })),
      ports: [
        { name: 'web', port: 8080, protocol: 'TCP' },
        { name: 'probe', port: 9090, protocol: 'UDP' },
      ],
    });
    const ports = [
      { name: 'web', port: 80, protocol: 'TCP' },
      { name: 'probe', port: 90, protocol: 'UDP' },
    ];
    return await create(Service, { metadata: { name, namespace: 'default' }, spec: { ports, ...spec } });
  }

  async function started(
    resolvers: readonly string[] = [],
    extra: Partial<Parameters<typeof startDns>[0]> = {},
  ): Promise<StartedDns> {
    const resolvConf = join(directory, `resolv-${Math.random()}.conf`);
    await writeFile(resolvConf, resolvers.map((address) => `nameserver ${address}\n`).join(''));
    const clock = new FakeClock(1_800_000_000_000);
    const server = await startDns({
      informers,
      addresses: [HOST],
      port: 0,
      domain: DOMAIN,
      clusterDNS: '10.96.0.10',
      resolvConf,
      clock,
      log: silentLogger,
      random: Math.random,
      ...extra,
    });
    const resolver = new Resolver({ timeout: 2000, tries: 1 });
    resolver.setServers([`${HOST}:${server.port}`]);
    return {
      server,
      resolver,
      clock,
      send: (message) => udp(server.port, message),
      [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
    };
  }

  return {
    client,
    create,
    serve,
    started,
    async [Symbol.asyncDispose]() {
      stop.abort(new Error('the tests are over'));
      await api[Symbol.asyncDispose]();
      await rm(directory, { recursive: true });
    },
  };
}

async function udp(port: number, message: Buffer): Promise<Buffer> {
  const socket = createSocket('udp4');
  try {
    socket.send(message, port, HOST);
    const [answer] = await once(socket, 'message');
    return answer as Buffer;
  } finally {
    socket.close();
  }
}

export const query = (name: string, type: number, extra: Partial<Query> = {}): Query => ({
  id: 4711,
  flags: FLAG.RD,
  question: newQuestion(name, type),
  edns: undefined,
  ...extra,
});

export interface Read {
  readonly rcode: number;
  readonly flags: number;
  /** Of each section, names with types and TTLs. */
  readonly sections: readonly (readonly string[])[];
}

export function read(message: Buffer): Read {
  let at = readName(message, 12, false).end + 4;
  const sections = [6, 8, 10].map((countAt) =>
    Array.from({ length: message.readUInt16BE(countAt) }, () => {
      const { name, type, ttl, end } = readResource(message, at);
      at = end;
      return `${name} ${type} ${ttl}`;
    }),
  );
  const flags = message.readUInt16BE(2);
  return { rcode: flags & 0xf, flags, sections };
}

export const failsWith = (code: string) => (error: NodeJS.ErrnoException) => error.code === code;

export interface Upstream extends AsyncDisposable {
  readonly port: number;
  readonly asked: string[];
}

/** A resolver that knows one address for every name, except names that begin with `big`: those it tells over TCP only. */
export async function upstream(): Promise<Upstream> {
  const asked: string[] = [];
  const reply = (message: Buffer, tcp: boolean): Buffer => {
    const received = readQuery(message);
    assert.ok(received !== undefined && 'question' in received);
    const { name } = received.question;
    asked.push(`${tcp ? 'tcp' : 'udp'} ${name}`);
    if (name.startsWith('no')) return writeAnswer(received, { rcode: RCODE.NXDOMAIN }, 512);
    const cut = name.startsWith('big') && !tcp;
    const answers = cut ? [] : [{ name, ttl: 20, type: 'A' as const, address: '192.0.2.1' }];
    return writeAnswer(received, { rcode: RCODE.NOERROR, flags: FLAG.RA | (cut ? FLAG.TC : 0), answers }, 512);
  };
  const server = createServer((socket) => {
    const frames = new Frames();
    socket.on('data', (chunk: Buffer) =>
      frames.push(chunk).forEach((message) => socket.write(framed(reply(message, true)))),
    );
  });
  server.listen(0, HOST);
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const socket = createSocket('udp4');
  socket.on('message', (message, from) => {
    const answer = reply(message, false);
    // First what a forger would send: another id, another question.
    const forged = Buffer.from(answer);
    forged.writeUInt16BE((answer.readUInt16BE(0) + 1) & 0xffff, 0);
    for (const each of [forged, Buffer.alloc(5), answer]) socket.send(each, from.port, from.address);
  });
  socket.bind(port, HOST);
  await once(socket, 'listening');
  return {
    port,
    asked,
    async [Symbol.asyncDispose]() {
      socket.close();
      server.close();
      await once(server, 'close');
    },
  };
}
