/** Questions about who somebody is. Source: pkg/registry/authentication v1.36. */
import {
  badRequest,
  formatTime,
  type KubeObject,
  SelfSubjectReview,
  TokenReview,
  type UserInfo as ShownUser,
} from '#api';
import type { Clock } from '#util';
import { messageOf } from '#util';
import type { UserInfo } from '../admission/admission.ts';
import { INVALID_TOKEN, type TokenAuthenticator } from '../authn/authn.ts';
import { aggregate } from '../authz/authz.ts';
import { created, type VirtualResource } from './virtual.ts';

export const authenticationReviews = (
  tokens: TokenAuthenticator,
  apiAudiences: readonly string[],
  clock: Clock,
): readonly VirtualResource[] => [selfReview(clock), tokenReview(tokens, apiAudiences)];

const shown = ({ name, uid = '', groups, extra = {} }: UserInfo): ShownUser => ({
  ...(name === '' ? {} : { username: name }),
  ...(uid === '' ? {} : { uid }),
  ...(groups.length === 0 ? {} : { groups: [...groups] }),
  ...(Object.keys(extra).length === 0
    ? {}
    : { extra: Object.fromEntries(Object.entries(extra).map(([key, values]) => [key, [...values]])) }),
});

const selfReview = (clock: Clock): VirtualResource => ({
  kind: SelfSubjectReview,
  create({ apiVersion, kind }, { user }) {
    const metadata = { creationTimestamp: formatTime(clock.now()) } as KubeObject['metadata'];
    const review: SelfSubjectReview = { apiVersion, kind, metadata, status: { userInfo: shown(user) } };
    return created(SelfSubjectReview, review);
  },
});

const tokenReview = (tokens: TokenAuthenticator, apiAudiences: readonly string[]): VirtualResource => ({
  kind: TokenReview,
  async create(object) {
    const review = object as TokenReview;
    const { token, audiences = [] } = review.spec as Partial<TokenReview['spec']>;
    if (token === undefined || token === '') throw badRequest('token is required for TokenReview in authentication');
    const wanted = audiences.length > 0 ? audiences : apiAudiences;
    review.status = await answer(tokens, bearerToken(token), wanted);
    return created(TokenReview, review);
  },
});

/** Upstream asks as if the token stood in a header, where what is behind a space is not part of it. */
const bearerToken = (token: string): string => `Bearer ${token}`.trim().split(' ')[1] ?? '';

async function answer(
  tokens: TokenAuthenticator,
  token: string,
  wanted: readonly string[],
): Promise<NonNullable<TokenReview['status']>> {
  if (token === '') return { user: {} };
  try {
    const found = await tokens.authenticateToken(token, wanted);
    if (found === undefined) return { user: {}, error: INVALID_TOKEN };
    return { authenticated: true, user: shown(found.user), audiences: [...found.audiences] };
  } catch (error) {
    // The first of upstream's token authenticators, which knows its own token only, always has this to say.
    return { user: {}, error: aggregate([INVALID_TOKEN, messageOf(error)]) };
  }
}
