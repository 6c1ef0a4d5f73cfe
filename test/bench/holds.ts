/**
 * How long single requests hold the event loop of the API server, each alone on a server of 10,000 pods. `npm run bench -- holds`; a minute. Words choose
 * requests, as `YAML`; `--pods N`; `--profile DIRECTORY` writes a CPU profile of the server there. What else the process does at the time makes a hold longer and never
 * shorter, so the least of several tries is told; of first calls there is one.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { NODE_FLAGS } from '#cmd';
import { openSessions } from './api/load.ts';
import { endServer, makePki, startServer } from './api/processes.ts';
import { answerOf, held, type Held } from './api/held.ts';
import { seedStore } from './api/seed.ts';

const TRIES = 5;

export async function run(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: { profile: { type: 'string' }, pods: { type: 'string', default: '10000' } },
    allowPositionals: true,
  });
  const wanted = ({ name }: Held): boolean =>
    positionals.length === 0 || positionals.some((word) => name.includes(word));
  const directory = mkdtempSync(join(tmpdir(), 'bench-holds-'));
  try {
    const credentials = await makePki(directory);
    await seedStore(join(directory, 'store'), Number(values.pods));
    const profile = values.profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${values.profile}`];
    const server = await startServer('server.ts', directory, [...NODE_FLAGS.controlPlane, ...profile], credentials);
    const [session] = await openSessions(server.port, 1, credentials);
    for (const one of held.filter(wanted)) {
      const tries = [];
      for (let i = 0; i < (one.once === true ? 1 : TRIES); i++) {
        const before = await server.usage();
        const { status, bytes } = await answerOf(session!, one.request);
        const after = await server.usage();
        tries.push({ holdMs: after.holdMs, cpuMs: (after.cpuMicros - before.cpuMicros) / 1000, status, bytes });
      }
      const [{ holdMs, status, bytes }] = tries.toSorted((a, b) => a.holdMs - b.holdMs) as [(typeof tries)[0]];
      const cpuMs = Math.min(...tries.map((each) => each.cpuMs));
      console.log(
        `${one.name}: loop held ${holdMs.toFixed(0)} ms, CPU ${cpuMs.toFixed(0)} ms, ${status}, ${(bytes / 1e6).toFixed(1)} MB`,
      );
    }
    session!.destroy();
    await endServer(server);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

if (import.meta.main) await run(process.argv.slice(2));
