/**
 * Keeps `.cache/js` a copy of `src` without its types, so that what runs for long does not carry TypeScript's reader: 25 MB less in every process.
 * Lines stay where they are. Only what changed is done again; with nothing to do it costs a stat per file. Several processes may do it at once, while
 * others run from the copy: every file is put in its place whole.
 *
 * Runs on the project's Node, but is plain JavaScript like everything that comes before the program.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Run by `bin/pirogue.mjs`, and by itself as the program of long-lived processes. */
const MAIN = `import { enableCompileCache } from 'node:module';
import { join } from 'node:path';
const root = join(import.meta.dirname, '../..');
enableCompileCache(join(root, '.cache/compile'));
const { main } = await import('./src/cmd/cmd.js');
const code = await main(process.argv.slice(2), { root, entry: import.meta.filename });
if (typeof code === 'number') process.exitCode = code;
`;

/**
 * Brings the copy up to date and returns the file to run: it takes the program's arguments. `root` is the project's directory.
 * Where nothing can be written, as for a user in a directory of root's, it is a file that runs the sources.
 */
export function compile(root) {
  try {
    return update(root);
  } catch (error) {
    if (!['EACCES', 'EPERM', 'EROFS'].includes(error.code)) throw error;
    return join(root, 'bin/sources.mjs');
  }
}

function update(root) {
  const out = join(root, '.cache/js');
  // Another Node, other dependencies or another version of this file may make something else of the same source.
  const files = [join(root, 'package.json'), fileURLToPath(import.meta.url)];
  const stamp = [process.version, ...files.map((file) => readFileSync(file, 'utf8'))].join('\n');
  const stampFile = join(out, 'stamp');
  const fresh = read(stampFile) !== stamp;
  if (fresh) {
    put(out, join(out, 'package.json'), JSON.stringify({ type: 'module', imports: imports(root) }));
    put(out, join(out, 'main.js'), MAIN);
  }
  const wanted = new Set();
  for (const file of sources(join(root, 'src'))) {
    const target = join(out, relative(root, file)).replace(/\.ts$/, '.js');
    wanted.add(target);
    const { mtime } = statSync(file);
    if (!fresh && changed(target) === milliseconds(mtime)) continue;
    const source = readFileSync(file, 'utf8');
    put(out, target, file.endsWith('.ts') ? javaScript(source) : source, mtime);
  }
  for (const file of sources(join(out, 'src'))) if (!wanted.has(file)) rmSync(file, { force: true });
  if (fresh) put(out, stampFile, stamp);
  return join(out, 'main.js');
}

/** A process that runs must never read half a file. `mtime`: of the source; a source that is replaced by an older one has changed, too. */
function put(out, target, text, mtime) {
  const unfinished = join(out, `unfinished-${process.pid}`);
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(unfinished, text);
  if (mtime !== undefined) utimesSync(unfinished, mtime, mtime);
  renameSync(unfinished, target);
}

function javaScript(source) {
  return strip(source).replace(/(['"])(\.{1,2}\/[^'"\n]*)\.ts\1/g, '$1$2.js$1');
}

/** Without the warning that the function is new; the flag that turns it off cannot be set from within. */
function strip(source) {
  const { emitWarning } = process;
  process.emitWarning = () => {};
  try {
    return stripTypeScriptTypes(source);
  } finally {
    process.emitWarning = emitWarning;
  }
}

function imports(root) {
  const own = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).imports;
  return Object.fromEntries(Object.entries(own).map(([name, file]) => [name, file.replace(/\.ts$/, '.js')]));
}

/** Files of the program; not its tests. */
function sources(directory) {
  const found = [];
  for (const entry of list(directory)) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) found.push(...(entry.name === 'testdata' ? [] : sources(path)));
    else if (!entry.name.endsWith('.test.ts')) found.push(path);
  }
  return found;
}

function list(directory) {
  try {
    return readdirSync(directory, { withFileTypes: true });
  } catch (error) {
    if (error.code === 'ENOENT') return [];
    throw error;
  }
}

function read(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** To the millisecond: what `utimes` keeps of a time on every file system here. */
const milliseconds = (mtime) => mtime.getTime();

/** The time of the source a file was made of; `undefined` for one that is not there. */
function changed(file) {
  const found = statSync(file, { throwIfNoEntry: false });
  return found === undefined ? undefined : milliseconds(found.mtime);
}
