/** Makes a failure small: fewer requests before it, and less in the request itself. */
import { type Json } from './mutate/json.ts';
import type { Failure, FuzzRequest } from './request.ts';
import { faultOf, isReal, verdictOn } from './run.ts';
import { startTarget } from './server/target.ts';

/** Of one failure. */
const BUDGET_MS = 60_000;

/** What goes wrong when these are sent, in order, to a server that has just begun; undefined: nothing. */
export async function replay({ before, request }: Pick<Failure, 'before' | 'request'>): Promise<string | undefined> {
  await using target = await startTarget();
  for (const earlier of before) await verdictOn(target, earlier, false);
  const { problem } = await verdictOn(target, request, true);
  return problem !== undefined && (await isReal(target, request, problem)) ? problem : undefined;
}

export async function minimise(failure: Failure): Promise<Failure> {
  const latest = performance.now() + BUDGET_MS;
  const fault = faultOf(failure.problem);
  const fails = async (candidate: Pick<Failure, 'before' | 'request'>): Promise<boolean> => {
    const problem = performance.now() < latest ? await replay(candidate) : undefined;
    return problem !== undefined && faultOf(problem) === fault;
  };
  let { before, request } = failure;
  if (await fails({ before: [], request })) before = [];
  else if (await fails({ before, request }))
    before = await fewest(before, async (part) => await fails({ before: part, request }));
  else return failure; // it does not come again from the beginning
  for (const smaller of SMALLER) {
    for (;;) {
      const found = await firstThat(smaller(request), async (candidate) => await fails({ before, request: candidate }));
      if (found === undefined) break;
      request = found;
    }
  }
  return { ...failure, before, request };
}

async function firstThat<T>(
  candidates: Iterable<T>,
  holds: (candidate: T) => Promise<boolean>,
): Promise<T | undefined> {
  for (const candidate of candidates) if (await holds(candidate)) return candidate;
  return undefined;
}

/** Leaves out halves, quarters and so on as long as what is left still holds. */
async function fewest<T>(all: readonly T[], holds: (part: readonly T[]) => Promise<boolean>): Promise<readonly T[]> {
  let list = all;
  for (let size = Math.ceil(list.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < list.length;) {
      const rest = [...list.slice(0, at), ...list.slice(at + size)];
      if (await holds(rest)) list = rest;
      else at += size;
    }
  }
  return list;
}

type Shrink = (request: FuzzRequest) => Iterable<FuzzRequest>;

const SMALLER: readonly Shrink[] = [
  function* headers(request) {
    for (const name of Object.keys(request.headers))
      yield {
        ...request,
        headers: Object.fromEntries(Object.entries(request.headers).filter(([key]) => key !== name)),
      };
  },
  function* query(request) {
    const [path = '', text] = request.url.split('?', 2);
    const pairs = text?.split('&') ?? [];
    for (const i of pairs.keys()) {
      const rest = pairs.toSpliced(i, 1);
      yield { ...request, url: rest.length === 0 ? path : `${path}?${rest.join('&')}` };
    }
  },
  function* json(request) {
    const value = parsed(request.body);
    if (value === undefined) return;
    for (const smaller of without(value)) yield { ...request, body: Buffer.from(JSON.stringify(smaller)) };
  },
  function* bytes(request) {
    const { body } = request;
    if (body === undefined || parsed(body) !== undefined) return;
    for (let size = body.length >> 1; size >= 1; size >>= 1)
      for (let at = 0; at < body.length; at += size)
        yield { ...request, body: Buffer.concat([body.subarray(0, at), body.subarray(at + size)]) };
  },
];

function parsed(body: Buffer | undefined): Json | undefined {
  try {
    return body === undefined ? undefined : (JSON.parse(body.toString()) as Json);
  } catch {
    return undefined;
  }
}

/** The value without one of its parts, the large ones first. */
function* without(value: Json): Generator<Json> {
  if (typeof value !== 'object' || value === null) return;
  if (Array.isArray(value)) {
    for (const i of value.keys()) yield value.toSpliced(i, 1);
    for (const [i, part] of value.entries()) for (const smaller of without(part)) yield value.with(i, smaller);
    return;
  }
  for (const name of Object.keys(value))
    yield Object.fromEntries(Object.entries(value).filter(([key]) => key !== name));
  for (const [name, part] of Object.entries(value))
    for (const smaller of without(part))
      yield Object.fromEntries([...Object.entries(value).filter(([key]) => key !== name), [name, smaller]]);
}
