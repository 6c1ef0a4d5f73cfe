/** A real etcd cluster on the loopback: members that are killed, stopped and started again. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { buildRootfs } from '#testing';
import { type RunningCommand, runCommand, startCommand, WAIT_MS } from './command.ts';

/** Where the members' certificates are, named as kubeadm names them. */
export interface EtcdClusterOptions {
  readonly directory: string;
  /** Absent: without TLS. */
  readonly pki?: string | undefined;
  readonly members: number;
  /** Ports from here on: two for each member. */
  readonly firstPort: number;
}

const bin = async (name: string): Promise<string> => join(await buildRootfs(['etcd']), 'usr/bin', name);

export class EtcdCluster implements AsyncDisposable {
  readonly #options: EtcdClusterOptions;
  readonly #processes: (RunningCommand | undefined)[] = [];

  constructor(options: EtcdClusterOptions) {
    this.#options = options;
  }

  get endpoints(): readonly string[] {
    return Array.from({ length: this.#options.members }, (_, i) => this.#client(i));
  }

  async start(): Promise<void> {
    for (let i = 0; i < this.#options.members; i++) await this.startMember(i);
    await this.healthy();
  }

  async startMember(i: number): Promise<void> {
    const { directory, members, pki } = this.#options;
    const files =
      pki === undefined
        ? []
        : [
            '--client-cert-auth',
            `--trusted-ca-file=${pki}/etcd/ca.crt`,
            `--cert-file=${pki}/etcd/server.crt`,
            `--key-file=${pki}/etcd/server.key`,
          ];
    this.#processes[i] = startCommand([
      await bin('etcd'),
      `--name=member${i}`,
      `--data-dir=${directory}/member${i}`,
      `--listen-client-urls=${this.#client(i)}`,
      `--advertise-client-urls=${this.#client(i)}`,
      `--listen-peer-urls=${this.#peer(i)}`,
      `--initial-advertise-peer-urls=${this.#peer(i)}`,
      `--initial-cluster=${Array.from({ length: members }, (_, m) => `member${m}=${this.#peer(m)}`).join(',')}`,
      ...files,
    ]);
  }

  signal(i: number, name: NodeJS.Signals): void {
    this.#processes[i]?.signal(name);
  }

  async kill(i: number): Promise<void> {
    await this.#processes[i]?.[Symbol.asyncDispose]();
  }

  /** The members that answer, `leader` first. */
  async roles(): Promise<{ leader: number; followers: number[] }> {
    const { stdout } = await this.etcdctl(this.endpoints, 'endpoint', 'status', '-w', 'json');
    const found = JSON.parse(stdout) as {
      Endpoint: string;
      Status: { leader: number; header: { member_id: number } };
    }[];
    const indexOf = ({ Endpoint }: { Endpoint: string }): number => this.endpoints.indexOf(Endpoint);
    const leader = found.find(({ Status }) => Status.leader === Status.header.member_id);
    assert.ok(leader, stdout);
    return { leader: indexOf(leader), followers: found.filter((one) => one !== leader).map(indexOf) };
  }

  /** Resolves when every one of `members` (default all) answers. */
  async healthy(members: readonly number[] = this.endpoints.map((_, i) => i)): Promise<void> {
    const endpoints = members.map((i) => this.#client(i));
    const end = performance.now() + WAIT_MS;
    while ((await this.etcdctl(endpoints, '--command-timeout=2s', 'endpoint', 'health')).code !== 0) {
      assert.ok(performance.now() < end, 'etcd does not come up');
      await pause(100);
    }
  }

  async etcdctl(
    endpoints: readonly string[],
    ...args: string[]
  ): Promise<{ code: number | undefined; stdout: string }> {
    const { pki } = this.#options;
    const files =
      pki === undefined
        ? []
        : [
            `--cacert=${pki}/etcd/ca.crt`,
            `--cert=${pki}/etcd/healthcheck-client.crt`,
            `--key=${pki}/etcd/healthcheck-client.key`,
          ];
    return await runCommand([await bin('etcdctl'), `--endpoints=${endpoints.join(',')}`, ...files, ...args], {
      env: { ...process.env, ETCDCTL_API: '3' },
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (let i = 0; i < this.#processes.length; i++) await this.kill(i);
  }

  #client(i: number): string {
    const scheme = this.#options.pki === undefined ? 'http' : 'https';
    return `${scheme}://127.0.0.1:${this.#options.firstPort + 2 * i}`;
  }

  #peer(i: number): string {
    return `http://127.0.0.1:${this.#options.firstPort + 2 * i + 1}`;
  }
}
