import assert from 'node:assert/strict';
import { it } from 'node:test';
import { FakeClock } from '#util';
import { settle } from '../testing/node.ts';
import { watchClock } from './clock-watch.ts';

it('a clock that is set forward or back is noticed once, one that only goes on is not', async () => {
  const clock = new FakeClock(1e12);
  const stop = new AbortController();
  let jumps = 0;
  const watching = watchClock({ clock, onJump: () => void jumps++ }, { signal: stop.signal });
  const pass = async (): Promise<number> => {
    for (let i = 0; i < 3; i++) {
      clock.advance(10_000);
      await settle();
    }
    return jumps;
  };
  assert.equal(await pass(), 0);
  clock.jump(3_600_000);
  assert.equal(await pass(), 1);
  clock.jump(-7_200_000);
  assert.equal(await pass(), 2);
  stop.abort(new Error('done'));
  await watching;
  assert.equal(clock.pending, 0);
});
