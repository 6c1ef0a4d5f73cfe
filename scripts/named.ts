import { globSync } from 'node:fs';
import { basename, join } from 'node:path';

interface Runnable {
  run(args: readonly string[]): Promise<void>;
}

/** Runs the file of a directory that the first argument names, with the rest; without a name says which there are. */
export async function runNamed(under: string, script: string): Promise<void> {
  const directory = join(import.meta.dirname, '..', under);
  const names = globSync('*.ts', { cwd: directory }).map((file) => basename(file, '.ts'));
  const [name, ...args] = process.argv.slice(2);
  if (name === undefined || !names.includes(name)) {
    console.error(`usage: npm run ${script} -- NAME, one of: ${names.toSorted().join(', ')}`);
    process.exitCode = 2;
    return;
  }
  const { run } = (await import(join(directory, `${name}.ts`))) as Runnable;
  await run(args);
}
