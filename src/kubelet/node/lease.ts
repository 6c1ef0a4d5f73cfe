import { Lease, StatusError } from '#api';
import type { Client } from '#client';
import { backoffMs, type Clock, type Logger, messageOf, sleep } from '#util';
import { microTimeText } from '../text.ts';

/** Source: defaults of nodeLeaseDurationSeconds and its renewal (a quarter of it), component-helpers/apimachinery/lease v0.36. */
const NAMESPACE = 'kube-node-lease';
const DURATION_SECONDS = 40;
const RENEW_MS = 10_000;
const RETRY = { baseMs: 200, maxMs: 7000 };

export interface LeaseOptions {
  client: Client;
  clock: Clock;
  random: () => number;
  log: Logger;
  nodeName: string;
  /** Uid of the Node, which owns the lease; undefined: not registered yet. */
  nodeUid: () => string | undefined;
}

/** Renews the node's lease until the signal aborts: by it the control plane knows that the node lives. */
export async function keepLease(options: LeaseOptions, { signal }: { signal: AbortSignal }): Promise<void> {
  const { client, clock, random, log, nodeName } = options;
  let lease: Lease | undefined;

  async function renew(): Promise<void> {
    const uid = options.nodeUid();
    const owner =
      uid === undefined ? {} : { ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: nodeName, uid }] };
    const spec = {
      holderIdentity: nodeName,
      leaseDurationSeconds: DURATION_SECONDS,
      renewTime: microTimeText(clock.now()),
    };
    lease ??= await existing();
    lease =
      lease === undefined
        ? await client.create(Lease, { metadata: { name: nodeName, namespace: NAMESPACE, ...owner }, spec }, { signal })
        : await client.update(
            Lease,
            { ...lease, metadata: { ...lease.metadata, ...owner }, spec: { ...lease.spec, ...spec } },
            { signal },
          );
  }

  async function existing(): Promise<Lease | undefined> {
    try {
      return await client.get(Lease, { namespace: NAMESPACE, name: nodeName }, { signal });
    } catch (error) {
      if (StatusError.is(error, 'NotFound')) return undefined;
      throw error;
    }
  }

  for (let failures = 0; !signal.aborted;) {
    let delayMs = RENEW_MS * (1 + 0.04 * random());
    try {
      await renew();
      failures = 0;
    } catch (error) {
      if (signal.aborted) return;
      lease = undefined; // changed by another, or gone: it is read again
      delayMs = backoffMs(failures++, RETRY);
      log.warn('node lease could not be renewed', { error: messageOf(error) });
    }
    await sleep(clock, delayMs, { signal }).catch(() => {}); // aborted: the loop ends
  }
}
