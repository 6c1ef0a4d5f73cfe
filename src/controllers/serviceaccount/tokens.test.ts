import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Secret, ServiceAccount, StatusError } from '#api';
import { startCluster } from '../testdata/cluster.ts';

const TYPE = 'kubernetes.io/service-account-token';
const NAME = 'kubernetes.io/service-account.name';
const text = (base64: string | undefined): string => Buffer.from(base64 ?? '', 'base64').toString();

test('a secret made for the token of an account is filled, and goes with the account', async (t) => {
  const { client, settled } = await startCluster(t, (name) => name === 'serviceaccount-token');
  const at = { namespace: 'default', name: 'robot' };
  const account = await client.create(ServiceAccount, { metadata: at, secrets: [{ name: 'robot' }] });
  await client.create(Secret, { metadata: { ...at, annotations: { [NAME]: 'robot' } }, type: TYPE });
  await settled();
  const { data, metadata } = await client.get(Secret, at);
  assert.equal(text(data?.['token']), `token of robot ${account.metadata.uid} in robot`);
  assert.equal(text(data?.['namespace']), 'default');
  assert.equal(text(data?.['ca.crt']), 'CA');
  assert.equal(metadata.annotations?.['kubernetes.io/service-account.uid'], account.metadata.uid);

  await client.delete(Secret, at);
  await settled();
  assert.deepEqual((await client.get(ServiceAccount, at)).secrets ?? [], []);

  await client.create(Secret, { metadata: { ...at, annotations: { [NAME]: 'robot' } }, type: TYPE });
  await settled();
  await client.delete(ServiceAccount, at);
  await settled();
  await assert.rejects(client.get(Secret, at), (error) => StatusError.is(error, 'NotFound'));
});

test('a secret for an account that is not there, or is another by now, is taken away', async (t) => {
  const { client, settled } = await startCluster(t, (name) => name === 'serviceaccount-token');
  const at = { namespace: 'default', name: 'robot' };
  const annotations = { [NAME]: 'default', 'kubernetes.io/service-account.uid': 'of another' };
  await client.create(Secret, { metadata: { ...at, annotations }, type: TYPE });
  await client.create(Secret, { metadata: { ...at, name: 'plain' }, data: { a: 'Yg==' } });
  await settled();
  await assert.rejects(client.get(Secret, at), (error) => StatusError.is(error, 'NotFound'));
  assert.deepEqual((await client.get(Secret, { ...at, name: 'plain' })).data, { a: 'Yg==' });
});
