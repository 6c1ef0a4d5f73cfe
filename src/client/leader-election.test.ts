import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { type Lease, type ObjectRequest, StatusError, type Transport } from '#api';
import { FakeClock, silentLogger } from '#util';
import { runAsLeader } from './leader-election.ts';
import { newClient } from './rest.ts';
import { settle } from './testdata/memory-api.ts';

/** One lease with optimistic concurrency. */
class LeaseApi implements Transport {
  lease: Lease | undefined;
  down = false;
  #version = 0;

  async request({ verb, body }: ObjectRequest): Promise<unknown> {
    if (this.down) throw new StatusError('ServiceUnavailable', 'down');
    const sent = body as Lease;
    if (verb === 'get') {
      if (this.lease === undefined) throw new StatusError('NotFound', 'no lease');
      return this.lease;
    }
    const wanted = verb === 'create' ? undefined : sent.metadata.resourceVersion;
    if (this.lease?.metadata.resourceVersion !== wanted) throw new StatusError('Conflict', 'changed');
    this.lease = { ...sent, metadata: { ...sent.metadata, resourceVersion: String(++this.#version) } };
    return this.lease;
  }

  watch(): Promise<void> {
    return Promise.reject(new StatusError('MethodNotAllowed', 'no watch'));
  }
}

function candidate(api: LeaseApi, clock: FakeClock, identity: string) {
  const stop = new AbortController();
  const seen = { leading: false, terms: 0 };
  const ended = runAsLeader(
    {
      client: newClient(api),
      clock,
      random: () => 0,
      log: silentLogger,
      lease: { namespace: 'kube-system', name: 'test' },
      identity,
    },
    ({ signal }) => {
      seen.leading = true;
      seen.terms++;
      return new Promise((resolve) => {
        signal.addEventListener('abort', () => {
          seen.leading = false;
          resolve();
        });
      });
    },
    { signal: stop.signal },
  ).then(
    () => undefined,
    (error: unknown) => error,
  );
  return { seen, stop, ended };
}

async function pass(clock: FakeClock, seconds: number): Promise<void> {
  for (let i = 0; i < seconds; i++) {
    clock.advance(1000);
    await settle();
  }
}

suite('leader election', () => {
  test('one leads and the other waits, until the first gives up the lease', async () => {
    const [api, clock] = [new LeaseApi(), new FakeClock()];
    const a = candidate(api, clock, 'a');
    await settle();
    const b = candidate(api, clock, 'b');
    await pass(clock, 60);
    assert.deepEqual([a.seen.leading, b.seen.leading], [true, false]);
    a.stop.abort();
    await a.ended;
    assert.equal(api.lease?.spec.holderIdentity, '');
    await pass(clock, 3);
    assert.equal(b.seen.leading, true);
    assert.equal(api.lease?.spec.leaseTransitions, 1);
    b.stop.abort();
    await b.ended;
    assert.equal(clock.pending, 0);
  });

  test('a leader that cannot renew for ten seconds stops, before another may start', async () => {
    const [api, clock] = [new LeaseApi(), new FakeClock()];
    const a = candidate(api, clock, 'a');
    await settle();
    await pass(clock, 3);
    api.down = true;
    await pass(clock, 8);
    assert.equal(a.seen.leading, true);
    await pass(clock, 4);
    assert.equal(a.seen.leading, false);
    assert.ok(StatusError.is(await a.ended, 'Timeout'));
    api.down = false;
    const b = candidate(api, clock, 'b');
    await pass(clock, 14);
    assert.equal(b.seen.leading, false);
    await pass(clock, 3);
    assert.equal(b.seen.leading, true);
    b.stop.abort();
    await b.ended;
  });

  test('of two that come at once one wins', async () => {
    const [api, clock] = [new LeaseApi(), new FakeClock()];
    const both = [candidate(api, clock, 'a'), candidate(api, clock, 'b')];
    await pass(clock, 10);
    assert.equal(both.filter((each) => each.seen.leading).length, 1);
    for (const each of both) each.stop.abort();
    await Promise.all(both.map((each) => each.ended));
  });
});
