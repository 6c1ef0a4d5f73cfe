/**
 * The process that is killed: `server.ts DIRECTORY [LOG FAULT]` serves the store in a directory by etcd's API, on a port that it says. It ends when its
 * standard input does.
 */
import { writeSync } from 'node:fs';
import { newEtcdServer, openEmbeddedStore, type Store, StoreError } from '#store';
import { silentLogger, systemClock } from '#util';
import { failingLog, type LogFault } from './failing-log.ts';

/** So little that rounds of a second forget history several times. */
const HISTORY_BYTES = 4 << 20;

const [, , directory = '', fault] = process.argv;
process.stdin.on('end', () => process.exit(0)).resume();

function say(...words: readonly (string | number)[]): void {
  writeSync(1, `${words.join(' ')}\n`);
}

function open(): Promise<Store> {
  return openEmbeddedStore({
    directory,
    clock: systemClock,
    log: silentLogger,
    compaction: { maxHistoryBytes: HISTORY_BYTES },
    ...(fault === undefined ? {} : { openLog: failingLog(JSON.parse(fault) as LogFault) }),
    onFatal(error) {
      say('fatal', error.code, error.message);
      process.exit(1);
    },
  });
}

try {
  const store = await open();
  const server = newEtcdServer({
    store,
    clock: systemClock,
    log: silentLogger,
    name: 'test',
    clientURLs: [],
    identity: 'test',
  });
  const port = await server.listen('127.0.0.1', 0);
  say('ready', port, process.pid);
} catch (error) {
  if (!(error instanceof StoreError)) throw error;
  say('refused', error.code, error.message);
  process.exit(1);
}
