import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { StatusError, type WatchEvent } from '#api';
import { newWatchDecoder } from './watch-decoder.ts';

test('events come out whole and in order however the bytes are cut', () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: 'grapheme' }), { maxLength: 8 }),
      fc.array(fc.nat(400), { maxLength: 12 }),
      (names, cuts) => {
        const text = names
          .map((name) => `${JSON.stringify({ type: 'MODIFIED', object: { metadata: { name } } })}\n`)
          .join('');
        const bytes = Buffer.from(text);
        const seen: string[] = [];
        const decode = newWatchDecoder((events) => {
          assert.ok(events.length > 0);
          seen.push(...events.map((event: WatchEvent) => event.object.metadata.name));
        });
        const at = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)).toSorted((a, b) => a - b), bytes.length];
        for (let i = 1; i < at.length; i++) decode(bytes.subarray(at[i - 1], at[i]));
        assert.deepEqual(seen, names);
      },
    ),
  );
});

test('a line that is no event is an error and not a crash', () => {
  const decode = newWatchDecoder(() => assert.fail('no event was sent'));
  assert.throws(
    () => decode(Buffer.from('<html>\n')),
    (error) => StatusError.is(error, 'InternalError'),
  );
});
