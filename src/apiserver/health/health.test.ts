import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Store } from '#store';
import { silentLogger } from '#util';
import { startHttpsServer } from '../testdata/https.ts';
import { health, type HealthOptions, LISTEN_STEPS, OWN_STEPS } from './health.ts';

test('checks are told one by one, with those left out that nobody wants', async () => {
  await using server = await startHttpsServer();
  let broken = false;
  server.test.server.addReadyCheck('poststarthook/mine', () => {
    if (broken) throw new Error('not yet');
  });
  const ask = async (path: string): Promise<[number, string]> => {
    const { status, text } = await server.ask(path);
    return [status, text];
  };
  const steps = [...OWN_STEPS, ...LISTEN_STEPS].map((name) => `[+]poststarthook/${name} ok\n`).join('');
  const basics = '[+]ping ok\n[+]log ok\n[+]etcd ok\n';
  const live = `${basics}${steps}`;
  const more = '[+]etcd-readiness ok\n[+]informer-sync ok\n';
  const ready = `${basics}${more}${steps}[+]poststarthook/mine ok\n[+]shutdown ok\n`;
  const cases: Readonly<Record<string, [number, string]>> = {
    '/healthz': [200, 'ok'],
    '/livez': [200, 'ok'],
    '/readyz': [200, 'ok'],
    '/livez?verbose': [200, `${live}livez check passed\n`],
    '/healthz?verbose=false': [200, `${live}healthz check passed\n`],
    '/readyz?verbose': [200, `${ready}readyz check passed\n`],
    '/livez?verbose&exclude=etcd&exclude=b&exclude=a': [
      200,
      `[+]ping ok\n[+]log ok\n[+]etcd excluded: ok\n${steps}warn: some health checks cannot be excluded: no matches for "a","b"\nlivez check passed\n`,
    ],
    '/livez/ping': [200, 'ok'],
    '/readyz/poststarthook/mine': [200, 'ok'],
    '/livez/poststarthook/mine': [404, '404 page not found\n'],
  };
  for (const [path, wanted] of Object.entries(cases)) assert.deepEqual(await ask(path), wanted, path);
  const { headers } = await server.ask('/livez');
  assert.deepEqual(
    [headers['content-type'], headers['x-content-type-options'], headers['cache-control']],
    ['text/plain; charset=utf-8', 'nosniff', 'no-cache, private'],
  );

  broken = true;
  const failed = ready.replace('[+]poststarthook/mine ok', '[-]poststarthook/mine failed: reason withheld');
  assert.deepEqual(await ask('/readyz'), [500, `${failed}readyz check failed\n`]);
  assert.deepEqual(await ask('/readyz/poststarthook/mine'), [500, 'internal server error: not yet\n']);
  assert.deepEqual(await ask('/readyz?exclude=poststarthook/mine'), [200, 'ok']);
  assert.deepEqual(await ask('/livez'), [200, 'ok']);
});

test('a server that goes down is alive, but no longer ready', async () => {
  const store = { range: async () => ({ kvs: [], count: 0, revision: 1 }) } as unknown as Store;
  let stopping = false;
  let lost: string[] = [];
  let done = false;
  const told: string[] = [];
  const options: HealthOptions = {
    store,
    unsynced: () => lost,
    startSteps: new Map([['bootstrap-controller', () => done]]),
    readyChecks: {},
    stopping: () => stopping,
    log: { ...silentLogger, info: (_message, fields) => void told.push(String(fields?.['checks'])) },
  };
  const status = async (endpoint: 'livez' | 'readyz', only = ''): Promise<unknown> => {
    const answer = await health(options, endpoint, only, new URLSearchParams());
    assert.ok(answer !== undefined && 'status' in answer);
    return only === '' ? answer.status : 'body' in answer && answer.body;
  };
  assert.deepEqual([await status('livez'), await status('readyz')], [500, 500]);
  const hook = 'poststarthook/bootstrap-controller';
  assert.equal(await status('livez', hook), 'internal server error: not finished\n');
  done = true;
  assert.deepEqual([await status('livez'), await status('readyz')], [200, 200]);
  lost = ['pods', 'nodes'];
  assert.deepEqual([await status('livez'), await status('readyz')], [200, 500]);
  const withheld = 'internal server error: 2 informers not started yet: [pods nodes]\n';
  assert.equal(await status('readyz', 'informer-sync'), withheld);
  lost = [];
  stopping = true;
  assert.deepEqual([await status('livez'), await status('readyz')], [200, 500]);
  assert.deepEqual(told, [
    'poststarthook/bootstrap-controller: not finished',
    'poststarthook/bootstrap-controller: not finished',
    'informer-sync: 2 informers not started yet: [pods nodes]',
    'shutdown: process is shutting down',
  ]);
});
