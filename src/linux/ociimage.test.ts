import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { link, lstat, mkdir, mkdtemp, readdir, readFile, readlink, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { writeOciImage } from './ociimage.ts';
import { run } from './run.ts';
import { directoryEntries, encodeTar, type TarEntry } from './tar.ts';

const scratch = await mkdtemp(join(tmpdir(), 'pirogue-oci-'));
after(() => rm(scratch, { recursive: true }));

async function archive(name: string, entries: Iterable<TarEntry> | AsyncIterable<TarEntry>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of encodeTar(entries)) chunks.push(chunk);
  const file = join(scratch, name);
  await writeFile(file, Buffer.concat(chunks));
  return file;
}

test('tar reads back what was archived: long and foreign names, links, modes', async () => {
  const root = join(scratch, 'root');
  const long = `${'d'.repeat(60)}/${'e'.repeat(60)}`;
  await mkdir(join(root, long), { recursive: true });
  await writeFile(join(root, long, 'ファイル'), 'hello', { mode: 0o640 });
  await writeFile(join(root, 'empty'), '');
  await writeFile(join(root, 'tool'), 'x'.repeat(1000), { mode: 0o4755 });
  await symlink('t'.repeat(120), join(root, 'far'));
  await link(join(root, 'tool'), join(root, 'twin'));
  const file = await archive('a.tar', directoryEntries(root));
  const out = join(scratch, 'out');
  await mkdir(out);
  await run('tar', ['-xpf', file, '-C', out]);
  assert.equal(await readFile(join(out, long, 'ファイル'), 'utf8'), 'hello');
  assert.equal((await lstat(join(out, long, 'ファイル'))).mode & 0o7777, 0o640);
  assert.equal(await readlink(join(out, 'far')), 't'.repeat(120));
  assert.equal((await lstat(join(out, 'twin'))).ino, (await lstat(join(out, 'tool'))).ino);
  assert.equal((await lstat(join(out, 'empty'))).size, 0);
  assert.equal((await lstat(join(out, 'empty'))).mtimeMs, 0);
});

test('a file that is not as large as its entry says is an error, not a broken archive', async () => {
  const file = join(scratch, 'short');
  await writeFile(file, 'abc');
  for (const sizeBytes of [2, 4]) {
    await assert.rejects(
      archive('b.tar', [{ path: 'f', type: 'file', content: { file, sizeBytes } }]),
      /changed while/,
    );
  }
});

test('an image is the same bytes each time, and its digests are right', async () => {
  const image = {
    reference: 'registry.example/team/tool:1.2',
    layers: [[{ path: 'tool', type: 'file', mode: 0o755, content: Buffer.from('#!') } as const]],
    config: { Entrypoint: ['/tool'] },
    architecture: 'amd64',
  };
  for (const gzip of [false, true]) {
    const [first, second] = [join(scratch, `1-${gzip}.tar`), join(scratch, `2-${gzip}.tar`)];
    const digest = await writeOciImage(first, { ...image, gzip });
    assert.equal(await writeOciImage(second, { ...image, gzip }), digest);
    assert.ok((await readFile(first)).equals(await readFile(second)));
    const out = await mkdtemp(join(scratch, 'layout-'));
    await run('tar', ['-xf', first, '-C', out]);
    for (const name of await readdir(join(out, 'blobs/sha256'))) {
      const blob = await readFile(join(out, 'blobs/sha256', name));
      assert.equal(createHash('sha256').update(blob).digest('hex'), name);
    }
    const index = JSON.parse(await readFile(join(out, 'index.json'), 'utf8'));
    assert.equal(index.manifests[0].digest, digest);
    assert.equal(index.manifests[0].annotations['io.containerd.image.name'], image.reference);
    assert.equal(index.manifests[0].annotations['org.opencontainers.image.ref.name'], '1.2');
  }
  assert.deepEqual(
    (await readdir(scratch)).filter((name) => name.includes('layer0')),
    [],
  );
});

test('an image that cannot be made leaves nothing behind', async () => {
  const file = join(scratch, 'never.tar');
  const layers = [[{ path: 'f', type: 'file', content: { file: join(scratch, 'absent'), sizeBytes: 1 } } as const]];
  await assert.rejects(writeOciImage(file, { reference: 'x:1', layers, config: {} }), { code: 'ENOENT' });
  assert.deepEqual(
    (await readdir(scratch)).filter((name) => name.startsWith('never')),
    [],
  );
});
