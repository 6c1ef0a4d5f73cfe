/**
 * Keeps `.cache/js` a copy of `src` without its types, so that what runs for long does not carry TypeScript's reader: 25 MB less in every process.
 * Lines stay where they are. Only what changed is done again; with nothing to do it costs a stat per file.
 *
 * Runs on the project's Node, but is plain JavaScript like everything that comes before the program.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
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

/** Brings the copy up to date and returns the file to run: it takes the program's arguments. `root` is the project's directory. */
export function compile(root) {
  const out = join(root, '.cache/js');
  // Another Node, other dependencies or another version of this file may make something else of the same source.
  const stamp = [process.version, join(root, 'package.json'), fileURLToPath(import.meta.url)].map(contents).join('\n');
  const stampFile = join(out, 'stamp');
  if (read(stampFile) !== stamp) {
    rmSync(out, { recursive: true, force: true });
    mkdirSync(out, { recursive: true });
    writeFileSync(join(out, 'package.json'), JSON.stringify({ type: 'module', imports: imports(root) }));
    writeFileSync(join(out, 'main.js'), MAIN);
  }
  const wanted = new Set();
  for (const file of sources(join(root, 'src'))) {
    const target = join(out, relative(root, file)).replace(/\.ts$/, '.js');
    wanted.add(target);
    const { mtimeMs } = statSync(file);
    if (changed(target) >= mtimeMs) continue;
    mkdirSync(dirname(target), { recursive: true });
    const source = readFileSync(file, 'utf8');
    // A process that runs must never read half a file.
    writeFileSync(`${target}.new`, file.endsWith('.ts') ? javaScript(source) : source);
    renameSync(`${target}.new`, target);
  }
  for (const file of sources(join(out, 'src'))) if (!wanted.has(file)) rmSync(file);
  if (read(stampFile) !== stamp) writeFileSync(stampFile, stamp);
  return join(out, 'main.js');
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

function sources(directory) {
  const found = [];
  for (const entry of list(directory)) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) found.push(...sources(path));
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

const contents = (text) => (text.startsWith('/') ? readFileSync(text, 'utf8') : text);

function read(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** When the file was made; never for one that is not there. */
function changed(file) {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? -1;
}
