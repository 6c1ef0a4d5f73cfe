import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Namespace, Pod, type PodSpec, Secret, ServiceAccount } from '#api';
import { podDraft, refused, startServer } from '../testdata/objects.ts';

const PATH = '/var/run/secrets/kubernetes.io/serviceaccount';
const account = (name: string, more: object = {}, annotations: Record<string, string> = {}) => ({
  metadata: { name, namespace: 'default', annotations },
  ...more,
});

test('every container has the token, the certificate and the namespace at the usual place', async () => {
  await using t = await startServer();
  const init = [{ name: 'init', image: 'i' }];
  const own = { name: 'own', image: 'i', volumeMounts: [{ name: 'tmp', mountPath: PATH }] };
  const spec: Partial<PodSpec> = {
    initContainers: init,
    containers: [{ name: 'main', image: 'i' }, own],
    volumes: [{ name: 'tmp', emptyDir: {} }],
  };
  const { spec: made } = await t.client.create(Pod, podDraft('a', spec));
  const [, volume] = made.volumes!;
  assert.match(volume!.name, /^kube-api-access-[a-z0-9]{5}$/);
  assert.deepEqual(volume!.projected, {
    defaultMode: 420,
    sources: [
      { serviceAccountToken: { expirationSeconds: 3607, path: 'token' } },
      { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
      {
        downwardAPI: {
          items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }],
        },
      },
    ],
  });
  const mount = { name: volume!.name, readOnly: true, mountPath: PATH };
  assert.deepEqual(made.initContainers![0]!.volumeMounts, [mount]);
  assert.deepEqual(made.containers[0]!.volumeMounts, [mount]);
  assert.deepEqual(made.containers[1]!.volumeMounts, own.volumeMounts);
});

// Source: "should allow opting out of API token automount" of test/e2e/auth/service_accounts.go v1.36.
test('pod and account may opt out of the token, and the pod has the last word', async () => {
  await using t = await startServer();
  await t.client.create(ServiceAccount, account('mount', { automountServiceAccountToken: true }));
  await t.client.create(ServiceAccount, account('nomount', { automountServiceAccountToken: false }));
  const cases: [string, boolean | undefined, boolean][] = [
    ['default', undefined, true],
    ['mount', undefined, true],
    ['nomount', undefined, false],
    ['default', true, true],
    ['mount', true, true],
    ['nomount', true, true],
    ['default', false, false],
    ['mount', false, false],
    ['nomount', false, false],
  ];
  for (const [i, [serviceAccountName, automount, mounted]] of cases.entries()) {
    const more = automount === undefined ? {} : { automountServiceAccountToken: automount };
    const pod = await t.client.create(Pod, podDraft(`p${i}`, { serviceAccountName, ...more }));
    const has = pod.spec.containers[0]!.volumeMounts?.some(({ mountPath }) => mountPath === PATH) ?? false;
    assert.equal(has, mounted, `${serviceAccountName} ${automount}`);
  }
});

test('an account that enforces it lets pods refer to its own secrets only', async () => {
  await using t = await startServer();
  const enforce = { 'kubernetes.io/enforce-mountable-secrets': 'true' };
  await t.client.create(ServiceAccount, account('strict', { secrets: [{ name: 'mine' }] }, enforce));
  const make = (name: string, spec: Partial<PodSpec>): Promise<Pod> =>
    t.client.create(Pod, podDraft(name, { serviceAccountName: 'strict', ...spec }));
  const forbidden = (name: string, spec: Partial<PodSpec>, why: string) =>
    refused(make(name, spec), 'Forbidden', `pods "${name}" is forbidden: ${why}`);
  const tail = 'is not allowed because service account strict does not reference that';
  const env = (secret: string) => [{ name: 'KEY', valueFrom: { secretKeyRef: { name: secret, key: 'k' } } }];
  await make('ok', { volumes: [{ name: 'v', secret: { secretName: 'mine' } }] });
  await forbidden(
    'a',
    { volumes: [{ name: 'v', secret: { secretName: 'other' } }] },
    `volume with secret.secretName="other" ${tail} secret`,
  );
  await forbidden(
    'b',
    { containers: [{ name: 'c', image: 'i', env: env('other') }] },
    `container c with envVar KEY referencing secret.secretName="other" ${tail} secret`,
  );
  await forbidden(
    'b',
    { containers: [{ name: 'c', image: 'i', envFrom: [{ secretRef: { name: 'other' } }] }] },
    `container c with envFrom referencing secret.secretName="other" ${tail} secret`,
  );
  await forbidden(
    'c',
    { initContainers: [{ name: 'i', image: 'i', env: env('other') }] },
    `init container i with envVar KEY referencing secret.secretName="other" ${tail} secret`,
  );
  await forbidden(
    'd',
    { imagePullSecrets: [{ name: 'other' }] },
    `imagePullSecrets[0].name="other" ${tail} imagePullSecret`,
  );
});

test('a mirror pod has no account, no secrets and no tokens', async () => {
  await using t = await startServer();
  await t.client.create(Secret, { metadata: { name: 's', namespace: 'default' } });
  const mirror = { annotations: { 'kubernetes.io/config.mirror': 'x' } };
  const make = (name: string, spec: Partial<PodSpec>): Promise<Pod> =>
    t.client.create(Pod, podDraft(name, { nodeName: 'n', ...spec }, mirror));
  const { spec } = await make('ok', {});
  assert.deepEqual([spec.serviceAccountName ?? '', spec.volumes], ['', undefined]);
  const forbidden = (own: Partial<PodSpec>, why: string) =>
    refused(make('no', own), 'Forbidden', `pods "no" is forbidden: ${why}`);
  await forbidden({ serviceAccountName: 'default' }, 'a mirror pod may not reference service accounts');
  await forbidden({ volumes: [{ name: 'v', secret: { secretName: 's' } }] }, 'a mirror pod may not reference secrets');
  await forbidden(
    { volumes: [{ name: 'v', projected: { sources: [{ serviceAccountToken: { path: 'token' } }] } }] },
    'a mirror pod may not use ServiceAccountToken volume projections',
  );
});

test('a pod in a namespace just made waits for the account that is about to be there', async () => {
  await using t = await startServer();
  await t.client.create(Namespace, { metadata: { name: 'fresh' }, spec: {} });
  const made = t.client.create(Pod, { ...podDraft('a'), metadata: { name: 'a', namespace: 'fresh' } });
  await t.client.create(ServiceAccount, { metadata: { name: 'default', namespace: 'fresh' } });
  assert.equal((await made).spec.serviceAccountName, 'default');
});

test('what a pod lacks is for validation to say', async () => {
  await using t = await startServer();
  const nameless = { volumes: [{}] } as Partial<PodSpec>;
  await refused(t.client.create(Pod, podDraft('a', nameless)), 'Invalid');
  const bare = { spec: { volumes: [{}] } as PodSpec, metadata: { name: 'b', namespace: 'default' } };
  await refused(t.client.create(Pod, bare), 'Invalid');
  const mirror = { ...bare, metadata: { ...bare.metadata, annotations: { 'kubernetes.io/config.mirror': 'x' } } };
  await refused(t.client.create(Pod, mirror), 'Invalid');
});
