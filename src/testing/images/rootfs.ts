/** A root file system from Debian archives: unpacked, merged into /usr, stripped of what a container has no use for. */
import { existsSync, lstatSync } from 'node:fs';
import { chmod, cp, mkdir, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '#linux';

/** No script of any package is run, so the accounts they would make are listed here. */
const PASSWD = `root:x:0:0:root:/root:/bin/sh
www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin
redis:x:999:999:redis:/data:/usr/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
`;
const GROUP = 'root:x:0:\nadm:x:4:\nwww-data:x:33:\nredis:x:999:\nnogroup:x:65534:\n';

const PRUNED = [
  ...['bash-completion', 'bug', 'doc', 'doc-base', 'info', 'initramfs-tools', 'lintian', 'locale', 'man', 'vim'].map(
    (name) => `usr/share/${name}`,
  ),
  ...['ensurepip', 'lib2to3', 'pydoc_data'].map((name) => `usr/lib/python3.11/${name}`),
  ...['x86_64', 'aarch64'].map((machine) => `usr/lib/${machine}-linux-gnu/gconv`),
  'usr/lib/valgrind',
];

/** Fills the empty folder `root` from `archives`. Needs root, for owners and for chroot. */
export async function unpackRootfs(root: string, archives: readonly string[]): Promise<void> {
  for (const archive of archives) await run('dpkg-deb', ['-x', archive, root]);
  await Promise.all(PRUNED.map((name) => rm(join(root, name), { recursive: true, force: true })));
  await mergeUsr(root);
  for (const directory of ['dev', 'etc', 'proc', 'root', 'run', 'sys', 'tmp', 'var/tmp']) {
    await mkdir(join(root, directory), { recursive: true });
  }
  await chmod(join(root, 'tmp'), 0o1777);
  await chmod(join(root, 'var/tmp'), 0o1777);
  await writeFile(join(root, 'etc/passwd'), PASSWD);
  await writeFile(join(root, 'etc/group'), GROUP);
  await linkBusybox(root);
  if (existsSync(join(root, 'usr/bin/python3'))) await compilePython(root);
  if (existsSync(join(root, 'etc/ld.so.conf'))) await run('ldconfig', ['-r', root]);
}

/** Archives of Debian 12 still carry files in /bin and /lib; without the links the ELF loader is not found. */
async function mergeUsr(root: string): Promise<void> {
  for (const name of ['bin', 'lib', 'lib64', 'sbin']) {
    const path = join(root, name);
    const target = join(root, 'usr', name);
    await mkdir(target, { recursive: true });
    if (existsSync(path)) {
      if (lstatSync(path).isSymbolicLink()) continue;
      await cp(path, target, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true });
      await rm(path, { recursive: true });
    }
    await symlink(`usr/${name}`, path);
  }
}

/** A shell and the usual commands, wherever no package brought the real ones. */
async function linkBusybox(root: string): Promise<void> {
  const busybox = join(root, 'usr/bin/busybox');
  if (!existsSync(busybox)) return;
  const applets = await run(busybox, ['--list']);
  const taken = new Set([...(await readdir(join(root, 'usr/bin'))), ...(await readdir(join(root, 'usr/sbin')))]);
  for (const applet of applets.split('\n').filter((name) => name !== '' && !taken.has(name))) {
    await symlink('busybox', join(root, 'usr/bin', applet));
  }
}

/** What Debian does at installation. Saves each container half of its time to start, which is all imports. */
async function compilePython(root: string): Promise<void> {
  const quiet = ['-m', 'compileall', '-q', '--invalidation-mode', 'unchecked-hash'];
  await run('chroot', [root, '/usr/bin/python3', ...quiet, '/usr/lib/python3.11', '/usr/lib/python3/dist-packages']);
}
