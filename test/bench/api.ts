/**
 * The API server over HTTP/2 and TLS on loopback, with its store on this machine's disk: each verb beside a bare HTTP/2 server that answers with the same
 * bytes, which is what Node allows. Server and load are processes of their own. `npm run bench -- api`; half a minute. Words choose rounds, as `GET`;
 * `--profile DIRECTORY` writes a CPU profile of the server there.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { ClientHttp2Session } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { apiServerNames, ensurePki } from '#cluster';
import { systemClock } from '#util';
import { type Credentials, load, openSessions, type Request, send } from './api/load.ts';
import type { Usage } from './api/usage.ts';

/** As the control plane runs: NODE_FLAGS of src/cmd/cmd.ts. */
const NODE_FLAGS = ['--max-semi-space-size=32'];
const PODS = 1000;
const SESSIONS = 4;
const AT_ONCE = 64;
const ROUND_MS = 2000;
const WATCHERS = 100;
/** Writes at once while they watch. */
const LOT = 16;
const NAMESPACE = '/api/v1/namespaces/default';
const JSON_TYPE = { 'content-type': 'application/json' };
const TABLE = 'application/json;as=Table;g=meta.k8s.io;v=v1';

interface Server {
  readonly process: ChildProcess;
  readonly sessions: readonly ClientHttp2Session[];
  usage(): Promise<Usage>;
}

export async function run(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: { profile: { type: 'string' } },
    allowPositionals: true,
  });
  const wanted = (name: string): boolean => positionals.length === 0 || positionals.some((word) => name.includes(word));
  const directory = mkdtempSync(join(tmpdir(), 'bench-api-'));
  const children: ChildProcess[] = [];
  try {
    const credentials = await makePki(directory);
    const start = async (entry: string, flags: readonly string[]): Promise<Server> => {
      const server = await startServer(entry, directory, flags, credentials);
      children.push(server.process);
      return server;
    };
    const profile = values.profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${values.profile}`];
    const server = await start('server.ts', [...NODE_FLAGS, ...profile]);
    console.log(`server: ${megabytes((await server.usage()).rssBytes)} after start`);
    const made = performance.now();
    await createPods(server);
    console.log(`${PODS} pods created in ${((performance.now() - made) / 1000).toFixed(2)} s`);
    writeFileSync(join(directory, 'answers.json'), JSON.stringify(await sampleAnswers(server)));
    const bare = await start('bare.ts', NODE_FLAGS);
    for (const round of rounds()) if (wanted(round.name)) await compare(server, bare, round);
    if (wanted('watch')) await watchRound(server);
    console.log(`server: ${megabytes((await server.usage()).rssBytes)} at the end`);
    for (const { sessions } of [server, bare]) for (const session of sessions) session.destroy();
  } finally {
    for (const child of children) {
      if (child.connected) child.disconnect();
      if (child.exitCode === null) await once(child, 'exit');
    }
    rmSync(directory, { recursive: true });
  }
}

async function makePki(directory: string): Promise<Credentials> {
  mkdirSync(join(directory, 'pki'));
  const pki = await ensurePki({
    directory: join(directory, 'pki'),
    apiServerNames: apiServerNames({ hostname: 'bench', addresses: [], serviceIP: '10.96.0.1' }),
    clock: systemClock,
  });
  return { ca: pki.caCertificate, cert: pki.admin.certificate, key: pki.admin.key };
}

async function startServer(
  entry: string,
  directory: string,
  flags: readonly string[],
  credentials: Credentials,
): Promise<Server> {
  const child = fork(join(import.meta.dirname, 'api', entry), [directory], { execArgv: [...flags] });
  const [{ port }] = (await once(child, 'message')) as [{ port: number }];
  return {
    process: child,
    sessions: await openSessions(port, SESSIONS, credentials),
    async usage() {
      child.send('usage');
      const [usage] = (await once(child, 'message')) as [Usage];
      return usage;
    },
  };
}

interface Round {
  readonly name: string;
  readonly atOnce?: number;
  readonly next: () => Request;
}

function rounds(): Round[] {
  let get = 0;
  let post = 0;
  let put = 0;
  return [
    { name: 'GET pod', next: () => ({ method: 'GET', path: `${NAMESPACE}/pods/${podName(get++ % PODS)}` }) },
    { name: `LIST ${PODS} pods`, atOnce: 4, next: () => ({ method: 'GET', path: `${NAMESPACE}/pods` }) },
    {
      name: `LIST ${PODS} pods as Table`,
      atOnce: 4,
      next: () => ({ method: 'GET', path: `${NAMESPACE}/pods?table`, headers: { accept: TABLE } }),
    },
    {
      name: 'POST configmap, durable',
      next: () => ({
        method: 'POST',
        path: `${NAMESPACE}/configmaps`,
        headers: JSON_TYPE,
        body: Buffer.from(JSON.stringify({ metadata: { name: `c${post++}` }, data: { key: 'x'.repeat(500) } })),
      }),
    },
    {
      name: 'PUT pod status, durable',
      next: () => {
        const name = podName(put % PODS);
        const body = Buffer.from(JSON.stringify({ ...podOf(name), status: statusOf(put++) }));
        return { method: 'PUT', path: `${NAMESPACE}/pods/${name}/status`, headers: JSON_TYPE, body };
      },
    },
  ];
}

/** The round on the server, then on the bare one. */
async function compare(server: Server, bare: Server, { name, atOnce = AT_ONCE, next }: Round): Promise<void> {
  const measure = async ({ sessions, usage }: Server): Promise<{ rate: number; text: string }> => {
    await load(sessions, { atOnce, roundMs: ROUND_MS / 4, next });
    const before = await usage();
    const { requests, seconds, p50Ms, p99Ms } = await load(sessions, { atOnce, roundMs: ROUND_MS, next });
    const { cpuMicros } = await usage();
    const rate = requests / seconds;
    const cpu = (cpuMicros - before.cpuMicros) / requests;
    const text = `${rate.toFixed(0)}/s, p50 ${p50Ms.toFixed(2)} ms, p99 ${p99Ms.toFixed(2)} ms, CPU ${cpu.toFixed(0)} µs each`;
    return { rate, text };
  };
  const own = await measure(server);
  const limit = await measure(bare);
  console.log(`${name}: ${own.text}`);
  console.log(`  bare HTTP/2: ${limit.text}; ratio ${(own.rate / limit.rate).toFixed(2)}`);
}

const podName = (i: number): string => `pod-${String(i).padStart(4, '0')}`;

/** About what a Deployment's pod looks like. */
const podOf = (name: string): { metadata: object; spec: object } => ({
  metadata: { name, labels: { app: 'web', tier: 'front', 'pod-template-hash': '5d8f7c9b6' } },
  spec: {
    containers: [
      {
        name: 'web',
        image: 'registry.example.com/team/web:1.2.3',
        env: Array.from({ length: 8 }, (_, i) => ({ name: `SETTING_${i}`, value: `value of setting ${i}` })),
        ports: [{ containerPort: 8080, name: 'http' }],
        resources: { requests: { cpu: '100m', memory: '128Mi' }, limits: { memory: '256Mi' } },
        readinessProbe: { httpGet: { path: '/ready', port: 8080 } },
        volumeMounts: [{ name: 'config', mountPath: '/etc/web' }],
      },
    ],
    volumes: [{ name: 'config', configMap: { name: 'web' } }],
  },
});

const statusOf = (i: number): object => ({
  phase: 'Running',
  podIP: `10.0.${(i >> 8) & 255}.${i & 255}`,
  startTime: '2030-01-01T00:00:00Z',
  conditions: ['Initialized', 'Ready', 'ContainersReady', 'PodScheduled'].map((type) => ({
    type,
    status: 'True',
    lastTransitionTime: '2030-01-01T00:00:00Z',
  })),
  containerStatuses: [
    {
      name: 'web',
      ready: true,
      restartCount: i,
      image: 'registry.example.com/team/web:1.2.3',
      imageID: `sha256:${'0'.repeat(64)}`,
      containerID: `containerd://${'0'.repeat(64)}`,
      state: { running: { startedAt: '2030-01-01T00:00:00Z' } },
    },
  ],
});

async function createPods({ sessions }: Server): Promise<void> {
  const post = (path: string, body: object): Promise<Buffer> =>
    send(sessions[0]!, { method: 'POST', path, headers: JSON_TYPE, body: Buffer.from(JSON.stringify(body)) });
  await post(`${NAMESPACE}/serviceaccounts`, { metadata: { name: 'default' } });
  let next = 0;
  const writer = async (): Promise<void> => {
    while (next < PODS) await post(`${NAMESPACE}/pods`, podOf(podName(next++)));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, writer));
}

/** What the bare server answers with: the server's own answers. */
async function sampleAnswers({ sessions }: Server): Promise<Record<string, string>> {
  const get = async (path: string, headers = {}): Promise<string> =>
    (await send(sessions[0]!, { method: 'GET', path, headers })).toString('base64');
  const pod = await get(`${NAMESPACE}/pods/${podName(0)}`);
  const answers: Record<string, string> = {
    [`${NAMESPACE}/pods`]: await get(`${NAMESPACE}/pods`),
    [`${NAMESPACE}/pods?table`]: await get(`${NAMESPACE}/pods?table`, { accept: TABLE }),
    [`${NAMESPACE}/configmaps`]: Buffer.alloc(800, ' ').toString('base64'),
  };
  for (let i = 0; i < PODS; i++) {
    answers[`${NAMESPACE}/pods/${podName(i)}`] = pod;
    answers[`${NAMESPACE}/pods/${podName(i)}/status`] = pod;
  }
  return answers;
}

/** Many watch pods while their statuses are written. */
async function watchRound({ sessions, usage }: Server): Promise<void> {
  let events = 0;
  let bytes = 0;
  let progress = Promise.withResolvers<void>();
  const streams = Array.from({ length: WATCHERS }, (_, i) => {
    const session = sessions[i % sessions.length]!;
    const path = `${NAMESPACE}/pods?watch=1&sendInitialEvents=false&resourceVersionMatch=NotOlderThan`;
    const stream = session.request({ ':path': path });
    stream.on('error', () => undefined);
    stream.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) events++;
      progress.resolve();
    });
    return stream;
  });
  await Promise.all(streams.map((stream) => once(stream, 'response')));
  const put = rounds().at(-1)!.next;
  const before = await usage();
  const started = performance.now();
  let writes = 0;
  while (performance.now() - started < ROUND_MS) {
    await Promise.all(Array.from({ length: LOT }, () => send(sessions[0]!, put())));
    writes += LOT;
    // Nobody is asked to take more than it can read.
    for (;;) {
      if (events >= writes * WATCHERS) break;
      progress = Promise.withResolvers();
      await progress.promise;
    }
  }
  const seconds = (performance.now() - started) / 1000;
  const { cpuMicros } = await usage();
  const cpu = (cpuMicros - before.cpuMicros) / events;
  const rates = `${(events / seconds).toFixed(0)} events/s, ${(bytes / seconds / 1e6).toFixed(0)} MB/s`;
  console.log(`watch: ${WATCHERS} watchers, ${writes} writes: ${rates}, CPU ${cpu.toFixed(1)} µs an event`);
  for (const stream of streams) stream.close();
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(0)} MB`;

if (import.meta.main) await run(process.argv.slice(2));
