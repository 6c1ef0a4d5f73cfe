/**
 * The embedded store on this machine's disk: durable writes beside what the disk can do with the same bytes, reads, watches, memory,
 * opening; then its etcd face beside a real etcd. `npm run bench -- store`: two minutes, about 1 GB in the temporary directory. `npm run bench -- store alone`
 * or `… beside [WORDS OF ROUNDS] [--seconds N] [--turns N] [--profile DIRECTORY]`: one of the two parts.
 */
import { execFileSync } from 'node:child_process';
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { openEmbeddedStore, prefixEnd, type Store } from '#store';
import { silentLogger, systemClock } from '#util';
import { watchHolds } from './api/usage.ts';
import { besideEtcd } from './store/beside-etcd.ts';

const KEYS = 100_000;
const VALUE_BYTES = 3000;
const ROUND_MS = 2000;
const UPDATES = 200_000;
const UPDATED_KEYS = 1000;
const PREFIX = '/registry/pods/';

export async function run(args: readonly string[]): Promise<void> {
  const [part, ...rest] = args;
  if (part !== 'beside') await alone();
  if (part !== 'alone') await besideEtcd(part === 'beside' ? rest : args);
}

async function alone(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'bench-store-'));
  try {
    let store = await timed('open, empty', () => open(directory));
    await load(store);
    await timed('close', () => store.close());
    // In a process of its own, as a server does it.
    execFileSync(process.execPath, [import.meta.filename, 'open', directory], { stdio: 'inherit' });
    store = await open(directory);
    for (const writers of [1, 16, 128]) {
      rawLimit(join(directory, 'raw'), writers);
      await writes(store, writers);
    }
    await reads(store);
    await fanOut(store, 100);
    await fanOut(store, 1000);
    await timed('compaction of all history', () => store.compact(store.revision));
    await reportMemory(`memory with ${KEYS} keys, history forgotten`);
    console.log(`file before cleaning: ${megabytes(statSync(join(directory, 'store.db')).size)}`);
    await store.close();
    await longRun(join(directory, 'long'));
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** The same keys again and again, with history cut by its size: how large the file gets, and how long cleaning holds anybody up. */
async function longRun(path: string): Promise<void> {
  const store = await open(path);
  using holds = watchHolds();
  const started = performance.now();
  let next = 0;
  let largest = 0;
  const writer = async (): Promise<void> => {
    while (next < UPDATES) {
      const n = next++;
      await store.txn({ compare: [], success: [{ type: 'put', key: keyOf(n % UPDATED_KEYS), value: valueOf(n) }] });
      if (n % 1000 === 0) largest = Math.max(largest, (await store.status()).sizeBytes);
    }
  };
  await Promise.all(Array.from({ length: 128 }, writer));
  const seconds = (performance.now() - started) / 1000;
  await timed('defragmentation', () => store.defragment());
  const { sizeBytes } = await store.status();
  console.log(
    `${UPDATES} updates of ${UPDATED_KEYS} keys: ${rate(UPDATES, seconds)}, ${megabytes(UPDATES * VALUE_BYTES)} written, file at most ` +
      `${megabytes(largest)}, then ${megabytes(sizeBytes)}; longest hold of the event loop ${holds.longestMs().toFixed(0)} ms of CPU`,
  );
  await store.close();
}

function open(directory: string): Promise<Store> {
  return openEmbeddedStore({
    directory,
    clock: systemClock,
    log: silentLogger,
    onFatal: (error) => {
      throw error;
    },
  });
}

const keyOf = (n: number): string => `${PREFIX}default/pod-${String(n).padStart(6, '0')}`;

/** As a serialised object is: a Buffer of its own. */
function valueOf(n: number): Buffer {
  const value = Buffer.allocUnsafeSlow(VALUE_BYTES);
  value.fill(n & 0xff);
  return value;
}

async function load(store: Store): Promise<void> {
  const started = performance.now();
  let next = 0;
  const writer = async (): Promise<void> => {
    while (next < KEYS) {
      const key = keyOf(next);
      await store.txn({
        compare: [{ key, target: 'modRevision', result: '=', number: 0 }],
        success: [{ type: 'put', key, value: valueOf(next++) }],
      });
    }
  };
  await Promise.all(Array.from({ length: 128 }, writer));
  const seconds = (performance.now() - started) / 1000;
  console.log(`load ${KEYS} keys, 128 writers: ${seconds.toFixed(1)} s, ${rate(KEYS, seconds)}`);
  await reportMemory(`memory with ${KEYS} keys of ${VALUE_BYTES} B`);
}

/** Compare-and-swap updates of random keys, each writer waiting for its answer. */
async function writes(store: Store, writers: number): Promise<void> {
  const latencies: number[] = [];
  const end = performance.now() + ROUND_MS;
  using holds = watchHolds();
  const cpu = process.threadCpuUsage();
  const writer = async (_: unknown, id: number): Promise<void> => {
    for (let n = id * 7919; performance.now() < end; n += 104_729) {
      const key = keyOf(n % KEYS);
      const begin = performance.now();
      const number = (await store.range({ key })).kvs[0]?.modRevision ?? 0;
      await store.txn({
        compare: [{ key, target: 'modRevision', result: '=', number }],
        success: [{ type: 'put', key, value: valueOf(n) }],
      });
      latencies.push(performance.now() - begin);
    }
  };
  await Promise.all(Array.from({ length: writers }, writer));
  const used = process.threadCpuUsage(cpu);
  const cpuMicros = (used.user + used.system) / latencies.length;
  console.log(
    `writes, ${writers} writers: ${rate(latencies.length, ROUND_MS / 1000)}, ${percentiles(latencies)}, ` +
      `main thread ${cpuMicros.toFixed(0)} µs each, longest hold ${holds.longestMs().toFixed(0)} ms`,
  );
}

/** What the disk can do at best: appending the same bytes, one sync for as many as there are writers. */
function rawLimit(file: string, writers: number): void {
  const data = Buffer.alloc(VALUE_BYTES * writers, 1);
  const handle = openSync(file, 'w');
  const end = performance.now() + ROUND_MS / 2;
  let syncs = 0;
  for (; performance.now() < end; syncs++) {
    writeSync(handle, data);
    fdatasyncSync(handle);
  }
  closeSync(handle);
  rmSync(file);
  console.log(`raw append and fdatasync of ${writers} × ${VALUE_BYTES} B: ${rate(syncs * writers, ROUND_MS / 2000)}`);
}

async function reads(store: Store): Promise<void> {
  const measure = async (what: string, request: Parameters<Store['range']>[0], times: number): Promise<void> => {
    const latencies: number[] = [];
    for (let i = 0; i < times; i++) {
      const begin = performance.now();
      await store.range(request);
      latencies.push(performance.now() - begin);
    }
    console.log(`${what}: ${percentiles(latencies)}`);
  };
  const under = { key: PREFIX, rangeEnd: prefixEnd(PREFIX) };
  await measure('get', { key: keyOf(4711) }, 20_000);
  await measure('range of 1,000', { ...under, limit: 1000 }, 2000);
  await measure('range of 10,000', { ...under, limit: 10_000 }, 300);
  await measure(`count of ${KEYS}`, { ...under, countOnly: true }, 2000);
  await measure('range of 1,000 at an old revision', { ...under, limit: 1000, revision: store.revision - 1000 }, 30);
}

/** Events a second, over all watchers of one prefix. */
async function fanOut(store: Store, watchers: number): Promise<void> {
  const writesToDo = 20_000;
  const received = { events: 0 };
  const handles = Array.from({ length: watchers }, () =>
    store.watch(
      { key: PREFIX, rangeEnd: prefixEnd(PREFIX) },
      { onEvents: (events) => void (received.events += events.length), onError: (error) => console.error(error) },
    ),
  );
  // Watchers of other things must cost nothing.
  for (let i = 0; i < 1000; i++) {
    handles.push(store.watch({ key: `/registry/other/${i}/` }, { onEvents() {}, onError() {} }));
  }
  const started = performance.now();
  let left = writesToDo;
  const writer = async (): Promise<void> => {
    while (left-- > 0) {
      await store.txn({ compare: [], success: [{ type: 'put', key: keyOf(left), value: valueOf(left) }] });
    }
  };
  await Promise.all(Array.from({ length: 128 }, writer));
  const toReceive = writesToDo * watchers;
  while (received.events < toReceive) await nextTurn();
  const seconds = (performance.now() - started) / 1000;
  for (const handle of handles) handle[Symbol.dispose]();
  console.log(
    `watch, ${watchers} watchers: ${rate(received.events, seconds)} events, ${rate(writesToDo, seconds)} writes`,
  );
}

async function timed<T>(what: string, work: () => Promise<T>): Promise<T> {
  const started = performance.now();
  const result = await work();
  console.log(`${what}: ${(performance.now() - started).toFixed(0)} ms`);
  return result;
}

async function reportMemory(what: string): Promise<void> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  await nextTurn(); // buffers are let go of later than the objects that held them
  collect();
  const { rss, heapUsed } = process.memoryUsage();
  console.log(`${what}: rss ${megabytes(rss)}, heap ${megabytes(heapUsed)}`);
}

function percentiles(milliseconds: number[]): string {
  const sorted = milliseconds.toSorted((a, b) => a - b);
  const at = (share: number): string => (sorted[Math.floor((sorted.length - 1) * share)] ?? 0).toFixed(3);
  return `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`;
}

const rate = (count: number, seconds: number): string => `${Math.round(count / seconds).toLocaleString('en')}/s`;
const megabytes = (bytes: number): string => `${Math.round(bytes / 1e6)} MB`;

/** Opens what {@link alone} has filled. */
async function openOnly(directory: string): Promise<void> {
  using holds = watchHolds();
  const cpu = process.cpuUsage();
  const thread = process.threadCpuUsage();
  const store = await timed(`open, ${KEYS} keys of ${VALUE_BYTES} B`, () => open(directory));
  const [all, main] = [process.cpuUsage(cpu), process.threadCpuUsage(thread)].map(
    ({ user, system }) => (user + system) / 1000,
  );
  console.log(`  CPU ${all!.toFixed(0)} ms, of which main thread ${main!.toFixed(0)} ms`);
  console.log(`  longest hold of the event loop ${holds.longestMs().toFixed(0)} ms of CPU`);
  await reportMemory('  memory then');
  await store.close();
}

const [, , part, filled = ''] = process.argv;
if (import.meta.main) await (part === 'open' ? openOnly(filled) : run(process.argv.slice(2)));
