import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '#util';
import { readYaml } from './yaml-text.ts';
import { YamlThread } from './yaml-thread.ts';

const never = new AbortController().signal;
const TEXTS = [
  '',
  'a: 1\nb: [x, {c: null}, -0, 1.50, 0777, yes]\n__proto__: {d: e}\n',
  '{"a": "\u2028😀", "b": 1e400}',
  'a: &x {b: c}\nd: *x\n<<: *x\n',
  'a: 1\na: 2\n',
  'a: 1\n"a": 2\n',
  'a: [1\n',
  'a: .nan',
  '- 1\n- 2\n',
  'just text',
];

test('a text is read in the thread as it is read here', async () => {
  await using thread = new YamlThread(new FakeClock());
  for (const duplicates of [true, false]) {
    const read = await Promise.all(TEXTS.map((text) => thread.read(text, duplicates, { signal: never })));
    for (const [i, text] of TEXTS.entries()) {
      const { value, error, twice } = readYaml(text, duplicates);
      const own = { value: JSON.parse(JSON.stringify(value ?? null)) as unknown, error, twice };
      assert.deepEqual({ error: undefined, twice: undefined, ...read[i], value: read[i]!.value ?? null }, own, text);
    }
  }
});

test('who leaves is not waited for, and those behind are read by a new thread', async () => {
  await using thread = new YamlThread(new FakeClock());
  const first = new AbortController();
  const third = new AbortController();
  const reads = [first.signal, never, third.signal, never].map((signal, i) =>
    thread.read(`a: ${i}`, false, { signal }),
  );
  const settled = Promise.allSettled(reads);
  third.abort(new Error('left while waiting'));
  first.abort(new Error('left while it was read'));
  const outcomes = (await settled).map((each) =>
    each.status === 'fulfilled' ? each.value.value : (each.reason as Error).message,
  );
  assert.deepEqual(outcomes, ['left while it was read', { a: 1 }, 'left while waiting', { a: 3 }]);
});

test('a text that takes too long is refused', async () => {
  const clock = new FakeClock();
  await using thread = new YamlThread(clock);
  const reads = ['a: 1', 'a: 2'].map((text) => thread.read(text, false, { signal: never }));
  clock.advance(30_000);
  await assert.rejects(reads[0]!, { reason: 'BadRequest', message: 'the YAML takes too long to read' });
  assert.deepEqual((await reads[1]!).value, { a: 2 });
});

test('the thread ends when nobody has anything to read, and another starts when somebody has', async () => {
  const clock = new FakeClock();
  await using thread = new YamlThread(clock);
  for (let i = 0; i < 3; i++) {
    assert.deepEqual((await thread.read(`a: ${i}`, false, { signal: never })).value, { a: i });
    clock.advance(31_000);
  }
  await thread[Symbol.asyncDispose]();
  await assert.rejects(thread.read('a: 1', false, { signal: never }), /has been stopped/);
});
