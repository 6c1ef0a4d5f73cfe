import { type Pod, ServiceAccount, StatusError } from '#api';
import type { Client } from '#client';
import { type Clock, messageOf } from '#util';
import type { TokenRequest } from './content.ts';

interface Token {
  readonly text: string;
  readonly refreshAtMs: number;
}

/** Share of its lifetime after which a token is replaced, and the longest it is used. Source: pkg/kubelet/token/token_manager.go v1.36. */
const REFRESH_SHARE = 0.8;
const MAX_USE_MS = 24 * 3600 * 1000;

/** Service account tokens for the pods of the node, bound to them, replaced before they expire. */
export interface TokenSource {
  get(pod: Pod, request: TokenRequest, options: { signal: AbortSignal }): Promise<string>;
  /** When the first of a pod's tokens must be replaced, milliseconds since the epoch. */
  nextRefreshMs(podUid: string): number | undefined;
  forget(podUid: string): void;
}

export function newTokenSource({ client, clock }: { client: Client; clock: Clock }): TokenSource {
  const tokens = new Map<string, Map<string, Token>>();
  /** Requests under way, so that who asks meanwhile waits for the same. */
  const pending = new Map<string, Promise<Token>>();

  async function fetch(pod: Pod, { audience, expirationSeconds }: TokenRequest, signal: AbortSignal): Promise<Token> {
    const { uid, name, namespace } = pod.metadata;
    const body = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      metadata: {},
      spec: {
        audiences: audience === '' ? [] : [audience],
        expirationSeconds,
        boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name, uid },
      },
    };
    const account = { namespace, name: pod.spec.serviceAccountName ?? 'default' };
    const answer = await client.createSubresource(ServiceAccount, account, 'token', body, { signal });
    const { status } = answer as { status: { token: string; expirationTimestamp: string } };
    const now = clock.now();
    const lifetimeMs = Date.parse(status.expirationTimestamp) - now;
    return { text: status.token, refreshAtMs: now + Math.min(MAX_USE_MS, REFRESH_SHARE * lifetimeMs) };
  }

  return {
    async get(pod, request, { signal }) {
      const { uid } = pod.metadata;
      const own = tokens.get(uid) ?? new Map<string, Token>();
      tokens.set(uid, own);
      const key = `${request.audience}/${request.expirationSeconds}`;
      const known = own.get(key);
      if (known !== undefined && known.refreshAtMs > clock.now()) return known.text;
      const place = `${uid}/${key}`;
      let fetching = pending.get(place);
      if (fetching === undefined) {
        fetching = fetch(pod, request, signal).finally(() => pending.delete(place));
        pending.set(place, fetching);
      }
      try {
        const token = await fetching;
        own.set(key, token);
        return token.text;
      } catch (error) {
        signal.throwIfAborted();
        if (known !== undefined && !StatusError.is(error, 'NotFound')) return known.text; // still valid for a while
        throw new Error(`failed to fetch token: ${messageOf(error)}`, { cause: error });
      }
    },
    nextRefreshMs(podUid) {
      const times = [...(tokens.get(podUid)?.values() ?? [])].map(({ refreshAtMs }) => refreshAtMs);
      return times.length === 0 ? undefined : Math.min(...times);
    },
    forget: (podUid) => void tokens.delete(podUid),
  };
}
