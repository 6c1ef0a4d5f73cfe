import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Secret } from '#api';
import { FakeClock } from '#util';
import { KeyedBackoff } from './backoff.ts';
import { lookUpCredentials } from './keyring.ts';
import { parseImageReference, repositoryOf, withDefaultTag } from './reference.ts';
import { Semaphore } from './semaphore.ts';

describe('names of images', () => {
  it('are taken apart as Docker does', () => {
    const cases: [string, string, string][] = [
      ['nginx', 'docker.io/library/nginx', 'nginx:latest'],
      ['nginx:1.2', 'docker.io/library/nginx', 'nginx:1.2'],
      ['me/app', 'docker.io/me/app', 'me/app:latest'],
      ['registry:5000/app', 'registry:5000/app', 'registry:5000/app:latest'],
      ['localhost/app:1', 'localhost/app', 'localhost/app:1'],
      ['quay.io/a/b/c', 'quay.io/a/b/c', 'quay.io/a/b/c:latest'],
      ['index.docker.io/nginx', 'docker.io/library/nginx', 'index.docker.io/nginx:latest'],
    ];
    for (const [image, repository, tagged] of cases) {
      assert.equal(repositoryOf(image), repository);
      assert.equal(withDefaultTag(image), tagged);
    }
    const digest = `sha256:${'a'.repeat(64)}`;
    assert.deepEqual(parseImageReference(`nginx:1@${digest}`), {
      domain: 'docker.io',
      path: 'library/nginx',
      tag: '1',
      digest,
    });
    assert.equal(withDefaultTag(`nginx@${digest}`), `nginx@${digest}`);
  });

  it('that are none are refused', () => {
    for (const image of [
      '',
      ' ',
      'a b',
      'nginx:',
      'nginx:a:b',
      '/nginx',
      'nginx@sha256:1',
      '-x',
      'a'.repeat(300),
      'f'.repeat(64),
    ]) {
      assert.throws(() => parseImageReference(image), /couldn't parse image name/, JSON.stringify(image));
    }
  });
});

describe('credentials', () => {
  const secret = (auths: object, old = false): Secret => ({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 's', namespace: 'n', uid: 'u', resourceVersion: '1', creationTimestamp: '' },
    type: old ? 'kubernetes.io/dockercfg' : 'kubernetes.io/dockerconfigjson',
    data: {
      [old ? '.dockercfg' : '.dockerconfigjson']: Buffer.from(JSON.stringify(old ? auths : { auths })).toString(
        'base64',
      ),
    },
  });
  const users = (auths: Record<string, string>, image: string) =>
    lookUpCredentials(
      [secret(Object.fromEntries(Object.entries(auths).map(([k, username]) => [k, { username, password: 'p' }])))],
      repositoryOf(image),
    ).map(({ username }) => username);

  it('match host, port and the beginning of the path, the most specific first', () => {
    const auths = { 'quay.io': 'host', 'https://quay.io/team': 'team', 'registry:5000': 'port', 'other:5000': 'no' };
    assert.deepEqual(users(auths, 'quay.io/team/app:1'), ['team', 'host']);
    assert.deepEqual(users(auths, 'quay.io/x/app'), ['host']);
    assert.deepEqual(users(auths, 'registry:5000/app'), ['port']);
    assert.deepEqual(users(auths, 'registry/app'), []);
  });

  it('match names with stars label by label', () => {
    assert.deepEqual(users({ '*.example.com': 'star' }, 'reg.example.com/a'), ['star']);
    assert.deepEqual(users({ '*.example.com': 'star' }, 'a.b.example.com/a'), []);
    assert.deepEqual(users({ 'reg*.example.com': 'star' }, 'reg1.example.com/a'), ['star']);
  });

  it('of Docker Hub serve short names', () => {
    assert.deepEqual(users({ 'https://index.docker.io/v1/': 'hub' }, 'nginx'), ['hub']);
    assert.deepEqual(users({ 'https://index.docker.io/v1/': 'hub' }, 'quay.io/nginx'), []);
  });

  it('are read from `auth` and from the old format', () => {
    const auth = Buffer.from('me:a:b').toString('base64');
    assert.deepEqual(lookUpCredentials([secret({ 'r.io': { auth } }, true)], 'r.io/x'), [
      { username: 'me', password: 'a:b' },
    ]);
  });
});

describe('back-off', () => {
  it('doubles up to its limit and is forgotten after a quiet time', () => {
    const clock = new FakeClock(1_000_000);
    const backoff = new KeyedBackoff(clock);
    const delays: number[] = [];
    for (let i = 0; i < 7; i++) {
      backoff.next('k', clock.now());
      delays.push(backoff.delayMs('k') / 1000);
      clock.advance(backoff.delayMs('k'));
    }
    assert.deepEqual(delays, [10, 20, 40, 80, 160, 300, 300]);
    clock.advance(600_001);
    assert.equal(backoff.remainingMs('k', clock.now()), 0);
    backoff.next('k', clock.now());
    assert.equal(backoff.delayMs('k'), 10_000);
  });
});

it('a semaphore lets its number in and the next one when one leaves, or is aborted', async () => {
  const semaphore = new Semaphore(1);
  const order: string[] = [];
  const gate = Promise.withResolvers<void>();
  const { signal } = new AbortController();
  const first = semaphore.run(() => gate.promise.then(() => order.push('first')), { signal });
  const aborted = new AbortController();
  const second = semaphore.run(async () => order.push('second'), { signal: aborted.signal });
  const third = semaphore.run(async () => order.push('third'), { signal });
  aborted.abort(new Error('no longer'));
  await assert.rejects(second, { message: 'no longer' });
  gate.resolve();
  await Promise.all([first, third]);
  assert.deepEqual(order, ['first', 'third']);
});

describe('a back-off', () => {
  const crashedOnce = (): { clock: FakeClock; backoff: KeyedBackoff; endedAtMs: number } => {
    const clock = new FakeClock(1e12);
    const backoff = new KeyedBackoff(clock);
    backoff.next('k', clock.now());
    clock.advance(3000);
    return { clock, backoff, endedAtMs: clock.now() };
  };

  it('is not made longer by a clock that is set back', () => {
    const { clock, backoff, endedAtMs } = crashedOnce();
    clock.jump(-3_600_000);
    assert.equal(backoff.remainingMs('k', endedAtMs), 10_000);
    clock.advance(4000);
    assert.equal(backoff.remainingMs('k', endedAtMs), 6000);
    assert.equal(backoff.remainingSinceUpdateMs('k'), 3000);
    clock.advance(6000);
    assert.equal(backoff.remainingMs('k', endedAtMs), 0);
  });

  it('neither ends nor begins anew when the clock is set forward', () => {
    const { clock, backoff, endedAtMs } = crashedOnce();
    clock.jump(3_600_000);
    assert.equal(backoff.remainingMs('k', endedAtMs), 7000);
    assert.equal(backoff.remainingSinceUpdateMs('k'), 7000);
    clock.advance(7000);
    backoff.next('k', endedAtMs);
    assert.equal(backoff.delayMs('k'), 20_000);
  });
});
