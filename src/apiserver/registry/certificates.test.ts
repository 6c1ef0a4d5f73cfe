import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CertificateSigningRequest } from '#api';
import { newClient } from '#client';
import { startTestApiServer } from '#testing';
import { SIGNING_REQUEST } from '../testdata/minimal.ts';

test('a certificate is asked for by who sends the request, whatever the request says', async () => {
  await using api = await startTestApiServer();
  const client = newClient(api.server.transport({ name: 'ada', groups: ['system:masters', 'dev'] }));
  const { spec } = await client.create(CertificateSigningRequest, {
    metadata: { name: 'c' },
    spec: {
      request: SIGNING_REQUEST,
      signerName: 'example.com/signer',
      usages: ['client auth'],
      username: 'system:admin',
      uid: '1',
      groups: ['system:nodes'],
      extra: { a: ['b'] },
    },
  });
  assert.deepEqual(
    [spec.username, spec.uid, spec.groups, spec.extra],
    ['ada', undefined, ['system:masters', 'dev'], undefined],
  );
});
