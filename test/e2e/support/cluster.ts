/**
 * A cluster for a file of tests, handled from outside as a user does: with the `pirogue` command and the real kubectl. Runs on a machine of its own
 * (`scripts/machine.sh`), which takes away whatever is left.
 */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, type TestContext } from 'node:test';
import { buildImage, busyboxImage, type ImageRecipe } from '#testing';
import { type CommandOptions, type Result, runCommand, type RunningCommand, startCommand } from './command.ts';
import { Kubectl } from './kubectl.ts';

export const MACHINE = process.env['PIROGUE_MACHINE'] ?? '';
export const PROJECT = join(import.meta.dirname, '../../..');
export const BUSYBOX = 'docker.io/library/busybox:1.35';
const PROGRAM = [process.execPath, join(PROJECT, 'bin/pirogue.mjs')];
const STATE = '/var/lib/pirogue';
/** Enough to see what went wrong last, not so much that it hides the rest. */
const LOG_LINES = 15;

export interface ProcessOfStatus {
  readonly pid: number;
}

/** What `pirogue status -o json` prints, as far as tests read it. */
export interface Status {
  readonly controlPlane: {
    readonly running: boolean;
    readonly process?: ProcessOfStatus;
    readonly supervisor?: ProcessOfStatus;
  };
  readonly nodes: readonly {
    readonly name: string;
    readonly ip: string;
    readonly running: boolean;
    readonly root: string;
    readonly init?: ProcessOfStatus;
    readonly agent?: ProcessOfStatus;
    readonly containerd?: ProcessOfStatus;
  }[];
}

export class TestCluster {
  readonly kubeconfig = join(MACHINE, 'kubeconfig');
  /** What kubectl caches stays on the machine, too. */
  readonly env = { ...process.env, KUBECONFIG: this.kubeconfig, HOME: MACHINE, TERM: 'xterm' };
  /** kubectl in namespace default, as an administrator. */
  readonly kubectl = new Kubectl(this.env);
  #namespaces = 0;

  /** `pirogue ARGS`; fails unless it exits with 0. */
  async pirogue(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.tryPirogue(args);
    if (code !== 0) assert.fail(`exit code ${code}: pirogue ${args.join(' ')}\n${stderr}${stdout}`);
    return stdout;
  }

  tryPirogue(args: readonly string[], options: CommandOptions = {}): Promise<Result> {
    return runCommand([...PROGRAM, ...args], { env: this.env, ...options });
  }

  startPirogue(...args: string[]): RunningCommand {
    return startCommand([...PROGRAM, ...args], { env: this.env });
  }

  async status(): Promise<Status> {
    return JSON.parse((await this.tryPirogue(['status', '-o', 'json'])).stdout) as Status;
  }

  async load(image: ImageRecipe): Promise<void> {
    await this.pirogue('image', 'load', await buildImage(image));
  }

  /** A namespace for one test; what was in it and what the components said is printed when the test fails, and it is deleted. */
  async namespace(t: TestContext): Promise<Kubectl> {
    const name = `t${++this.#namespaces}-${t.name
      .toLowerCase()
      .replaceAll(/[^a-z0-9]+/g, '-')
      .slice(0, 40)}`.replace(/-+$/, '');
    const kubectl = new Kubectl(this.env, name);
    t.after(async () => {
      if (!t.passed) await this.diagnose(t, kubectl);
      await this.kubectl.run('delete', 'namespace', name, '--wait=false');
    });
    await this.kubectl.run('create', 'namespace', name);
    return kubectl;
  }

  /** Prints what there is to know about what runs in a namespace. */
  async diagnose(t: TestContext, kubectl: Kubectl): Promise<void> {
    const show = async (...args: string[]): Promise<void> => {
      const { stdout, stderr } = await kubectl.try(...args);
      t.diagnostic(`$ kubectl ${args.join(' ')}\n${stdout}${stderr}`);
    };
    await show('get', 'all', '-o', 'wide');
    await show('get', 'events', '--sort-by=.metadata.creationTimestamp');
    await show('describe', 'pods');
    await show('logs', '--selector=', '--all-containers', '--prefix', '--tail=20');
    await this.showLogs(t);
  }

  /** Prints the last lines that components logged as warnings or errors. */
  async showLogs(t: TestContext): Promise<void> {
    const files = [join(STATE, 'pirogue/log/control-plane.log')];
    for (const { root } of (await this.status().catch(() => undefined))?.nodes ?? [])
      files.push(join(root, 'var/log/pirogue/agent.log'));
    for (const file of files) {
      const lines = (await readFile(file, 'utf8').catch(String)).split('\n');
      const telling = lines.filter((line) => line !== '' && !line.includes('"level":"info"')).slice(-LOG_LINES);
      t.diagnostic(`${file}:\n${telling.map((line) => line.slice(0, 600)).join('\n')}`);
    }
  }
}

export interface UseClusterOptions {
  /** Present on all nodes. Default: busybox. */
  readonly images?: readonly ImageRecipe[];
  /** Besides the control plane. Default: 2. */
  readonly nodes?: number;
  beforeUp?(): Promise<void>;
  /** What all tests of the file need on the cluster. */
  prepare?(): Promise<void>;
}

/** A cluster, by default with two nodes besides the control plane, from before the first test of the file to after the last. */
export function useCluster(options: UseClusterOptions = {}): TestCluster {
  assert.ok(MACHINE, 'run it on a machine of its own: npm test -- SUITE');
  const { images = [busyboxImage(BUSYBOX)], nodes = 2, beforeUp, prepare } = options;
  const cluster = new TestCluster();
  before(async () => {
    await beforeUp?.();
    await cluster.pirogue('up', '--nodes', String(nodes));
    for (const image of images) await cluster.load(image);
    await prepare?.();
  });
  after(async () => {
    await cluster.pirogue('down');
  });
  return cluster;
}
