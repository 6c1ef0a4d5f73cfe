import { compactVerify, decodeProtectedHeader } from 'jose';
import type { Clock } from '#util';
import { LruMap } from '#util';
import type { UserInfo } from '../admission/admission.ts';
import type { TokenAuthenticator, TokenUser } from '../authn/authn.ts';
import { serviceAccountUser } from '../authn/service-account-user.ts';
import { listText } from '../authz/rbac/rules.ts';
import { type Claims, ISSUER, LEGACY_ISSUER } from './claims.ts';
import type { VerificationKey } from './keys.ts';
import { validateBound, validateLegacy, type ValidationContext } from './validate.ts';

/** Tokens whose signature need not be looked at again. */
const VERIFIED = 4096;
/** Nobody's token is longer; what is would only cost. */
const MAX_TOKEN_BYTES = 16 * 1024;

interface Verified {
  readonly claims: Claims;
  /** One object for all requests: what is known of a user hangs on it. */
  readonly user: UserInfo;
}

export interface ServiceAccountTokenOptions {
  readonly keys: readonly VerificationKey[];
  readonly apiAudiences: readonly string[];
  readonly resource: ValidationContext['resource'];
  readonly noteUse: ValidationContext['noteUse'];
  readonly clock: Clock;
}

/**
 * Knows tokens of service accounts. A signature is verified once; whether account, pod, secret and time still are as the token says is looked up with
 * each request, so a token ends with what it hangs on. Source: pkg/serviceaccount/jwt.go v1.36.
 */
export class ServiceAccountTokens implements TokenAuthenticator {
  readonly #options: ServiceAccountTokenOptions;
  readonly #verified = new LruMap<string, Verified>(VERIFIED);

  constructor(options: ServiceAccountTokenOptions) {
    this.#options = options;
  }

  async authenticateToken(token: string, wanted: readonly string[]): Promise<TokenUser | undefined> {
    let known = this.#verified.get(token);
    if (known === undefined) {
      if (!isOurs(token)) return undefined;
      known = await this.#verify(token);
      this.#verified.set(token, known);
    }
    const { claims, user } = known;
    const { apiAudiences, resource, noteUse, clock } = this.#options;
    const meant = claims.aud ?? apiAudiences;
    const audiences = meant.filter((audience) => wanted.includes(audience));
    if (audiences.length === 0)
      throw new Error(`token audiences ${listText(meant)} is invalid for the target audiences ${listText(wanted)}`);
    const context = { resource, noteUse, nowMs: clock.now(), token };
    if (claims.iss === LEGACY_ISSUER) validateLegacy(claims, context);
    else validateBound(claims, context);
    return { user, audiences };
  }

  async #verify(token: string): Promise<Verified> {
    const { kid, alg } = decodeProtectedHeader(token);
    const keys = this.#options.keys.filter(({ id }) => kid === undefined || kid === id);
    if (keys.length === 0) throw new Error('invalid signature, no keys found');
    for (const { key, algorithm } of keys) {
      if (alg !== algorithm) continue;
      try {
        const { payload } = await compactVerify(token, key, { algorithms: [algorithm] });
        const claims = JSON.parse(new TextDecoder().decode(payload)) as Claims;
        return { claims, user: userOf(claims) };
      } catch {
        // not by this key
      }
    }
    // Source: ErrCryptoFailure of go-jose v4, which upstream passes on.
    throw new Error('go-jose/go-jose: error in cryptographic primitive');
  }
}

/** Whether it looks like one of ours; nothing in it may be believed yet. */
function isOurs(token: string): boolean {
  if (token.length > MAX_TOKEN_BYTES) return false;
  const parts = token.split('.');
  if (parts.length !== 3) return false;
  try {
    const claims = JSON.parse(Buffer.from(parts[1]!, 'base64url').toString()) as { iss?: unknown } | null;
    decodeProtectedHeader(token);
    return claims?.iss === ISSUER || claims?.iss === LEGACY_ISSUER;
  } catch {
    return false; // somebody else's, or none
  }
}

/** Source: ServiceAccountInfo.UserInfo of apiserver pkg/authentication/serviceaccount/util.go v1.36. */
function userOf(claims: Claims): UserInfo {
  const bound = claims['kubernetes.io'];
  const namespace = bound?.namespace ?? claims['kubernetes.io/serviceaccount/namespace'] ?? '';
  const name = bound?.serviceaccount?.name ?? claims['kubernetes.io/serviceaccount/service-account.name'] ?? '';
  const uid = bound?.serviceaccount?.uid ?? claims['kubernetes.io/serviceaccount/service-account.uid'];
  const { pod, node } = bound ?? {};
  const extra: Record<string, readonly string[]> = {};
  const add = (key: string, value: string | undefined): void => {
    if (value !== undefined) extra[`authentication.kubernetes.io/${key}`] = [value];
  };
  add('credential-id', claims.jti === undefined ? undefined : `JTI=${claims.jti}`);
  add('node-name', node?.name);
  add('node-uid', node?.uid);
  add('pod-name', pod?.name);
  add('pod-uid', pod?.uid);
  const user = { ...serviceAccountUser(namespace, name), uid };
  return Object.keys(extra).length === 0 ? user : { ...user, extra };
}
