import { Pod, type PodCondition, type PodStatus, StatusError } from '#api';
import type { Client } from '#client';
import { backoffMs, type Clock, type Logger, messageOf, sleep } from '#util';

/** Writes to the API what the node knows of its pods. One request per pod at a time, the newest status wins. */
export interface StatusManager {
  /** The newest status, which the API may not have yet. */
  get(podUid: string): PodStatus | undefined;
  set(pod: Pod, status: PodStatus): void;
  /** The API's own state of a pod has changed. */
  observe(pod: Pod): void;
  /** Everything of the pod on the node is gone: once its last status is written and it is being deleted, it is deleted for good. */
  finish(pod: Pod): void;
  forget(podUid: string): void;
}

interface Entry {
  pod: Pod;
  desired: PodStatus | undefined;
  /** What the API has, and as of which version. */
  base: PodStatus;
  baseVersion: string;
  finished: boolean;
  deleted: boolean;
  running: boolean;
  /** A change came while a request was under way. */
  again: boolean;
}

const RETRY = { baseMs: 500, maxMs: 10_000 };

const same = (a: unknown, b: unknown): boolean =>
  JSON.stringify(normal({ value: a })) === JSON.stringify(normal({ value: b }));

/** Without absent and empty values, keys in order: what a server that leaves out empty fields gives back. */
function normal(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(normal);
  if (typeof value !== 'object' || value === null) return value;
  const pairs = Object.entries(value)
    .map(([key, inner]) => [key, normal(inner)] as const)
    .filter(
      ([, inner]) =>
        inner !== undefined && inner !== null && !(typeof inner === 'object' && Object.keys(inner).length === 0),
    )
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(pairs);
}

/** Versions of one object can be compared as numbers since KEP-5504. */
const isNewer = (version: string, than: string): boolean =>
  /^\d+$/.test(version + than) && BigInt(version) > BigInt(than);

/** Strategic merge keeps what a patch does not name, so what has gone must be named. */
const conditionPatch = ({ reason, message, ...rest }: PodCondition): object => ({
  ...rest,
  reason: reason ?? null,
  message: message ?? null,
});

/** Lists of the status that strategic merge would merge by key. */
const KEYED_LISTS = ['podIPs', 'hostIPs'];

/** The strategic merge patch from one status to the other; undefined when they are the same. */
export function statusPatch(base: PodStatus, desired: PodStatus): Record<string, unknown> | undefined {
  const patch: Record<string, unknown> = {};
  const old = base as Record<string, unknown>;
  const wanted = desired as Record<string, unknown>;
  for (const key of new Set([...Object.keys(old), ...Object.keys(wanted)])) {
    if (key === 'conditions' || same(old[key], wanted[key])) continue;
    const value = wanted[key];
    if (value === undefined) patch[key] = null;
    else if (KEYED_LISTS.includes(key) && old[key] !== undefined)
      patch[key] = [...(value as object[]), { $patch: 'replace' }];
    else patch[key] = value;
  }
  const conditions = (desired.conditions ?? []).filter(
    (condition) =>
      !same(
        condition,
        base.conditions?.find(({ type }) => type === condition.type),
      ),
  );
  if (conditions.length > 0) patch['conditions'] = conditions.map(conditionPatch);
  return Object.keys(patch).length === 0 ? undefined : patch;
}

export interface StatusManagerOptions {
  client: Client;
  clock: Clock;
  log: Logger;
  random: () => number;
  signal: AbortSignal;
}

export function newStatusManager({ client, clock, log, random, signal }: StatusManagerOptions): StatusManager {
  const entries = new Map<string, Entry>();

  async function writeStatus(entry: Entry): Promise<void> {
    const { pod, desired } = entry;
    const patch = desired && statusPatch(entry.base, desired);
    if (patch === undefined) return;
    const { name, namespace, uid } = pod.metadata;
    // The uid makes it fail when another pod has taken the name.
    const body = { metadata: { uid }, status: patch };
    const result = await client.patch(Pod, { namespace, name }, body, { subresource: 'status', signal });
    entry.base = result.status;
    entry.baseVersion = result.metadata.resourceVersion;
  }

  async function deletePod(entry: Entry): Promise<void> {
    const { name, namespace, uid, deletionTimestamp } = entry.pod.metadata;
    if (!entry.finished || deletionTimestamp === undefined || entry.deleted) return;
    await client.delete(Pod, { namespace, name }, { body: { gracePeriodSeconds: 0, preconditions: { uid } }, signal });
    entry.deleted = true;
  }

  async function sync(uid: string, entry: Entry): Promise<void> {
    if (entry.running) {
      entry.again = true;
      return;
    }
    entry.running = true;
    try {
      for (let failures = 0; entries.get(uid) === entry && !signal.aborted;) {
        entry.again = false;
        try {
          await writeStatus(entry);
          await deletePod(entry);
          failures = 0;
          if (!entry.again) return;
        } catch (error) {
          if (signal.aborted) return;
          // Gone, or another pod of that name: there is nobody to tell.
          if (StatusError.is(error, 'NotFound', 'Conflict')) return;
          log.warn('status of a pod could not be written', { pod: entry.pod.metadata.name, error: messageOf(error) });
          await sleep(clock, backoffMs(failures++, { ...RETRY, jitter: 0.5, random }), { signal }).catch(() => {}); // aborted: the loop ends
        }
      }
    } finally {
      entry.running = false;
    }
  }

  const kick = (uid: string, entry: Entry): void => void sync(uid, entry);

  const entryOf = (pod: Pod): Entry => {
    const known = entries.get(pod.metadata.uid);
    if (known !== undefined) return known;
    const entry: Entry = {
      pod,
      desired: undefined,
      base: pod.status,
      baseVersion: pod.metadata.resourceVersion,
      finished: false,
      deleted: false,
      running: false,
      again: false,
    };
    entries.set(pod.metadata.uid, entry);
    return entry;
  };

  return {
    get: (podUid) => entries.get(podUid)?.desired,
    set(pod, status) {
      const entry = entryOf(pod);
      entry.desired = status;
      if (statusPatch(entry.base, status) !== undefined) kick(pod.metadata.uid, entry);
    },
    observe(pod) {
      const entry = entryOf(pod);
      entry.pod = pod;
      if (isNewer(pod.metadata.resourceVersion, entry.baseVersion)) {
        entry.base = pod.status;
        entry.baseVersion = pod.metadata.resourceVersion;
      }
      const behind = entry.desired !== undefined && statusPatch(entry.base, entry.desired) !== undefined;
      if (behind || entry.finished) kick(pod.metadata.uid, entry);
    },
    finish(pod) {
      const entry = entryOf(pod);
      entry.finished = true;
      kick(pod.metadata.uid, entry);
    },
    forget: (podUid) => void entries.delete(podUid),
  };
}
