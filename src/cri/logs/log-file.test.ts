import fc from 'fast-check';
import assert from 'node:assert/strict';
import { appendFile, mkdtemp, open, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { openLog, type ReadLogOptions, tailOffset } from './log-file.ts';
import { fixedNanos, type LogChunk, utcNanos } from './log-line.ts';

let directory: string;
let files = 0;
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'log-'));
});
after(() => rm(directory, { recursive: true }));

const newPath = (): string => join(directory, `${files++}.log`);
const signal = new AbortController().signal;

async function readAll(path: string, options: Partial<ReadLogOptions> = {}): Promise<string> {
  await using log = await openLog(path);
  const out: Buffer[] = [];
  for await (const chunk of log.read({ timestamps: false, stream: 'All', signal, ...options })) out.push(chunk.data);
  return Buffer.concat(out).toString();
}

const LINES = [
  '2026-11-21T08:01:31.870795287Z stdout F one',
  '2026-11-21T08:01:32.5Z stderr F two',
  '2026-11-21T08:01:33Z stdout P half ',
  '2026-11-21T08:01:33.1Z stdout F whole',
  '2026-11-21T08:01:34.000000001Z stdout F ',
  'not a log line',
  '2026-11-21T08:01:35.25Z stdout F:tag last',
];

async function sample(): Promise<string> {
  const path = newPath();
  await writeFile(path, LINES.map((line) => `${line}\n`).join(''));
  return path;
}

test('a log is read as the text of its lines, halves joined and strange lines left out', async () => {
  assert.equal(await readAll(await sample()), 'one\ntwo\nhalf whole\n\nlast\n');
});

test('a stream can be had alone', async () => {
  assert.equal(await readAll(await sample(), { stream: 'Stderr' }), 'two\n');
  assert.equal(await readAll(await sample(), { stream: 'Stdout' }), 'one\nhalf whole\n\nlast\n');
});

test('streams can be kept apart, in the order of the lines', async () => {
  await using log = await openLog(await sample());
  const seen: string[] = [];
  for await (const { stream, data } of log.read({ timestamps: false, stream: 'All', separate: true, signal }))
    seen.push(`${stream} ${String(data)}`);
  assert.deepEqual(seen, ['Stdout one\n', 'Stderr two\n', 'Stdout half whole\n\nlast\n']);
});

test('timestamps have nine digits and stand at the start of whole lines only', async () => {
  assert.equal(
    await readAll(await sample(), { timestamps: true }),
    [
      '2026-11-21T08:01:31.870795287Z one\n',
      '2026-11-21T08:01:32.500000000Z two\n',
      '2026-11-21T08:01:33.000000000Z half whole\n',
      '2026-11-21T08:01:34.000000001Z \n',
      '2026-11-21T08:01:35.250000000Z last\n',
    ].join(''),
  );
});

test('since leaves out what is older, by the nanosecond and across time zones', async () => {
  assert.equal(await readAll(await sample(), { since: '2026-11-21T08:01:34.000000001Z' }), '\nlast\n');
  assert.equal(await readAll(await sample(), { since: '2026-11-21T08:01:34.000000002Z' }), 'last\n');
  assert.equal(utcNanos('2026-11-21T09:31:34.5+01:30'), '2026-11-21T08:01:34.500000000Z');
  assert.equal(fixedNanos('2026-11-21T09:31:34.5+01:30'), '2026-11-21T09:31:34.500000000+01:30');
  assert.equal(utcNanos('yesterday'), undefined);
});

test('limitBytes cuts in the middle of a line', async () => {
  assert.equal(await readAll(await sample(), { limitBytes: 6 }), 'one\ntw');
});

test('a tail counts lines of the file from its end', async () => {
  assert.equal(await readAll(await sample(), { tailLines: 4 }), 'whole\n\nlast\n');
  assert.equal(await readAll(await sample(), { tailLines: 0 }), '');
  assert.equal(await readAll(await sample(), { tailLines: 100 }), 'one\ntwo\nhalf whole\n\nlast\n');
});

test('an unfinished last line is read when nothing more can come', async () => {
  const path = newPath();
  await writeFile(path, `${LINES[0]}\n2026-11-21T08:01:32Z stdout F cut o`);
  assert.equal(await readAll(path), 'one\ncut o');
});

test('for any lines and any block size the tail starts where counting all newlines says', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.string({ unit: fc.constantFrom('a', 'ä', '\n'), maxLength: 9 }), { maxLength: 12 }),
      fc.nat(14),
      fc.integer({ min: 1, max: 20 }),
      async (pieces, lines, blockBytes) => {
        const content = Buffer.from(pieces.join('\n'));
        const path = newPath();
        await writeFile(path, content);
        await using file = await open(path);
        const ends = [...content.entries()].filter(([, byte]) => byte === 10).map(([at]) => at + 1);
        const expected = lines === 0 ? content.length : (ends.at(-lines - 1) ?? 0);
        assert.equal(await tailOffset(file, lines, blockBytes), expected);
      },
    ),
    { numRuns: 150 },
  );
});

test('lines longer than a block come out whole', async () => {
  const path = newPath();
  const long = 'x'.repeat(150_000);
  await writeFile(path, `2026-11-21T08:01:31Z stdout F ${long}\n2026-11-21T08:01:31Z stdout F y\n`);
  assert.equal(await readAll(path), `${long}\ny\n`);
});

test('a line without end is refused instead of filling the memory', async () => {
  const path = newPath();
  await writeFile(path, Buffer.alloc(3 << 20, 'x'));
  await assert.rejects(readAll(path), /log line longer than 1048576 bytes/);
});

const line = (text: string): string => `2026-11-21T08:01:31Z stdout F ${text}\n`;

/** Reads on until the text so far ends with what is asked for. */
function reader(chunks: AsyncGenerator<LogChunk, void, undefined>): (until: string) => Promise<string> {
  let text = '';
  return async (until) => {
    while (!text.endsWith(until)) {
      const { value, done } = await chunks.next();
      if (done === true) throw new Error(`ended after ${JSON.stringify(text)}`);
      text += value.data.toString();
    }
    return text;
  };
}

test('following shows lines as they are written, goes over a rotation, and ends with the container', async () => {
  const path = newPath();
  await writeFile(path, line('one') + line('two'));
  const container = Promise.withResolvers<void>();
  await using log = await openLog(path);
  const chunks = log.read({
    timestamps: false,
    stream: 'All',
    tailLines: 1,
    follow: () => container.promise,
    signal: AbortSignal.timeout(10_000),
  });
  const until = reader(chunks);
  assert.equal(await until('two\n'), 'two\n');
  const more = until('three\n');
  await appendFile(path, line('three').slice(0, 12));
  await appendFile(path, line('three').slice(12));
  assert.equal(await more, 'two\nthree\n');

  const over = until('six\n');
  await rename(path, `${path}.old`);
  await appendFile(`${path}.old`, line('four'));
  await writeFile(path, line('five') + line('six'));
  assert.equal(await over, 'two\nthree\nfour\nfive\nsix\n');

  const rest = until('end');
  await appendFile(path, line('end').trimEnd());
  container.resolve();
  assert.equal(await rest, 'two\nthree\nfour\nfive\nsix\nend');
  assert.equal((await chunks.next()).done, true);
});

test('following stops at once when aborted, and when it cannot be known whether the container lives', async () => {
  const path = newPath();
  await writeFile(path, line('one'));
  const abort = new AbortController();
  const reason = new Error('client gone');
  const following = readAll(path, { follow: () => new Promise(() => {}), signal: abort.signal });
  abort.abort(reason);
  await assert.rejects(following, reason);
  await assert.rejects(readAll(path, { follow: () => Promise.reject(reason), signal }), reason);
});

test('a limit of bytes ends following too', async () => {
  const path = newPath();
  await writeFile(path, line('one'));
  const following = readAll(path, {
    follow: () => new Promise(() => {}),
    limitBytes: 6,
    signal: AbortSignal.timeout(10_000),
  });
  await appendFile(path, line('two'));
  assert.equal(await following, 'one\ntw');
});
