/** What the conformance suite of Kubernetes v1.36 asks of the API of certificates (test/e2e/auth/certificates.go). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MINIMAL } from '../../src/apiserver/testdata/minimal.ts';
import { authority, type Json, startHttpsServer } from '../../src/apiserver/testdata/https.ts';

const REQUESTS = '/apis/certificates.k8s.io/v1/certificatesigningrequests';
const MERGE = { 'content-type': 'application/merge-patch+json' };

test('requests for certificates are made, approved, answered and deleted, each by its own path', async () => {
  await using server = await startHttpsServer();
  const ask = async (method: string, path: string, body?: object): Promise<Json> => {
    const headers = method === 'PATCH' ? MERGE : {};
    const answer = await server.ask(`${REQUESTS}${path}`, { method, body, headers });
    assert.ok(answer.status < 300, `${method} ${path}: ${answer.text}`);
    return answer.json();
  };
  const draft = (name: string): object => ({
    ...MINIMAL['CertificateSigningRequest.certificates.k8s.io'],
    metadata: { name, labels: { test: 'x' } },
  });
  for (const name of ['a', 'b']) await ask('POST', '', draft(name));
  assert.equal((await ask('GET', '?labelSelector=test%3Dx')).items.length, 2);
  const patched = await ask('PATCH', '/a', { metadata: { annotations: { patched: 'true' } } });
  assert.equal(patched.metadata.annotations.patched, 'true');
  patched.metadata.annotations.updated = 'true';
  assert.equal((await ask('PUT', '/a', patched)).metadata.annotations.updated, 'true');

  const condition = (type: string): object => ({ type, status: 'True', reason: 'E2E', message: 'set by a test' });
  const types = ({ status }: Json): string[] => (status.conditions ?? []).map((c: Json) => c.type);
  const noted = await ask('PATCH', '/a/approval', {
    metadata: { annotations: { patchedapproval: 'true' } },
    status: { conditions: [condition('ApprovalPatch')] },
  });
  assert.deepEqual([types(noted), noted.metadata.annotations.patchedapproval], [['ApprovalPatch'], 'true']);
  noted.status.conditions.push(condition('Approved'));
  const approved = await ask('PUT', '/a/approval', noted);
  assert.deepEqual(types(approved), ['ApprovalPatch', 'Approved']);
  assert.deepEqual(types(await ask('GET', '/a/approval')), ['ApprovalPatch', 'Approved']);

  const certificate = Buffer.from((await authority(0)).files.get('apiserver.crt')!).toString('base64');
  const issued = await ask('PATCH', '/a/status', {
    metadata: { annotations: { patchedstatus: 'true' } },
    status: { certificate },
  });
  assert.deepEqual([issued.status.certificate, issued.metadata.annotations.patchedstatus], [certificate, 'true']);
  issued.status.conditions.push(condition('StatusUpdate'));
  const told = await ask('PUT', '/a/status', issued);
  assert.deepEqual(types(told), ['ApprovalPatch', 'Approved', 'StatusUpdate']);

  // What was said once is not taken back, and what was not asked for is not approved by the way.
  const back = { status: { conditions: [condition('ApprovalPatch'), condition('Denied')] } };
  const refused = await server.ask(`${REQUESTS}/a/approval`, { method: 'PATCH', headers: MERGE, body: back });
  assert.equal(refused.status, 422);
  const bySpec = await ask('PATCH', '/b', { status: { conditions: [condition('Approved')] } });
  assert.deepEqual(types(bySpec), []);

  await ask('DELETE', '/a');
  assert.equal((await server.ask(`${REQUESTS}/a`)).status, 404);
  await ask('DELETE', '?labelSelector=test%3Dx');
  assert.deepEqual((await ask('GET', '?labelSelector=test%3Dx')).items, []);
});
