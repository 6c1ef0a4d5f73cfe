import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { FakeClock } from '#util';
import { FanOut, join } from './fan-out.ts';

const MEGABYTE = 1 << 20;

test('all that gather in a turn write once it is over, those who gather meanwhile behind them', async () => {
  const fanOut = new FanOut(new FakeClock());
  const said: string[] = [];
  const say = (name: string): void =>
    fanOut.add({
      flush() {
        said.push(name);
        if (name === 'a') say('c');
        return 1;
      },
    });
  say('a');
  say('b');
  assert.deepEqual(said, []);
  await Promise.resolve();
  assert.deepEqual(said, ['a', 'b', 'c']);
  say('d');
  await Promise.resolve();
  assert.equal(said.at(-1), 'd');
});

test('what is too much for a turn, in bytes or in time, goes on in the next', async () => {
  const clock = new FakeClock();
  const fanOut = new FanOut(clock);
  let flushed = 0;
  const add = (count: number, bytes: number, ms: number): void => {
    for (let i = 0; i < count; i++)
      fanOut.add({
        flush() {
          flushed++;
          clock.advance(ms);
          return bytes;
        },
      });
  };
  add(10, MEGABYTE, 0);
  await Promise.resolve();
  assert.equal(flushed, 5);
  await turn();
  await turn();
  assert.equal(flushed, 10);
  add(6, 1, 2);
  await Promise.resolve();
  assert.equal(flushed, 13);
  await turn();
  await turn();
  assert.equal(flushed, 16);
});

test('the same parts are joined once', () => {
  const [a, b, c] = ['a', 'b', 'c'].map((text) => Buffer.from(text)) as [Buffer, Buffer, Buffer];
  assert.equal(join([a]), a);
  const ab = join([a, b]);
  assert.equal(ab.toString(), 'ab');
  assert.equal(join([a, b]), ab);
  assert.equal(join([a, c]).toString(), 'ac');
  assert.equal(join([a, b, c]).toString(), 'abc');
  assert.equal(join([b, a]).toString(), 'ba');
});
