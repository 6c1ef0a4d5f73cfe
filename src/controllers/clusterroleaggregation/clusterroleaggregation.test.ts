import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClusterRole, type PolicyRule } from '#api';
import { startCluster } from '../testdata/cluster.ts';

const rule = (resource: string): PolicyRule => ({ verbs: ['get'], apiGroups: [''], resources: [resource] });
const aggregate = (name: string): Record<string, string> => ({ [`aggregate-to-${name}`]: 'true' });

test('a role that aggregates has the rules of all its selectors find, and follows them', async (t) => {
  const { client, settled, writes } = await startCluster(t, (name) => name === 'clusterrole-aggregation');
  const role = (name: string, labels: Record<string, string>, rules: PolicyRule[]): Promise<ClusterRole> =>
    client.create(ClusterRole, { metadata: { name, labels }, rules });
  const aggregating = (name: string, labels: Record<string, string> = {}): Promise<ClusterRole> =>
    client.create(ClusterRole, {
      metadata: { name, labels },
      aggregationRule: { clusterRoleSelectors: [{ matchLabels: aggregate(name) }] },
    });
  const rules = async (name: string): Promise<PolicyRule[] | undefined> =>
    (await client.get(ClusterRole, { name })).rules;
  await aggregating('admin');
  await aggregating('view', aggregate('admin'));
  await role('b', aggregate('view'), [rule('pods'), rule('services')]);
  await role('a', aggregate('view'), [rule('nodes'), rule('pods')]);
  await settled();
  const view = [rule('nodes'), rule('pods'), rule('services')];
  assert.deepEqual(await rules('view'), view);
  assert.deepEqual(await rules('admin'), view);

  const before = writes.length;
  await role('unrelated', {}, [rule('secrets')]);
  await settled();
  assert.equal(writes.length, before);

  await client.delete(ClusterRole, { name: 'a' });
  await settled();
  assert.deepEqual(await rules('admin'), [rule('pods'), rule('services')]);
  const { metadata } = await client.get(ClusterRole, { name: 'view' });
  const applied = metadata.managedFields?.filter(({ operation }) => operation === 'Apply');
  assert.deepEqual(
    applied?.map(({ manager }) => manager),
    ['clusterrole-aggregation-controller'],
  );
});
