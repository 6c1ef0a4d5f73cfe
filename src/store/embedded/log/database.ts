import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { StoreError, type StoreErrorCode } from '../../types.ts';
import { damageMessage, databasePath } from './files.ts';
import { checkWal, markInUse, unmarkInUse } from './in-use.ts';
import { readOwner, writeOwner } from './owner.ts';
import type { LeaseChange, LogHead } from './log.ts';
import { FRAME_HEADER_BYTES, isIntact, readInteger, seal, writeInteger } from './record.ts';
import { PurgeList } from './purge-list.ts';
import { type Row, rowsInFile } from './table-file.ts';
import { findWalDamage } from './wal-check.ts';

const APPLICATION_ID = 0x5069726f; // "Piro"
const FORMAT = 1;
/** Two records of usual size fit in a page; measured 15 % more rows per second than with 4 KiB pages. */
const PAGE_BYTES = 8192;
/** The write-ahead log is folded into the database at this size: a checkpoint then takes 5-10 ms. */
const CHECKPOINT_BYTES = 4 << 20;
const CHECKPOINT_PAGES = CHECKPOINT_BYTES / PAGE_BYTES;
/**
 * Needless rows deleted at a time: a few milliseconds. Deleting them costs about as much as writing them did, so it waits for a quiet
 * moment, unless they are more than all other rows and enough to matter.
 */
const PURGE_ROWS = 128;
const URGENT_ROWS = 10_000;
/** Free pages are kept for new rows as long as they are fewer than this, or than a quarter of the file. */
const FREE_BYTES = 16 << 20;
const VACUUM_PAGES = 128;
const HEAD_ROW = 1;

/**
 * The files of a store, used by one thread of one process: a SQLite database as a log of numbered rows. Rows from `firstRow` on are
 * consecutive; older ones are what compaction left of them: the newest version of each key, and rows that wait for their deletion.
 * How many older ones there are is written down, every row has a checksum: so a lost or changed row is noticed.
 */
export class LogDatabase {
  readonly #directory: string;
  readonly #path: string;
  readonly #lock: DatabaseSync;
  readonly #db: DatabaseSync;
  /** The database once more, to read rows: closed after SQLite has closed it, since that would end SQLite's locks. */
  #file: number | undefined;
  readonly #begin: StatementSync;
  readonly #commit: StatementSync;
  readonly #insert: StatementSync;
  readonly #delete: StatementSync;
  readonly #putLease: StatementSync;
  readonly #deleteLease: StatementSync;
  readonly #putHead: StatementSync;
  readonly #walState: StatementSync;
  #head: LogHead = { compactRevision: 0, firstRow: 1 };
  /** Rows with a number below the head's first row. */
  #oldRows = 0;
  readonly #purgeList = new PurgeList();
  /** About how many pages may be written before the size of the write-ahead log is worth another look, which takes a tenth of the time of a small write. */
  #pagesUnseen = 0;
  /** Worth another look for free pages: something was deleted since the last one. */
  #vacuum = true;

  constructor(directory: string, maxBytes: number | undefined) {
    this.#directory = directory;
    this.#path = databasePath(directory);
    makeDirectory(directory);
    using undo = new DisposableStack();
    this.#lock = undo.use(lockDirectory(directory));
    this.#checkFiles();
    this.#db = undo.use(new DatabaseSync(this.#path));
    this.#configure(maxBytes);
    this.#begin = this.#db.prepare('BEGIN IMMEDIATE');
    this.#commit = this.#db.prepare('COMMIT');
    this.#insert = this.#db.prepare('INSERT INTO log VALUES (?, ?)');
    this.#delete = this.#db.prepare('DELETE FROM log WHERE id BETWEEN ? AND ?');
    this.#putLease = this.#db.prepare('INSERT OR REPLACE INTO lease VALUES (?, ?)');
    this.#deleteLease = this.#db.prepare('DELETE FROM lease WHERE id = ?');
    this.#putHead = this.#db.prepare('INSERT OR REPLACE INTO head VALUES (?, ?)');
    this.#walState = this.#db.prepare('PRAGMA wal_checkpoint(NOOP)');
    this.#readHead();
    markInUse(directory);
    syncPath(directory);
    writeOwner(directory);
    undo.move();
  }

  get head(): LogHead {
    return this.#head;
  }

  readLeases(): readonly LeaseChange[] {
    const statement = this.#db.prepare('SELECT id, record FROM lease ORDER BY id');
    return statement.all().map((columns) => {
      const { id, record } = asRow(columns);
      if (!isIntact(record, id)) throw this.#corrupt(`lease ${id} has a wrong checksum`);
      return { id, ttlSeconds: readInteger(record, 4) };
    });
  }

  /** All rows in order, checked. To be read to its end before anything else is done; a record stays as it is until the next one is asked for. */
  *rows(): Generator<Row> {
    const { firstRow } = this.#head;
    let last = 0;
    let old = 0;
    const expectOld = (): void => {
      if (old === this.#oldRows) return;
      throw this.#corrupt(`${old} rows lie below ${firstRow} where there should be ${this.#oldRows}`);
    };
    for (const one of this.#allRows()) {
      const row = one.id;
      if (row < firstRow) old++;
      else if (last < firstRow) expectOld();
      const contiguous = row < firstRow ? row > last : row === Math.max(firstRow, last + 1);
      if (!contiguous) throw this.#corrupt(`row ${row} follows row ${last}`);
      last = row;
      yield one;
    }
    if (last < firstRow) expectOld();
  }

  /** From the file itself as far as it is in order, which takes a quarter of the time; SQLite has the last word. */
  *#allRows(): Generator<Row> {
    let last = -1;
    for (const row of this.#rowsInFile()) {
      if (row.id <= last) throw this.#corrupt(`row ${row.id} follows row ${last}`);
      if (!isIntact(row.record, row.id)) break;
      yield row;
      last = row.id;
    }
    const page = this.#db.prepare('SELECT id, record FROM log WHERE id > ? ORDER BY id LIMIT 64');
    for (;;) {
      const rows = page.all(last).map(asRow);
      if (rows.length === 0) return;
      for (const row of rows) {
        if (!(row.id > last)) throw this.#corrupt(`row ${row.id} follows row ${last}`);
        if (!isIntact(row.record, row.id)) throw this.#corrupt(`row ${row.id} has a wrong checksum`);
        yield row;
        last = row.id;
      }
    }
  }

  #rowsInFile(): Iterable<Row> {
    if (statSync(`${this.#path}-wal`).size > 0) return [];
    this.#file ??= openSync(this.#path, 'r');
    const root = this.#db.prepare("SELECT rootpage FROM sqlite_schema WHERE name = 'log'").get();
    return rowsInFile({ file: this.#file, rootPage: Number(root?.rootpage), pages: this.#pragma('page_count') });
  }

  /** Writes a batch of frames, and deletes some needless rows on the way. Durable when it returns. */
  commit(firstRow: number, frames: Buffer, leases: readonly LeaseChange[]): void {
    this.#pagesUnseen -= 1 + Math.ceil(frames.length / PAGE_BYTES);
    this.#transaction(() => {
      let row = firstRow;
      for (let offset = 0; offset < frames.length; row++) {
        const from = offset + FRAME_HEADER_BYTES;
        offset = from + frames.readUInt32LE(offset);
        const record = frames.subarray(from, offset);
        seal(record, row);
        this.#insert.run(row, record);
      }
      for (const change of leases) this.#changeLease(change);
      const needless = this.#purgeList.size;
      const total = this.#oldRows + row - this.#head.firstRow;
      const urgent = needless > Math.max(URGENT_ROWS, total / 2);
      return urgent ? this.#deleteSome(Math.max(PURGE_ROWS, 2 * (row - firstRow))) : 0;
    });
  }

  compact(compactRevision: number, firstRow: number): void {
    const head = { compactRevision, firstRow };
    // Rows are consecutive from the old first row on, so all of them up to the new one are old from now on.
    const oldRows = this.#oldRows + firstRow - this.#head.firstRow;
    this.#transaction(() => {
      this.#writeHead(head, oldRows);
      return 0;
    });
    this.#head = head;
    this.#oldRows = oldRows;
  }

  /** Notes rows for deletion. */
  purge(rows: Float64Array): void {
    this.#purgeList.add(rows);
  }

  /** Does a little of the cleaning that can wait, a few milliseconds; false when there is nothing to do. */
  clean(): boolean {
    if (this.#purgeList.size > 0) {
      this.#transaction(() => this.#deleteSome(PURGE_ROWS));
      return true;
    }
    return this.#vacuum && this.#giveBackSpace();
  }

  /** Deletes what is needless and cuts all free pages off the file's end. Takes as long as it takes. */
  shrink(): void {
    while (this.#purgeList.size > 0) this.#transaction(() => this.#deleteSome(PURGE_ROWS));
    this.#db.exec('PRAGMA incremental_vacuum; PRAGMA wal_checkpoint(TRUNCATE)');
    this.#vacuum = false;
  }

  /** Folds the write-ahead log into the database if it has grown. */
  checkpointIfGrown(): void {
    if (this.#pagesUnseen > 0) return;
    const { log } = this.#walState.get() as { log: number };
    this.#pagesUnseen = log < CHECKPOINT_PAGES ? CHECKPOINT_PAGES - log : CHECKPOINT_PAGES;
    if (log >= CHECKPOINT_PAGES) this.#db.exec('PRAGMA wal_checkpoint(PASSIVE)');
  }

  close(): void {
    if (this.#emptyWal()) unmarkInUse(this.#directory);
    this.#db.close();
    if (this.#file !== undefined) closeSync(this.#file);
    this.#lock.close();
  }

  /** Runs `work`, which says how many old rows it deleted; all or nothing is written. */
  #transaction(work: () => number): void {
    this.#begin.run();
    let deleted: number;
    try {
      deleted = work();
      if (deleted > 0) this.#writeHead(this.#head, this.#oldRows - deleted);
      this.#commit.run();
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
      throw error;
    }
    this.#oldRows -= deleted;
    this.#purgeList.drop(deleted);
    if (deleted === 0) return;
    this.#vacuum = true;
    this.#pagesUnseen = 0;
  }

  /** Deletes the next rows on the purge list; returns how many. */
  #deleteSome(budget: number): number {
    let rows = 0;
    for (const { from, to } of this.#purgeList.peek(budget)) {
      const changes = Number(this.#delete.run(from, to).changes);
      if (changes !== to - from + 1) {
        throw this.#corrupt(`of rows ${from} to ${to}, to be deleted, there are only ${changes}`);
      }
      rows += changes;
    }
    return rows;
  }

  /** Cuts pages off the file's end while too many of its pages are free. */
  #giveBackSpace(): boolean {
    const free = this.#pragma('freelist_count');
    const pages = this.#pragma('page_count');
    if (free <= Math.max(FREE_BYTES / PAGE_BYTES, pages / 4)) {
      this.#vacuum = false;
      return false;
    }
    this.#db.exec(`PRAGMA incremental_vacuum(${VACUUM_PAGES})`);
    this.#pagesUnseen = 0;
    return true;
  }

  #changeLease({ id, ttlSeconds }: LeaseChange): void {
    if (ttlSeconds === undefined) {
      this.#deleteLease.run(id);
      return;
    }
    const record = Buffer.alloc(12);
    writeInteger(record, 4, ttlSeconds);
    seal(record, id);
    this.#putLease.run(id, record);
  }

  #writeHead({ compactRevision, firstRow }: LogHead, oldRows: number): void {
    const record = Buffer.alloc(28);
    writeInteger(record, 4, compactRevision);
    writeInteger(record, 12, firstRow);
    writeInteger(record, 20, oldRows);
    seal(record, HEAD_ROW);
    this.#putHead.run(HEAD_ROW, record);
  }

  #readHead(): void {
    const rows = this.#db.prepare('SELECT id, record FROM head').all().map(asRow);
    const record = rows[0]?.record;
    if (rows.length !== 1 || record?.length !== 28 || !isIntact(record, HEAD_ROW)) {
      throw this.#corrupt('its head has a wrong checksum');
    }
    this.#head = { compactRevision: readInteger(record, 4), firstRow: readInteger(record, 12) };
    this.#oldRows = readInteger(record, 20);
  }

  /** What SQLite would take for the beginning or the end of everything, and is not. */
  #checkFiles(): void {
    const wal = `${this.#path}-wal`;
    const hasWal = existsSync(wal);
    const owner = readOwner(this.#directory);
    if (!existsSync(this.#path)) {
      if (hasWal && statSync(wal).size > 0) throw this.#corrupt(`there is ${wal} without it`);
      if (owner !== undefined) throw this.#corrupt('it was there and is missing');
      return;
    }
    // SQLite takes it for a new one, and a few bytes as well.
    if (owner !== undefined && statSync(this.#path).size < PAGE_BYTES) throw this.#corrupt('it is empty or cut off');
    const damage = hasWal && statSync(wal).size > 0 ? findWalDamage(wal) : undefined;
    if (damage !== undefined) throw this.#corrupt(damage);
    checkWal(this.#directory);
  }

  #configure(maxBytes: number | undefined): void {
    this.#db.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA cell_size_check = ON; PRAGMA cache_size = -4096');
    if (this.#isNew()) this.#create();
    if (this.#pragma('application_id') !== APPLICATION_ID) throw this.#corrupt('it is not a store of this program');
    const format = this.#pragma('user_version');
    if (format !== FORMAT) {
      throw new StoreError('unavailable', `${this.#path} has format ${format}, this program reads format ${FORMAT}`);
    }
    this.#db.exec(
      `PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0; PRAGMA journal_size_limit = ${4 * CHECKPOINT_BYTES}`,
    );
    this.#emptyWal();
    if (maxBytes !== undefined) {
      const pages = Math.max(1, Math.floor(maxBytes / PAGE_BYTES));
      this.#db.exec(`PRAGMA max_page_count = ${pages}`);
    }
  }

  /** What a torn last transaction left in the write-ahead log must not be found again behind the next one: see findWalDamage. */
  #emptyWal(): boolean {
    try {
      this.#db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
      return true;
    } catch (error) {
      if (resultCode(error) !== SQLITE.full) throw error; // a full disk can still be read
      return false;
    }
  }

  #isNew(): boolean {
    const tables = this.#db.prepare('SELECT count(*) AS count FROM sqlite_schema').get() as { count: number };
    return tables.count === 0 && this.#pragma('application_id') === 0 && this.#pragma('user_version') === 0;
  }

  #create(): void {
    this.#db.exec(`PRAGMA page_size = ${PAGE_BYTES}; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL`);
    this.#db.exec('BEGIN IMMEDIATE');
    this.#db.exec(`
      CREATE TABLE log (id INTEGER PRIMARY KEY, record BLOB NOT NULL);
      CREATE TABLE lease (id INTEGER PRIMARY KEY, record BLOB NOT NULL);
      CREATE TABLE head (id INTEGER PRIMARY KEY, record BLOB NOT NULL);
      PRAGMA application_id = ${APPLICATION_ID};
      PRAGMA user_version = ${FORMAT}`);
    const putHead = this.#db.prepare('INSERT INTO head VALUES (?, ?)');
    const record = Buffer.alloc(28);
    writeInteger(record, 12, 1);
    seal(record, HEAD_ROW);
    putHead.run(HEAD_ROW, record);
    this.#db.exec('COMMIT');
  }

  #pragma(name: string): number {
    return Object.values(this.#db.prepare(`PRAGMA ${name}`).get() ?? {})[0] as number;
  }

  #corrupt(what: string): StoreError {
    return new StoreError('corrupt', damageMessage(this.#path, what));
  }
}

function asRow(columns: Record<string, unknown>): Row {
  const { id, record } = columns;
  if (typeof id !== 'number' || !(record instanceof Uint8Array)) return { id: Number(id), record: Buffer.alloc(0) };
  return { id, record: Buffer.from(record.buffer, record.byteOffset, record.byteLength) };
}

/** Result codes of SQLite, the lower 8 bits: https://www.sqlite.org/rescode.html */
const SQLITE = { error: 1, busy: 5, corrupt: 11, full: 13, notADatabase: 26 } as const;

interface SqliteError {
  readonly message?: string;
  readonly errcode?: number;
  readonly code?: string;
}

function resultCode(error: unknown): number | undefined {
  const { errcode } = error as SqliteError;
  return errcode === undefined ? undefined : errcode & 0xff;
}

/** What an error of SQLite, of the file system or of this file means. `opening`: before the first write. */
export function asStoreError(error: unknown, directory: string, opening: boolean): StoreError {
  if (error instanceof StoreError) return error;
  const { message, errcode, code } = error as SqliteError;
  const text = `${message ?? String(error)}${errcode === undefined ? '' : ` (SQLite ${errcode})`}`;
  const path = databasePath(directory);
  const as = (storeCode: StoreErrorCode, words: string): StoreError =>
    new StoreError(storeCode, words, { cause: error });
  switch (resultCode(error) ?? code) {
    case SQLITE.full:
    case 'ENOSPC':
      return as('no-space', `no space left to write ${path}: ${text}`);
    case SQLITE.corrupt:
    case SQLITE.notADatabase:
    case 'ERR_OUT_OF_RANGE': // the number of a row
      return as('corrupt', damageMessage(path, text));
    case SQLITE.error:
      // A statement that always works makes no sense to SQLite only if what it reads makes none.
      return opening ? as('corrupt', damageMessage(path, text)) : as('failed', `cannot write ${path}: ${text}`);
    default:
      return opening
        ? as('unavailable', `cannot open ${path}: ${text}`)
        : as('failed', `cannot write ${path}: ${text}`);
  }
}

function makeDirectory(directory: string): void {
  const made = mkdirSync(directory, { recursive: true, mode: 0o700 });
  if (made === undefined) return;
  const above = dirname(resolve(made));
  for (let path = resolve(directory); path !== above; path = dirname(path)) syncPath(dirname(path));
}

/** Makes the names in a directory durable. */
function syncPath(directory: string): void {
  const handle = openSync(directory, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

/**
 * Holds the directory until the process ends, however it ends: an open exclusive transaction on a database with nothing in it.
 * (Node has no flock, SQLite does; and the lock must be held before the files are looked at.)
 */
function lockDirectory(directory: string): DatabaseSync {
  const lock = new DatabaseSync(join(directory, 'lock'));
  try {
    lock.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
  } catch (error) {
    lock.close();
    if (resultCode(error) !== SQLITE.busy) throw error;
    const owner = readOwner(directory) ?? '';
    const pid = owner === '' ? '' : ` (process ${owner})`;
    const message = `another server${pid} uses ${directory}: stop it first, or use another directory`;
    throw new StoreError('unavailable', message, { cause: error });
  }
  return lock;
}
