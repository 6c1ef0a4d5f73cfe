/**
 * Serves the images of the monster stack from a private registry beside the running cluster, and tells the nodes where it is.
 * Stays in the foreground; Ctrl-C ends it. `--name NAME` and the like are passed on to `pirogue node`.
 */
import { dirname, join } from 'node:path';
import { run } from '#linux';
import { CREDENTIALS, HOSTS_TOML_PATH, hostsToml, IMAGES, REGISTRY, startMonsterRegistry } from './images.ts';

const ROOT = dirname(dirname(import.meta.dirname));
const options = process.argv.slice(2);

const pirogue = (...args: string[]): Promise<string> => run(process.execPath, [join(ROOT, 'bin/pirogue.mjs'), ...args]);
const onNode = (node: string, ...command: string[]): Promise<string> =>
  pirogue('node', 'exec', ...options, node, '--', ...command);

const [, ...rows] = (await pirogue('node', 'list', ...options)).trim().split('\n');
const nodes = rows.flatMap((row) => row.split(' ', 1));
const [first] = nodes;
if (first === undefined) throw new Error('the cluster has no nodes');

// A node's way out is this machine's address in the nodes' network, and only nodes can reach it.
const route = await onNode(first, 'ip', '-4', 'route', 'show', 'default');
const address = /\bvia (\S+)/.exec(route)?.[1];
if (address === undefined) throw new Error(`${first} has no default route: ${route}`);

console.log('Building the images, if they are not built yet …');
await using registry = await startMonsterRegistry(address);
const write = 'mkdir -p "$(dirname "$1")" && printf %s "$2" > "$1"';
for (const node of nodes) await onNode(node, 'sh', '-c', write, 'sh', HOSTS_TOML_PATH, hostsToml(registry.url));

console.log(`Serving at ${registry.url}, which the nodes know as ${REGISTRY}:\n`);
for (const { reference } of IMAGES) console.log(`  ${reference}`);
console.log(`
It lets in nobody without a password. In another terminal, once you have seen the pull fail:

  kubectl create secret docker-registry monster-registry --docker-server=${REGISTRY} \\
    --docker-username=${CREDENTIALS.user} --docker-password=${CREDENTIALS.password}

Ctrl-C ends the registry.`);

const ended = Promise.withResolvers<void>();
process.once('SIGINT', ended.resolve).once('SIGTERM', ended.resolve);
const keepAlive = setInterval(() => {}, 1 << 30);
await ended.promise;
clearInterval(keepAlive);
