import { Secret, type Transport } from '#api';
import type { Clock, Logger } from '#util';

const LAST_USED = 'kubernetes.io/legacy-token-last-used';
const DAY_MS = 24 * 3600 * 1000;

export interface UseNotesOptions {
  /** As the server itself. */
  readonly transport: () => Transport;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Notes on a secret the day on which the token in it was last used, once a day: who cleans up wants to know. Nobody waits for it.
 * Source: patchSecretWithLastUsedDate of pkg/serviceaccount/legacy.go v1.36.
 */
export function newUseNotes({ transport, clock, log }: UseNotesOptions): (secret: Secret) => void {
  const underWay = new Set<string>();
  const note = async ({ metadata: { name, namespace, uid } }: Secret, day: string): Promise<void> => {
    const body = { metadata: { uid, labels: { [LAST_USED]: day } } };
    const patchType = 'application/merge-patch+json';
    try {
      await transport().request({ verb: 'patch', kind: Secret, namespace, name, patchType, body });
    } catch (error) {
      log.warn('Use of a token was not noted', { namespace, name, error });
    } finally {
      underWay.delete(uid);
    }
  };
  return (secret) => {
    const { labels, uid } = secret.metadata;
    const dayOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10);
    const today = dayOf(clock.now());
    const known = labels?.[LAST_USED];
    // Another server's clock may be a little ahead.
    if (known === today || known === dayOf(clock.now() + DAY_MS) || underWay.has(uid)) return;
    underWay.add(uid);
    void note(secret, today);
  };
}
