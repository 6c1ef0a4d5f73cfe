/** What an agent runs besides the kubelet, in the network namespace it is started in: network, proxy and DNS of one node. */
import { readFileSync } from 'node:fs';
import { newClient, newHttpTransport, newInformers } from '#client';
import { startDns } from '#dns';
import { runNodeNetwork } from '#network';
import { runProxy } from '#proxy';
import { newLogger, systemClock } from '#util';
import type { AgentOptions } from './lab.ts';

const { node, api, resolvConf }: AgentOptions = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8'));
const log = newLogger({ write: (line) => process.stderr.write(line), now: () => Date.now() });
const common = { clock: systemClock, random: Math.random, log };
const client = newClient(newHttpTransport({ ...common, config: api }));
const informers = newInformers({ ...common, client });
const stop = new AbortController();
process.once('SIGTERM', () => stop.abort(new Error('told to stop')));
const { signal } = stop;

const shared = { ...common, informers, nodeName: node.name, clusterCIDR: '10.244.0.0/16' };
const network = runNodeNetwork({ ...shared, podCIDR: node.podCIDR, nodeSubnet: '172.18.0.0/16' }, { signal });
let applied = 0;
const proxy = runProxy(
  {
    ...shared,
    serviceCIDR: '10.96.0.0/12',
    nodePortAddresses: [node.ip],
    onApplied: () => void process.stdout.write(`applied ${++applied}\n`),
  },
  { signal },
);
const dns = await startDns({
  ...shared,
  addresses: [node.ip],
  domain: 'cluster.local',
  clusterDNS: '10.96.0.10',
  resolvConf,
});
await informers.start({ signal });
process.stdout.write('ready\n');
await Promise.all([network, proxy]);
await dns[Symbol.asyncDispose]();
process.exit(0);
