/**
 * The embedded store behind its etcd face, killed again and again: `npm run faults -- store --rounds N [--seed S]`. Clients write, read and watch; the server
 * is killed, its disk gets full, its syncs fail, its files are limited, the tail of its log is torn; after each time what the clients saw is judged.
 * A history that cannot be is kept in `.cache/faults`.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { newRandom } from '../fuzz/api/random.ts';
import { runRounds } from './store/rounds.ts';

const DIRECTORY = join(import.meta.dirname, '../../.cache/faults');
const ROUNDS = '100';
const MAX_WRITES = 2000;
const SHOWN = 20;

export async function run(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string', default: ROUNDS },
      seed: { type: 'string', default: String(Date.now() % 1e9) },
    },
  });
  const seed = Number(values.seed);
  console.log(`seed ${seed}, ${values.rounds} rounds`);
  mkdirSync(DIRECTORY, { recursive: true });
  const scratch = mkdtempSync(join(tmpdir(), 'faults-'));
  const failureFile = join(DIRECTORY, `store-${seed}-${Date.now()}.jsonl`);
  try {
    const { problems, kinds, ...counts } = await runRounds({
      directory: join(scratch, 'store'),
      rounds: Number(values.rounds),
      random: newRandom(seed),
      maxWrites: MAX_WRITES,
      failureFile,
      onRound: (round, text) => console.log(`${round} ${text}`),
    });
    const rounds = [...kinds].map(([kind, count]) => `${kind} ${count}`).join(', ');
    console.log(
      `${counts.done} writes acknowledged, ${counts.unknown} without an answer, ${counts.reads} reads, ${counts.events} events, revision ${counts.revision}; ${rounds}`,
    );
    if (problems.length === 0) return;
    console.log(`${problems.length} problems, the first of them:\n${problems.slice(0, SHOWN).join('\n')}`);
    console.log(`history: ${failureFile}`);
    process.exitCode = 1;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
