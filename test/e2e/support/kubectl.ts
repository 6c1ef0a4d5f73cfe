/** The real kubectl, in one namespace. */
import assert from 'node:assert/strict';
import type { KubeObject } from '#api';
import { type CommandOptions, type Result, runCommand, type RunningCommand, startCommand, WAIT_MS } from './command.ts';

/** What tests apply: JSON as a user would write YAML, checked by kubectl and the server and not here. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly [field: string]: unknown };
  readonly [field: string]: unknown;
}

export class Kubectl {
  readonly namespace: string;
  readonly #env: Readonly<Record<string, string | undefined>>;
  readonly #argv: readonly string[];

  constructor(env: Readonly<Record<string, string | undefined>>, namespace = 'default') {
    this.#env = env;
    this.namespace = namespace;
    this.#argv = ['kubectl', '--namespace', namespace];
  }

  /** Standard output; fails with what kubectl said unless it exits with 0. */
  async run(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.try(...args);
    if (code !== 0) assert.fail(`exit code ${code}: kubectl ${args.join(' ')}\n${stderr}${stdout}`);
    return stdout;
  }

  async try(...args: string[]): Promise<Result> {
    return await this.tryWith({}, ...args);
  }

  async tryWith(options: CommandOptions & { readonly timeoutMs?: number }, ...args: string[]): Promise<Result> {
    return await runCommand([...this.#argv, ...args], { env: this.#env, ...options });
  }

  /** Runs beside the test, with its input open. */
  start(...args: string[]): RunningCommand {
    return startCommand([...this.#argv, ...args], { env: this.#env });
  }

  /** Runs beside the test on a terminal, whose input is what the test types. */
  startOnTerminal(...args: string[]): RunningCommand {
    const quoted = [...this.#argv, ...args].map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ');
    return startCommand(['script', '-qefc', quoted, '/dev/null'], { env: this.#env });
  }

  async apply(...manifests: readonly Manifest[]): Promise<void> {
    const list = { apiVersion: 'v1', kind: 'List', items: manifests };
    const { code, stderr } = await this.tryWith({ input: JSON.stringify(list) }, 'apply', '-f', '-');
    assert.equal(code, 0, stderr);
  }

  async get<T extends KubeObject>(type: string, name: string): Promise<T> {
    return JSON.parse(await this.run('get', type, name, '-o', 'json')) as T;
  }

  async list<T extends KubeObject>(type: string, ...args: string[]): Promise<readonly T[]> {
    return (JSON.parse(await this.run('get', type, '-o', 'json', ...args)) as { items: T[] }).items;
  }

  /** `kubectl wait --for=CONDITION THINGS…`. A condition as `{.status.phase}=Running` is a JSONPath. */
  async waitFor(condition: string, ...things: string[]): Promise<void> {
    const wanted = condition.startsWith('{') ? `jsonpath=${condition}` : condition;
    await this.run('wait', `--for=${wanted}`, `--timeout=${WAIT_MS / 1000}s`, ...things);
  }

  async waitReady(...things: string[]): Promise<void> {
    await this.waitFor('condition=Ready', ...things);
  }

  /** `kubectl rollout status`, to its end. */
  async rolledOut(...things: string[]): Promise<void> {
    for (const thing of things) await this.run('rollout', 'status', thing, `--timeout=${WAIT_MS / 1000}s`);
  }

  /** Waits for an event of one of these objects whose `Reason: message` matches, and returns what matched. */
  async event(object: string, wanted: RegExp): Promise<string> {
    const [kind = '', name = ''] = object.split('/');
    await using watch = this.start(
      'get',
      'events',
      '--watch',
      `--field-selector=involvedObject.kind=${kind},involvedObject.name=${name}`,
      '-o',
      'jsonpath={.reason}: {.message}{"\\n"}',
    );
    return wanted.exec(await watch.until(wanted))?.[0] ?? '';
  }
}
