/** Conformance tests of test/e2e/auth v1.36 that need no running pod. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  CertificateSigningRequest,
  LocalSubjectAccessReview,
  SelfSubjectAccessReview,
  ServiceAccount,
  StatusError,
  SubjectAccessReview,
  type WatchEvent,
} from '#api';
import { newClient } from '#client';
import { bootstrapRoles } from '../bootstrap.ts';
import { serviceAccountUser } from '../authn/service-account-user.ts';
import { type Json, startHttpsServer } from '../testdata/https.ts';
import { SIGNING_REQUEST } from '../testdata/minimal.ts';
import { startServer } from '../testdata/objects.ts';

// Source: "should run through the lifecycle of a ServiceAccount" of service_accounts.go.
test('a service account is created, watched, patched, found by its label, and deleted', async () => {
  await using t = await startServer();
  const { client } = t;
  const stop = new AbortController();
  const events: WatchEvent[] = [];
  const labels = { 'test-serviceaccount-static': 'true' };
  const query = { namespace: 'default', labelSelector: 'test-serviceaccount-static=true' };
  const watching = client.watch(ServiceAccount, {
    ...query,
    signal: stop.signal,
    onEvents: (batch) => events.push(...batch),
  });
  const at = { namespace: 'default', name: 'testserviceaccount' };
  await client.create(ServiceAccount, { metadata: { ...at, labels } });
  await client.patch(ServiceAccount, at, { automountServiceAccountToken: false });
  const { items } = await client.list(ServiceAccount, query);
  assert.deepEqual(
    items.map(({ metadata, automountServiceAccountToken }) => [metadata.name, automountServiceAccountToken]),
    [['testserviceaccount', false]],
  );
  await client.deleteCollection(ServiceAccount, query);
  await assert.rejects(client.get(ServiceAccount, at), (error) => StatusError.is(error, 'NotFound'));
  stop.abort();
  await watching.catch(() => undefined); // it was told to end
  assert.deepEqual(
    events.map(({ type }) => type),
    ['ADDED', 'MODIFIED', 'DELETED'],
  );
});

// Source: "should update a ServiceAccount" of service_accounts.go.
test('a service account is updated', async () => {
  await using t = await startServer();
  const at = { namespace: 'default', name: 'e2e-sa' };
  const made = await t.client.create(ServiceAccount, { metadata: at, automountServiceAccountToken: false });
  const next = await t.client.update(ServiceAccount, { ...made, automountServiceAccountToken: true });
  assert.equal(next.automountServiceAccountToken, true);
});

// Source: "should support SubjectReview API operations" of subjectreviews.go.
test('reviews agree on what a service account may do', async () => {
  await using t = await startServer();
  await bootstrapRoles(t.server.transport({ name: 'system:apiserver', groups: ['system:masters'] }));
  const account = await t.client.create(ServiceAccount, { metadata: { namespace: 'default', name: 'e2e' } });
  const user = `system:serviceaccount:default:${account.metadata.name}`;
  const resourceAttributes = { verb: 'list', resource: 'configmaps', namespace: 'default', version: 'v1' };
  const subject = await t.client.create(SubjectAccessReview, { metadata: {}, spec: { resourceAttributes, user } });
  const own = newClient(t.server.transport(serviceAccountUser('default', 'e2e')));
  const self = await own.create(SelfSubjectAccessReview, { metadata: {}, spec: { resourceAttributes } });
  assert.equal(self.status.allowed, subject.status.allowed);
  const local = await t.client.create(LocalSubjectAccessReview, {
    metadata: { namespace: 'default' },
    spec: { resourceAttributes, user },
  });
  assert.equal(local.status.allowed, subject.status.allowed);
});

// Source: "should support CSR API operations" of certificates.go.
test('requests for certificates can be asked for, approved, given a certificate and deleted', async () => {
  await using server = await startHttpsServer();
  const { client } = server.test;
  const { resources }: Json = (await server.ask('/apis/certificates.k8s.io/v1')).json();
  assert.deepEqual(
    resources.map(({ name }: Json) => name),
    ['certificatesigningrequests', 'certificatesigningrequests/approval', 'certificatesigningrequests/status'],
  );
  const make = (name: string): Promise<CertificateSigningRequest> =>
    client.create(CertificateSigningRequest, {
      metadata: { name, labels: { test: 'csr' } },
      spec: { request: SIGNING_REQUEST, signerName: 'example.com/e2e', usages: ['digital signature', 'client auth'] },
    });
  const csr = await make('a');
  await make('b');
  const patched = await client.patch(
    CertificateSigningRequest,
    { name: 'a' },
    { metadata: { annotations: { a: 'b' } } },
  );
  assert.deepEqual(patched.metadata.annotations, { a: 'b' });
  const condition = { type: 'Approved', status: 'True', reason: 'E2E', message: 'Set from an e2e test' };
  const approved = await client.updateSubresource(
    CertificateSigningRequest,
    { ...patched, status: { conditions: [condition] } },
    'approval',
  );
  assert.equal(approved.status.conditions?.[0]?.type, 'Approved');
  await client.delete(CertificateSigningRequest, { name: csr.metadata.name });
  await client.deleteCollection(CertificateSigningRequest, { labelSelector: 'test=csr' });
  assert.equal((await client.list(CertificateSigningRequest)).items.length, 0);
});
