import type { Pod } from '#api';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { containerIdForLogs, hasContainer } from './container-log-status.ts';
import { parseLogOptions } from './log-options.ts';

const NOW = Date.parse('2026-11-21T08:01:31.250Z');
const parse = (query: string) => parseLogOptions(new URLSearchParams(query), NOW);

test('the query of kubectl logs is understood', () => {
  assert.deepEqual(parse('follow=true&tailLines=10&timestamps=true&sinceSeconds=60&limitBytes=5&previous=false'), {
    follow: true,
    previous: false,
    timestamps: true,
    stream: 'All',
    tailLines: 10,
    limitBytes: 5,
    since: '2026-11-21T08:00:31.250000000Z',
  });
  assert.equal(parse('sinceTime=2026-11-21T09:00:00%2B01:00').since, '2026-11-21T08:00:00.000000000Z');
  assert.equal(parse('tail=all&tailLines=3').tailLines, undefined);
  assert.equal(parse('tail=4').tailLines, 4);
});

for (const query of [
  'tailLines=-1',
  'limitBytes=0',
  'sinceSeconds=0',
  'sinceSeconds=1&sinceTime=2026-11-21T09:00:00Z',
  'stream=stdout',
  'stream=Stdout&tailLines=1',
]) {
  test(`the query ${query} is refused as invalid`, () => {
    assert.throws(() => parse(query), { code: 422, message: '{"message": "Invalid request."}' });
  });
}

for (const query of ['tailLines=ten', 'sinceTime=yesterday', 'limitBytes=1e3']) {
  test(`the query ${query} is refused as undecodable`, () => {
    assert.throws(() => parse(query), { code: 400, message: '{"message": "Unable to decode query."}' });
  });
}

function podWith(status: object): Pod {
  return {
    metadata: { name: 'web-0' },
    spec: { containers: [{ name: 'web' }], initContainers: [{ name: 'init' }] },
    status: { containerStatuses: [{ name: 'web', image: '', imageID: '', ready: false, restartCount: 0, ...status }] },
  } as unknown as Pod;
}

test('the running container is meant, or the one that ended last, or the one before it', () => {
  const running = podWith({ state: { running: {} }, containerID: 'containerd://a' });
  assert.equal(containerIdForLogs(running, 'web', false), 'a');
  const crashing = podWith({
    state: { waiting: { reason: 'CrashLoopBackOff' } },
    lastState: { terminated: { containerID: 'containerd://b' } },
  });
  assert.equal(containerIdForLogs(crashing, 'web', false), 'b');
  assert.equal(containerIdForLogs(crashing, 'web', true), 'b');
  assert.equal(
    containerIdForLogs(podWith({ state: { terminated: { containerID: 'containerd://c' } } }), 'web', false),
    'c',
  );
});

test('a log that is not there is explained as upstream does', () => {
  const said = (status: object, previous = false): string => {
    try {
      return containerIdForLogs(podWith(status), 'web', previous);
    } catch (error) {
      return (error as Error).message;
    }
  };
  const waiting = (reason: string): string => said({ state: { waiting: { reason } } });
  const prefix = 'container "web" in pod "web-0" is waiting to start: ';
  assert.equal(waiting('ContainerCreating'), `${prefix}ContainerCreating`);
  assert.equal(waiting('ErrImagePull'), `${prefix}image can't be pulled`);
  assert.equal(waiting('ImagePullBackOff'), `${prefix}trying and failing to pull image`);
  assert.equal(said({}), 'container "web" in pod "web-0" is waiting to start - no logs yet');
  assert.equal(said({ state: { terminated: {} } }), 'container "web" in pod "web-0" is terminated');
  assert.equal(
    said({ state: { running: {} }, containerID: 'containerd://a' }, true),
    'previous terminated container "web" in pod "web-0" not found',
  );
  assert.throws(() => containerIdForLogs(podWith({}), 'other', false), {
    code: 400,
    message: 'container "other" in pod "web-0" is not available',
  });
  assert.equal(hasContainer(podWith({}), 'init'), true);
  assert.equal(hasContainer(podWith({}), 'other'), false);
});
