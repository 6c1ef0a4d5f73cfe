import { Agent, request } from 'node:https';
import { errorCode } from '#linux';
import { type Clock, messageOf, sleep } from '#util';
import type { KeyPair } from './pki/certificate.ts';

/** Where the API server is and who asks. */
export interface ApiAccess {
  /** As `https://127.0.0.1:6443`. */
  readonly server: string;
  /** PEM. */
  readonly caCertificate: string;
  readonly client: KeyPair;
}

export interface WaitOptions {
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Asked between two tries; rejects to give up early, since what is waited for cannot come any more. */
  readonly stillPossible?: () => Promise<void>;
}

/** How `up` finds out that the cluster works. */
export interface Readiness {
  apiServer(access: ApiAccess, options: WaitOptions): Promise<void>;
  /** All of these nodes are registered and Ready. */
  nodes(access: ApiAccess, names: readonly string[], options: WaitOptions): Promise<void>;
}

const TRY_TIMEOUT_MS = 5_000;
const API_PERIOD_MS = 25;
const NODES_PERIOD_MS = 100;

function get(access: ApiAccess, agent: Agent, path: string): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const outgoing = request(new URL(path, access.server), { agent, timeout: TRY_TIMEOUT_MS }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() }));
      response.on('error', reject);
    });
    outgoing.on('timeout', () => outgoing.destroy(new Error('no answer')));
    outgoing.on('error', reject);
    outgoing.end();
  });
}

/** Tries until `attempt` returns undefined; what it returns or throws else is the reason the error gives in the end. */
async function until(
  what: string,
  periodMs: number,
  options: WaitOptions,
  attempt: () => Promise<string | undefined>,
): Promise<void> {
  const { clock, timeoutMs, signal, stillPossible } = options;
  const end = clock.monotonic() + timeoutMs;
  for (;;) {
    let reason: string | undefined;
    try {
      reason = await attempt();
    } catch (error) {
      reason = errorCode(error) === undefined ? messageOf(error) : `${errorCode(error)}: ${messageOf(error)}`;
    }
    if (reason === undefined) return;
    await stillPossible?.();
    if (clock.monotonic() >= end) throw new Error(`${what} after ${timeoutMs / 1000} s: ${reason}`);
    await sleep(clock, periodMs, { ...(signal && { signal }) });
  }
}

function newAgent({ caCertificate, client }: ApiAccess): Agent {
  return new Agent({ ca: caCertificate, cert: client.certificate, key: client.key, keepAlive: true, maxSockets: 1 });
}

interface NodeListJson {
  items?: {
    metadata?: { name?: string };
    status?: { conditions?: { type?: string; status?: string; message?: string }[] };
  }[];
}

/** Names of the nodes that are not Ready, with what they say about it. */
export function notReady(list: NodeListJson, names: readonly string[]): string[] {
  return names.flatMap((name) => {
    const node = (list.items ?? []).find((item) => item.metadata?.name === name);
    if (node === undefined) return [`${name} is not registered`];
    const ready = (node.status?.conditions ?? []).find((condition) => condition.type === 'Ready');
    return ready?.status === 'True' ? [] : [`${name} is not Ready${ready?.message ? ` (${ready.message})` : ''}`];
  });
}

/** Waits until the API server says in its metrics that it uses the encryption configuration of that hash. */
export async function untilEncryptionTaken(access: ApiAccess, hash: string, options: WaitOptions): Promise<void> {
  const agent = newAgent(access);
  try {
    await until('the API server has not taken the encryption configuration', API_PERIOD_MS, options, async () => {
      const { status, body } = await get(access, agent, '/metrics');
      if (status !== 200) return `${status} ${body.slice(0, 500)}`;
      const line = body.split('\n').find((one) => one.startsWith(ENCRYPTION_INFO));
      if (line === undefined) return 'it was started without one';
      return line.includes(`hash="${hash}"`) ? undefined : 'it uses another one; its log says why';
    });
  } finally {
    agent.destroy();
  }
}

const ENCRYPTION_INFO = 'apiserver_encryption_config_controller_last_config_info{';

/** Asks the API server over HTTPS: `/readyz`, then the list of nodes. */
export const httpsReadiness: Readiness = {
  async apiServer(access, options) {
    const agent = newAgent(access);
    try {
      await until('the API server is not ready', API_PERIOD_MS, options, async () => {
        const { status, body } = await get(access, agent, '/readyz');
        return status === 200 ? undefined : `${status} ${body.slice(0, 500)}`;
      });
    } finally {
      agent.destroy();
    }
  },
  async nodes(access, names, options) {
    const agent = newAgent(access);
    try {
      await until('nodes are not ready', NODES_PERIOD_MS, options, async () => {
        const { status, body } = await get(access, agent, '/api/v1/nodes');
        if (status !== 200) return `${status} ${body.slice(0, 500)}`;
        const missing = notReady(JSON.parse(body), names);
        return missing.length === 0 ? undefined : missing.join(', ');
      });
    } finally {
      agent.destroy();
    }
  },
};
