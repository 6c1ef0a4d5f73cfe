/**
 * `npm run setup`: brings a Debian machine to where everything works with no network: Debian packages, npm packages (the right Node
 * among them), and the Debian archives that test images are made of. It only adds what is missing, starts no daemon and
 * touches none that runs; when there is nothing to do it says so and is done at once.
 *
 *   --npm   only the npm packages: what `npm run check` needs, on any system, without root
 *
 * Plain JavaScript that Node 18 can read: it runs before the right Node is there.
 */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { projectNode } from '../bin/node.mjs';
import { aptInstall } from './apt.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Debian package → the files that show that it, or something as good, is there. Docker's own containerd.io is as good. */
const DEBIAN_PACKAGES = {
  containerd: ['containerd', 'containerd-shim-runc-v2', 'ctr'],
  runc: ['runc'],
  libatomic1: [`/usr/lib/${{ x64: 'x86_64', arm64: 'aarch64' }[process.arch]}-linux-gnu/libatomic.so.1`], // Node 26 is linked with it
  'containernetworking-plugins': ['/usr/lib/cni/bridge', '/usr/lib/cni/host-local', '/usr/lib/cni/loopback'],
  nftables: ['nft'],
  iproute2: ['ip', 'bridge'],
  'util-linux': ['unshare', 'nsenter', 'flock'],
  mount: ['mount', 'umount'],
  procps: ['sysctl', 'ps'],
  kmod: ['modprobe'],
  tini: ['tini'],
  catatonit: ['catatonit'],
  'busybox-static': ['busybox'],
  'ca-certificates': ['/etc/ssl/certs/ca-certificates.crt'],
  'kubernetes-client': ['kubectl'],
};

const done = [];

function main() {
  const npmOnly = process.argv.includes('--npm');
  if (!npmOnly) checkMachine();
  if (!npmOnly) debianPackages();
  npmPackages();
  if (!npmOnly) fixtures();
  if (done.length > 0) console.log(`Set up: ${done.join(', ')}.`);
  else if (!npmOnly) console.log('Set up: nothing to do.');
}

function checkMachine() {
  if (process.platform !== 'linux') {
    fail(
      `A cluster is made of Linux namespaces, cgroups and nftables, and this is ${process.platform}.`,
      'Use a Linux virtual machine (Lima, multipass, UTM, WSL 2) with Debian 12, 2 CPUs and 2 GB, and run the same command there as root.',
      'Here, `npm run check` works: format, lint, types and unit tests.',
    );
  }
  if (process.getuid() !== 0) {
    fail(
      'Nodes are made of namespaces, mounts, cgroups and nftables rules, which only root may make.',
      'Run the same command as root: `sudo npm start`, or in a virtual machine where you are root.',
      'Without root, `npm run check` works: format, lint, types and unit tests.',
    );
  }
  if (projectNodePackage() === undefined) {
    fail(`There is no Node for ${process.arch} in package.json; x64 and arm64 are supported.`);
  }
}

function projectNodePackage() {
  return readJSON('package.json').optionalDependencies[`node-${process.platform}-${process.arch}`];
}

function npmPackages() {
  if (npmPackagesAreCurrent()) return;
  step('npm packages, as package-lock.json says');
  const npm = process.env.npm_execpath;
  const [command, args] = npm?.endsWith('npm-cli.js') ? [process.execPath, [npm]] : ['npm', []];
  run(command, [...args, 'ci', '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error']);
  if (!npmPackagesAreCurrent()) fail('`npm ci` ended well, but node_modules is not what package-lock.json says.');
  const started = spawnSync(projectNode() ?? process.execPath, ['--version'], { encoding: 'utf8' });
  if (started.status !== 0)
    fail(
      'The Node that came with the npm packages does not start:',
      started.stderr,
      'On Debian, `apt-get install libatomic1` helps.',
    );
  done.push('npm packages');
}

/** npm leaves in node_modules a list of what it put there: compared with the lock file, it tells whether something changed. */
function npmPackagesAreCurrent() {
  if (!existsSync(join(root, 'node_modules/.package-lock.json'))) return false;
  const wanted = readJSON('package-lock.json').packages;
  const installed = readJSON('node_modules/.package-lock.json').packages;
  for (const [path, { version, integrity, optional }] of Object.entries(wanted)) {
    if (path === '') continue;
    const found = installed[path];
    if (found === undefined ? !optional : found.version !== version || found.integrity !== integrity) return false;
  }
  return process.platform !== 'linux' || projectNode() !== undefined;
}

function debianPackages() {
  const missing = Object.keys(DEBIAN_PACKAGES).filter((name) => !DEBIAN_PACKAGES[name].every(isThere));
  if (missing.length === 0) return;
  if (!isThere('apt-get')) {
    fail(
      `These Debian packages are missing, and there is no apt-get: ${missing.join(' ')}.`,
      'Install what your distribution has in their place; the commands must be on the PATH:',
      ...missing.map((name) => `  ${name}: ${DEBIAN_PACKAGES[name].join(' ')}`),
    );
  }
  step(`Debian packages: ${missing.join(' ')}`);
  const error = aptInstall(missing);
  if (error !== undefined) fail('apt-get could not install them:', error);
  const still = missing.filter((name) => !DEBIAN_PACKAGES[name].every(isThere));
  if (still.length > 0) fail(`Installed, but their commands are not on the PATH: ${still.join(' ')}.`);
  // Debian enables the service for the next boot; we run our own containerd and want no other.
  if (missing.includes('containerd') && isThere('systemctl'))
    run('systemctl', ['disable', '--quiet', 'containerd.service']);
  done.push('Debian packages');
}

/** The rest is TypeScript, for it is the project's own image builder that knows which archives it needs. */
function fixtures() {
  const result = spawnSync(projectNode(), [join(root, 'scripts/fixtures.ts')], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
    env: { ...process.env, NODE_COMPILE_CACHE: join(root, '.cache/compile') },
  });
  if (result.status !== 0) {
    process.stdout.write(result.stdout ?? '');
    fail('The Debian archives that test images are made of could not be fetched (see above).');
  }
  if (result.stdout !== '') {
    process.stdout.write(result.stdout);
    done.push('archives of test images');
  }
}

function isThere(file) {
  if (file.startsWith('/')) return existsSync(file);
  return [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/sbin', '/usr/bin', '/bin'].some((directory) => {
    try {
      accessSync(join(directory, file), constants.X_OK);
      return true;
    } catch {
      return false; // not in this directory
    }
  });
}

function step(text) {
  console.log(`Setting up: ${text} …`);
}

function run(command, args) {
  const result = spawnSync(command, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  if (result.status !== 0)
    fail(`${command} ${args.join(' ')} failed: ${result.error?.message ?? `exit code ${result.status}`}.`);
}

function readJSON(path) {
  return JSON.parse(readFileSync(join(root, path), 'utf8'));
}

function fail(...lines) {
  console.error(`\n${lines.join('\n')}\n`);
  process.exit(1);
}

main();
