import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { NODE_FLAGS } from '#cmd';
import { buildRootfs } from '#testing';
import { type ClientTls, GrpcClient } from './grpc-client.ts';

const ETCD = '/usr/bin/etcd';
const QUOTA_BYTES = 8 << 30;
const START_MS = 20_000;
/** Of /proc/PID/stat, on every Linux. */
const TICKS_PER_SECOND = 100;

export interface Server {
  readonly name: string;
  readonly port: number;
  /** Processor time so far, in microseconds. */
  cpuMicros(): number;
  residentBytes(): number;
  diskBytes(): number;
  stop(): Promise<void>;
}

/** Files `server.crt`, `server.key`, `client.crt`, `client.key` and `ca.crt` in `pki` belong to both. */
export async function startPirogue(directory: string, pki: string, flags: readonly string[]): Promise<Server> {
  const entry = join(import.meta.dirname, 'server.ts');
  const child = fork(entry, [directory, pki], { execArgv: [...NODE_FLAGS.controlPlane, ...flags] });
  const [{ port }] = (await once(child, 'message')) as [{ port: number }];
  return asServer('Pirogue', child, directory, port, () => child.disconnect());
}

/** This machine's etcd, else that of Debian's package. Undefined: there is neither. */
export async function findEtcd(): Promise<string | undefined> {
  if (existsSync(ETCD)) return ETCD;
  const root = await buildRootfs(['etcd']).catch(() => undefined); // no package on this machine
  return root === undefined ? undefined : join(root, ETCD);
}

export async function startEtcd(binary: string, directory: string, pki: string): Promise<Server> {
  const [port, peerPort] = [await freePort(), await freePort()];
  mkdirSync(directory, { mode: 0o700 });
  const client = `https://127.0.0.1:${port}`;
  const peer = `http://127.0.0.1:${peerPort}`;
  const flags = {
    name: 'bench',
    'data-dir': directory,
    'listen-client-urls': client,
    'advertise-client-urls': client,
    'listen-peer-urls': peer,
    'initial-advertise-peer-urls': peer,
    'initial-cluster': `bench=${peer}`,
    'cert-file': join(pki, 'server.crt'),
    'key-file': join(pki, 'server.key'),
    'trusted-ca-file': join(pki, 'ca.crt'),
    'client-cert-auth': 'true',
    'quota-backend-bytes': QUOTA_BYTES,
    logger: 'zap',
    'log-level': 'error',
  };
  const args = Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`);
  const child = spawn(binary, args, { stdio: ['ignore', 'inherit', 'inherit'] });
  const server = asServer('etcd', child, directory, port, () => child.kill('SIGKILL'));
  const tls = clientTls(pki);
  for (const end = performance.now() + START_MS; ;) {
    const one = await GrpcClient.open(port, tls).catch(() => undefined); // it does not listen yet
    one?.close();
    if (one !== undefined) return server;
    if (performance.now() > end || child.exitCode !== null) throw new Error('etcd does not start');
    await pause(50);
  }
}

export function clientTls(pki: string): ClientTls {
  const pem = (name: string): string => readFileSync(join(pki, name), 'utf8');
  return { ca: pem('ca.crt'), certificate: pem('client.crt'), key: pem('client.key') };
}

function asServer(name: string, child: ChildProcess, directory: string, port: number, end: () => void): Server {
  const proc = (file: string): string => readFileSync(`/proc/${child.pid}/${file}`, 'utf8');
  return {
    name,
    port,
    cpuMicros() {
      const fields = proc('stat').split(') ')[1]!.split(' ');
      return ((Number(fields[11]) + Number(fields[12])) * 1e6) / TICKS_PER_SECOND;
    },
    residentBytes: () => Number(/VmRSS:\s+(\d+) kB/.exec(proc('status'))![1]) * 1024,
    diskBytes: () => bytesUnder(directory),
    async stop() {
      const gone = once(child, 'exit');
      end();
      await gone;
    },
  };
}

/** What the files take, holes left out. */
function bytesUnder(directory: string): number {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' }).reduce((sum, name) => {
    const status = statSync(join(directory, name));
    return sum + (status.isFile() ? status.blocks * 512 : 0);
  }, 0);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}
