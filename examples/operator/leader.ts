import { ApiException, CoordinationV1Api, type KubeConfig, V1MicroTime } from '@kubernetes/client-node';

export interface LeaseOptions {
  readonly name: string;
  readonly namespace: string;
  readonly identity: string;
  readonly durationSeconds: number;
}

export function codeOf(error: unknown): number | undefined {
  return error instanceof ApiException ? error.code : undefined;
}

/**
 * Takes or renews the lease and tells whether it is ours. Another's is taken once it has not changed for its duration by our own clock, since those of
 * two machines differ; of two that try at once the resource version lets one win.
 */
export function newElection(kubeConfig: KubeConfig, options: LeaseOptions): () => Promise<boolean> {
  const { name, namespace, identity, durationSeconds } = options;
  const leases = kubeConfig.makeApiClient(CoordinationV1Api);
  let seen: { version: string | undefined; at: number } = { version: undefined, at: 0 };

  async function write(): Promise<boolean> {
    const now = new V1MicroTime();
    const spec = { holderIdentity: identity, leaseDurationSeconds: durationSeconds, renewTime: now };
    const lease = await leases.readNamespacedLease({ name, namespace }).catch((error: unknown) => {
      if (codeOf(error) !== 404) throw error;
      return undefined;
    });
    if (lease === undefined) {
      const body = { metadata: { name }, spec: { ...spec, acquireTime: now, leaseTransitions: 0 } };
      await leases.createNamespacedLease({ namespace, body });
      return true;
    }
    const version = lease.metadata?.resourceVersion;
    if (version !== seen.version) seen = { version, at: performance.now() };
    const mine = lease.spec?.holderIdentity === identity;
    if (!mine && performance.now() - seen.at < durationSeconds * 1000) return false;
    const changed = mine ? {} : { acquireTime: now, leaseTransitions: (lease.spec?.leaseTransitions ?? 0) + 1 };
    Object.assign((lease.spec ??= {}), spec, changed);
    await leases.replaceNamespacedLease({ name, namespace, body: lease });
    return true;
  }

  return async () => {
    try {
      return await write();
    } catch (error) {
      if (codeOf(error) === 409) return false;
      throw error;
    }
  };
}
