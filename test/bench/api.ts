/**
 * The API server over HTTP/2 and TLS on loopback, with its store on this machine's disk and pods in it: each verb beside a bare HTTP/2 server that answers
 * with bytes of the same length, which is what Node allows. Server and load are processes of their own. `npm run bench -- api`; a minute. Words choose
 * rounds, as `GET`; `--pods N` (10,000); `--seconds N` a round (2); `--rounds N`: each so often, the median counts (1); `--profile DIRECTORY` writes a CPU
 * profile of the server there.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { NODE_FLAGS } from '#cmd';
import { load, openSessions, send } from './api/load.ts';
import { endServer, makePki, type Server, startServer } from './api/processes.ts';
import { type Round, rounds } from './api/rounds.ts';
import { seedStore } from './api/seed.ts';
import type { Usage } from './api/usage.ts';
import { watchRound } from './api/watch.ts';

const WATCH_SESSIONS = 100;
const AT_ONCE = 64;

interface Plan {
  readonly roundMs: number;
  readonly repeat: number;
}

export async function run(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: {
      profile: { type: 'string' },
      pods: { type: 'string', default: '10000' },
      seconds: { type: 'string', default: '2' },
      rounds: { type: 'string', default: '1' },
    },
    allowPositionals: true,
  });
  const pods = Number(values.pods);
  const plan: Plan = { roundMs: 1000 * Number(values.seconds), repeat: Number(values.rounds) };
  const wanted = (name: string): boolean => positionals.length === 0 || positionals.some((word) => name.includes(word));
  const directory = mkdtempSync(join(tmpdir(), 'bench-api-'));
  const servers: Server[] = [];
  try {
    const credentials = await makePki(directory);
    const { bytesEach } = await seedStore(join(directory, 'store'), pods);
    const start = async (entry: string, flags: readonly string[]): Promise<Server> => {
      const server = await startServer(entry, directory, flags, credentials);
      servers.push(server);
      return server;
    };
    const profile = values.profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${values.profile}`];
    const started = performance.now();
    const server = await start('server.ts', [...NODE_FLAGS.controlPlane, ...profile]);
    const seconds = ((performance.now() - started) / 1000).toFixed(2);
    console.log(`${pods} pods of ${bytesEach} bytes: up in ${seconds} s, ${memoryText(await server.usage())}`);
    const chosen = rounds(pods).filter(({ name }) => wanted(name));
    await keepAnswers(server, directory, chosen);
    const bare = await start('bare.ts', NODE_FLAGS.controlPlane);
    for (const round of chosen) await compare(server, bare, round, plan);
    if (wanted('watch')) {
      const sessions = await openSessions(server.port, WATCH_SESSIONS, credentials);
      console.log(`watch: ${await watchRound(sessions, { usage: () => server.usage(), roundMs: plan.roundMs })}`);
      for (const session of sessions) session.destroy();
    }
    console.log(`at the end: ${memoryText(await server.usage())}`);
  } finally {
    for (const server of servers) await endServer(server);
    rmSync(directory, { recursive: true });
  }
}

/** What the bare server answers with: the server's own answers. */
async function keepAnswers({ sessions }: Server, directory: string, chosen: readonly Round[]): Promise<void> {
  mkdirSync(join(directory, 'answers'));
  const kept = new Set<string>();
  for (const { sample, next } of chosen) {
    const { answer } = next();
    if (kept.has(answer)) continue;
    kept.add(answer);
    writeFileSync(join(directory, 'answers', answer), await send(sessions[0]!, sample));
  }
}

interface Measured {
  readonly rate: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly cpuMicros: number;
  readonly holdMs: number;
}

/** The round on the server, then on the bare one, as often as wanted; medians. */
async function compare(server: Server, bare: Server, round: Round, { roundMs, repeat }: Plan): Promise<void> {
  const own: Measured[] = [];
  const limit: Measured[] = [];
  for (let i = 0; i < repeat; i++) {
    own.push(await measure(server, round, roundMs, false));
    limit.push(await measure(bare, round, roundMs, true));
  }
  const text = (all: readonly Measured[]): string => {
    const median = (of: (measured: Measured) => number): number =>
      all.map(of).toSorted((a, b) => a - b)[Math.floor(all.length / 2)]!;
    const cpu = median(({ cpuMicros }) => cpuMicros);
    const cost = cpu < 10_000 ? `${cpu.toFixed(0)} µs` : `${(cpu / 1000).toFixed(1)} ms`;
    const [p50, p99] = [median(({ p50Ms }) => p50Ms).toFixed(1), median(({ p99Ms }) => p99Ms).toFixed(1)];
    return `${median(({ rate }) => rate).toFixed(0)}/s, p50 ${p50} ms, p99 ${p99} ms, CPU ${cost} each, loop held ${median(({ holdMs }) => holdMs).toFixed(0)} ms`;
  };
  console.log(`${round.name}: ${text(own)}\n  bare: ${text(limit)}`);
}

async function measure({ sessions, usage }: Server, round: Round, roundMs: number, bare: boolean): Promise<Measured> {
  const { atOnce = AT_ONCE } = round;
  const next = (): ReturnType<Round['next']> => {
    const request = round.next();
    return bare ? { ...request, headers: { ...request.headers, 'x-answer': request.answer } } : request;
  };
  await load(sessions, { atOnce, roundMs: roundMs / 4, next });
  const before = await usage();
  const { requests, seconds, p50Ms, p99Ms } = await load(sessions, { atOnce, roundMs, next });
  const { cpuMicros, holdMs } = await usage();
  return { rate: requests / seconds, p50Ms, p99Ms, cpuMicros: (cpuMicros - before.cpuMicros) / requests, holdMs };
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(0)} MB`;

const memoryText = ({ rssBytes, heapBytes, externalBytes }: Usage): string =>
  `resident ${megabytes(rssBytes)}, heap ${megabytes(heapBytes)}, buffers ${megabytes(externalBytes)}`;

if (import.meta.main) await run(process.argv.slice(2));
