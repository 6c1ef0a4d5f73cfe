/** `npm run bench -- NAME …`: runs `test/bench/NAME.ts`, which exports `run(args)` and prints figures. Without a name: which there are. */
import { globSync } from 'node:fs';
import { basename, join } from 'node:path';

interface Bench {
  run(args: readonly string[]): Promise<void>;
}

const directory = join(import.meta.dirname, '../test/bench');
const names = globSync('*.ts', { cwd: directory }).map((file) => basename(file, '.ts'));
const [name, ...args] = process.argv.slice(2);
if (name === undefined || !names.includes(name)) {
  console.error(`usage: npm run bench -- NAME, one of: ${names.toSorted().join(', ')}`);
  process.exitCode = 2;
} else {
  const bench = (await import(join(directory, `${name}.ts`))) as Bench;
  await bench.run(args);
}
