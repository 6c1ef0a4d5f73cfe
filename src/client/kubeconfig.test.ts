import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadKubeconfig } from './kubeconfig.ts';

const text = `
apiVersion: v1
kind: Config
current-context: one
clusters:
- name: c1
  cluster: { server: "https://127.0.0.1:6443", certificate-authority-data: ${Buffer.from('CA').toString('base64')} }
contexts:
- name: one
  context: { cluster: c1, user: admin, namespace: dev }
- name: two
  context: { cluster: missing, user: admin }
users:
- name: admin
  user: { client-certificate-data: ${Buffer.from('CERT').toString('base64')}, client-key: /keys/admin }
`;

test('the current context tells server, trust and identity', () => {
  const config = loadKubeconfig(text, { readFile: (path) => `read ${path}` });
  assert.deepEqual(
    { ...config },
    {
      server: 'https://127.0.0.1:6443',
      ca: 'CA',
      cert: 'CERT',
      key: 'read /keys/admin',
      token: undefined,
      namespace: 'dev',
      tlsServerName: undefined,
    },
  );
});

test('a wrong config says what is wrong', () => {
  assert.throws(() => loadKubeconfig(text), /client-key names a file/);
  assert.throws(() => loadKubeconfig(text, { context: 'two' }), /cluster "missing" does not exist/);
  assert.throws(() => loadKubeconfig('a: ['), { reason: 'Invalid' });
  assert.throws(() => loadKubeconfig('[]'), /not a mapping/);
  assert.throws(() => loadKubeconfig('clusters: []'), /current-context/);
});
