import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigMap, Namespace } from '#api';
import { startCluster } from '../testdata/cluster.ts';

// Source: "should guarantee kube-root-ca.crt exist in any namespace" of test/e2e/auth/service_accounts.go v1.36.
test('every namespace has the cluster’s certificate, whatever is done to it', async (t) => {
  const { client, settled } = await startCluster(t, (name) => name === 'root-ca-certificate-publisher');
  await client.create(Namespace, { metadata: { name: 'dev' }, spec: {} });
  await settled();
  const at = { namespace: 'dev', name: 'kube-root-ca.crt' };
  const data = async (): Promise<unknown> => (await client.get(ConfigMap, at)).data;
  assert.deepEqual(await data(), { 'ca.crt': 'CA' });
  await client.delete(ConfigMap, at);
  await settled();
  assert.deepEqual(await data(), { 'ca.crt': 'CA' });
  await client.update(ConfigMap, { ...(await client.get(ConfigMap, at)), data: { 'ca.crt': '' } });
  await settled();
  assert.deepEqual(await data(), { 'ca.crt': 'CA' });
});
