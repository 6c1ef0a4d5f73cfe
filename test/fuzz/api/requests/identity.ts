/** Who a request comes from: certificates, tokens real and made up, and those who act as others. */
import type { Random } from '../random.ts';
import { GROUPS, SOMEBODY } from '../corpus/access.ts';
import { mutateText } from '../mutate/bytes.ts';
import { signedToken, TOKEN } from '../server/live.ts';
import type { FuzzRequest } from '../request.ts';

type Identity = Pick<FuzzRequest, 'user' | 'headers' | 'repeated'>;

const USERS = [
  SOMEBODY,
  'system:anonymous',
  'system:admin',
  'system:node:web',
  'system:node:',
  'system:serviceaccount:default:default',
  'system:serviceaccount:default:',
  'system:serviceaccount:a:b:c',
  'system:kube-scheduler',
  '',
  '*',
  '__proto__',
  '\u00e9\u00ff',
  'x'.repeat(3000),
];

/** Names of extra fields, as they stand in a header's name. */
const EXTRAS = [
  'x',
  '',
  '__proto__',
  'constructor',
  'tostring',
  'example.com%2fa',
  'authentication.kubernetes.io%2fnode-name',
  '%',
  '%ff',
  'x'.repeat(300),
];

const segment = (text: string): string => Buffer.from(text).toString('base64url');
const jwt = (header: string, claims: string, signature = 'eA'): string =>
  `${segment(header)}.${segment(claims)}.${signature}`;

const ISSUER = 'https://kubernetes.default.svc.cluster.local';
const LEGACY_ISSUER = 'kubernetes/serviceaccount';
const ACCOUNT = { namespace: 'default', serviceaccount: { name: 'default', uid: 'x' } };
/** Claims as they are and as they must not be; signed by the server's own key they get further than any forgery. */
const CLAIMS: readonly string[] = [
  ...[
    {
      iss: ISSUER,
      aud: [ISSUER],
      exp: 4_000_000_000,
      iat: 1,
      nbf: 1,
      sub: 'system:serviceaccount:default:default',
      'kubernetes.io': ACCOUNT,
    },
    { iss: ISSUER, aud: [ISSUER], exp: 1, iat: 1, 'kubernetes.io': ACCOUNT },
    { iss: ISSUER, aud: [ISSUER], exp: 4_000_000_000, nbf: 3_999_999_999, 'kubernetes.io': ACCOUNT },
    { iss: ISSUER, aud: ISSUER, exp: 'x', 'kubernetes.io': null },
    { iss: ISSUER, aud: 5, 'kubernetes.io': [] },
    { iss: ISSUER, aud: [null, {}], sub: { a: 1 } },
    { iss: ISSUER, 'kubernetes.io': { namespace: 'default', serviceaccount: null, pod: 5 } },
    {
      iss: ISSUER,
      'kubernetes.io': {
        ...ACCOUNT,
        pod: { name: 'web', uid: 'x' },
        node: { name: 'web' },
        secret: { name: 'web' },
        warnafter: 'x',
      },
    },
    { iss: LEGACY_ISSUER, sub: 'x' },
    {
      iss: LEGACY_ISSUER,
      'kubernetes.io/serviceaccount/namespace': 'default',
      'kubernetes.io/serviceaccount/service-account.name': 'default',
    },
    { iss: LEGACY_ISSUER, 'kubernetes.io/serviceaccount/namespace': 1, 'kubernetes.io/serviceaccount/secret.name': {} },
    {},
  ].map((claims) => JSON.stringify(claims)),
  'null',
  '[]',
  '"x"',
  '{',
  `{"iss":"${ISSUER}","exp":1e400}`,
  `{"iss":"${ISSUER}","__proto__":{"a":1},"aud":["${ISSUER}"]}`,
  `{"iss":"${ISSUER}","a":${'['.repeat(3000)}${']'.repeat(3000)}}`,
];
const HEADERS = [
  '{"alg":"none"}',
  '{"alg":"HS256"}',
  '{"alg":"ES256","kid":"x"}',
  '{"alg":"ES256","crit":["x"],"x":1}',
  '{"alg":5}',
  'null',
  '{',
  '{"alg":"ES256","b64":false,"crit":["b64"]}',
  '{"alg":"RS256","jku":"https://127.0.0.1:1/","x5u":"x"}',
];

/** A bearer token, without the word before it. */
export function tokenOf(random: Random): string {
  switch (random.below(8)) {
    case 0:
    case 1:
      return TOKEN;
    case 2:
    case 3:
      return signedToken(random.pick(CLAIMS));
    case 4:
      return jwt(random.pick(HEADERS), random.pick(CLAIMS));
    case 5:
      return mutateText(jwt('{"alg":"ES256"}', random.pick(CLAIMS), 'A'.repeat(86)), random);
    case 6:
      return random.pick([
        'x',
        'a.b.c',
        '..',
        'a.b.c.d',
        '.'.repeat(500),
        'x'.repeat(20_000),
        `${'eyJ9'.repeat(6000)}..`,
        '07401b.f395accd246ae52d',
      ]);
    default:
      return mutateText(TOKEN, random);
  }
}

function authorizationOf(random: Random): string {
  const scheme = random.pick(['Bearer', 'Bearer', 'Bearer', 'bearer', 'BEARER', 'Basic', 'Digest', '']);
  return `${scheme}${random.pick([' ', ' ', ' ', '  ', ''])}${tokenOf(random)}`;
}

function impersonation(random: Random): Pick<Identity, 'headers' | 'repeated'> {
  const headers: Record<string, string> = {};
  const repeated: [string, string][] = [];
  if (random.chance(0.85)) headers['impersonate-user'] = random.pick(USERS);
  if (random.chance(0.2)) headers['impersonate-uid'] = random.pick(['x', '', 'LIVE.uid.']);
  for (let left = random.pick([0, 0, 1, 2, 6]); left > 0; left--)
    repeated.push(['impersonate-group', random.pick(GROUPS)]);
  if (random.chance(0.01)) for (let i = 0; i < 300; i++) repeated.push(['impersonate-group', `g${i}`]);
  for (let left = random.pick([0, 0, 1, 2, 6]); left > 0; left--)
    repeated.push([`impersonate-extra-${random.pick(EXTRAS)}`, random.pick(['a', '', '\u00ff', '__proto__'])]);
  return { headers, repeated };
}

export function identityOf(random: Random): Identity {
  if (random.chance(0.88)) return { user: 'kubernetes-admin', headers: {} };
  switch (random.below(6)) {
    case 0:
      return { user: undefined, headers: {} };
    case 1:
      return { user: SOMEBODY, headers: {} };
    case 2:
    case 3:
      return { user: random.chance(0.8) ? undefined : SOMEBODY, headers: { authorization: authorizationOf(random) } };
    default:
      return { user: random.chance(0.7) ? 'kubernetes-admin' : SOMEBODY, ...impersonation(random) };
  }
}
