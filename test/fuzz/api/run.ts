import { brokenLaw, CHANGED, changed } from './judge/laws.ts';
import { allowanceFor, HELD, heldTooLong, HoldTally } from './judge/holds.ts';
import { judge } from './judge/judge.ts';
import { newRandom } from './random.ts';
import type { Failure, FuzzRequest } from './request.ts';
import { generate } from './requests/generate.ts';
import { Memory } from './server/memory.ts';
import { plant, sweep } from './server/sweep.ts';
import { type Answer, startTarget, type Target } from './server/target.ts';

export interface RunOptions {
  readonly runs: number;
  readonly seed: number;
  /** Called now and then with what was done so far. */
  readonly onProgress?: (done: number, result: RunResult) => void;
  /** Called with the first of each sort of failure. */
  readonly onFailure?: (failure: Failure) => void;
}

export interface RunResult {
  readonly statuses: ReadonlyMap<number, number>;
  /** The first of each sort. */
  readonly failures: readonly Failure[];
  readonly holds: HoldTally;
  /** Of the heap after a collection, in megabytes, from time to time. */
  readonly memory: Memory;
}

/** Requests kept so that what led to a failure can be sent again. */
const HISTORY = 300;
const PROGRESS = 10_000;
/** Begin anew: objects pile up otherwise, since names are made up by the server too, and those most spoken of are gone. */
const SWEEP = 5000;
/** One of so many writes is looked at again. */
const LOOK = 8;
/** Then something is wrong with everything. */
const MAX_FAILURES = 20;

interface Verdict {
  readonly status: number;
  readonly holdMs: number;
  readonly problem?: string | undefined;
}

/** How the server takes this request. `look`: whether what it keeps is looked at, too. */
export async function verdictOn(target: Target, request: FuzzRequest, look: boolean): Promise<Verdict> {
  let answer: Answer;
  try {
    const { revision } = target;
    answer = await target.send(request);
    const { status, holdMs } = answer;
    const touched = changed(request, answer, revision, target.revision) ? CHANGED : undefined;
    const problem = judge(request, answer) ?? touched ?? (look ? await brokenLaw(target, request, answer) : undefined);
    return { status, holdMs, problem: problem ?? heldTooLong(answer) };
  } catch (error) {
    return { status: 0, holdMs: 0, problem: (error as Error).message };
  }
}

/** Times a problem must come again that may also be of another's making. */
const AGAIN: Readonly<Record<string, number>> = { [HELD]: 3, [CHANGED]: 20 };

/** Others' work on the machine, garbage and late consequences of requests before look the same: what is the request's own fault comes again. */
export async function isReal(target: Target, request: FuzzRequest, problem: string): Promise<boolean> {
  for (let left = AGAIN[problem] ?? 0; left > 0; left--)
    if ((await verdictOn(target, request, false)).problem !== problem) return false;
  return true;
}

/** What two problems have in common if they are the same. */
export function faultOf(problem: string): string {
  const thrown = /"error":"([^"\\]*)/.exec(problem)?.[1];
  return (thrown ?? problem).replaceAll(/\d+|"[^"]*"/g, '…').slice(0, 60);
}

/** Number `index` of the requests of a run. */
const requestAt = (seed: number, index: number): FuzzRequest =>
  generate(newRandom(Math.imul(seed, 0x9e3779b1) + index));

/** Sends so many requests one after the other. */
export async function runFuzz({ runs, seed, onProgress, onFailure }: RunOptions): Promise<RunResult> {
  await using target = await startTarget();
  const statuses = new Map<number, number>();
  const failures: Failure[] = [];
  const faults = new Set<string>();
  const holds = new HoldTally();
  const before: FuzzRequest[] = [];
  const memory = new Memory();
  const result = { statuses, failures, holds, memory };
  const fails = (failure: Failure): void => {
    if (faults.has(faultOf(failure.problem))) return;
    faults.add(faultOf(failure.problem));
    failures.push(failure);
    onFailure?.(failure);
  };
  for (let index = 0; index < runs && failures.length < MAX_FAILURES; index++) {
    if (index % SWEEP === 0) {
      await sweep(target);
      await plant(target, index / SWEEP);
    }
    const request = requestAt(seed, index);
    const { problem, status, holdMs } = await verdictOn(target, request, index % LOOK === 0);
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
    const allowance = problem === HELD ? allowanceFor(request) : undefined;
    if (allowance !== undefined) holds.add(allowance, holdMs);
    else if (problem !== HELD) holds.seen(holdMs);
    if (problem !== undefined && allowance === undefined && (await isReal(target, request, problem)))
      fails({ problem, seed, before: [...before], request });
    before.push(request);
    if (before.length > 2 * HISTORY) before.splice(0, HISTORY);

    if ((index + 1) % PROGRESS !== 0) continue;
    const growth = memory.grows();
    if (growth !== undefined) fails({ problem: growth, seed, before: [], request });
    onProgress?.(index + 1, result);
  }
  return result;
}
