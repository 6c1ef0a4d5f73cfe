/**
 * The embedded store beside etcd: the same calls over TLS with client certificates from the same client, to one and then to the other, in turn, both on the
 * same disk and both syncing it. What is printed of each is the better of its turns: whatever else runs on the machine takes from both.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, copyFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { ensurePki } from '#cluster';
import { systemClock } from '#util';
import { GrpcClient } from './grpc-client.ts';
import { KEYS, put, type Round, rounds, watchAll } from './rounds.ts';
import { clientTls, findEtcd, type Server, startEtcd, startPirogue } from './servers.ts';

const CLIENTS_A_CONNECTION = 8;
const WARM_MS = 300;
const WATCHERS = 100;
const WATCH_CONNECTIONS = 10;
const WRITERS = 16;
const BACKLOG = 256;

export async function besideEtcd(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: {
      seconds: { type: 'string', default: '1.5' },
      turns: { type: 'string', default: '2' },
      profile: { type: 'string' },
    },
    allowPositionals: true,
  });
  const etcd = await findEtcd();
  if (etcd === undefined)
    return console.log('not compared with etcd: there is none in /usr/bin, nor Debian’s package (npm run setup)');
  const roundMs = 1000 * Number(values.seconds);
  const profile = values.profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${values.profile}`];
  const directory = mkdtempSync(join(tmpdir(), 'bench-etcd-'));
  const pki = await makePki(directory);
  const servers: Server[] = [];
  try {
    servers.push(await startPirogue(join(directory, 'pirogue'), pki, profile));
    servers.push(await startEtcd(etcd, join(directory, 'etcd'), pki));
    for (const server of servers) await fill(server, pki);
    const wanted = (name: string): boolean =>
      positionals.length === 0 || positionals.some((word) => name.includes(word));
    console.log(
      `${'calls, clients'.padEnd(32)}${servers.map(({ name }) => `${`${name} /s`.padStart(12)}  p50 ms  p99 ms  CPU µs`).join('')}  ratio  client busy`,
    );
    const own = servers.map(() => rounds());
    for (const [i, { name }] of own[0]!.entries()) {
      if (!wanted(name)) continue;
      report(
        name,
        await takeTurns(servers, Number(values.turns), (server, s) => measure(server, pki, own[s]![i]!, roundMs)),
      );
    }
    const watch = `events, ${WATCHERS} watchers`;
    if (wanted(watch))
      report(watch, await takeTurns(servers, Number(values.turns), (server) => fanOut(server, pki, roundMs)));
    for (const server of servers)
      console.log(
        `${server.name}: resident ${megabytes(server.residentBytes())}, on disk ${megabytes(server.diskBytes())}`,
      );
  } finally {
    for (const server of servers) await server.stop();
    rmSync(directory, { recursive: true });
  }
}

async function makePki(directory: string): Promise<string> {
  const made = join(directory, 'made');
  const pki = join(directory, 'pki');
  mkdirSync(pki);
  await ensurePki({ directory: made, apiServerNames: ['localhost', '127.0.0.1'], clock: systemClock });
  for (const kind of ['crt', 'key']) {
    copyFileSync(join(made, `etcd/server.${kind}`), join(pki, `server.${kind}`));
    copyFileSync(join(made, `apiserver-etcd-client.${kind}`), join(pki, `client.${kind}`));
  }
  copyFileSync(join(made, 'etcd/ca.crt'), join(pki, 'ca.crt'));
  return pki;
}

interface Measured {
  readonly rate: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly cpuMicros: number;
  /** The share of a processor that the client took. */
  readonly clientShare: number;
}

/** Each server in turn; of each its best. */
async function takeTurns(
  servers: readonly Server[],
  turns: number,
  once: (server: Server, index: number) => Promise<Measured>,
): Promise<readonly Measured[]> {
  const best: Measured[] = [];
  for (let turn = 0; turn < turns; turn++) {
    for (const [i, server] of servers.entries()) {
      // What the other has yet to write would be waited for by this one's syncs.
      execFileSync('sync');
      const measured = await once(server, i);
      if (best[i] === undefined || measured.rate > best[i].rate) best[i] = measured;
    }
  }
  return best;
}

async function measure(server: Server, pki: string, { clients, step }: Round, roundMs: number): Promise<Measured> {
  const connections = await open(server, pki, Math.ceil(clients / CLIENTS_A_CONNECTION));
  let next = 0;
  const work = async (forMs: number, latencies: number[]): Promise<void> => {
    const end = performance.now() + forMs;
    const client = async (_: unknown, i: number): Promise<void> => {
      const connection = connections[i % connections.length]!;
      for (let begin = performance.now(); begin < end;) {
        await step(connection, next++);
        const now = performance.now();
        latencies.push(now - begin);
        begin = now;
      }
    };
    await Promise.all(Array.from({ length: clients }, client));
  };
  await work(WARM_MS, []);
  const latencies: number[] = [];
  const used = startUsage(server);
  await work(roundMs, latencies);
  const { seconds, serverMicros, clientShare } = used();
  for (const connection of connections) connection.close();
  const sorted = Float64Array.from(latencies).sort();
  const at = (share: number): number => sorted[Math.floor((sorted.length - 1) * share)] ?? 0;
  return {
    rate: sorted.length / seconds,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    cpuMicros: serverMicros / sorted.length,
    clientShare,
  };
}

/** Events delivered while writers put as fast as they are let. Instead of latencies: how long after the last answer the last event came. */
async function fanOut(server: Server, pki: string, roundMs: number): Promise<Measured> {
  const watching = await open(server, pki, WATCH_CONNECTIONS);
  const writing = await open(server, pki, Math.ceil(WRITERS / CLIENTS_A_CONNECTION));
  const count = { puts: 0, events: 0 };
  await Promise.all(
    Array.from({ length: WATCHERS }, (_, i) =>
      watchAll(watching[i % WATCH_CONNECTIONS]!, (events) => (count.events += events)),
    ),
  );
  const used = startUsage(server);
  const end = performance.now() + roundMs;
  const writer = async (_: unknown, i: number): Promise<void> => {
    while (performance.now() < end) {
      await put(writing[i % writing.length]!, count.puts++);
      // Nobody gets so far ahead that only the backlog is measured.
      while ((count.puts - BACKLOG) * WATCHERS > count.events) await nextTurn();
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, writer));
  const written = performance.now();
  while (count.events < count.puts * WATCHERS) await nextTurn();
  const lateMs = performance.now() - written;
  const { seconds, serverMicros, clientShare } = used();
  for (const connection of [...watching, ...writing]) connection.close();
  const { events } = count;
  return { rate: events / seconds, p50Ms: lateMs, p99Ms: lateMs, cpuMicros: serverMicros / events, clientShare };
}

function startUsage(server: Server): () => { seconds: number; serverMicros: number; clientShare: number } {
  const started = performance.now();
  const server0 = server.cpuMicros();
  const client0 = process.cpuUsage();
  return () => {
    const seconds = (performance.now() - started) / 1000;
    const { user, system } = process.cpuUsage(client0);
    return { seconds, serverMicros: server.cpuMicros() - server0, clientShare: (user + system) / 1e6 / seconds };
  };
}

async function open(server: Server, pki: string, count: number): Promise<GrpcClient[]> {
  const tls = clientTls(pki);
  return await Promise.all(Array.from({ length: count }, () => GrpcClient.open(server.port, tls)));
}

async function fill(server: Server, pki: string): Promise<void> {
  const connections = await open(server, pki, 16);
  let next = 0;
  const writer = async (_: unknown, i: number): Promise<void> => {
    while (next < KEYS) await put(connections[i % connections.length]!, next++);
  };
  await Promise.all(Array.from({ length: 128 }, writer));
  for (const connection of connections) connection.close();
}

function report(name: string, measured: readonly Measured[]): void {
  const columns = measured.map(
    ({ rate, p50Ms, p99Ms, cpuMicros }) =>
      Math.round(rate).toLocaleString('en').padStart(12) +
      p50Ms.toFixed(2).padStart(8) +
      p99Ms.toFixed(2).padStart(8) +
      cpuMicros.toFixed(cpuMicros < 10 ? 1 : 0).padStart(8),
  );
  const [own, other] = measured;
  const busy = measured.map(({ clientShare }) => `${Math.round(100 * clientShare)} %`).join(', ');
  console.log(`${name.padEnd(32)}${columns.join('')}${(own!.rate / other!.rate).toFixed(2).padStart(7)}  ${busy}`);
}

const megabytes = (bytes: number): string => `${Math.round(bytes / 1e6)} MB`;
