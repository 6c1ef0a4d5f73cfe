import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, normalize } from 'node:path';
import { test } from 'node:test';
import { parseSync } from 'oxc-parser';

/**
 * Component → what it may import: nobody looks up, nobody looks sideways. ARCHITECTURE.md shows the same table with its reasons.
 * A component that is not here does not exist.
 */
const MAY_IMPORT: Readonly<Record<string, readonly string[] | 'everything'>> = {
  util: [],
  api: ['util'],
  cel: ['util', 'api'],
  store: ['util'],
  linux: ['util'],
  cri: ['util'],
  client: ['util', 'api'],
  runtime: ['util', 'api', 'client'],
  apiserver: ['util', 'api', 'cel', 'store'],
  scheduler: ['util', 'api', 'client', 'runtime'],
  controllers: ['util', 'api', 'client', 'runtime'],
  dns: ['util', 'api', 'client', 'runtime'],
  network: ['util', 'api', 'client', 'runtime', 'linux'],
  proxy: ['util', 'api', 'client', 'runtime', 'linux'],
  kubelet: ['util', 'api', 'client', 'runtime', 'cri', 'linux'],
  cluster: ['util', 'api', 'client', 'linux', 'cri', 'store'],
  cli: ['util', 'api', 'client', 'cluster', 'cri'],
  cmd: 'everything',
  testing: 'everything',
};

/** Who may import these two: `cmd` puts the program together, `testing` is for tests. */
const IMPORTED_ONLY_BY: Readonly<Record<string, RegExp>> = {
  cmd: /^(bin|scripts|test)\//,
  testing: /^(scripts|test|examples)\/|\/testdata\/|\.test\.ts$/,
};

const MAX_FILES_PER_FOLDER = 15;
const MAX_LINES_PER_FILE = 450;
/** Larger on purpose, each with its reason. */
const ALLOWED_FOLDERS: Readonly<Record<string, string>> = {
  'src/api/generated': 'one generated file per group and version',
};
const ALLOWED_FILES: Readonly<Record<string, string>> = {};

const SOURCES = globSync('{src,bin,scripts,test,examples}/**/*.{ts,mjs}').toSorted();
/** Tests, and what several tests of a component share. */
const isForTests = (file: string): boolean =>
  file.startsWith('test/') || file.endsWith('.test.ts') || file.includes('/testdata/');
const isGenerated = (file: string): boolean => file.startsWith('src/api/generated/');

/** Component of a file, `undefined` for what is not a component: bin, scripts, test, examples. */
function componentOf(file: string): string | undefined {
  const [top, component] = file.split('/');
  return top === 'src' ? component : undefined;
}

function importsOf(file: string): readonly string[] {
  const text = readFileSync(file, 'utf8');
  const { module, errors } = parseSync(file, text);
  assert.deepEqual(errors, [], file);
  const dynamic = module.dynamicImports.map(({ moduleRequest }) => text.slice(moduleRequest.start, moduleRequest.end));
  return [
    ...module.staticImports.map((declaration) => declaration.moduleRequest.value),
    ...module.staticExports.flatMap(({ entries }) => entries.flatMap((entry) => entry.moduleRequest?.value ?? [])),
    ...dynamic.flatMap((argument) => /^['"](.*)['"]$/.exec(argument)?.[1] ?? []),
  ];
}

/** What is wrong with one import, if anything is. */
function complaint(file: string, specifier: string): string | undefined {
  const component = componentOf(file);
  if (!specifier.startsWith('#') && !specifier.startsWith('.')) {
    return !specifier.startsWith('node:') && builtinModules.includes(specifier) ? `write node:${specifier}` : undefined;
  }
  const isEntry = specifier.startsWith('#');
  const target = isEntry ? specifier.slice(1) : componentOf(normalize(join(dirname(file), specifier)));
  if (specifier.includes('/testdata/') && !isForTests(file)) return 'what tests share is for tests';
  if (target === undefined || (target === component && !isEntry)) return undefined;
  if (target === component) return 'inside a component, import the file, not the entry';
  if (!isEntry && component !== undefined) return `crosses into another component; use #${target}`;
  if (IMPORTED_ONLY_BY[target]?.test(file) === false) return `${target} is not for it`;
  if (component === undefined || isForTests(file)) return undefined; // tests put together what they need
  const allowed = MAY_IMPORT[component];
  if (allowed === 'everything' || allowed?.includes(target) === true) return undefined;
  return `${component} may not import ${target}`;
}

test('components import only what their layer allows', () => {
  const complaints = SOURCES.flatMap((file) =>
    importsOf(file).flatMap((specifier) => {
      const words = complaint(file, specifier);
      return words === undefined ? [] : [`${file}: ${specifier}: ${words}`];
    }),
  );
  assert.deepEqual(complaints, []);
});

test('each component has an entry that says what it owns, is in the table, and is imported by its name', () => {
  const components = [...new Set(SOURCES.flatMap((file) => componentOf(file) ?? []))].toSorted();
  const { imports } = JSON.parse(readFileSync('package.json', 'utf8')) as { imports: Record<string, string> };
  const expected = Object.fromEntries(components.map((name) => [`#${name}`, `./src/${name}/${name}.ts`]));
  assert.deepEqual(imports, expected);
  assert.deepEqual(components, Object.keys(MAY_IMPORT).toSorted());
  const silent = components.filter((name) => {
    const entry = `src/${name}/${name}.ts`;
    return !existsSync(entry) || !/^\/\*\*[^]{80,}?\*\//.test(readFileSync(entry, 'utf8'));
  });
  assert.deepEqual(silent, [], 'their entry is missing or does not open with a comment');
});

test('folders and files stay small enough to be read', () => {
  const perFolder = new Map<string, number>();
  for (const file of SOURCES.filter((name) => name.startsWith('src/') && !name.endsWith('.test.ts'))) {
    perFolder.set(dirname(file), (perFolder.get(dirname(file)) ?? 0) + 1);
  }
  const wide = [...perFolder].filter(([folder, files]) => files > MAX_FILES_PER_FOLDER && !(folder in ALLOWED_FOLDERS));
  assert.deepEqual(wide, [], `folders of more than ${MAX_FILES_PER_FOLDER} files, tests not counted: split by noun`);
  const long = SOURCES.filter((file) => !isGenerated(file) && !(file in ALLOWED_FILES))
    .map((file) => [file, readFileSync(file, 'utf8').split('\n').length - 1] as const)
    .filter(([, lines]) => lines > MAX_LINES_PER_FILE);
  assert.deepEqual(long, [], `files of more than ${MAX_LINES_PER_FILE} lines`);
});

test('no exception outlives its reason', () => {
  const gone = [...Object.keys(ALLOWED_FOLDERS), ...Object.keys(ALLOWED_FILES)].filter((path) => !existsSync(path));
  assert.deepEqual(gone, []);
});

test('no check is switched off without a word, and none of the types', () => {
  const smuggled = SOURCES.filter((file) => file !== 'test/architecture.test.ts').flatMap((file) =>
    readFileSync(file, 'utf8')
      .split('\n')
      .flatMap((line, i) =>
        /@ts-(ignore|expect-error|nocheck)|oxlint-disable(?!-next-line [\w/-]+ -- \S)|\bas any\b/.test(line)
          ? `${file}:${i + 1}`
          : [],
      ),
  );
  assert.deepEqual(smuggled, []);
});
