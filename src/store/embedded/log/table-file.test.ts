import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test, type TestContext } from 'node:test';
import fc from 'fast-check';
import { rowsInFile } from './table-file.ts';

const PAGE_BYTES = 1024;

interface Made {
  readonly path: string;
  readonly rootPage: number;
  readonly pages: number;
  /** As SQLite reads them. */
  readonly rows: readonly string[];
}

/** A table of blobs of these sizes, of which every n-th is deleted again before more are written. */
function make(t: TestContext, sizes: readonly number[], deleteEvery: number, setUp = ''): Made {
  const directory = mkdtempSync(join(tmpdir(), 'table-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const path = join(directory, 'table.db');
  using db = new DatabaseSync(path);
  db.exec(`PRAGMA page_size = ${PAGE_BYTES}; PRAGMA auto_vacuum = INCREMENTAL; ${setUp}`);
  db.exec('CREATE TABLE log (id INTEGER PRIMARY KEY, record BLOB NOT NULL)');
  const insert = db.prepare('INSERT INTO log VALUES (?, ?)');
  const half = Math.ceil(sizes.length / 2);
  const write = (from: number, to: number): void => {
    db.exec('BEGIN');
    for (let i = from; i < to; i++) insert.run(7 * i + 1, Buffer.alloc(sizes[i]!, i));
    db.exec('COMMIT');
  };
  write(0, half);
  db.prepare('DELETE FROM log WHERE (id / 7) % ? = 0').run(deleteEvery);
  write(half, sizes.length);
  const all = db.prepare('SELECT id, record FROM log ORDER BY id').all();
  const rootPage = Number(db.prepare("SELECT rootpage FROM sqlite_schema WHERE name = 'log'").get()!['rootpage']);
  const pages = Number(db.prepare('PRAGMA page_count').get()!['page_count']);
  return { path, rootPage, pages, rows: all.map(({ id, record }) => text(Number(id), record as Uint8Array)) };
}

const text = (id: number, record: Uint8Array): string => `${id} ${Buffer.from(record).toString('hex')}`;

function read({ path, rootPage, pages }: Made): readonly string[] {
  const file = openSync(path, 'r');
  try {
    return Array.from(rowsInFile({ file, rootPage, pages }), ({ id, record }) => text(id, record));
  } finally {
    closeSync(file);
  }
}

test('rows are read as SQLite reads them, however long they are and wherever they lie', (t) => {
  const size = fc.oneof(fc.nat(60), fc.nat(2 * PAGE_BYTES), fc.integer({ min: 970, max: 1010 }), fc.nat(40_000));
  fc.assert(
    fc.property(fc.array(size, { maxLength: 300, size: 'max' }), fc.integer({ min: 2, max: 9 }), (sizes, every) => {
      const made = make(t, sizes, every);
      assert.deepEqual(read(made), made.rows);
    }),
    { numRuns: 15 },
  );
});

test('a table that is thousands of pages large is read to its end', (t) => {
  const made = make(
    t,
    Array.from({ length: 4000 }, (_, i) => 600 + (i % 7) * 200),
    3,
  );
  assert.ok(made.pages > 2000);
  assert.deepEqual(read(made), made.rows);
});

test('of a damaged file come rows up to the damage, and no error', (t) => {
  const made = make(
    t,
    Array.from({ length: 200 }, (_, i) => (i * 37) % 1500),
    4,
  );
  const whole = readFileSync(made.path);
  let shortened = 0;
  for (let offset = 0; offset < whole.length; offset += 101) {
    const bytes = Buffer.from(whole);
    bytes[offset]! ^= 0x85;
    writeFileSync(made.path, bytes);
    if (read(made).length < made.rows.length) shortened++;
  }
  assert.ok(shortened > 10, `only ${shortened} were noticed`);
  writeFileSync(made.path, whole.subarray(0, whole.length / 2));
  const left = read(made);
  assert.ok(left.length < made.rows.length);
  assert.deepEqual(left, made.rows.slice(0, left.length));
});

test('a page that is its own child does not keep the reader for ever', (t) => {
  const made = make(
    t,
    Array.from({ length: 100 }, () => 500),
    3,
  );
  const bytes = readFileSync(made.path);
  const root = (made.rootPage - 1) * PAGE_BYTES;
  assert.equal(bytes[root], 5);
  bytes.writeUInt32BE(made.rootPage, root + bytes.readUInt16BE(root + 12));
  writeFileSync(made.path, bytes);
  assert.deepEqual(read(made), []);
});
