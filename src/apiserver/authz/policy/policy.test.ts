import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClusterRole, ClusterRoleBinding, Pod, type PolicyRule, Role, RoleBinding, type Subject } from '#api';
import { newClient } from '#client';
import { bootstrapRoles } from '../../bootstrap.ts';
import { startServer } from '../../testdata/objects.ts';
import { defaultPolicy } from './policy.ts';
import { CONTROLLER_ROLES } from './testdata/controller-rules.ts';
import { CLUSTER_ROLES, ROLES } from './testdata/rules.ts';

/** Whom each default binding binds; those of controllers bind the account of their name in kube-system. */
const CLUSTER_BINDINGS: Readonly<Record<string, string>> = {
  'cluster-admin': 'Group system:masters',
  'system:basic-user': 'Group system:authenticated',
  'system:discovery': 'Group system:authenticated',
  'system:kube-controller-manager': 'User system:kube-controller-manager',
  'system:kube-dns': 'ServiceAccount kube-system/kube-dns',
  'system:kube-scheduler': 'User system:kube-scheduler',
  'system:monitoring': 'Group system:monitoring',
  'system:node': '',
  'system:node-proxier': 'User system:kube-proxy',
  'system:public-info-viewer': 'Group system:authenticated, Group system:unauthenticated',
  'system:service-account-issuer-discovery': 'Group system:serviceaccounts',
  'system:volume-scheduler': 'User system:kube-scheduler',
};

const NAMESPACE_BINDINGS: Readonly<Record<string, string>> = {
  'kube-public/system:controller:bootstrap-signer': 'ServiceAccount kube-system/bootstrap-signer',
  'kube-system/system:controller:bootstrap-signer': 'ServiceAccount kube-system/bootstrap-signer',
  'kube-system/system:controller:cloud-provider': 'ServiceAccount kube-system/cloud-provider',
  'kube-system/system:controller:token-cleaner': 'ServiceAccount kube-system/token-cleaner',
  'kube-system/system::extension-apiserver-authentication-reader':
    'User system:kube-controller-manager, User system:kube-scheduler',
  'kube-system/system::leader-locking-kube-controller-manager':
    'User system:kube-controller-manager, ServiceAccount kube-system/kube-controller-manager, ServiceAccount kube-system/leader-election-controller',
  'kube-system/system::leader-locking-kube-scheduler':
    'User system:kube-scheduler, ServiceAccount kube-system/kube-scheduler',
};

const nameOf = ({
  metadata: { name, namespace },
}: {
  metadata: { name?: string; namespace?: string | undefined };
}): string => (namespace === undefined ? name! : `${namespace}/${name!}`);
const text = ({ kind, name, namespace }: Subject): string =>
  `${kind} ${namespace === undefined ? '' : `${namespace}/`}${name}`;
const ruleText = ({ verbs, apiGroups, resources, resourceNames, nonResourceURLs }: PolicyRule): string =>
  [
    verbs,
    ...(nonResourceURLs === undefined
      ? [apiGroups!.map((group) => (group === '' ? 'core' : group)), resources!]
      : [nonResourceURLs]),
    ...(resourceNames === undefined ? [] : [resourceNames]),
  ]
    .map((words) => words.join(' '))
    .join(' | ');
const texts = (subjects: readonly Subject[] = []): string => subjects.map(text).join(', ');
const sorted = (entries: readonly (readonly [string, unknown])[]): Record<string, unknown> =>
  Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)));

test('the default roles, rule by rule, and bindings are those of v1.36', () => {
  const { clusterRoles, clusterRoleBindings, roles, roleBindings } = defaultPolicy;
  const controllers = Object.entries(CONTROLLER_ROLES);
  assert.deepEqual(
    sorted(clusterRoles.map(({ metadata, rules = [] }) => [metadata.name!, rules.map(ruleText)])),
    sorted([
      ...Object.entries(CLUSTER_ROLES),
      ...controllers.map(([name, rules]) => [`system:controller:${name}`, rules] as const),
    ]),
  );
  assert.deepEqual(
    sorted(roles.map(({ metadata, rules = [] }) => [nameOf({ metadata }), rules.map(ruleText)])),
    sorted(Object.entries(ROLES)),
  );
  assert.deepEqual(
    sorted(clusterRoleBindings.map(({ metadata, subjects }) => [metadata.name!, texts(subjects)])),
    sorted([
      ...Object.entries(CLUSTER_BINDINGS),
      ...controllers.map(([name]) => [`system:controller:${name}`, `ServiceAccount kube-system/${name}`] as const),
    ]),
  );
  assert.deepEqual(
    sorted(roleBindings.map(({ metadata, subjects }) => [nameOf({ metadata }), texts(subjects)])),
    sorted(Object.entries(NAMESPACE_BINDINGS)),
  );
  for (const { metadata } of [...clusterRoles, ...clusterRoleBindings, ...roles, ...roleBindings]) {
    assert.equal(metadata.labels?.['kubernetes.io/bootstrapping'], 'rbac-defaults', nameOf({ metadata }));
    assert.equal(metadata.annotations?.['rbac.authorization.kubernetes.io/autoupdate'], 'true', nameOf({ metadata }));
  }
});

test('rules read as upstream’s do', () => {
  const rulesOf = (name: string): PolicyRule[] =>
    defaultPolicy.clusterRoles.find(({ metadata }) => metadata.name === name)!.rules!;
  assert.deepEqual(rulesOf('system:controller:job-controller'), [
    { verbs: ['get', 'list', 'patch', 'update', 'watch'], apiGroups: ['batch'], resources: ['jobs'] },
    { verbs: ['update'], apiGroups: ['batch'], resources: ['jobs/status'] },
    { verbs: ['update'], apiGroups: ['batch'], resources: ['jobs/finalizers'] },
    { verbs: ['create', 'delete', 'list', 'patch', 'watch'], apiGroups: [''], resources: ['pods'] },
    { verbs: ['create', 'patch', 'update'], apiGroups: ['', 'events.k8s.io'], resources: ['events'] },
  ]);
  assert.deepEqual(rulesOf('system:discovery'), [
    {
      verbs: ['get'],
      nonResourceURLs: [
        '/api',
        '/api/*',
        '/apis',
        '/apis/*',
        '/healthz',
        '/livez',
        '/openapi',
        '/openapi/*',
        '/readyz',
        '/version',
        '/version/',
      ],
    },
  ]);
  assert.deepEqual(defaultPolicy.clusterRoles.find(({ metadata }) => metadata.name === 'view')?.aggregationRule, {
    clusterRoleSelectors: [{ matchLabels: { 'rbac.authorization.k8s.io/aggregate-to-view': 'true' } }],
  });
});

test('a server that starts gives default roles back what they have lost, and leaves the rest', async () => {
  await using api = await startServer();
  const { client } = api;
  const start = (): Promise<void> =>
    bootstrapRoles(api.server.transport({ name: 'system:apiserver', groups: ['system:masters'] }));
  await start();
  const before = await client.list(ClusterRole);
  await start();
  assert.equal((await client.list(ClusterRole)).resourceVersion, before.resourceVersion);

  const role = await client.get(ClusterRole, { name: 'system:basic-user' });
  const own = { verbs: ['get'], apiGroups: ['example.com'], resources: ['things'] };
  await client.update(ClusterRole, { ...role, rules: [own] });
  const protectedRole = await client.get(ClusterRole, { name: 'system:heapster' });
  const annotations = { 'rbac.authorization.kubernetes.io/autoupdate': 'false' };
  const { metadata } = protectedRole;
  await client.update(ClusterRole, { ...protectedRole, rules: [], metadata: { ...metadata, annotations } });
  const binding = await client.get(ClusterRoleBinding, { name: 'system:discovery' });
  const somebody = { kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'somebody' };
  await client.update(ClusterRoleBinding, { ...binding, subjects: [somebody] });
  await client.delete(ClusterRoleBinding, { name: 'system:monitoring' });
  const { roleRef } = await client.get(RoleBinding, {
    namespace: 'kube-public',
    name: 'system:controller:bootstrap-signer',
  });
  await client.delete(RoleBinding, { namespace: 'kube-public', name: 'system:controller:bootstrap-signer' });
  await client.create(RoleBinding, {
    metadata: { namespace: 'kube-public', name: 'system:controller:bootstrap-signer' },
    roleRef: { ...roleRef, name: 'other' },
  });
  await client.delete(Role, { namespace: 'kube-system', name: 'system:controller:token-cleaner' });
  await start();

  const rules = (await client.get(ClusterRole, { name: 'system:basic-user' })).rules!;
  assert.deepEqual(rules, [
    own,
    ...['selfsubjectaccessreviews', 'selfsubjectrulesreviews'].map((resource) => ({
      verbs: ['create'],
      apiGroups: ['authorization.k8s.io'],
      resources: [resource],
    })),
    { verbs: ['create'], apiGroups: ['authentication.k8s.io'], resources: ['selfsubjectreviews'] },
  ]);
  assert.equal((await client.get(ClusterRole, { name: 'system:heapster' })).rules, undefined);
  const discovery = await client.get(ClusterRoleBinding, { name: 'system:discovery' });
  assert.equal(texts(discovery.subjects), 'User somebody, Group system:authenticated');
  await client.get(ClusterRoleBinding, { name: 'system:monitoring' });
  await client.get(Role, { namespace: 'kube-system', name: 'system:controller:token-cleaner' });
  const signer = await client.get(RoleBinding, {
    namespace: 'kube-public',
    name: 'system:controller:bootstrap-signer',
  });
  assert.equal(signer.roleRef.name, 'system:controller:bootstrap-signer');
});

test('nodes, administrators and components are let in by the roles there are from the start', async () => {
  await using api = await startServer();
  await bootstrapRoles(api.server.transport({ name: 'system:apiserver', groups: ['system:masters'] }));
  const list = async (name: string, ...groups: string[]): Promise<boolean> => {
    try {
      await newClient(api.server.transport({ name, groups })).list(Pod);
      return true;
    } catch {
      return false;
    }
  };
  assert.equal(await list('kubernetes-admin', 'kubeadm:cluster-admins'), true);
  assert.equal(await list('system:node:one', 'system:nodes'), true);
  assert.equal(await list('impostor', 'system:nodes'), false);
  assert.equal(await list('system:kube-scheduler'), true);
  assert.equal(await list('system:kube-controller-manager'), true);
  assert.equal(await list('system:kube-proxy'), false);
  assert.equal(await list('somebody', 'system:authenticated'), false);
});
