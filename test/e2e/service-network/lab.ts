/**
 * Nodes and pods as bare network namespaces on a bridge, with a real API server and real agents, without containers: for what happens to
 * packets. Pods get their links from the CNI plugin that nodes are set up with.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { Node } from '#api';
import { apiServerNames, ensurePki } from '#cluster';
import { ipBatch, run } from '#linux';
import { startTestApiServer, type TestApiServer } from '#testing';
import { systemClock } from '#util';
import { cniConflist } from '../../../src/cluster/node/containerd.ts';

export interface LabNode {
  readonly name: string;
  readonly ip: string;
  readonly podCIDR: string;
}

export interface AgentOptions {
  readonly node: LabNode;
  readonly api: { readonly server: string; readonly ca: string; readonly cert: string; readonly key: string };
  readonly resolvConf: string;
}

export interface LabPod {
  readonly name: string;
  readonly node: LabNode;
  readonly ip: string;
}

export type Question =
  | { readonly http: string }
  | { readonly udp: readonly [host: string, port: number]; readonly from?: number }
  | { readonly dns: readonly [server: string, name: string, type: string] };

export interface Told {
  readonly value?: unknown;
  readonly error?: string;
}

const GATEWAY = '172.18.0.1';
const CNI = '/usr/lib/cni/ptp';
const HERE = import.meta.dirname;

export class Lab implements AsyncDisposable {
  readonly api: TestApiServer;
  readonly #directory: string;
  readonly #config: AgentOptions['api'];
  readonly #children = new Set<ChildProcess>();
  readonly #agents = new Map<string, ChildProcess>();
  readonly #askers = new Map<string, { lines: AsyncIterator<string>; child: ChildProcess }>();

  private constructor(api: TestApiServer, directory: string, config: AgentOptions['api']) {
    this.api = api;
    this.#directory = directory;
    this.#config = config;
  }

  static async start(directory: string): Promise<Lab> {
    await ipBatch(['link add br0 type bridge', `addr add ${GATEWAY}/16 dev br0`, 'link set br0 up']);
    await writeFile('/proc/sys/net/ipv4/ip_forward', '1');
    const api = await startTestApiServer();
    const names = apiServerNames({ hostname: 'lab', addresses: [GATEWAY], serviceIP: '10.96.0.1' });
    await ensurePki({ directory, apiServerNames: names, clock: systemClock });
    const file = (name: string): Promise<string> => readFile(join(directory, name), 'utf8');
    const [ca, cert, key] = [
      await file('ca.crt'),
      await file('apiserver-kubelet-client.crt'),
      await file('apiserver-kubelet-client.key'),
    ];
    const port = await api.server.listen({
      addresses: [GATEWAY],
      port: 6443,
      advertiseAddress: GATEWAY,
      certificate: await file('apiserver.crt'),
      key: await file('apiserver.key'),
      ca,
      kubeletClient: { certificate: cert, key },
    });
    return new Lab(api, directory, { server: `https://${GATEWAY}:${port}`, ca, cert, key });
  }

  /** A node with its agent, as an object too. */
  async addNode(index: number): Promise<LabNode> {
    const node = { name: `n${index}`, ip: `172.18.0.${index + 1}`, podCIDR: `10.244.${index}.0/24` };
    await run('ip', ['netns', 'add', node.name]);
    await ipBatch([
      `link add v${index} type veth peer name eth0 netns ${node.name}`,
      `link set v${index} master br0 up`,
      `route add ${node.podCIDR} via ${node.ip}`,
    ]);
    const inside = [
      'link set lo up',
      `addr add ${node.ip}/16 dev eth0`,
      'link set eth0 up',
      `route add default via ${GATEWAY}`,
    ];
    await run('ip', ['-n', node.name, '-batch', '-'], { input: inside.map((line) => `${line}\n`).join('') });
    // A machine need not have its bridges filtered; nothing here may rest on it.
    await run('nsenter', [
      `--net=/run/netns/${node.name}`,
      'sh',
      '-c',
      'f=/proc/sys/net/bridge/bridge-nf-call-iptables; [ ! -e $f ] || echo 0 > $f',
    ]);
    const { client } = this.api;
    const made = await client.create(Node, {
      metadata: { name: node.name },
      spec: { podCIDR: node.podCIDR, podCIDRs: [node.podCIDR] },
    });
    const status = {
      conditions: [{ type: 'Ready', status: 'True' }],
      addresses: [{ type: 'InternalIP', address: node.ip }],
    };
    await client.updateStatus(Node, { ...made, status });
    await this.startAgent(node);
    return node;
  }

  async startAgent(node: LabNode): Promise<void> {
    const resolvConf = join(this.#directory, 'resolv.conf');
    await writeFile(resolvConf, `nameserver ${GATEWAY}\n`);
    const config = join(this.#directory, `${node.name}.json`);
    await writeFile(config, JSON.stringify({ node, api: this.#config, resolvConf } satisfies AgentOptions));
    const agent = await this.#spawn(node.name, 'agent.ts', [config]);
    this.#agents.set(node.name, agent);
  }

  async stopAgent(node: LabNode): Promise<void> {
    const agent = this.#agents.get(node.name);
    this.#agents.delete(node.name);
    if (agent !== undefined) await this.#end(agent, 'SIGTERM');
  }

  /** A pod in which `web.ts` answers at `port`; hidden from the API: slices are the test's to write. */
  async addPod(node: LabNode, name: string, port: number): Promise<LabPod> {
    await run('ip', ['netns', 'add', name]);
    await run('ip', ['-n', name, 'link', 'set', 'lo', 'up']);
    const { cniVersion, name: network, plugins } = JSON.parse(cniConflist(node.podCIDR));
    const ipam = { ...plugins[0].ipam, dataDir: join(this.#directory, `ipam-${node.name}`) };
    const result = await run('nsenter', [`--net=/run/netns/${node.name}`, CNI], {
      input: JSON.stringify({ ...plugins[0], ipam, cniVersion, name: network }),
      env: {
        PATH: process.env['PATH'] ?? '',
        CNI_COMMAND: 'ADD',
        CNI_CONTAINERID: name,
        CNI_NETNS: `/run/netns/${name}`,
        CNI_IFNAME: 'eth0',
        CNI_PATH: '/usr/lib/cni',
      },
    });
    const ip = String(JSON.parse(result).ips[0].address).replace(/\/.*/, '');
    await this.#spawn(name, 'web.ts', [name, String(port)]);
    return { name, node, ip };
  }

  /** Asks from the network namespace of a node or pod, or from the machine (undefined). */
  async ask(where: { readonly name: string } | undefined, question: Question): Promise<Told> {
    const key = where?.name ?? '';
    let asker = this.#askers.get(key);
    if (asker === undefined) {
      const child = this.#start(where?.name, 'ask.ts', []);
      asker = { child, lines: linesOf(child)[Symbol.asyncIterator]() };
      this.#askers.set(key, asker);
    }
    asker.child.stdin?.write(`${JSON.stringify(question)}\n`);
    const { value, done } = await asker.lines.next();
    if (done === true) throw new Error(`whoever asks in "${key}" has ended`);
    return JSON.parse(value) as Told;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#children].map((child) => this.#end(child, 'SIGKILL')));
    await this.api[Symbol.asyncDispose]();
  }

  async #spawn(namespace: string, script: string, args: readonly string[]): Promise<ChildProcess> {
    const child = this.#start(namespace, script, args);
    for await (const line of linesOf(child)) if (line === 'ready') return child;
    throw new Error(`${script} in ${namespace} has ended before it was ready`);
  }

  #start(namespace: string | undefined, script: string, args: readonly string[]): ChildProcess {
    const enter = namespace === undefined ? [] : ['nsenter', `--net=/run/netns/${namespace}`];
    const [command = '', ...rest] = [...enter, process.execPath, join(HERE, script), ...args];
    const child = spawn(command, rest, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#children.add(child);
    child.once('exit', () => this.#children.delete(child));
    return child;
  }

  async #end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
    const gone = once(child, 'exit');
    child.kill(signal);
    await gone;
  }
}

function linesOf({ stdout }: ChildProcess): Interface {
  if (stdout === null) throw new Error('a child without standard output');
  return createInterface({ input: stdout });
}
