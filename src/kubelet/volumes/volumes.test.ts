import assert from 'node:assert/strict';
import { lstat, mkdir, mkdtemp, readdir, readFile, readlink, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import type { PodSpec, Volume } from '#api';
import { ObjectNotFound } from '../env/env.ts';
import { pod } from '../testing/node.ts';
import { writeAtomically } from './atomic-writer.ts';
import { type Payload, volumePayload } from './content.ts';
import { prepareHostPath } from './host-path.ts';
import type { Mounter } from './mounter.ts';
import { checkSubPath, prepareSubPath } from './subpath.ts';

let root: string;
let target: string;
before(async () => {
  root = await mkdtemp(join(tmpdir(), 'volumes-'));
});
after(() => rm(root, { recursive: true }));
beforeEach(async () => {
  target = await mkdtemp(join(root, 'v-'));
});

const signal = new AbortController().signal;
const files = (content: Record<string, string>, mode = 0o644): Payload =>
  new Map(Object.entries(content).map(([path, text]) => [path, { data: Buffer.from(text), mode }]));

describe('the atomic writer', () => {
  const write = (payload: Payload, nowMs = 0) =>
    writeAtomically(target, payload, { nowMs, prepare: () => Promise.resolve() });
  const shown = async () => (await readdir(target)).filter((name) => !name.startsWith('..')).toSorted();

  it('shows files through links that are switched all at once', async () => {
    assert.equal(await write(files({ a: '1', 'dir/b': '2' })), true);
    assert.deepEqual(await shown(), ['a', 'dir']);
    assert.equal(await readlink(join(target, 'a')), '..data/a');
    assert.equal(await readFile(join(target, 'dir/b'), 'utf8'), '2');
    const first = await readlink(join(target, '..data'));
    assert.equal(await write(files({ a: '1', 'dir/b': '2' })), false, 'nothing to do');
    assert.equal(await write(files({ a: 'new', c: '3' }), 1000), true);
    assert.notEqual(await readlink(join(target, '..data')), first);
    assert.deepEqual(await shown(), ['a', 'c']);
    assert.equal(await readFile(join(target, 'a'), 'utf8'), 'new');
    assert.equal(
      (await readdir(target)).filter((name) => name.startsWith('..2') || name.startsWith('..1')).length,
      1,
      'the old directory is gone',
    );
  });

  it('sets modes whatever the umask', async () => {
    await write(files({ a: '1' }, 0o400));
    const directory = await readlink(join(target, '..data'));
    assert.equal((await lstat(join(target, directory, 'a'))).mode & 0o777, 0o400);
  });

  it('refuses paths that leave the volume', async () => {
    for (const path of ['/a', '../a', 'a/../../b', '..data', ''])
      await assert.rejects(write(files({ [path]: 'x' })), /invalid path/);
  });

  it('goes on after it was interrupted before the links', async () => {
    await write(files({ a: '1' }));
    await rm(join(target, 'a'));
    await write(files({ a: '1' }));
    assert.equal(await readFile(join(target, 'a'), 'utf8'), '1');
  });
});

describe('the content of a volume', () => {
  const metadata = { name: 'x', namespace: 'default', uid: 'u', resourceVersion: '1', creationTimestamp: '' };
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  const context = {
    facts: { podIPs: [], hostIPs: [], allocatable: { cpu: '2' } },
    tokens: new Map([['token', 'jwt']]),
    objects: {
      configMap: (name: string) => {
        if (name !== 'cfg') throw new ObjectNotFound('configmap', name);
        return {
          apiVersion: 'v1',
          kind: 'ConfigMap',
          metadata,
          data: { a: '1', b: '2' },
          binaryData: { c: base64('3') },
        };
      },
      secret: () => ({ apiVersion: 'v1', kind: 'Secret', metadata, data: { s: base64('x') } }),
    },
  };
  const content = (volume: Omit<Volume, 'name'>) =>
    Object.fromEntries(
      [...volumePayload(pod('p', {}, { labels: { k: 'v' } }), { name: 'v', ...volume }, context)].map(
        ([path, { data, mode }]) => [path, `${data.toString()} ${mode.toString(8)}`],
      ),
    );

  it('is every key, or those named', () => {
    assert.deepEqual(content({ configMap: { name: 'cfg', defaultMode: 0o600 } }), {
      a: '1 600',
      b: '2 600',
      c: '3 600',
    });
    assert.deepEqual(content({ configMap: { name: 'cfg', items: [{ key: 'a', path: 'x/y', mode: 0o400 }] } }), {
      'x/y': '1 400',
    });
    assert.deepEqual(content({ secret: { secretName: 'sec' } }), { s: 'x 644' });
  });

  it('that is missing is an error unless it is optional', () => {
    assert.throws(() => content({ configMap: { name: 'no' } }), { message: 'configmap "no" not found' });
    assert.deepEqual(content({ configMap: { name: 'no', optional: true } }), {});
    const items = [{ key: 'zz', path: 'p' }];
    assert.throws(() => content({ configMap: { name: 'cfg', items } }), {
      message: 'references non-existent config key: zz',
    });
    assert.throws(() => content({ secret: { secretName: 'sec', items } }), {
      message: 'references non-existent secret key: zz',
    });
    assert.deepEqual(content({ secret: { secretName: 'sec', items, optional: true } }), {});
  });

  it('can be put together of several sources', () => {
    const sources = [
      { configMap: { name: 'cfg', items: [{ key: 'a', path: 'a' }] } },
      { secret: { name: 'sec' } },
      { downwardAPI: { items: [{ path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } }] } },
      { serviceAccountToken: { path: 'token' } },
    ];
    assert.deepEqual(content({ projected: { sources, defaultMode: 0o440 } }), {
      a: '1 440',
      s: 'x 440',
      labels: 'k="v" 440',
      token: 'jwt 440',
    });
  });

  it('lets those read a token who run the containers, and nobody else where they are known', () => {
    const owner = (spec: Partial<PodSpec>) => {
      const volume = { name: 'v', projected: { sources: [{ serviceAccountToken: { path: 'token' } }] } };
      const { mode, uid } = volumePayload(pod('p', spec), volume, context).get('token')!;
      return [mode, uid];
    };
    const container = (name: string, runAsUser: number) => ({ name, image: 'i', securityContext: { runAsUser } });
    assert.deepEqual(owner({}), [0o644, undefined]);
    assert.deepEqual(owner({ securityContext: { runAsUser: 1000 } }), [0o600, 1000]);
    assert.deepEqual(owner({ containers: [container('a', 1), container('b', 1)] }), [0o600, 1]);
    assert.deepEqual(owner({ containers: [container('a', 1), container('b', 2)] }), [0o644, undefined]);
    assert.deepEqual(owner({ securityContext: { fsGroup: 5 } }), [0o640, undefined]);
  });
});

describe('a hostPath', () => {
  it('must be what it says', async () => {
    const file = join(target, 'f');
    await writeFile(file, '');
    await assert.rejects(prepareHostPath(file, 'Directory'), {
      message: `hostPath type check failed: ${file} is not a directory`,
    });
    await assert.rejects(prepareHostPath(join(target, 'no'), 'File'), {
      message: `hostPath type check failed: ${target}/no is not a file`,
    });
    await assert.rejects(prepareHostPath(target, 'Socket'), {
      message: `hostPath type check failed: ${target} is not a socket file`,
    });
    await prepareHostPath(file, 'File');
    await prepareHostPath(join(target, 'nothing'), '');
    await prepareHostPath(join(target, 'd/e'), 'DirectoryOrCreate');
    await prepareHostPath(join(target, 'd/f'), 'FileOrCreate');
    assert.ok((await lstat(join(target, 'd/e'))).isDirectory());
    assert.ok((await lstat(join(target, 'd/f'))).isFile());
  });
});

describe('a subPath', () => {
  const binds: [string, string][] = [];
  const mounter: Mounter = {
    isMountPoint: () => Promise.resolve(false),
    mountTmpfs: () => Promise.resolve(),
    bind: async (source, to) => void binds.push([await readlink(source), to]),
    unmountUnder: () => Promise.resolve(),
  };
  const prepare = (subPath: string) =>
    prepareSubPath({ volumePath: join(target, 'vol'), subPath, target: join(target, 'sub'), mounter }, { signal });

  it('is made when missing, and bound as the very file it is', async () => {
    await mkdir(join(target, 'vol'));
    assert.equal(await prepare('a/b'), join(target, 'sub'));
    assert.deepEqual(binds.at(-1), [join(target, 'vol/a/b'), join(target, 'sub')]);
  });

  it('cannot lead out of its volume', async () => {
    await mkdir(join(target, 'vol'));
    await symlink('/etc', join(target, 'vol/out'));
    await assert.rejects(prepare('out'), /not within volume path/);
    await assert.rejects(prepare('out/new'), /not within volume path/);
    assert.throws(() => checkSubPath('/abs'), { message: 'error SubPath `/abs` must not be an absolute path' });
    assert.throws(() => checkSubPath('a/../..'), /must not contain/);
  });
});
