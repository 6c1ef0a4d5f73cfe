/** The suites that `npm run check` and `npm test` are made of: how each is run, and what came of it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { globSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { basename, join } from 'node:path';

export interface Report {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

const ROOT = join(import.meta.dirname, '..');
const BIN = join(ROOT, 'node_modules/.bin');
const COLOUR = process.stdout.isTTY ? { FORCE_COLOR: '1' } : { NO_COLOR: '1' };
const ENV = { ...process.env, ...COLOUR, NODE_COMPILE_CACHE: join(ROOT, '.cache/compile') };

interface TestRun {
  /** What takes longer is stuck: the slowest takes a third of it on two cores. */
  readonly timeoutMs: number;
  /** Shown as it runs. */
  readonly live: boolean;
  readonly flags: readonly string[];
}

const CHECK_TIMEOUT_MS = 180_000;
const UNIT: TestRun = { timeoutMs: 300_000, live: false, flags: ['--test-isolation=none'] };
const END_TO_END: TestRun = { timeoutMs: 360_000, live: true, flags: [] };
const END_GRACE_MS = 15_000;

const CHECKS: readonly (readonly [name: string, command: string, ...args: string[]])[] = [
  ['types', 'tsc', '-p', '.'],
  ['lint', 'oxlint', '--deny-warnings', '.'],
  ['format', 'oxfmt', '--check', '.'],
  ['dead code', 'knip', '--no-progress', '--no-config-hints'],
];

/** Format, lint, types, dead code, side by side; each counts as one test, and its words are shown only when it fails. */
export async function runChecks(): Promise<Report[]> {
  return await Promise.all(
    CHECKS.map(async ([name, command, ...args]) => {
      const startMs = performance.now();
      const { code, output } = await runCaptured(join(BIN, command), args, CHECK_TIMEOUT_MS);
      console.log(`${code === 0 ? '✔' : '✖'} ${name} (${seconds(startMs)})`);
      if (code !== 0) console.log(output);
      return { passed: Number(code === 0), failed: Number(code !== 0), skipped: 0 };
    }),
  );
}

/** Files of one process: enough for its start to be cheap, few enough for all processors to have something to do until the end. */
const GROUP_FILES = 18;

/**
 * Tests beside the code and those of the whole source tree. Files of a component share a process: loading the program once for each of them takes
 * longer than the tests do.
 */
export async function runUnitTests(): Promise<Report> {
  const startMs = performance.now();
  const patterns = ['src/**/*.test.ts', 'scripts/*.test.ts', 'test/*.test.ts', 'test/conformance/*.test.ts'];
  const files = globSync(patterns, { cwd: ROOT }).toSorted();
  console.log(`\n── unit tests (${files.length} files) ──`);
  const groups = groupsOf(files).values();
  const reports: Report[] = [];
  const worker = async (): Promise<void> => {
    for (const [name, own] of groups) reports.push(await runTests(name, [process.execPath], own, UNIT));
  };
  // One more than there are processors: some tests wait.
  await Promise.all(Array.from({ length: availableParallelism() + 1 }, worker));
  console.log(`unit tests: ${seconds(startMs)}`);
  return reportOf(reports);
}

/** Files by component, the largest groups first. */
function groupsOf(files: readonly string[]): (readonly [name: string, files: readonly string[]])[] {
  const components = Map.groupBy(files, (file) =>
    file.startsWith('src/') ? file.split('/', 2).join('/') : 'the project',
  );
  const groups = [...components].flatMap(([component, own]) => {
    const count = Math.ceil(own.length / GROUP_FILES);
    return Array.from({ length: count }, (_, i) => {
      const name = count === 1 ? component : `${component} ${i + 1}/${count}`;
      return [name, own.filter((_file, at) => at % count === i)] as const;
    });
  });
  return groups.toSorted((x, y) => y[1].length - x[1].length);
}

/** Files of `test/e2e`, all or those whose name is in `wanted`; throws when there is no such suite. */
export function endToEndSuites(wanted: readonly string[]): readonly string[] {
  const files = globSync('test/e2e/*.test.ts', { cwd: ROOT }).toSorted();
  const nameOf = (file: string): string => basename(file, '.test.ts');
  const unknown = wanted.filter((name) => !files.some((file) => nameOf(file) === name));
  if (unknown.length > 0) {
    throw new Error(`no such suite: ${unknown.join(', ')}; there are ${files.map(nameOf).join(', ')}`);
  }
  return wanted.length === 0 ? files : files.filter((file) => wanted.includes(nameOf(file)));
}

/** One end-to-end suite, in the network and mount namespaces that `scripts/machine.sh` makes for it: a machine of its own. */
export async function runEndToEnd(file: string): Promise<Report> {
  const machine = [join(ROOT, 'scripts/machine.sh'), process.execPath];
  return await runTests(file, machine, [file], END_TO_END);
}

async function runTests(
  name: string,
  [command = '', ...prefix]: readonly string[],
  files: readonly string[],
  { timeoutMs, live, flags }: TestRun,
): Promise<Report> {
  const startMs = performance.now();
  const scratch = await mkdtemp(join(tmpdir(), 'pirogue-test-'));
  const counts = join(scratch, 'counts.json');
  const reporters = [
    '--test-reporter=spec',
    '--test-reporter-destination=stdout',
    `--test-reporter=${join(ROOT, 'scripts/count-reporter.mjs')}`,
    `--test-reporter-destination=${counts}`,
  ];
  const args = [...prefix, '--test', ...flags, ...reporters, ...files];
  if (live) console.log(`\n── ${name} ──`);
  try {
    const { code, output } = await runCaptured(command, args, timeoutMs, live);
    // Of a run that is not followed live, all is shown when it fails.
    if (!live && code !== 0) console.log(output);
    const report = await readFile(counts, 'utf8').then(parseCounts, () => undefined);
    const failed = code === 0 ? 0 : Math.max(1, report?.failed ?? 1);
    const count = report === undefined || live ? '' : `${report.passed + report.failed} tests, `;
    console.log(`${failed === 0 ? '✔' : '✖'} ${name} (${count}${seconds(startMs)})`);
    return { passed: report?.passed ?? 0, failed, skipped: report?.skipped ?? 0 };
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

function parseCounts(text: string): Report | undefined {
  if (text === '') return undefined; // the run did not come to its end
  const { passed, failed, cancelled, skipped, todo } = JSON.parse(text) as Record<string, number>;
  return { passed: passed ?? 0, failed: (failed ?? 0) + (cancelled ?? 0), skipped: (skipped ?? 0) + (todo ?? 0) };
}

/** Runs a command in a process group of its own, so that what it leaves behind can be ended with it. */
async function runCaptured(
  command: string,
  args: readonly string[],
  timeoutMs: number,
  live = false,
): Promise<{ code: number | undefined; output: string }> {
  const child = spawn(command, args, { cwd: ROOT, env: ENV, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const [stream, target] of [
    [child.stdout, process.stdout],
    [child.stderr, process.stderr],
  ] as const) {
    stream.setEncoding('utf8').on('data', (text: string) => (live ? void target.write(text) : void (output += text)));
  }
  const { promise, resolve } = Promise.withResolvers<number | undefined>();
  const timer = setTimeout(() => {
    console.log(`✖ not finished after ${timeoutMs / 1000} s: ${command} ${args.join(' ')}`);
    end(child);
  }, timeoutMs);
  const interrupted = (): void => {
    child.once('exit', () => process.exit(130));
    end(child);
  };
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted);
  child.once('error', (error) => {
    output += `${error.message}\n`;
    resolve(undefined);
  });
  child.once('exit', (code) => {
    killGroup(child); // what it left behind may hold the pipes open
    child.once('close', () => resolve(code ?? undefined));
    setTimeout(resolve, 2000, code ?? undefined).unref(); // a process that left the group may hold them still
  });
  const code = await promise;
  clearTimeout(timer);
  process.off('SIGINT', interrupted).off('SIGTERM', interrupted);
  return { code, output };
}

/** Asks a command to end, which lets a machine clean up behind itself, and ends it by force when it does not. */
function end(child: ChildProcess): void {
  child.kill('SIGTERM');
  const timer = setTimeout(killGroup, END_GRACE_MS, child);
  child.once('exit', () => clearTimeout(timer));
}

function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error; // ESRCH: nothing was left
  }
}

export function reportOf(reports: readonly Report[]): Report {
  const sum = (key: keyof Report): number => reports.reduce((total, report) => total + report[key], 0);
  return { passed: sum('passed'), failed: sum('failed'), skipped: sum('skipped') };
}

/** `N passed, N failed`, with the skipped if there are any. */
export function closingLine(reports: readonly Report[]): string {
  const { passed, failed, skipped } = reportOf(reports);
  return `\n${passed} passed, ${failed} failed${skipped === 0 ? '' : `, ${skipped} skipped`}`;
}

function seconds(startMs: number): string {
  return `${((performance.now() - startMs) / 1000).toFixed(1)} s`;
}
