import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  ClusterRole,
  ClusterRoleBinding,
  ConfigMap,
  Pod,
  type PolicyRule,
  Role,
  RoleBinding,
  SelfSubjectRulesReview,
  SubjectAccessReview,
} from '#api';
import { type Client, newClient } from '#client';
import type { TestApiServer } from '#testing';
import { refused, startServer } from '../../testdata/objects.ts';

const READ_PODS: PolicyRule = { verbs: ['get', 'list'], apiGroups: [''], resources: ['pods'] };
const apiGroup = 'rbac.authorization.k8s.io';

const as = ({ server }: TestApiServer, name: string, ...groups: string[]): Client =>
  newClient(server.transport({ name, groups }));

async function grant(client: Client, rules: PolicyRule[], subject: object, name = 'reader'): Promise<void> {
  await client.create(ClusterRole, { metadata: { name }, rules });
  await client.create(ClusterRoleBinding, {
    metadata: { name },
    roleRef: { apiGroup, kind: 'ClusterRole', name },
    subjects: [subject as never],
  });
}

async function ask(client: Client, user: object, attributes: object): Promise<SubjectAccessReview['status']> {
  const spec = { ...user, resourceAttributes: attributes };
  return (await client.create(SubjectAccessReview, { metadata: {}, spec })).status;
}

test('nobody may do anything until a binding says so, and then from the next request on', async () => {
  await using server = await startServer();
  const jane = as(server, 'jane', 'dev');
  await refused(
    jane.list(Pod, { namespace: 'default' }),
    'Forbidden',
    'pods is forbidden: User "jane" cannot list resource "pods" in API group "" in the namespace "default"',
  );
  await refused(
    jane.get(ClusterRole, { name: 'x' }),
    'Forbidden',
    'clusterroles.rbac.authorization.k8s.io "x" is forbidden: User "jane" cannot get resource "clusterroles" in API group "rbac.authorization.k8s.io" at the cluster scope',
  );
  await grant(server.client, [READ_PODS], { kind: 'Group', apiGroup, name: 'dev' });
  assert.equal((await jane.list(Pod, { namespace: 'default' })).items.length, 0);
  assert.equal((await jane.list(Pod)).items.length, 0);
  await server.client.delete(ClusterRoleBinding, { name: 'reader' });
  await refused(jane.list(Pod, { namespace: 'default' }), 'Forbidden');
});

test('a role that changes changes what its bindings give', async () => {
  await using server = await startServer();
  const jane = as(server, 'jane');
  await grant(server.client, [READ_PODS], { kind: 'User', apiGroup, name: 'jane' });
  await refused(jane.list(ConfigMap, { namespace: 'default' }), 'Forbidden');
  const role = await server.client.get(ClusterRole, { name: 'reader' });
  await server.client.update(ClusterRole, { ...role, rules: [{ ...READ_PODS, resources: ['configmaps'] }] });
  assert.equal((await jane.list(ConfigMap, { namespace: 'default' })).items.length, 0);
  await refused(jane.list(Pod, { namespace: 'default' }), 'Forbidden');
  await server.client.delete(ClusterRole, { name: 'reader' });
  await refused(
    jane.list(Pod, { namespace: 'default' }),
    'Forbidden',
    'pods is forbidden: User "jane" cannot list resource "pods" in API group "" in the namespace "default": RBAC: clusterrole.rbac.authorization.k8s.io "reader" not found',
  );
});

test('the answer says which binding lets somebody in', async () => {
  await using server = await startServer();
  const { client } = server;
  await grant(client, [READ_PODS], { kind: 'Group', apiGroup, name: 'dev' });
  const pods = { verb: 'get', resource: 'pods', namespace: 'default', name: 'a' };
  assert.deepEqual(await ask(client, { user: 'u', groups: ['x', 'dev'] }, pods), {
    allowed: true,
    reason: 'RBAC: allowed by ClusterRoleBinding "reader" of ClusterRole "reader" to Group "dev"',
  });
  await client.create(Role, {
    metadata: { name: 'secrets', namespace: 'default' },
    rules: [{ verbs: ['get'], apiGroups: [''], resources: ['secrets'], resourceNames: ['a'] }],
  });
  await client.create(RoleBinding, {
    metadata: { name: 'b', namespace: 'default' },
    roleRef: { apiGroup, kind: 'Role', name: 'secrets' },
    subjects: [{ kind: 'ServiceAccount', name: 'robot', namespace: 'default' }],
  });
  const robot = { user: 'system:serviceaccount:default:robot' };
  const secret = { verb: 'get', resource: 'secrets', namespace: 'default', name: 'a' };
  assert.deepEqual(await ask(client, robot, secret), {
    allowed: true,
    reason: 'RBAC: allowed by RoleBinding "b/default" of Role "secrets" to ServiceAccount "robot/default"',
  });
  assert.deepEqual(await ask(client, robot, { ...secret, name: 'b' }), { allowed: false });
  assert.deepEqual(await ask(client, robot, { ...secret, namespace: 'kube-system' }), { allowed: false });
});

test('names of objects, subresources, groups and paths are told apart', async () => {
  await using server = await startServer();
  const { client } = server;
  const rules: PolicyRule[] = [
    { verbs: ['get'], apiGroups: ['apps'], resources: ['*/scale'] },
    { verbs: ['update'], apiGroups: [''], resources: ['pods/status'] },
    { verbs: ['patch'], apiGroups: [''], resources: ['configmaps'], resourceNames: ['a', 'b'] },
    { verbs: ['get'], nonResourceURLs: ['/logs/*', '/metrics'] },
  ];
  await grant(client, rules, { kind: 'User', apiGroup, name: 'u' });
  const allowed = async (attributes: object): Promise<boolean> =>
    (await ask(client, { user: 'u' }, attributes)).allowed;
  assert.equal(await allowed({ verb: 'get', group: 'apps', resource: 'deployments', subresource: 'scale' }), true);
  assert.equal(await allowed({ verb: 'get', group: 'apps', resource: 'deployments' }), false);
  assert.equal(await allowed({ verb: 'get', resource: 'replicationcontrollers', subresource: 'scale' }), false);
  assert.equal(await allowed({ verb: 'update', resource: 'pods', subresource: 'status' }), true);
  assert.equal(await allowed({ verb: 'update', resource: 'pods' }), false);
  assert.equal(await allowed({ verb: 'patch', resource: 'configmaps', name: 'a' }), true);
  assert.equal(await allowed({ verb: 'patch', resource: 'configmaps', name: 'c' }), false);
  assert.equal(await allowed({ verb: 'patch', resource: 'configmaps' }), false);
  const path = async (text: string): Promise<boolean> => {
    const nonResourceAttributes = { path: text, verb: 'get' };
    const spec = { user: 'u', nonResourceAttributes };
    return (await client.create(SubjectAccessReview, { metadata: {}, spec })).status.allowed;
  };
  assert.deepEqual(await Promise.all(['/logs/', '/logs/x', '/logs', '/metrics', '/metrics/'].map(path)), [
    true,
    true,
    false,
    true,
    false,
  ]);
});

test('whoever asks is told all that he may do', async () => {
  await using server = await startServer();
  await grant(server.client, [READ_PODS], { kind: 'User', apiGroup, name: 'jane' });
  await grant(
    server.client,
    [{ verbs: ['create'], apiGroups: ['authorization.k8s.io'], resources: ['selfsubjectrulesreviews'] }],
    { kind: 'User', apiGroup, name: 'jane' },
    'self',
  );
  const jane = as(server, 'jane');
  const { status } = await jane.create(SelfSubjectRulesReview, { metadata: {}, spec: { namespace: 'default' } });
  assert.deepEqual(status, {
    resourceRules: [
      READ_PODS,
      { verbs: ['create'], apiGroups: ['authorization.k8s.io'], resources: ['selfsubjectrulesreviews'] },
    ],
    nonResourceRules: [],
    incomplete: false,
  });
});

const MAKE_ROLES: PolicyRule = {
  verbs: ['create', 'update', 'patch', 'get'],
  apiGroups: [apiGroup],
  resources: ['roles', 'rolebindings', 'clusterroles'],
};

test('nobody gives away what he does not have', async () => {
  await using server = await startServer();
  const { client } = server;
  await grant(client, [MAKE_ROLES, READ_PODS], { kind: 'User', apiGroup, name: 'jane' });
  const jane = as(server, 'jane', 'dev', 'system:authenticated');
  const role = (name: string, rules: PolicyRule[]) => ({ metadata: { name, namespace: 'default' }, rules });
  await jane.create(Role, role('mine', [READ_PODS]));
  const more = [{ verbs: ['get', 'list', 'delete', 'watch'], apiGroups: ['', 'apps'], resources: ['pods'] }];
  await refused(
    jane.create(Role, role('more', more)),
    'Forbidden',
    'roles.rbac.authorization.k8s.io "more" is forbidden: user "jane" (groups=["dev" "system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n' +
      '{APIGroups:[""], Resources:["pods"], Verbs:["delete" "watch"]}\n' +
      '{APIGroups:["apps"], Resources:["pods"], Verbs:["get" "list" "delete" "watch"]}',
  );
  const mine = await jane.get(Role, { namespace: 'default', name: 'mine' });
  await refused(jane.update(Role, { ...mine, rules: more }), 'Forbidden');
  await refused(
    jane.create(ClusterRole, { metadata: { name: 'all' }, aggregationRule: { clusterRoleSelectors: [{}] } }),
    'Forbidden',
    'clusterroles.rbac.authorization.k8s.io "all" is forbidden: must have cluster-admin privileges to use an aggregationRule',
  );
  const bind = (name: string): Promise<RoleBinding> =>
    jane.create(RoleBinding, {
      metadata: { name, namespace: 'default' },
      roleRef: { apiGroup, kind: 'ClusterRole', name },
      subjects: [{ kind: 'User', apiGroup, name: 'joe' }],
    });
  await bind('reader');
  await refused(bind('none'), 'NotFound', 'clusterroles.rbac.authorization.k8s.io "none" not found');
  await client.create(ClusterRole, { metadata: { name: 'strong' }, rules: more });
  const error = await refused(bind('strong'), 'Forbidden');
  assert.match(error.message, /^rolebindings.rbac.authorization.k8s.io "strong" is forbidden: user "jane"/);
});

test('the verbs escalate and bind let more be given than one has', async () => {
  await using server = await startServer();
  const { client } = server;
  const bindable = { verbs: ['bind'], apiGroups: [apiGroup], resources: ['clusterroles'], resourceNames: ['strong'] };
  await grant(client, [MAKE_ROLES, { ...MAKE_ROLES, verbs: ['escalate'] }, bindable], {
    kind: 'User',
    apiGroup,
    name: 'jane',
  });
  const jane = as(server, 'jane');
  await client.create(ClusterRole, { metadata: { name: 'strong' }, rules: [READ_PODS] });
  await client.create(ClusterRole, { metadata: { name: 'other' }, rules: [READ_PODS] });
  await jane.create(Role, { metadata: { name: 'more', namespace: 'default' }, rules: [READ_PODS] });
  const bind = (name: string): Promise<RoleBinding> =>
    jane.create(RoleBinding, {
      metadata: { name, namespace: 'default' },
      roleRef: { apiGroup, kind: 'ClusterRole', name },
    });
  await bind('strong');
  await refused(bind('other'), 'Forbidden');
});

test('what a binding binds cannot be changed', async () => {
  await using server = await startServer();
  const { client } = server;
  await grant(client, [READ_PODS], { kind: 'User', apiGroup, name: 'jane' });
  const binding = await client.get(ClusterRoleBinding, { name: 'reader' });
  await refused(
    client.update(ClusterRoleBinding, { ...binding, roleRef: { ...binding.roleRef, name: 'other' } }),
    'Invalid',
    'ClusterRoleBinding.rbac.authorization.k8s.io "reader" is invalid: roleRef: Invalid value: {"APIGroup":"rbac.authorization.k8s.io","Kind":"ClusterRole","Name":"other"}: cannot change roleRef',
  );
});
