import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { load } from 'js-yaml';
import {
  contextName,
  type KubeconfigEntry,
  kubeconfigPath,
  mergeKubeconfig,
  mergeKubeconfigFile,
  removeFromKubeconfig,
  removeFromKubeconfigFile,
} from './kubeconfig.ts';

const scratch = await mkdtemp(join(tmpdir(), 'pirogue-kubeconfig-'));
after(() => rm(scratch, { recursive: true }));

const ENTRY: KubeconfigEntry = {
  name: 'pirogue',
  server: 'https://127.0.0.1:6443',
  caCertificate: 'CA',
  client: { certificate: 'CERT', key: 'KEY' },
};

const OTHERS = `apiVersion: v1
kind: Config
current-context: work
preferences: {colors: true}
clusters:
- name: work
  cluster: {server: https://work.example, certificate-authority: /etc/work.crt}
users:
- name: me
  user:
    exec: {apiVersion: client.authentication.k8s.io/v1, command: aws, args: [eks, get-token], env: null}
contexts:
- name: work
  context: {cluster: work, user: me, namespace: team}
extensions:
- name: tool
  extension: {last-update: 2024-01-02}
`;

test('names of contexts: the default cluster has the short one', () => {
  assert.equal(contextName('pirogue'), 'pirogue');
  assert.equal(contextName('dev'), 'pirogue-dev');
});

test('a new kubeconfig has the cluster, the user and the context, and is current', () => {
  assert.deepEqual(load(mergeKubeconfig(undefined, ENTRY)), {
    apiVersion: 'v1',
    kind: 'Config',
    preferences: {},
    clusters: [
      { name: 'pirogue', cluster: { 'certificate-authority-data': 'Q0E=', server: 'https://127.0.0.1:6443' } },
    ],
    users: [{ name: 'pirogue', user: { 'client-certificate-data': 'Q0VSVA==', 'client-key-data': 'S0VZ' } }],
    contexts: [{ name: 'pirogue', context: { cluster: 'pirogue', user: 'pirogue' } }],
    'current-context': 'pirogue',
  });
});

test('merging keeps everything else, and removing brings it all back', () => {
  const merged = mergeKubeconfig(OTHERS, ENTRY);
  const text = removeFromKubeconfig(merged, 'pirogue');
  assert.deepEqual(load(text ?? ''), { ...(load(OTHERS) as object), 'current-context': '' });
  assert.match(merged, /last-update: 2024-01-02$/m);
});

test('merging again replaces, and keeps the namespace the user chose', () => {
  const once = mergeKubeconfig(OTHERS, ENTRY).replace(
    '      user: pirogue',
    '      user: pirogue\n      namespace: mine',
  );
  const twice = mergeKubeconfig(once, { ...ENTRY, server: 'https://127.0.0.1:6444' });
  assert.equal(twice, once.replace('6443', '6444'));
});

test('removing an entry leaves another current context alone, and nothing is to be done where there is none', () => {
  const merged = mergeKubeconfig(OTHERS, ENTRY).replace('current-context: pirogue', 'current-context: work');
  assert.match(removeFromKubeconfig(merged, 'pirogue') ?? '', /^current-context: work$/m);
  assert.equal(removeFromKubeconfig(OTHERS, 'pirogue'), undefined);
});

test('what is not a kubeconfig is refused and not overwritten', async () => {
  for (const text of ['[a, b]', 'clusters: {}\n', 'a: [', 'just words', 'a: 1\n---\nb: 2\n']) {
    const file = join(scratch, 'odd');
    await writeFile(file, text);
    await assert.rejects(mergeKubeconfigFile(file, ENTRY), {
      name: 'KubeconfigError',
      message: new RegExp(`^${file}: not `),
    });
    assert.equal(await readFile(file, 'utf8'), text);
  }
});

test('an empty file, and one with only a comment, are empty kubeconfigs', () => {
  for (const text of ['', '\n', '# nothing yet\n', 'null\n'])
    assert.equal(mergeKubeconfig(text, ENTRY), mergeKubeconfig(undefined, ENTRY));
});

test('the file is for the owner only, its directory is made, and a second merge does not touch it', async () => {
  const file = join(scratch, 'new', '.kube', 'config');
  assert.equal(await mergeKubeconfigFile(file, ENTRY), true);
  const before = await stat(file);
  assert.equal(before.mode & 0o777, 0o600);
  assert.equal(await mergeKubeconfigFile(file, ENTRY), false);
  assert.equal((await stat(file)).ino, before.ino);
  assert.equal(await removeFromKubeconfigFile(file, 'pirogue'), true);
  assert.equal(await removeFromKubeconfigFile(file, 'pirogue'), false);
  assert.equal(await removeFromKubeconfigFile(join(scratch, 'absent'), 'pirogue'), false);
});

test('the file is the one named, else the first of $KUBECONFIG that exists, else the last, else the home directory', async () => {
  const there = join(scratch, 'there');
  await writeFile(there, '');
  assert.equal(await kubeconfigPath('/x', { KUBECONFIG: there }), '/x');
  assert.equal(await kubeconfigPath(undefined, { KUBECONFIG: `${scratch}/no:${there}:${scratch}/last` }), there);
  assert.equal(await kubeconfigPath(undefined, { KUBECONFIG: `${scratch}/no:${scratch}/last` }), `${scratch}/last`);
  assert.equal(await kubeconfigPath(undefined, { HOME: '/home/u', KUBECONFIG: '' }), '/home/u/.kube/config');
});
