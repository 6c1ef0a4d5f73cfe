import { randomInt } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { newClient, newEventRecorder, newHttpTransport, newInformers } from '#client';
import type { AgentConfig } from '#cluster';
import { newCriClient } from '#cri';
import { startDns } from '#dns';
import { kubeletConfig, newKubelet, newKubeletServer, newNodeStats, readHost } from '#kubelet';
import { runNodeNetwork } from '#network';
import { runProxy } from '#proxy';
import { systemClock } from '#util';
import { newComponentLogger, runUntilStopped } from './component.ts';

/** Who may speak to a kubelet: the API server, and administrators. */
const KUBELET_CLIENT_GROUPS = new Set(['kubeadm:cluster-admins', 'system:masters']);

/** `pirogue agent CONFIG`: what runs on every node, in one process inside the node's namespaces, until SIGTERM. */
export async function runAgent(file: string): Promise<void> {
  const settings = JSON.parse(await readFile(file, 'utf8')) as AgentConfig;
  const log = newComponentLogger();
  await runUntilStopped(log, async (signal) => {
    const config = kubeletConfig(settings);
    const transport = newHttpTransport({
      config: {
        server: settings.apiServer,
        ca: await readFile(settings.pki.ca, 'utf8'),
        cert: await readFile(settings.pki.clientCertificate, 'utf8'),
        key: await readFile(settings.pki.clientKey, 'utf8'),
      },
      clock: systemClock,
      random: Math.random,
      log: log.with({ component: 'client' }),
      userAgent: `kubelet/${settings.nodeName}`,
    });
    const client = newClient(transport);
    const common = { client, clock: systemClock, random: Math.random };
    const informers = newInformers({ ...common, log: log.with({ component: 'informers' }) });
    const own = log.with({ component: 'kubelet' });
    const host = await readHost(config);
    const cri = newCriClient({ socketPath: settings.containerdSocket, clock: systemClock, log: own });
    const kubelet = newKubelet({
      ...common,
      config,
      host,
      informers,
      cri,
      recorder: newEventRecorder({ ...common, log: own, component: 'kubelet', host: settings.nodeName, signal }),
      log: own,
    });
    await using server = newKubeletServer({
      tls: {
        cert: await readFile(settings.pki.servingCertificate, 'utf8'),
        key: await readFile(settings.pki.servingKey, 'utf8'),
        clientCa: await readFile(settings.pki.ca, 'utf8'),
      },
      nodeName: settings.nodeName,
      pods: kubelet.pods,
      cri,
      authorize: async ({ user }) => user.groups.some((group) => KUBELET_CLIENT_GROUPS.has(group)),
      unhealthyBecause: () => kubelet.unhealthyBecause(),
      nodeStats: newNodeStats({
        cgroups: host.cgroups,
        cgroupRoot: settings.cgroupRoot,
        memoryBytes: host.machine.memoryBytes,
        clock: systemClock,
      }),
      fifoDirectory: join('/run', 'pirogue', 'exec'),
      clock: systemClock,
      log: log.with({ component: 'server' }),
    });
    await server.listen(config.port);
    await using dns = await startDns({
      informers,
      addresses: [settings.nodeIP],
      domain: settings.clusterDomain,
      clusterDNS: settings.clusterDNS,
      clock: systemClock,
      log: log.with({ component: 'dns' }),
      random: unpredictable,
    });
    void dns; // answers until the end of this function
    own.info('Agent started', { node: settings.nodeName });
    const { nodeName, nodeIP, podCIDR, clusterCIDR, serviceCIDR, nodeSubnet } = settings;
    const net = { nodeName, clusterCIDR, informers, clock: systemClock };
    await Promise.all([
      kubelet.run({ signal }),
      runNodeNetwork({ ...net, podCIDR, nodeSubnet, log: log.with({ component: 'network' }) }, { signal }),
      runProxy({ ...net, serviceCIDR, nodePortAddresses: [nodeIP], log: log.with({ component: 'proxy' }) }, { signal }),
    ]);
    cri[Symbol.dispose]();
    transport[Symbol.dispose]();
  });
}

/** Source ports and ids of DNS queries are what keeps forged answers out. */
function unpredictable(): number {
  return randomInt(2 ** 32) / 2 ** 32;
}
