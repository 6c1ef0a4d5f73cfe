import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { suite, test, type TestContext } from 'node:test';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

const COMPILER = join(import.meta.dirname, '../bin/compile.mjs');
const { compile } = (await import(COMPILER)) as { compile(root: string): string };

interface Project {
  readonly root: string;
  /** Path of a source in the copy. */
  copy(file: string): string;
  write(file: string, text: string): void;
  /** What the program prints when run from the copy. */
  run(...argv: string[]): Promise<string>;
}

/** A project of two files, with types, that prints its arguments and a word. */
function newProject(t: TestContext): Project {
  const root = mkdtempSync(join(tmpdir(), 'pirogue-compile-'));
  t.after(() => rmSync(root, { recursive: true }));
  const write = (file: string, text: string): void => {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), text);
  };
  write('package.json', JSON.stringify({ type: 'module', imports: { '#word': './src/word/word.ts' } }));
  write('src/word/word.ts', "export { word } from './text.ts';\n");
  write('src/word/text.ts', "export const word: string = 'one';\n");
  write(
    'src/cmd/cmd.ts',
    `import { word } from '#word';
interface Program { readonly root: string }
export async function main(argv: readonly string[], { root }: Program): Promise<number> {
  console.log(word, ...argv, root);
  return 0;
}
`,
  );
  return {
    root,
    write,
    copy: (file) => join(root, '.cache/js', file.replace(/\.ts$/, '.js')),
    async run(...argv) {
      const { stdout } = await promisify(execFile)(process.execPath, [compile(root), ...argv]);
      return stdout.trim();
    },
  };
}

/** Everything about the copies that a write would change. */
const stateOf = ({ copy }: Project): unknown =>
  ['src/cmd/cmd.ts', 'src/word/word.ts', 'src/word/text.ts', 'main.js', 'package.json', 'stamp'].map((file) => {
    const { ino, mtimeMs, ctimeMs } = statSync(copy(file));
    return [file, ino, mtimeMs, ctimeMs];
  });

suite('the copy of the program without types', () => {
  test('runs, imports by name included, with lines and columns where they were', async (t) => {
    const project = newProject(t);
    assert.equal(await project.run('a', 'b'), `one a b ${project.root}`);
    const [source, copy] = ['src/cmd/cmd.ts', project.copy('src/cmd/cmd.ts')].map((file, i) =>
      readFileSync(i === 0 ? join(project.root, file) : file, 'utf8'),
    );
    assert.equal(copy?.indexOf('console.log'), source?.indexOf('console.log'));
    assert.doesNotMatch(copy ?? '', /interface|: number/);
  });

  test('is not written again when nothing changed', (t) => {
    const project = newProject(t);
    compile(project.root);
    const before = stateOf(project);
    compile(project.root);
    assert.deepEqual(stateOf(project), before);
  });

  test('takes over a changed file, and that one only', async (t) => {
    const project = newProject(t);
    compile(project.root);
    const untouched = statSync(project.copy('src/cmd/cmd.ts')).ino;
    project.write('src/word/text.ts', "export const word: string = 'two';\n");
    assert.equal(await project.run(), `two ${project.root}`);
    assert.equal(statSync(project.copy('src/cmd/cmd.ts')).ino, untouched);
  });

  test('takes over a file that is replaced by an older one', async (t) => {
    const project = newProject(t);
    compile(project.root);
    const text = join(project.root, 'src/word/text.ts');
    writeFileSync(`${text}.old`, "export const word: string = 'zero';\n");
    utimesSync(`${text}.old`, 1_000_000, 1_000_000);
    renameSync(`${text}.old`, text);
    assert.equal(await project.run(), `zero ${project.root}`);
  });

  test('takes over new files and drops removed ones', async (t) => {
    const project = newProject(t);
    compile(project.root);
    project.write('src/word/other.ts', "export const word: string = 'other';\n");
    project.write('src/word/word.ts', "export { word } from './other.ts';\n");
    rmSync(join(project.root, 'src/word/text.ts'));
    assert.equal(await project.run(), `other ${project.root}`);
    assert.equal(existsSync(project.copy('src/word/text.ts')), false);
  });

  test('has no tests in it', (t) => {
    const project = newProject(t);
    project.write('src/word/word.test.ts', 'throw new Error();');
    project.write('src/word/testdata/words.ts', 'throw new Error();');
    compile(project.root);
    assert.equal(existsSync(project.copy('src/word/word.test.ts')), false);
    assert.equal(existsSync(project.copy('src/word/word.test.js')), false);
    assert.equal(existsSync(project.copy('src/word/testdata/words.ts')), false);
  });

  test('is made anew after a change of package.json, names of components included', async (t) => {
    const project = newProject(t);
    compile(project.root);
    const before = statSync(project.copy('src/cmd/cmd.ts')).ino;
    project.write('src/word/german.ts', "export const word = 'eins';\n");
    project.write('package.json', JSON.stringify({ type: 'module', imports: { '#word': './src/word/german.ts' } }));
    assert.equal(await project.run(), `eins ${project.root}`);
    assert.notEqual(statSync(project.copy('src/cmd/cmd.ts')).ino, before);
  });

  test('stays as it was where a source cannot be read as TypeScript, and is finished once it can', async (t) => {
    const project = newProject(t);
    compile(project.root);
    project.write('src/word/text.ts', 'export const word: = ;\n');
    assert.throws(() => compile(project.root));
    assert.match(readFileSync(project.copy('src/word/text.ts'), 'utf8'), /'one'/);
    project.write('src/word/text.ts', "export const word: string = 'two';\n");
    assert.equal(await project.run(), `two ${project.root}`);
  });

  test('is never read half written, also while several processes make it at once', async (t) => {
    const project = newProject(t);
    compile(project.root);
    // Long enough to be written in pieces; only whole files end with the mark.
    const long = (n: number): string =>
      `export const word: string = '${n}';\n${'// padding\n'.repeat(200_000)}// end\n`;
    const writers = [1, 2].map((n) =>
      promisify(execFile)(process.execPath, [
        '--input-type=module',
        '-e',
        `import { compile } from ${JSON.stringify(pathToFileURL(COMPILER).href)};
         import { utimesSync } from 'node:fs';
         for (let i = 1; i <= 10; i++) {
           utimesSync(${JSON.stringify(join(project.root, 'src/word/text.ts'))}, i, ${n} * 100 + i);
           compile(${JSON.stringify(project.root)});
         }`,
      ]),
    );
    project.write('src/word/text.ts', long(1));
    let reads = 0;
    const done = new AbortController();
    const all = Promise.all(writers).finally(() => done.abort());
    while (!done.signal.aborted) {
      const text = readFileSync(project.copy('src/word/text.ts'), 'utf8');
      assert.ok(
        text.endsWith('// end\n') || text.startsWith("export const word         = 'one'"),
        `${text.length} characters`,
      );
      reads++;
      await new Promise((resolve) => setImmediate(resolve));
    }
    await all;
    assert.ok(reads > 10);
  });

  test('is done without where it cannot be written: the sources run then', (t) => {
    const project = newProject(t);
    const sources = join(project.root, 'bin/sources.mjs');
    compile(project.root);
    project.write('src/word/text.ts', "export const word: string = 'two';\n");
    const { geteuid, seteuid } = process;
    assert.ok(geteuid !== undefined && seteuid !== undefined);
    chmodSync(project.root, 0o755);
    const copies = join(project.root, '.cache/js');
    if (geteuid() === 0) {
      seteuid(65534);
      t.after(() => seteuid(0));
    } else {
      chmodSync(copies, 0o555);
      t.after(() => chmodSync(copies, 0o755));
    }
    try {
      assert.equal(compile(project.root), sources);
    } finally {
      if (process.getuid?.() === 0) seteuid(0);
    }
  });
});
