/**
 * How long a cluster takes to come up, and a pod to run, as a user sees it: the real commands, on a machine of its own (needs root). Prints a
 * breakdown, and what the processes weigh at idle. `npm run bench -- start [ROUNDS]`.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { busyboxImage, buildImage } from '#testing';

const ROOT = join(import.meta.dirname, '../..');
const PIROGUE = [process.execPath, join(ROOT, 'bin/pirogue.mjs')];
const IMAGE = 'docker.io/library/busybox:1.35';
/** Set inside the machine. */
const INSIDE = 'PIROGUE_BENCH_START';
const IDLE_MS = 10_000;

export async function run(args: readonly string[]): Promise<void> {
  const rounds = Number(args[0] ?? 5);
  if (process.env[INSIDE] !== undefined) return await measure(rounds, process.env[INSIDE]);
  const image = await buildImage(busyboxImage(IMAGE));
  const script = join(ROOT, 'scripts/bench.ts');
  const { status } = spawnSync(join(ROOT, 'scripts/machine.sh'), [process.execPath, script, 'start', String(rounds)], {
    stdio: 'inherit',
    env: { ...process.env, [INSIDE]: image, HOME: '/root' },
    timeout: 300_000,
  });
  if (status !== 0) throw new Error(`the bench ended with ${status}`);
}

interface ProcessStatus {
  readonly rssBytes?: number;
  readonly pssBytes?: number;
}

interface Status {
  readonly controlPlane: { readonly process?: ProcessStatus };
  readonly nodes: readonly {
    readonly name: string;
    readonly agent?: ProcessStatus;
    readonly containerd?: ProcessStatus;
  }[];
}

async function measure(rounds: number, image: string): Promise<void> {
  const figures = new Map<string, number[]>();
  const note = (name: string, value: number): void => void figures.set(name, [...(figures.get(name) ?? []), value]);
  for (let round = 0; round < rounds; round++) {
    const up = timed([...PIROGUE, 'up', '--nodes', '2']);
    note('up: command to all three nodes Ready, ms', up.ms);
    for (const [, step, text] of up.out.matchAll(/✓ (.+?) {2,}(\S+ \S+)/g))
      note(`  step ${step}, ms`, milliseconds(text!));
    note('second up, ms', timed([...PIROGUE, 'up']).ms);
    timed([...PIROGUE, 'image', 'load', image]);
    const pods = podTimes(round);
    for (const [name, value] of Object.entries(pods)) note(name, value);
    if (round === rounds - 1) {
      await sleep(IDLE_MS);
      const status = JSON.parse(timed([...PIROGUE, 'status', '-o', 'json']).out) as Status;
      noteMemory(note, 'control plane', status.controlPlane.process);
      for (const { agent } of status.nodes) noteMemory(note, 'agent', agent);
      for (const { containerd } of status.nodes) noteMemory(note, 'containerd', containerd);
    }
    note('down, ms', timed([...PIROGUE, 'down']).ms);
  }
  console.log(`\n${rounds} rounds; median (min to max)\n`);
  for (const [name, values] of figures) {
    const sorted = values.toSorted((a, b) => a - b);
    const median = sorted[Math.floor(sorted.length / 2)]!;
    console.log(
      `${name.padEnd(58)} ${median.toFixed(0).padStart(7)}   (${sorted[0]!.toFixed(0)} to ${sorted.at(-1)!.toFixed(0)})`,
    );
  }
}

function noteMemory(
  note: (name: string, value: number) => void,
  name: string,
  process: ProcessStatus | undefined,
): void {
  if (process?.rssBytes !== undefined) note(`memory of ${name} at idle, resident, MB`, process.rssBytes / 1e6);
  if (process?.pssBytes !== undefined)
    note(`memory of ${name} at idle, shared parts divided, MB`, process.pssBytes / 1e6);
}

/** A Deployment of one pod whose image is there: from the command to the kubelet's and to kubectl's word that it runs. */
function podTimes(round: number): Record<string, number> {
  const name = `bench-${round}`;
  const began = performance.now();
  timed(['kubectl', 'create', 'deployment', name, `--image=${IMAGE}`, '--', 'sleep', '1000']);
  const created = performance.now();
  timed(['kubectl', 'rollout', 'status', 'deployment', name, '--timeout=30s']);
  const ended = performance.now();
  timed(['kubectl', 'delete', 'deployment', name, '--wait=false']);
  return {
    'kubectl create deployment to Running, ms': ended - began,
    '  of which the create command itself, ms': created - began,
  };
}

function timed([command = '', ...args]: readonly string[]): { ms: number; out: string } {
  const began = performance.now();
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8', timeout: 90_000 });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}\n${stdout}${stderr}`);
  return { ms: performance.now() - began, out: stdout };
}

function milliseconds(text: string): number {
  const [value = '0', unit] = text.split(' ');
  return unit === 's' ? Number(value) * 1000 : Number(value);
}
