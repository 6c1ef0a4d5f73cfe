/** What the conformance suite of Kubernetes v1.36 asks of the objects that register webhooks (test/e2e/apimachinery/webhook.go), before any is called. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Json } from '../../src/apiserver/testdata/https.ts';
import { type Session, startSession } from './support.ts';

const GROUP = '/apis/admissionregistration.k8s.io';

test('webhooks are in the discovery of their group and version', async () => {
  await using session = await startSession();
  const { groups } = await session.get('/apis');
  const group = groups.find(({ name }: Json) => name === 'admissionregistration.k8s.io');
  assert.ok(group.versions.some(({ groupVersion }: Json) => groupVersion === 'admissionregistration.k8s.io/v1'));
  const own = await session.get(GROUP);
  assert.ok(own.versions.some(({ version }: Json) => version === 'v1'));
  const { resources } = await session.get(`${GROUP}/v1`);
  const names = resources.map(({ name }: Json) => name);
  for (const plural of ['mutatingwebhookconfigurations', 'validatingwebhookconfigurations'])
    assert.ok(names.includes(plural), plural);
});

const webhookWith = (condition: object): object => ({
  name: 'match-condition.example.com',
  sideEffects: 'None',
  admissionReviewVersions: ['v1'],
  clientConfig: { service: { name: 'e2e', namespace: 'default', path: '/always-allow' } },
  rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['configmaps'] }],
  matchConditions: [condition],
});

async function matchConditions(session: Session, plural: string): Promise<void> {
  const path = `${GROUP}/v1/${plural}`;
  const expression = { name: 'expression-1', expression: "object.metadata.namespace == 'production'" };
  const webhook = webhookWith(expression);
  const made = await session.post(path, { metadata: { name: 'conditions' }, webhooks: [webhook] });
  assert.deepEqual(made.webhooks[0].matchConditions, [expression]);
  const found = await session.get(`${path}/conditions`);
  assert.deepEqual(found.webhooks[0].matchConditions, [expression]);
  const next = [
    { name: 'expression-2', expression: "object.metadata.namespace == 'staging'" },
    { name: 'expression-3', expression: 'true' },
  ];
  found.webhooks[0].matchConditions = next;
  await session.put(`${path}/conditions`, found);
  assert.deepEqual((await session.get(`${path}/conditions`)).webhooks[0].matchConditions, next);
}

test('webhooks that mutate are created and updated with conditions', async () => {
  await using session = await startSession();
  await matchConditions(session, 'mutatingwebhookconfigurations');
});

test('webhooks that validate are created and updated with conditions', async () => {
  await using session = await startSession();
  await matchConditions(session, 'validatingwebhookconfigurations');
});

async function invalidConditions(session: Session, plural: string): Promise<void> {
  const expression = { name: 'expression-1', expression: '... [] bad expression' };
  const body = { metadata: { name: 'conditions' }, webhooks: [webhookWith(expression)] };
  const { message } = await session.refused(422, 'POST', `${GROUP}/v1/${plural}`, body);
  assert.match(message, /compilation failed/);
}

test('webhooks that mutate are refused with conditions that are none', async () => {
  await using session = await startSession();
  await invalidConditions(session, 'mutatingwebhookconfigurations');
});

test('webhooks that validate are refused with conditions that are none', async () => {
  await using session = await startSession();
  await invalidConditions(session, 'validatingwebhookconfigurations');
});
