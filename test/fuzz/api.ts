/**
 * Strange requests to the API server until one is answered as it must not be: `npm run fuzz -- api --runs N [--seed S]`. In this process, without sockets;
 * after them one for each hundred over real connections. A failure is made small and kept in `.cache/fuzz`; `--replay FILE`
 * sends it again.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { minimise, replay } from './api/minimise.ts';
import { type Failure, failureText, parseFailure, requestLine } from './api/request.ts';
import { runFuzz } from './api/run.ts';
import { runSockets } from './api/sockets.ts';

const DIRECTORY = join(import.meta.dirname, '../../.cache/fuzz');
const RUNS = '20000';
/** Of the requests before it. */
const SHOWN = 5;

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
  const { failure, statuses } = await runFuzz({
    runs,
    seed,
    onProgress: (done, counts, heap) =>
      console.log(`${done} requests, ${rate(done)}, heap ${heap.toFixed(0)} MB: ${countsText(counts)}`),
  });
  if (failure !== undefined) {
    await report(failure);
    process.exitCode = 1;
    return;
  }
  console.log(`${runs} requests, ${rate(runs)}: ${countsText(statuses)}`);
  const overSockets = Math.ceil(runs / 100);
  const { answers, problems } = await runSockets(overSockets, seed);
  console.log(`${overSockets} over connections, ${answers} answered`);
  for (const problem of problems) console.log(problem);
  if (problems.length > 0) process.exitCode = 1;
}

const countsText = (counts: ReadonlyMap<number, number>): string =>
  [...counts]
    .toSorted(([a], [b]) => a - b)
    .map(([status, count]) => `${status}: ${count}`)
    .join(', ');

async function report(failure: Failure): Promise<void> {
  console.log(`failed: ${failure.problem}\n${requestLine(failure.request)}`);
  const small = await minimise(failure);
  mkdirSync(DIRECTORY, { recursive: true });
  const file = join(DIRECTORY, `failure-${failure.seed}-${Date.now()}.json`);
  writeFileSync(file, failureText(small));
  for (const request of small.before.slice(-SHOWN)) console.log(`before: ${requestLine(request)}`);
  console.log(`smaller: ${requestLine(small.request)}\nagain: npm run fuzz -- api --replay ${file}`);
}
