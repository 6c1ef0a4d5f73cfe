import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Node, StatusError } from '#api';
import { startTestApiServer } from '#testing';

test('an empty optional list sent from within this process is not stored', async () => {
  await using api = await startTestApiServer();
  const created = await api.client.create(Node, {
    metadata: { name: 'n' },
    spec: { podCIDRs: [] },
    status: { allocatable: { memory: '1024Mi' } },
  });
  assert.ok(!('podCIDRs' in created.spec));
  assert.equal(created.status.allocatable?.['memory'], '1Gi');
  const updated = await api.client.update(Node, { ...created, spec: { ...created.spec, taints: [] } });
  assert.ok(!('taints' in updated.spec));
});

test('a value of the wrong type from within this process is refused like one from outside', async () => {
  await using api = await startTestApiServer();
  const wrong = { metadata: { name: 'n' }, spec: { unschedulable: 'yes' as unknown as boolean } };
  await assert.rejects(api.client.create(Node, wrong), (error) => StatusError.is(error, 'BadRequest'));
});
