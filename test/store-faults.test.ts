/** A few rounds of `npm run faults -- store`, with the same faults in each run. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { runRounds } from './fault/store/rounds.ts';
import { newRandom } from './fuzz/api/random.ts';

const SEED = 20;
const KINDS = ['kill', 'torn', 'damage', 'failing-sync', 'full-disk', 'kill', 'torn', 'damage', 'file-limit'] as const;
const LONGEST_MS = 20_000;
const MAX_WRITES = 300;
const DIRECTORY = join(import.meta.dirname, '../.cache/faults');

test('a store that is killed, filled up, torn and damaged keeps what it acknowledged', async (t) => {
  const scratch = mkdtempSync(join(tmpdir(), 'faults-'));
  t.after(() => rmSync(scratch, { recursive: true, force: true }));
  mkdirSync(DIRECTORY, { recursive: true });
  const failureFile = join(DIRECTORY, `store-${SEED}-${Date.now()}.jsonl`);
  t.diagnostic(`seed ${SEED}`);
  const { problems, done, events, reads } = await runRounds({
    directory: join(scratch, 'store'),
    rounds: KINDS.length,
    kinds: KINDS,
    longestMs: LONGEST_MS,
    random: newRandom(SEED),
    maxWrites: MAX_WRITES,
    failureFile,
    onRound: (round, text) => t.diagnostic(`${round} ${text}`),
  });
  assert.deepEqual(problems, [], `seed ${SEED}, history: ${failureFile}`);
  assert.ok(
    done > 100 && reads > done && events > done,
    `${done} writes, ${reads} reads, ${events} events were judged`,
  );
});
