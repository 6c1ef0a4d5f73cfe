import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLocalJWKSet, decodeJwt, decodeProtectedHeader, type JSONWebKeySet, jwtVerify } from 'jose';
import { Node, Pod, RoleBinding, Secret, ServiceAccount, type TokenRequest, TokenReview } from '#api';
import type { TestApiServer } from '#testing';
import { FakeClock } from '#util';
import { askH1, authority, type HttpsServer, type Json, startHttpsServer } from '../testdata/https.ts';
import { podDraft, refused, startServer } from '../testdata/objects.ts';
import { newSecretTokenSigner } from './signer.ts';
import { temporaryKey } from './keys.ts';

const ISSUER = 'https://kubernetes.default.svc.cluster.local';
const AT = { namespace: 'default', name: 'default' };

async function request({ client }: TestApiServer, spec: object = {}, metadata: object = {}): Promise<TokenRequest> {
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', metadata, spec };
  return (await client.createSubresource(ServiceAccount, AT, 'token', body)) as TokenRequest;
}

async function review({ client }: TestApiServer, token: string, audiences?: string[]): Promise<TokenReview['status']> {
  const spec = { token, ...(audiences === undefined ? {} : { audiences }) };
  return (await client.create(TokenReview, { metadata: {}, spec })).status;
}

const claimsOf = ({ status }: TokenRequest): Json => decodeJwt(status.token!);

test('a token says whose it is, for whom, and until when', async () => {
  const clock = new FakeClock(Date.parse('2026-01-01T00:00:00Z'));
  await using t = await startServer({ clock });
  const answer = await request(t, { expirationSeconds: 1200 });
  assert.equal(answer.kind, 'TokenRequest');
  assert.equal(answer.status.expirationTimestamp, '2026-01-01T00:20:00Z');
  assert.deepEqual(answer.spec, { audiences: [ISSUER], expirationSeconds: 1200 });
  const { uid } = (await t.client.get(ServiceAccount, AT)).metadata;
  const { jti, ...claims } = claimsOf(answer);
  assert.match(jti, /^[0-9a-f-]{36}$/);
  const nowS = clock.now() / 1000;
  assert.deepEqual(claims, {
    aud: [ISSUER],
    exp: nowS + 1200,
    iat: nowS,
    iss: ISSUER,
    'kubernetes.io': { namespace: 'default', serviceaccount: { name: 'default', uid } },
    nbf: nowS,
    sub: 'system:serviceaccount:default:default',
  });
  assert.equal(decodeProtectedHeader(answer.status.token!).alg, 'ES256');
  assert.deepEqual(await review(t, answer.status.token!), {
    authenticated: true,
    user: {
      username: 'system:serviceaccount:default:default',
      uid,
      groups: ['system:serviceaccounts', 'system:serviceaccounts:default', 'system:authenticated'],
      extra: { 'authentication.kubernetes.io/credential-id': [`JTI=${jti}`] },
    },
    audiences: [ISSUER],
  });
});

test('what a token cannot be is refused in upstream’s words', async () => {
  await using t = await startServer();
  const invalid = (text: string): string => `TokenRequest.authentication.k8s.io "" is invalid: ${text}`;
  await refused(
    request(t, { expirationSeconds: 599 }),
    'Invalid',
    invalid('spec.expirationSeconds: Invalid value: 599: may not specify a duration less than 10 minutes'),
  );
  await refused(
    request(t, { expirationSeconds: 2 ** 32 + 1 }),
    'Invalid',
    invalid('spec.expirationSeconds: Invalid value: 4294967297: may not specify a duration larger than 2^32 seconds'),
  );
  await refused(
    request(t, {}, { name: 'other' }),
    'Invalid',
    'TokenRequest.authentication.k8s.io "default" is invalid: metadata.name: Invalid value: "other": must match the service account name if specified',
  );
  const { uid } = (await t.client.get(ServiceAccount, { namespace: 'default', name: 'default' })).metadata;
  await refused(
    request(t, {}, { uid: 'other' }),
    'Conflict',
    `Operation cannot be fulfilled on TokenRequest.authentication.k8s.io "default": the UID in the token request (other) does not match the UID of the service account (${uid})`,
  );
  assert.equal((await request(t, {})).metadata.uid, uid);
  const bind = (boundObjectRef: object): Promise<TokenRequest> => request(t, { boundObjectRef });
  await refused(bind({ apiVersion: 'v1', kind: 'Pod', name: 'none' }), 'NotFound', 'pods "none" not found');
  await refused(
    bind({ apiVersion: 'v1', kind: 'ConfigMap', name: 'x' }),
    'BadRequest',
    'cannot bind token to object of type /v1, Kind=ConfigMap',
  );
  await t.client.create(ServiceAccount, { metadata: { name: 'other', namespace: 'default' } });
  await t.client.create(Pod, podDraft('other', { serviceAccountName: 'other' }));
  await refused(
    bind({ apiVersion: 'v1', kind: 'Pod', name: 'other' }),
    'BadRequest',
    'cannot bind token for serviceaccount "default" to pod running with different serviceaccount name.',
  );
  await t.client.create(Pod, podDraft('mine'));
  await refused(
    bind({ apiVersion: 'v1', kind: 'Pod', name: 'mine', uid: 'x' }),
    'Conflict',
    'Operation cannot be fulfilled on Pod "mine": the UID in the bound object reference (x) does not match the UID in record. The object might have been deleted and then recreated',
  );
});

test('a token bound to a pod tells of pod and node, lasts a year, and ends with the pod', async () => {
  const clock = new FakeClock(Date.parse('2026-01-01T00:00:00Z'));
  await using t = await startServer({ clock });
  const node = await t.client.create(Node, { metadata: { name: 'n' }, spec: {} });
  const pod = await t.client.create(Pod, podDraft('p', { nodeName: 'n' }));
  const answer = await request(t, {
    expirationSeconds: 3607,
    boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: 'p', uid: pod.metadata.uid },
  });
  const token = answer.status.token!;
  const claims = claimsOf(answer);
  assert.equal(claims.exp - claims.iat, 365 * 24 * 3600);
  assert.equal(claims['kubernetes.io'].warnafter, claims.iat + 3607);
  assert.equal(answer.status.expirationTimestamp, '2026-01-01T01:00:07Z');
  assert.deepEqual((await review(t, token)).user?.extra, {
    'authentication.kubernetes.io/credential-id': [`JTI=${claims.jti}`],
    'authentication.kubernetes.io/node-name': ['n'],
    'authentication.kubernetes.io/node-uid': [node.metadata.uid],
    'authentication.kubernetes.io/pod-name': ['p'],
    'authentication.kubernetes.io/pod-uid': [pod.metadata.uid],
  });
  await t.client.delete(Pod, pod.metadata, { body: { gracePeriodSeconds: 0 } });
  assert.deepEqual(await review(t, token), {
    user: {},
    error: '[invalid bearer token, service account token has been invalidated]',
  });
  const again = await t.client.create(Pod, podDraft('p'));
  assert.equal(
    (await review(t, token)).error,
    `[invalid bearer token, pod UID (${again.metadata.uid}) does not match service account pod ref claim (${pod.metadata.uid})]`,
  );
});

test('a token ends with its time, its account, or where it is not meant', async () => {
  const clock = new FakeClock(Date.parse('2026-01-01T00:00:00Z'));
  await using t = await startServer({ clock });
  const token = (await request(t, { expirationSeconds: 600 })).status.token!;
  const elsewhere = (await request(t, { audiences: ['vault'] })).status.token!;
  assert.deepEqual(await review(t, elsewhere), {
    user: {},
    error: `[invalid bearer token, token audiences ["vault"] is invalid for the target audiences ["${ISSUER}"]]`,
  });
  assert.deepEqual((await review(t, elsewhere, ['vault', 'other'])).audiences, ['vault']);
  const [header = '', payload = '', signature = ''] = token.split('.');
  assert.deepEqual(await review(t, `${header}.${payload}.${signature.slice(0, -4)}AAAA`), {
    user: {},
    error: '[invalid bearer token, go-jose/go-jose: error in cryptographic primitive]',
  });
  assert.deepEqual(await review(t, 'abc'), { user: {}, error: 'invalid bearer token' });
  assert.equal((await review(t, token)).authenticated, true);
  clock.advance(661_000);
  assert.equal((await review(t, token)).error, '[invalid bearer token, service account token has expired]');
  const fresh = (await request(t)).status.token!;
  await t.client.delete(ServiceAccount, AT);
  assert.equal((await review(t, fresh)).error, '[invalid bearer token, serviceaccounts "default" not found]');
  await t.client.create(ServiceAccount, { metadata: AT });
  assert.match((await review(t, fresh)).error!, /service account UID \(.*\) does not match claim \(/);
});

/** Resolves when the secret says that its token was used on that day. */
async function noted({ client }: TestApiServer, { metadata }: Secret, day: string): Promise<void> {
  const stop = new AbortController();
  const { promise, resolve } = Promise.withResolvers<void>();
  const look = ({ metadata: { labels } }: Secret): void => {
    if (labels?.['kubernetes.io/legacy-token-last-used'] === day) resolve();
  };
  const watching = client.watch(Secret, {
    namespace: 'default',
    signal: stop.signal,
    onEvents: (events) => events.forEach(({ object }) => look(object)),
  });
  look(await client.get(Secret, metadata));
  await promise;
  stop.abort();
  await watching.catch(() => undefined); // it was told to end
}

test('a token in a secret counts as long as the secret holds it', async () => {
  const serviceAccountKey = temporaryKey();
  const clock = new FakeClock(Date.parse('2026-01-01T00:00:00Z'));
  await using t = await startServer({ serviceAccountKey, clock });
  const { metadata } = await t.client.get(ServiceAccount, AT);
  const { uid } = metadata;
  const token = await newSecretTokenSigner(serviceAccountKey)({ metadata: { ...AT, uid } }, 'robot');
  assert.equal((await review(t, token)).error, '[invalid bearer token, Token has been invalidated]');
  const secret = await t.client.create(Secret, {
    metadata: {
      name: 'robot',
      namespace: 'default',
      annotations: { 'kubernetes.io/service-account.name': 'default' },
    },
    type: 'kubernetes.io/service-account-token',
    data: { token: Buffer.from(token).toString('base64') },
  });
  const found = await review(t, token);
  assert.deepEqual([found.user?.username, found.user?.uid], ['system:serviceaccount:default:default', uid]);
  await noted(t, secret, '2026-01-01');
  clock.advance(24 * 3600 * 1000);
  await Promise.all([review(t, token), review(t, token)]);
  await noted(t, secret, '2026-01-02');
  const marked = { 'kubernetes.io/legacy-token-invalid-since': '2026-01-01' };
  await t.client.patch(Secret, secret.metadata, { metadata: { labels: marked } });
  assert.match(
    (await review(t, token)).error!,
    /the token in secret default\/robot for service account default\/default has been marked invalid\. Use tokens from/,
  );
  const latest = await t.client.get(Secret, secret.metadata);
  await t.client.update(Secret, { ...latest, data: { token: Buffer.from('other').toString('base64') } });
  assert.equal((await review(t, token)).error, "[invalid bearer token, Token does not match server's copy]");
});

const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });

async function letIn({ test: { client } }: HttpsServer): Promise<void> {
  await client.create(RoleBinding, {
    metadata: { name: 'view', namespace: 'default' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
    subjects: [{ kind: 'ServiceAccount', name: 'default', namespace: 'default' }],
  });
}

test('over HTTP a token lets in whom a binding allows; a wrong one nobody', async () => {
  await using server = await startHttpsServer();
  const token = (await request(server.test)).status.token!;
  const path = '/api/v1/namespaces/default/configmaps';
  const ask = (headers: Record<string, string>, at = path) => askH1(server, at, { headers }, {});
  const before = await ask(bearer(token));
  assert.equal(before.status, 403);
  assert.equal(
    before.json().message,
    'configmaps is forbidden: User "system:serviceaccount:default:default" cannot list resource "configmaps" in API group "" in the namespace "default"',
  );
  await letIn(server);
  assert.equal((await ask(bearer(token))).status, 200);
  const wrong = await ask(bearer('abc'));
  assert.equal(wrong.status, 401);
  assert.deepEqual(wrong.json(), {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: 'Unauthorized',
    reason: 'Unauthorized',
    code: 401,
  });
  assert.equal((await ask({})).json().message.includes('User "system:anonymous" cannot list'), true);
  assert.equal((await ask({}, '/version')).status, 200);
  assert.equal((await ask({}, '/healthz')).status, 200);
  assert.equal((await ask({}, '/api')).status, 403);
});

test('a certificate of another authority does not spoil a good token', async () => {
  await using server = await startHttpsServer();
  const stranger = (await authority(1)).admin;
  const token = (await request(server.test)).status.token!;
  const path = '/api/v1/namespaces/default/configmaps';
  assert.equal((await askH1(server, path, {}, stranger)).status, 401);
  assert.equal((await askH1(server, path, { headers: bearer(token) }, stranger)).status, 403);
});

test('others verify tokens by the documents the server publishes', async () => {
  await using server = await startHttpsServer();
  const token = (await request(server.test)).status.token!;
  const configuration = await server.ask('/.well-known/openid-configuration');
  assert.equal(configuration.headers['cache-control'], 'public, max-age=3600');
  const { issuer, jwks_uri, ...rest } = configuration.json();
  assert.match(jwks_uri, /^https:\/\/192\.0\.2\.1:\d+\/openid\/v1\/jwks$/);
  assert.deepEqual(rest, {
    response_types_supported: ['id_token'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['ES256'],
  });
  const keys = await server.ask('/openid/v1/jwks');
  assert.equal(keys.headers['content-type'], 'application/jwk-set+json');
  const set = createLocalJWKSet(keys.json() as JSONWebKeySet);
  const { payload } = await jwtVerify(token, set, { issuer, audience: ISSUER });
  assert.equal(payload.sub, 'system:serviceaccount:default:default');
  const account = await askH1(server, '/openid/v1/jwks', { headers: bearer(token) }, {});
  assert.equal(account.status, 200);
  assert.equal((await askH1(server, '/openid/v1/jwks', {}, {})).status, 403);
});

test('discovery tells of the subresource by the group of its kind', async () => {
  await using server = await startHttpsServer();
  const { resources }: Json = (await server.ask('/api/v1')).json();
  const found = resources.find(({ name }: Json) => name === 'serviceaccounts/token');
  assert.deepEqual(found, {
    name: 'serviceaccounts/token',
    singularName: '',
    namespaced: true,
    group: 'authentication.k8s.io',
    version: 'v1',
    kind: 'TokenRequest',
    verbs: ['create'],
  });
});

test('a browser sends its token as a sub-protocol of a WebSocket', async () => {
  await using server = await startHttpsServer();
  const token = (await request(server.test)).status.token!;
  const carrier = `base64url.bearer.authorization.k8s.io.${Buffer.from(token).toString('base64url')}`;
  const exec = (protocols: string) =>
    askH1(
      server,
      '/api/v1/namespaces/default/pods/p/exec?command=ls',
      {
        headers: {
          connection: 'Upgrade',
          upgrade: 'websocket',
          'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
          'sec-websocket-version': '13',
          'sec-websocket-protocol': protocols,
        },
      },
      {},
    );
  const known = await exec(`v5.channel.k8s.io, ${carrier}`);
  assert.equal(known.status, 403);
  assert.match(
    known.json().message,
    /User "system:serviceaccount:default:default" cannot (?:get|create) resource "pods\/exec"/,
  );
  assert.equal((await exec(carrier)).status, 401);
  assert.equal((await exec(`v5.channel.k8s.io, ${carrier}, ${carrier}`)).status, 401);
  assert.equal((await exec('v5.channel.k8s.io, base64url.bearer.authorization.k8s.io.YWJj')).status, 401);
  assert.match((await exec('v5.channel.k8s.io')).json().message, /User "system:anonymous"/);
});
