import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Pod, ServiceAccount } from '#api';
import { startTestApiServer, type TestApiServer } from '#testing';
import { FakeClock } from '#util';
import { newTokenSource } from './token-source.ts';

const START = Date.parse('2026-01-01T00:00:00Z');
const { signal } = new AbortController();

async function podOf({ client }: TestApiServer): Promise<Pod> {
  await client.create(ServiceAccount, { metadata: { name: 'default', namespace: 'default' } });
  const spec = { containers: [{ name: 'c', image: 'i' }] };
  return await client.create(Pod, { metadata: { name: 'p', namespace: 'default' }, spec });
}

test('a token is used for four fifths of its life, and at the longest for a day', async () => {
  const clock = new FakeClock(START);
  await using api = await startTestApiServer({ clock });
  const pod = await podOf(api);
  const tokens = newTokenSource({ client: api.client, clock });
  const get = (expirationSeconds: number): Promise<string> =>
    tokens.get(pod, { path: 'token', audience: '', expirationSeconds }, { signal });
  const [first, same] = await Promise.all([get(1000), get(1000)]);
  assert.equal(first, same);
  assert.equal(tokens.nextRefreshMs(pod.metadata.uid), START + 800_000);
  clock.advance(799_000);
  assert.equal(await get(1000), first);
  clock.advance(1000);
  assert.notEqual(await get(1000), first);
  tokens.forget(pod.metadata.uid);
  await get(7 * 24 * 3600);
  assert.equal(tokens.nextRefreshMs(pod.metadata.uid), clock.now() + 24 * 3600 * 1000);
});

test('a token that cannot be had again is used on while the pod is there', async () => {
  const clock = new FakeClock(START);
  await using api = await startTestApiServer({ clock });
  const pod = await podOf(api);
  let broken = false;
  const client: typeof api.client = {
    ...api.client,
    async createSubresource(...args) {
      if (broken) throw new Error('connection lost');
      return await api.client.createSubresource(...args);
    },
  };
  const tokens = newTokenSource({ client, clock });
  const request = { path: 'token', audience: 'vault', expirationSeconds: 600 };
  const first = await tokens.get(pod, request, { signal });
  broken = true;
  clock.advance(500_000);
  assert.equal(await tokens.get(pod, request, { signal }), first);
  broken = false;
  await api.client.delete(Pod, pod.metadata, { body: { gracePeriodSeconds: 0 } });
  await assert.rejects(tokens.get(pod, request, { signal }), { message: 'failed to fetch token: pods "p" not found' });
});
