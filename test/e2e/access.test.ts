/** Who may do what, seen with the real kubectl and from inside of pods. Tests run side by side, each in a namespace of its own. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Pod } from '#api';
import { busyboxImage } from '#testing';
import { BUSYBOX, useCluster } from './support/cluster.ts';
import type { Kubectl } from './support/kubectl.ts';
import { container, FOREVER, pod } from './support/manifests.ts';

const cluster = useCluster({ images: [busyboxImage(BUSYBOX)] });
const PATH = '/var/run/secrets/kubernetes.io/serviceaccount';

/** The node's own files: busybox speaks no TLS that the API server takes, so the pod borrows the node's kubectl. */
const NODE_FILES = { name: 'node', hostPath: { path: '/' } };

/** Asks the API server from inside of a pod, from its network and with its token; the answer's body, or the refusal. */
async function ask(kubectl: Kubectl, name: string, path: string): Promise<string> {
  const server = '--server=https://$KUBERNETES_SERVICE_HOST:$KUBERNETES_SERVICE_PORT --insecure-skip-tls-verify';
  const script = `chroot /node kubectl ${server} --token="$(cat ${PATH}/token)" get --raw ${path} 2>&1`;
  return (await kubectl.try('exec', name, '--', 'sh', '-c', script)).stdout;
}

describe('a pod', { concurrency: 4 }, () => {
  // Source: "should mount an API token into pods", "should guarantee kube-root-ca.crt exist in any namespace" of test/e2e/auth/service_accounts.go v1.36.
  test('has token, certificate and namespace of its account, and is let in once a binding says so', async (t) => {
    const kubectl = await cluster.namespace(t);
    const volumeMounts = [{ name: NODE_FILES.name, mountPath: '/node', readOnly: true }];
    await kubectl.apply(
      pod('web', { containers: [container({ command: FOREVER, volumeMounts })], volumes: [NODE_FILES] }),
    );
    await kubectl.waitReady('pod/web');
    const read = (file: string): Promise<string> => kubectl.run('exec', 'web', '--', 'cat', `${PATH}/${file}`);
    assert.equal(await read('namespace'), kubectl.namespace);
    const ca = await kubectl.run('get', 'configmap', 'kube-root-ca.crt', '-o', 'jsonpath={.data.ca\\.crt}');
    assert.equal(await read('ca.crt'), ca);
    const token = await read('token');
    const review = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token } };
    const { stdout } = await kubectl.tryWith({ input: JSON.stringify(review) }, 'create', '-f', '-', '-o', 'json');
    const { status } = JSON.parse(stdout) as {
      status: { user: { username: string; extra: Record<string, string[]> } };
    };
    assert.equal(status.user.username, `system:serviceaccount:${kubectl.namespace}:default`);
    assert.deepEqual(status.user.extra['authentication.kubernetes.io/pod-name'], ['web']);

    const path = `/api/v1/namespaces/${kubectl.namespace}/pods`;
    assert.match(
      await ask(kubectl, 'web', path),
      /Error from server \(Forbidden\): pods is forbidden: User "system:serviceaccount:\S+:default" cannot list/,
    );
    await kubectl.run(
      'create',
      'rolebinding',
      'see',
      '--clusterrole=view',
      `--serviceaccount=${kubectl.namespace}:default`,
    );
    assert.match(await ask(kubectl, 'web', path), /"kind":"PodList"/);
    await kubectl.run('delete', 'rolebinding', 'see');
    assert.match(
      await ask(kubectl, 'web', path),
      /Error from server \(Forbidden\): pods is forbidden: User "system:serviceaccount:\S+:default" cannot list/,
    );
  });

  // Source: "should mount projected service account token" of the same file.
  test('may ask for a token of its own audience, which its user can read', async (t) => {
    const kubectl = await cluster.namespace(t);
    const volumeMounts = [{ name: 'vault', mountPath: '/var/run/vault' }];
    await kubectl.apply(
      pod('app', {
        securityContext: { runAsUser: 1000 },
        automountServiceAccountToken: false,
        containers: [container({ command: FOREVER, volumeMounts })],
        volumes: [
          {
            name: 'vault',
            projected: {
              sources: [{ serviceAccountToken: { path: 'token', audience: 'vault', expirationSeconds: 600 } }],
            },
          },
        ],
      }),
    );
    await kubectl.waitReady('pod/app');
    const token = await kubectl.run('exec', 'app', '--', 'cat', '/var/run/vault/token');
    const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as {
      aud: string[];
      exp: number;
      iat: number;
    };
    assert.deepEqual([claims.aud, claims.exp - claims.iat], [['vault'], 600]);
    assert.match(
      await kubectl.run('exec', 'app', '--', 'ls', '-lnL', '/var/run/vault/token'),
      /^-rw-------\s+\d+ 1000 /,
    );
    const { spec } = await kubectl.get<Pod>('pod', 'app');
    assert.deepEqual(
      spec.volumes?.map(({ name }) => name),
      ['vault'],
    );
  });
});

describe('kubectl', { concurrency: 4 }, () => {
  test('auth can-i, whoami and create token tell who may do what', async (t) => {
    const kubectl = await cluster.namespace(t);
    assert.equal(await kubectl.run('auth', 'can-i', 'create', 'deployments'), 'yes\n');
    const toto = await kubectl.try('auth', 'can-i', 'get', 'pods', '--as', 'toto@test.com');
    assert.deepEqual([toto.code, toto.stdout], [1, 'no\n']);
    await kubectl.run('create', 'role', 'reader', '--verb=get,list', '--resource=pods');
    await kubectl.run('create', 'rolebinding', 'toto', '--role=reader', '--user=toto@test.com');
    assert.equal(await kubectl.run('auth', 'can-i', 'get', 'pods', '--as', 'toto@test.com'), 'yes\n');
    assert.match(
      await kubectl.run('auth', 'can-i', '--list', '--as', 'toto@test.com'),
      /^pods +\[\] +\[\] +\[get list\]$/m,
    );
    assert.match(await kubectl.run('auth', 'whoami', '--as', 'toto@test.com'), /^Username +toto@test\.com$/m);
    const { stderr } = await kubectl.try('get', 'secrets', '--as', 'toto@test.com');
    assert.match(
      stderr,
      /^Error from server \(Forbidden\): secrets is forbidden: User "toto@test\.com" cannot list resource "secrets"/,
    );

    await kubectl.run('create', 'serviceaccount', 'robot');
    const token = (await kubectl.run('create', 'token', 'robot', '--duration=10m')).trim();
    assert.equal(token.split('.').length, 3);
    const short = await kubectl.try('create', 'token', 'robot', '--duration=1m');
    assert.match(short.stderr, /may not specify a duration less than 10 minutes/);
  });

  test('auth reconcile creates roles and adds what is missing', async (t) => {
    const kubectl = await cluster.namespace(t);
    const role = (verbs: readonly string[]): string =>
      JSON.stringify({
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'Role',
        metadata: { name: 'own', namespace: kubectl.namespace },
        rules: [{ apiGroups: [''], resources: ['pods'], verbs }],
      });
    const reconcile = (verbs: readonly string[]): Promise<{ stdout: string; stderr: string }> =>
      kubectl.tryWith({ input: role(verbs) }, 'auth', 'reconcile', '-f', '-');
    assert.match((await reconcile(['get'])).stdout, /role\.rbac\.authorization\.k8s\.io\/own reconciled/);
    await reconcile(['get', 'list']);
    const rules = await kubectl.run('get', 'role', 'own', '-o', 'jsonpath={.rules[*].verbs}');
    assert.equal(rules, '["get"] ["list"]');
  });

  test('shows the default roles with the rules that are put together', async (t) => {
    const kubectl = await cluster.namespace(t);
    const view = await kubectl.run('describe', 'clusterrole', 'view');
    assert.match(view, /^ +configmaps +\[\] +\[\] +\[get list watch\]$/m);
    assert.doesNotMatch(view, /secrets/);
    assert.match(await kubectl.run('describe', 'clusterrole', 'admin'), /^ +roles\.rbac\.authorization\.k8s\.io +/m);
  });
});
