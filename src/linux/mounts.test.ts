import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCgroups } from './cgroup.ts';
import { mountsUnder, parseMountinfo } from './mounts.ts';

test('a line of mountinfo is read with its optional fields and its escapes', () => {
  const text = '36 35 98:0 /mnt1 /mnt\\0402 rw,noatime master:1 shared:2 - ext3 /dev/root rw,errors=continue\n';
  assert.deepEqual(parseMountinfo(text), [
    {
      id: 36,
      parentId: 35,
      root: '/mnt1',
      mountPoint: '/mnt 2',
      options: ['rw', 'noatime'],
      type: 'ext3',
      source: '/dev/root',
      superOptions: ['rw', 'errors=continue'],
    },
  ]);
});

test('mounts under a path are those at it and below, not those that only begin alike', () => {
  const line = (path: string): string => `1 1 0:1 / ${path} rw - tmpfs tmpfs rw`;
  const mounts = parseMountinfo(['/a', '/a/b', '/ab', '/'].map(line).join('\n'));
  assert.deepEqual(
    mountsUnder(mounts, '/a').map((mount) => mount.mountPoint),
    ['/a', '/a/b'],
  );
  assert.equal(mountsUnder(mounts, '/').length, 4);
});

const V2 = '30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot';
const V1_CPU = '32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct';
const V1_SYSTEMD =
  '40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,release_agent=/lib/systemd/x,name=systemd';
const UNIFIED = '41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw';

test('a machine with one cgroup2 mount is v2', () => {
  assert.deepEqual(parseCgroups(parseMountinfo(V2)), {
    mode: 'v2',
    hierarchies: [{ version: 2, mountPoint: '/sys/fs/cgroup', controllers: [] }],
  });
});

test('controllers of v1 are told from mount options, and a cgroup2 mount beside them makes it hybrid', () => {
  const v1 = [
    { version: 1, mountPoint: '/sys/fs/cgroup/cpu,cpuacct', controllers: ['cpu', 'cpuacct'] },
    { version: 1, mountPoint: '/sys/fs/cgroup/systemd', controllers: ['name=systemd'] },
  ];
  assert.deepEqual(parseCgroups(parseMountinfo(`${V1_CPU}\n${V1_SYSTEMD}`)), { mode: 'v1', hierarchies: v1 });
  assert.equal(parseCgroups(parseMountinfo(`${V1_CPU}\n${V1_SYSTEMD}\n${UNIFIED}`))?.mode, 'hybrid');
});

test('of two mounts at one place only the upper one counts', () => {
  assert.equal(parseCgroups(parseMountinfo(`${V1_CPU}\n${V1_CPU}`))?.hierarchies.length, 1);
});

test('a machine without cgroups has none', () => {
  assert.equal(parseCgroups([]), undefined);
});
