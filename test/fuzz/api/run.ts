import { resourcePath } from '#api';
import { NAMESPACES, SEEDS } from './corpus.ts';
import { generate } from './generate.ts';
import { HELD, judge } from './judge.ts';
import { Memory } from './memory.ts';
import { newRandom } from './random.ts';
import type { Failure, FuzzRequest } from './request.ts';
import { type Answer, startTarget, type Target } from './target.ts';

export interface RunOptions {
  readonly runs: number;
  readonly seed: number;
  /** Called now and then with what was done so far. */
  readonly onProgress?: (done: number, statuses: ReadonlyMap<number, number>, heapMegabytes: number) => void;
}

export interface RunResult {
  readonly statuses: ReadonlyMap<number, number>;
  /** What went wrong first, if anything did. */
  readonly failure?: Failure | undefined;
}

/** Requests kept so that what led to a failure can be sent again. */
const HISTORY = 300;
const PROGRESS = 50_000;
/** Objects pile up otherwise, since names are made up by the server too. */
const SWEEP = 5000;

/** What is wrong with how the server takes this request; undefined: nothing. */
export async function problemOf(target: Target, request: FuzzRequest): Promise<{ problem?: string; status: number }> {
  try {
    const answer = await target.send(request);
    const problem = judge(request, answer);
    return { status: answer.status, ...(problem === undefined ? {} : { problem }) };
  } catch (error) {
    return { status: 0, problem: (error as Error).message };
  }
}

/** Others' work on the machine and garbage of requests before can hold the loop too: what is the request's own fault comes again. */
async function isReal(problem: string, target: Target, request: FuzzRequest): Promise<boolean> {
  if (problem !== HELD) return true;
  for (let again = 0; again < 3; again++) if ((await problemOf(target, request)).problem !== HELD) return false;
  return true;
}

/** Lets go of all objects the requests have made. */
async function sweep(target: Target): Promise<void> {
  const ask = async (method: string, url: string, body?: object): Promise<Answer> => {
    const headers = body === undefined ? {} : { 'content-type': 'application/merge-patch+json' };
    const bytes = body === undefined ? {} : { body: Buffer.from(JSON.stringify(body)) };
    return await target.send({ method, url, headers, ...bytes, user: 'kubernetes-admin' });
  };
  const collections = new Set(
    SEEDS.filter(({ kind }) => kind.kind !== 'Namespace').flatMap(({ kind }) =>
      (kind.namespaced ? NAMESPACES : ['']).map((namespace) => resourcePath(kind, { namespace })),
    ),
  );
  for (const collection of collections) {
    const { status, body } = await ask('GET', collection);
    const { items = [] } = (status === 200 ? JSON.parse(body.toString()) : {}) as ObjectList;
    for (const { metadata } of items)
      if (metadata.finalizers !== undefined)
        await ask('PATCH', `${collection}/${encodeURIComponent(metadata.name)}`, { metadata: { finalizers: null } });
    if (items.length > 0) await ask('DELETE', `${collection}?gracePeriodSeconds=0`);
  }
  for (const namespace of NAMESPACES)
    await target.send({
      method: 'POST',
      url: `/api/v1/namespaces/${namespace}/serviceaccounts`,
      headers: { 'content-type': 'application/json' },
      body: Buffer.from('{"metadata":{"name":"default"}}'),
      user: 'kubernetes-admin',
    });
}

interface ObjectList {
  readonly items?: readonly { readonly metadata: { readonly name: string; readonly finalizers?: readonly string[] } }[];
}

/** Number `index` of the requests of a run. */
const requestAt = (seed: number, index: number): FuzzRequest =>
  generate(newRandom(Math.imul(seed, 0x9e3779b1) + index));

/** Sends so many requests one after the other, until one fails. */
export async function runFuzz({ runs, seed, onProgress }: RunOptions): Promise<RunResult> {
  await using target = await startTarget();
  const statuses = new Map<number, number>();
  const before: FuzzRequest[] = [];
  const memory = new Memory();
  for (let index = 0; index < runs; index++) {
    const request = requestAt(seed, index);
    const { problem, status } = await problemOf(target, request);
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
    if (problem !== undefined && (await isReal(problem, target, request)))
      return { statuses, failure: { problem, seed, before, request } };
    before.push(request);
    if (before.length > 2 * HISTORY) before.splice(0, HISTORY);
    if ((index + 1) % SWEEP === 0) await sweep(target);
    if ((index + 1) % PROGRESS !== 0) continue;
    const growth = memory.grows();
    if (growth !== undefined) return { statuses, failure: { problem: growth, seed, before: [], request } };
    onProgress?.(index + 1, statuses, memory.lastMegabytes);
  }
  return { statuses };
}
