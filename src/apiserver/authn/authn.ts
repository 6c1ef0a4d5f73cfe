import type { UserInfo } from '../admission/admission.ts';
import type { HttpRequest, Peer } from '../http/context.ts';

/** Undefined: no credentials of its sort. Throws when they are there and wrong. */
export type Authenticator = (request: HttpRequest) => UserInfo | undefined | Promise<UserInfo | undefined>;

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

/** Users by connection, so that a request costs a look-up. */
const users = new WeakMap<Peer, UserInfo>();

/** The user is the common name of the certificate, its groups the organizations. Source: apiserver pkg/authentication/request/x509 v1.36. */
export const clientCertificates: Authenticator = ({ peer }) => {
  if (peer.certificateError !== undefined) throw new Error(`x509: ${peer.certificateError}`);
  if (peer.certificate === undefined) return undefined;
  const known = users.get(peer);
  if (known !== undefined) return known;
  const { commonName, organizations } = peer.certificate;
  if (commonName === '') return undefined;
  const user = { name: commonName, groups: [...organizations, AUTHENTICATED] };
  users.set(peer, user);
  return user;
};

/** Refuses bearer tokens: a token nobody can check must not pass as anonymous. */
export const bearerTokens: Authenticator = ({ headers }) => {
  if (!(headers['authorization'] ?? '').toLowerCase().startsWith('bearer ')) return undefined;
  throw new Error('invalid bearer token');
};
