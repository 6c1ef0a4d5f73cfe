/** Servers as processes of their own, for benchmarks. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import type { ClientHttp2Session } from 'node:http2';
import { join } from 'node:path';
import { apiServerNames, ensurePki } from '#cluster';
import { systemClock } from '#util';
import { type Credentials, openSessions } from './load.ts';
import type { Usage } from './usage.ts';

const SESSIONS = 4;

export interface Server {
  readonly process: ChildProcess;
  readonly port: number;
  readonly sessions: readonly ClientHttp2Session[];
  usage(): Promise<Usage>;
}

export async function makePki(directory: string): Promise<Credentials> {
  mkdirSync(join(directory, 'pki'));
  const pki = await ensurePki({
    directory: join(directory, 'pki'),
    apiServerNames: apiServerNames({ hostname: 'bench', addresses: [], serviceIP: '10.96.0.1' }),
    clock: systemClock,
  });
  return { ca: pki.caCertificate, cert: pki.admin.certificate, key: pki.admin.key };
}

/** `entry` is a file beside this one. */
export async function startServer(
  entry: string,
  directory: string,
  flags: readonly string[],
  credentials: Credentials,
): Promise<Server> {
  const child = fork(join(import.meta.dirname, entry), [directory], { execArgv: [...flags] });
  const [{ port }] = (await once(child, 'message')) as [{ port: number }];
  return {
    process: child,
    port,
    sessions: await openSessions(port, SESSIONS, credentials),
    async usage() {
      child.send('usage');
      const [usage] = (await once(child, 'message')) as [Usage];
      return usage;
    },
  };
}

export async function endServer({ process: child, sessions }: Server): Promise<void> {
  for (const session of sessions) session.destroy();
  if (child.connected) child.disconnect();
  if (child.exitCode === null) await once(child, 'exit');
}
