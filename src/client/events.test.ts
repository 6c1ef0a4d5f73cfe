import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { type ObjectRequest, StatusError, type Transport } from '#api';
import { FakeClock, silentLogger } from '#util';
import { newEventRecorder } from './events.ts';
import { newClient } from './rest.ts';
import { settle } from './testdata/memory-api.ts';

const pod = { apiVersion: 'v1', kind: 'Pod', namespace: 'ns', name: 'web', uid: 'u1' };

interface Body {
  metadata: { name: string; namespace: string };
  [field: string]: unknown;
}

function recording(
  t: { after(fn: () => void): void },
  answer: (request: ObjectRequest) => Error | undefined = () => undefined,
) {
  const requests: { verb: string; name: string | undefined; body: Body }[] = [];
  const transport: Transport = {
    async request(request) {
      const failure = answer(request);
      requests.push({ verb: request.verb, name: request.name, body: request.body as Body });
      if (failure !== undefined) throw failure;
      return request.verb === 'create'
        ? request.body
        : { ...(request.body as object), metadata: { name: request.name } };
    },
    watch: () => Promise.reject(new StatusError('MethodNotAllowed', 'no watch')),
  };
  const stop = new AbortController();
  t.after(() => stop.abort());
  const clock = new FakeClock(Date.parse('2026-01-02T03:04:05.678Z'));
  const recorder = newEventRecorder({
    client: newClient(transport),
    clock,
    random: () => 0.5,
    log: silentLogger,
    component: 'kubelet',
    host: 'node1',
    signal: stop.signal,
  });
  return { recorder, requests, clock };
}

suite('event recorder', () => {
  test('writes what client-go would', async (t) => {
    const { recorder, requests } = recording(t);
    recorder.event(pod, 'Normal', 'Pulled', 'image pulled');
    await settle();
    const { metadata, ...event } = requests[0]!.body;
    assert.equal(metadata.namespace, 'ns');
    assert.match(metadata.name, /^web\.[0-9a-f]{16}$/);
    assert.deepEqual(event, {
      apiVersion: 'v1',
      kind: 'Event',
      involvedObject: pod,
      reason: 'Pulled',
      message: 'image pulled',
      type: 'Normal',
      source: { component: 'kubelet', host: 'node1' },
      reportingComponent: 'kubelet',
      reportingInstance: 'node1',
      firstTimestamp: '2026-01-02T03:04:05Z',
      lastTimestamp: '2026-01-02T03:04:05Z',
      count: 1,
    });
  });

  test('puts events about cluster-wide objects into the default namespace', async (t) => {
    const { recorder, requests } = recording(t);
    recorder.event({ apiVersion: 'v1', kind: 'Node', name: 'node1' }, 'Normal', 'Starting', 'starting');
    await settle();
    assert.equal(requests[0]?.body.metadata.namespace, 'default');
  });

  test('says the same thing again by raising the count of the first event', async (t) => {
    const { recorder, requests, clock } = recording(t);
    recorder.event(pod, 'Warning', 'BackOff', 'restarting');
    await settle();
    clock.advance(10_000);
    recorder.event(pod, 'Warning', 'BackOff', 'restarting');
    await settle();
    assert.deepEqual(
      requests.map((r) => r.verb),
      ['create', 'patch'],
    );
    assert.equal(requests[1]?.name, requests[0]?.body.metadata.name);
    assert.deepEqual(requests[1]?.body, { count: 2, lastTimestamp: '2026-01-02T03:04:15Z', message: 'restarting' });
  });

  test('makes the event again when the first one has expired, with its count going on', async (t) => {
    const { recorder, requests } = recording(t, ({ verb }) =>
      verb === 'patch' ? new StatusError('NotFound', 'gone') : undefined,
    );
    recorder.event(pod, 'Normal', 'Pulled', 'image pulled');
    recorder.event(pod, 'Normal', 'Pulled', 'image pulled');
    await settle();
    assert.deepEqual(
      requests.map((r) => r.verb),
      ['create', 'patch', 'create'],
    );
    assert.equal(requests[2]?.body['count'], 2);
  });

  test('tells of many that differ only in their text as one, from the tenth on', async (t) => {
    const { recorder, requests } = recording(t);
    for (let i = 0; i < 12; i++) recorder.event(pod, 'Warning', 'Failed', `failure ${i}`);
    await settle();
    assert.deepEqual(
      requests.slice(8).map((r) => [r.verb, r.body['message']]),
      [
        ['create', 'failure 8'],
        ['create', '(combined from similar events): failure 9'],
        ['patch', '(combined from similar events): failure 10'],
        ['patch', '(combined from similar events): failure 11'],
      ],
    );
  });

  test('cuts off a source after 25 events about one object and lets one through each five minutes', async (t) => {
    const { recorder, requests, clock } = recording(t);
    for (let i = 0; i < 40; i++) recorder.event(pod, 'Normal', `Reason${i}`, 'text');
    await settle();
    assert.equal(requests.length, 25);
    clock.advance(300_000);
    for (let i = 0; i < 3; i++) recorder.event(pod, 'Normal', `Later${i}`, 'text');
    await settle();
    assert.equal(requests.length, 26);
  });

  test('keeps trying while the server is away, and gives up at once what the server rejects', async (t) => {
    const failures = [
      new StatusError('ServiceUnavailable', 'away'),
      new StatusError('ServiceUnavailable', 'away'),
      undefined,
    ];
    const { recorder, requests, clock } = recording(t, ({ body }) =>
      (body as Body)['reason'] === 'Bad'
        ? new StatusError('Forbidden', 'namespace is being terminated')
        : failures.shift(),
    );
    recorder.event(pod, 'Normal', 'Good', 'text');
    recorder.event(pod, 'Normal', 'Bad', 'text');
    recorder.event(pod, 'Normal', 'Next', 'text');
    await settle();
    for (const ms of [5000, 10_000]) {
      clock.advance(ms);
      await settle();
    }
    assert.deepEqual(
      requests.map((r) => r.body['reason']),
      ['Good', 'Good', 'Good', 'Bad', 'Next'],
    );
  });

  test('drops events rather than grow without end', async (t) => {
    const { recorder, requests } = recording(t);
    for (let i = 0; i < 1100; i++) recorder.event({ ...pod, name: `p${i}` }, 'Normal', 'Reason', 'text');
    for (let i = 0; i < 500; i++) await settle();
    assert.ok(requests.length >= 1000 && requests.length <= 1001, String(requests.length));
  });
});
