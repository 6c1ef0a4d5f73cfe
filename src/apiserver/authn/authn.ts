import type { UserInfo } from '../admission/admission.ts';
import type { Headers, HttpRequest, Peer } from '../http/context.ts';

export interface Authenticated {
  readonly user: UserInfo;
  /** Those of the request without what was told in confidence; absent: there was nothing. */
  readonly headers?: Headers;
}

/**
 * Undefined: no credentials of its sort. Throws when they are there and wrong. Others (webhook, OpenID Connect, bootstrap tokens) take their place in the
 * same line, or, as a {@link TokenAuthenticator}, among those who know tokens.
 */
export type Authenticator = (request: HttpRequest) => Authenticated | undefined | Promise<Authenticated | undefined>;

export interface TokenUser {
  readonly user: UserInfo;
  /** Those of the wanted audiences the token is meant for. */
  readonly audiences: readonly string[];
}

/** Says whose token it is. Undefined: not one of its sort. Throws when it is and does not count. */
export interface TokenAuthenticator {
  authenticateToken(token: string, audiences: readonly string[]): Promise<TokenUser | undefined>;
}

const AUTHENTICATED = 'system:authenticated';
/** What upstream says of a token nobody knows. */
export const INVALID_TOKEN = 'invalid bearer token';

/** Users by connection, so that a request costs a look-up. */
const users = new WeakMap<Peer, Authenticated>();

/** The user is the common name of the certificate, its groups the organizations. Source: apiserver pkg/authentication/request/x509 v1.36. */
export const clientCertificates: Authenticator = ({ peer }) => {
  if (peer.certificateError !== undefined) throw new Error(`x509: ${peer.certificateError}`);
  if (peer.certificate === undefined) return undefined;
  const known = users.get(peer);
  if (known !== undefined) return known;
  const { commonName, organizations } = peer.certificate;
  if (commonName === '') return undefined;
  const user = { user: { name: commonName, groups: [...organizations, AUTHENTICATED] } };
  users.set(peer, user);
  return user;
};

/** Source: apiserver pkg/authentication/request/bearertoken v1.36. */
export const bearerTokens =
  (tokens: TokenAuthenticator, audiences: readonly string[]): Authenticator =>
  async ({ headers }) => {
    const [scheme = '', token = ''] = (headers['authorization'] ?? '').trim().split(' ');
    if (scheme.toLowerCase() !== 'bearer' || token === '') return undefined;
    const found = await tokens.authenticateToken(token, audiences);
    if (found === undefined) throw new Error(INVALID_TOKEN);
    const { authorization: _, ...rest } = headers;
    return { user: found.user, headers: rest };
  };

const PROTOCOL_HEADER = 'sec-websocket-protocol';
const PROTOCOL_PREFIX = 'base64url.bearer.authorization.k8s.io.';

/** Browsers, which cannot set headers of a WebSocket, send the token as a sub-protocol. Source: pkg/authentication/request/websocket/protocol.go v1.36. */
export const webSocketTokens =
  (tokens: TokenAuthenticator, audiences: readonly string[]): Authenticator =>
  async ({ headers }) => {
    const offered = headers[PROTOCOL_HEADER];
    if (offered === undefined || (headers['upgrade'] ?? '').toLowerCase() !== 'websocket') return undefined;
    const protocols = offered.split(',').map((protocol) => protocol.trim());
    const carriers = protocols.filter((protocol) => protocol.startsWith(PROTOCOL_PREFIX));
    if (carriers.length === 0) return undefined;
    if (carriers.length > 1) throw new Error('multiple base64.bearer.authorization tokens specified');
    const token = decoded(carriers[0]!.slice(PROTOCOL_PREFIX.length));
    if (token === '') return undefined;
    const others = protocols.filter((protocol) => !protocol.startsWith(PROTOCOL_PREFIX));
    if (others.length === 0) throw new Error('missing additional subprotocol');
    const found = await tokens.authenticateToken(token, audiences);
    if (found === undefined) throw new Error(INVALID_TOKEN);
    return { user: found.user, headers: { ...headers, [PROTOCOL_HEADER]: others.join(',') } };
  };

function decoded(text: string): string {
  if (!/^[\w-]*$/.test(text)) throw new Error('invalid base64.bearer.authorization token encoding');
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(text, 'base64url'));
  } catch (cause) {
    throw new Error('invalid base64.bearer.authorization token', { cause });
  }
}
