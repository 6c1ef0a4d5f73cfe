import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClusterRole, ClusterRoleBinding, type PolicyRule } from '#api';
import { type Answer, askH1, type HttpsServer, type Json, startHttpsServer } from '../testdata/https.ts';

const WHO = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' };
const type = { 'content-type': 'application/json' };

const ask = (server: HttpsServer, headers: Record<string, string | string[]>): Promise<Answer> =>
  server.ask(WHO, { method: 'POST', headers: { ...type, ...headers }, body });

async function who(server: HttpsServer, headers: Record<string, string | string[]>): Promise<Json> {
  const answer = await ask(server, headers);
  assert.equal(answer.status, 201, answer.text);
  return answer.json().status.userInfo;
}

test('an administrator acts as whomever he names, with groups, uid and extra', async () => {
  await using server = await startHttpsServer();
  assert.deepEqual(await who(server, { 'impersonate-user': 'toto@test.com' }), {
    username: 'toto@test.com',
    groups: ['system:authenticated'],
  });
  const all = {
    'impersonate-user': 'jane',
    'impersonate-uid': '42',
    'impersonate-group': ['a, b', 'c'],
    'impersonate-extra-example.com%2fscopes': ['x', 'y'],
  };
  assert.deepEqual(await who(server, all), {
    username: 'jane',
    uid: '42',
    groups: ['a, b', 'c', 'system:authenticated'],
    extra: { 'example.com/scopes': ['x', 'y'] },
  });
  assert.deepEqual(await who(server, { 'impersonate-user': 'system:serviceaccount:default:robot' }), {
    username: 'system:serviceaccount:default:robot',
    groups: ['system:serviceaccounts', 'system:serviceaccounts:default', 'system:authenticated'],
  });
  const anonymous = await ask(server, { 'impersonate-user': 'system:anonymous' });
  assert.equal(anonymous.status, 403);
  assert.match(anonymous.json().message, /User "system:anonymous" cannot create resource "selfsubjectreviews"/);
  const masters = await who(server, { 'impersonate-user': 'jane', 'impersonate-group': 'system:masters' });
  assert.deepEqual(masters.groups, ['system:masters', 'system:authenticated']);
});

test('extra fields may have the names of what every object has', async () => {
  await using server = await startHttpsServer();
  const odd = { 'impersonate-user': 'jane', 'impersonate-extra-__proto__': 'x', 'impersonate-extra-constructor': 'y' };
  const { extra } = await who(server, odd);
  assert.deepEqual(Object.entries(extra), [
    ['__proto__', ['x']],
    ['constructor', ['y']],
  ]);
});

test('the rights are those of whom one acts as', async () => {
  await using server = await startHttpsServer();
  const answer = await server.ask('/api/v1/pods', { headers: { 'impersonate-user': 'toto@test.com' } });
  assert.equal(answer.status, 403);
  assert.equal(
    answer.json().message,
    'pods is forbidden: User "toto@test.com" cannot list resource "pods" in API group "" at the cluster scope',
  );
});

test('groups, uid or extra without a user are no request', async () => {
  await using server = await startHttpsServer();
  const answer = await ask(server, { 'impersonate-group': 'a' });
  assert.equal(answer.status, 400);
  assert.equal(
    answer.json().message,
    'requested &user.DefaultInfo{Name:"", UID:"", Groups:[]string{"a"}, Extra:map[string][]string(nil)} without impersonating a user name',
  );
});

async function allow({ test: { client } }: HttpsServer, name: string, rules: PolicyRule[]): Promise<void> {
  const apiGroup = 'rbac.authorization.k8s.io';
  await client.create(ClusterRole, { metadata: { name }, rules });
  await client.create(ClusterRoleBinding, {
    metadata: { name },
    roleRef: { apiGroup, kind: 'ClusterRole', name },
    subjects: [{ kind: 'Group', apiGroup, name: 'system:authenticated' }],
  });
}

test('acting as somebody must be allowed, by the old verb or by the new ones', async () => {
  await using server = await startHttpsServer();
  const { token } = (await (
    await server.ask('/api/v1/namespaces/default/serviceaccounts/default/token', {
      method: 'POST',
      headers: type,
      body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} },
    })
  ).json().status) as { token: string };
  const asRobot = (headers: Record<string, string>): Promise<Answer> =>
    askH1(
      server,
      WHO,
      { method: 'POST', headers: { authorization: `Bearer ${token}`, ...type, ...headers }, body },
      {},
    );
  const refused = await asRobot({ 'impersonate-user': 'jane' });
  assert.equal(refused.status, 403);
  assert.equal(
    refused.json().message,
    'selfsubjectreviews.authentication.k8s.io is forbidden: User "system:serviceaccount:default:default" cannot impersonate-on:user-info:create resource "selfsubjectreviews" in API group "authentication.k8s.io" at the cluster scope',
  );
  await allow(server, 'legacy', [
    { verbs: ['impersonate'], apiGroups: [''], resources: ['users'], resourceNames: ['jane'] },
  ]);
  assert.equal((await asRobot({ 'impersonate-user': 'jane' })).json().status.userInfo.username, 'jane');
  assert.equal((await asRobot({ 'impersonate-user': 'joe' })).status, 403);
  assert.equal((await asRobot({ 'impersonate-user': 'jane', 'impersonate-group': 'dev' })).status, 403);
  await allow(server, 'constrained', [
    {
      verbs: ['impersonate-on:user-info:create'],
      apiGroups: ['authentication.k8s.io'],
      resources: ['selfsubjectreviews'],
    },
    {
      verbs: ['impersonate:user-info'],
      apiGroups: ['authentication.k8s.io'],
      resources: ['users'],
      resourceNames: ['joe'],
    },
  ]);
  assert.equal((await asRobot({ 'impersonate-user': 'joe' })).json().status.userInfo.username, 'joe');
  const pods = await askH1(
    server,
    '/api/v1/pods',
    { headers: { authorization: `Bearer ${token}`, 'impersonate-user': 'joe' } },
    {},
  );
  assert.match(pods.json().message, /cannot impersonate-on:user-info:list resource "pods"/);
});
