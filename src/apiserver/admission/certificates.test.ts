import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CertificateSigningRequest, ClusterRole, ClusterRoleBinding, type Draft } from '#api';
import { type Client, newClient } from '#client';
import { startTestApiServer, type TestApiServer } from '#testing';
import { MASTERS_REQUEST, SIGNING_REQUEST } from '../testdata/minimal.ts';

const draft = (name: string, request: string, signerName: string): Draft<CertificateSigningRequest> => ({
  metadata: { name },
  spec: { request, signerName, usages: ['client auth'] },
});

/** Somebody who may write both parts of requests, and do `verb` for the signer. */
async function userWho({ client, server }: TestApiServer, name: string, verb: string, signer: string): Promise<Client> {
  const metadata = { name };
  const apiGroups = ['certificates.k8s.io'];
  await client.create(ClusterRole, {
    metadata,
    rules: [
      {
        apiGroups,
        resources: ['certificatesigningrequests/approval', 'certificatesigningrequests/status'],
        verbs: ['*'],
      },
      { apiGroups, resources: ['signers'], resourceNames: [signer], verbs: [verb] },
    ],
  });
  const apiGroup = 'rbac.authorization.k8s.io';
  await client.create(ClusterRoleBinding, {
    metadata,
    roleRef: { apiGroup, kind: 'ClusterRole', name },
    subjects: [{ apiGroup, kind: 'User', name }],
  });
  return newClient(server.transport({ name, groups: ['system:authenticated'] }));
}

test('requests are approved and signed by those who may for their signer', async () => {
  await using api = await startTestApiServer();
  const request = await api.client.create(CertificateSigningRequest, draft('a', SIGNING_REQUEST, 'example.com/one'));
  const approver = await userWho(api, 'approver', 'approve', 'example.com/*');
  const other = await userWho(api, 'other', 'approve', 'example.com/two');
  const signer = await userWho(api, 'signer', 'sign', 'example.com/one');
  const conditions = [{ type: 'Approved', status: 'True' }];
  const approve = (client: Client, at: CertificateSigningRequest): Promise<unknown> =>
    client.patch(CertificateSigningRequest, at.metadata, { status: { conditions } }, { subresource: 'approval' });
  for (const client of [other, signer])
    await assert.rejects(
      approve(client, request),
      /certificatesigningrequests\.certificates\.k8s\.io "a" is forbidden: user not permitted to approve requests with signerName "example\.com\/one"/,
    );
  await approve(approver, request);
  const failed = { status: { conditions: [...conditions, { type: 'Failed', status: 'True' }] } };
  const sign = (client: Client, patch: object): Promise<unknown> =>
    client.patch(CertificateSigningRequest, { name: 'a' }, patch, { subresource: 'status' });
  await assert.rejects(
    sign(approver, failed),
    /is forbidden: user not permitted to sign requests with signerName "example\.com\/one"/,
  );
  // What changes neither certificate nor conditions is nobody's signature.
  await sign(approver, { metadata: { labels: { a: 'b' } } });
  await sign(signer, failed);
});

test('nobody asks the signer of clients for the group of administrators', async () => {
  await using api = await startTestApiServer();
  const create = (name: string, request: string, signerName: string): Promise<unknown> =>
    api.client.create(CertificateSigningRequest, draft(name, request, signerName));
  await assert.rejects(
    create('a', MASTERS_REQUEST, 'kubernetes.io/kube-apiserver-client'),
    /use of kubernetes\.io\/kube-apiserver-client signer with system:masters group is not allowed/,
  );
  await create('b', MASTERS_REQUEST, 'example.com/other');
  await create('c', SIGNING_REQUEST, 'kubernetes.io/kube-apiserver-client');
});
