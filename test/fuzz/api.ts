/**
 * Strange requests to the API server: `npm run fuzz -- api --runs N [--seed S]`. In this process, without sockets; after them one for each hundred over
 * real connections. The first of each sort that is answered as it must not be is made small and kept in `.cache/fuzz`; `--replay FILE` sends it again.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { minimise, replay } from './api/minimise.ts';
import { type Failure, failureText, parseFailure, requestLine } from './api/request.ts';
import { runFuzz, type RunResult } from './api/run.ts';
import { runSockets } from './api/wire/sockets.ts';

const DIRECTORY = join(import.meta.dirname, '../../.cache/fuzz');
const RUNS = '20000';
/** Of the requests before it. */
const SHOWN = 5;
/** A line for each so many requests. */
const SHOW = 10_000;

export async function run(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      runs: { type: 'string', default: RUNS },
      seed: { type: 'string', default: String(Date.now() % 1e9) },
      replay: { type: 'string' },
    },
  });
  if (values.replay !== undefined) {
    const failure = parseFailure(readFileSync(values.replay, 'utf8'));
    const problem = await replay(failure);
    console.log(`${requestLine(failure.request)}\n${problem ?? 'answered as it must be'}`);
    if (problem !== undefined) process.exitCode = 1;
    return;
  }
  const runs = Number(values.runs);
  const seed = Number(values.seed);
  console.log(`seed ${seed}, ${runs} requests`);
  const started = performance.now();
  const rate = (done: number): string => `${((1000 * done) / (performance.now() - started)).toFixed(0)}/s`;
  const state = (done: number, { statuses, memory, holds }: RunResult): string =>
    `${done} requests, ${rate(done)}, heap ${(memory.megabytes.at(-1) ?? 0).toFixed(0)} MB, resident ${(process.memoryUsage.rss() / 1e6).toFixed(0)} MB: ${countsText(statuses)}; ${String(holds)}`;
  const result = await runFuzz({
    runs,
    seed,
    onProgress: (done, so) => {
      if (done % SHOW === 0) console.log(state(done, so));
    },
    onFailure: ({ problem, request }) => console.log(`failed: ${problem}\n${requestLine(request)}`),
  });
  console.log(state(runs, result));
  console.log(`heap after collections: ${result.memory.megabytes.map((size) => size.toFixed(0)).join(', ')} MB`);
  for (const failure of result.failures) await report(failure);
  const overSockets = Math.ceil(runs / 100);
  const { answers, problems } = await runSockets(overSockets, seed);
  console.log(`${overSockets} over connections, ${answers} answered`);
  for (const problem of problems) console.log(problem);
  if (problems.length + result.failures.length > 0) process.exitCode = 1;
}

const countsText = (counts: ReadonlyMap<number, number>): string =>
  [...counts]
    .toSorted(([a], [b]) => a - b)
    .map(([status, count]) => `${status}: ${count}`)
    .join(', ');

async function report(failure: Failure): Promise<void> {
  const small = await minimise(failure);
  mkdirSync(DIRECTORY, { recursive: true });
  const file = join(DIRECTORY, `failure-${failure.seed}-${Date.now()}.json`);
  writeFileSync(file, failureText(small));
  console.log(`of ${small.problem.slice(0, 200)}`);
  for (const request of small.before.slice(-SHOWN)) console.log(`before: ${requestLine(request)}`);
  console.log(`smaller: ${requestLine(small.request)}\nagain: npm run fuzz -- api --replay ${file}`);
}
