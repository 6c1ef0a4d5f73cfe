/** What the conformance suite of Kubernetes v1.36 asks of namespaces and quotas as objects (namespace.go and resource_quota.go of test/e2e/apimachinery). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Json } from '../../src/apiserver/testdata/https.ts';
import { startSession } from './support.ts';

const NAMESPACES = '/api/v1/namespaces';

test('a namespace is labelled, by patch and by update', async () => {
  await using session = await startSession();
  await session.post(NAMESPACES, { metadata: { name: 'dev' } });
  await session.patch(`${NAMESPACES}/dev`, { metadata: { labels: { testLabel: 'testValue' } } }, 'strategic');
  const patched = await session.get(`${NAMESPACES}/dev`);
  assert.deepEqual(patched.metadata.labels, { 'kubernetes.io/metadata.name': 'dev', testLabel: 'testValue' });
  patched.metadata.labels.updated = 'yes';
  assert.equal((await session.put(`${NAMESPACES}/dev`, patched)).metadata.labels.updated, 'yes');
});

test('the status of a namespace is read, patched and updated', async () => {
  await using session = await startSession();
  await session.post(NAMESPACES, { metadata: { name: 'dev' } });
  const path = `${NAMESPACES}/dev/status`;
  const found = await session.get(path);
  assert.equal(found.status.phase, 'Active');
  const condition = (type: string): object => ({ type, status: 'True', reason: 'E2E', message: `set by ${type}` });
  const body = { metadata: { annotations: { patched: 'yes' } }, status: { conditions: [condition('StatusPatch')] } };
  const patched = await session.patch(path, body);
  assert.equal(patched.metadata.annotations.patched, 'yes');
  assert.deepEqual([patched.status.phase, patched.status.conditions[0].message], ['Active', 'set by StatusPatch']);
  patched.status.conditions.push(condition('StatusUpdate'));
  const updated = await session.put(path, patched);
  assert.deepEqual(
    updated.status.conditions.map(({ type, reason }: Json) => [type, reason]),
    [
      ['StatusPatch', 'E2E'],
      ['StatusUpdate', 'E2E'],
    ],
  );
});

test('a finalizer of a namespace is added and taken away by its own path', async () => {
  await using session = await startSession();
  const made = await session.post(NAMESPACES, { metadata: { name: 'dev' } });
  assert.deepEqual(made.spec.finalizers, ['kubernetes']);
  const finalizers = ['kubernetes', 'e2e.example.com/fakeFinalizer'];
  const path = `${NAMESPACES}/dev/finalize`;
  const held = await session.put(path, { ...made, spec: { finalizers } });
  assert.deepEqual(held.spec.finalizers, finalizers);
  assert.deepEqual((await session.get(`${NAMESPACES}/dev`)).spec.finalizers, finalizers);
  const free = await session.put(path, { ...held, spec: { finalizers: ['kubernetes'] } });
  assert.deepEqual(free.spec.finalizers, ['kubernetes']);
});

const QUOTAS = `${NAMESPACES}/default/resourcequotas`;
const quota = (hard: object): object => ({
  metadata: { name: 'quota', labels: { 'test-quota': 'x' } },
  spec: { hard },
});

test('a quota is created, read, updated and deleted', async () => {
  await using session = await startSession();
  const made = await session.post(QUOTAS, quota({ cpu: '1', memory: '500Mi' }));
  assert.deepEqual(made.spec.hard, { cpu: '1', memory: '500Mi' });
  const found = await session.get(`${QUOTAS}/quota`);
  assert.deepEqual(found.spec, made.spec);
  found.spec.hard = { cpu: '2', memory: '1Gi' };
  const updated = await session.put(`${QUOTAS}/quota`, found);
  assert.deepEqual(updated.spec.hard, { cpu: '2', memory: '1Gi' });
  assert.deepEqual((await session.get(`${QUOTAS}/quota`)).spec.hard, { cpu: '2', memory: '1Gi' });
  await session.delete(`${QUOTAS}/quota`);
  assert.equal((await session.refused(404, 'GET', `${QUOTAS}/quota`)).reason, 'NotFound');
});

test('a quota is listed everywhere, patched, and deleted with its collection', async () => {
  await using session = await startSession();
  await session.post(QUOTAS, quota({ cpu: '1', memory: '500Mi' }));
  const everywhere = '/api/v1/resourcequotas?labelSelector=test-quota%3Dx';
  assert.deepEqual(await session.names(everywhere), ['quota']);
  const change = { metadata: { labels: { quota: 'patched' } }, spec: { hard: { memory: '750Mi' } } };
  const patched = await session.patch(`${QUOTAS}/quota`, change, 'strategic');
  assert.deepEqual([patched.metadata.labels.quota, patched.spec.hard], ['patched', { cpu: '1', memory: '750Mi' }]);
  await session.delete(`${QUOTAS}?labelSelector=quota%3Dpatched`);
  assert.deepEqual(await session.names(everywhere), []);
});
