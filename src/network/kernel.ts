import { readFile, writeFile } from 'node:fs/promises';
import { ipBatch, run } from '#linux';
import { ROUTE_PROTOCOL, type RouteToPods } from './routes.ts';

interface WithSignal {
  readonly signal: AbortSignal;
}

/** What the network of a node asks of the kernel. */
export interface Kernel {
  /** Routes with our protocol number. */
  routes(options: WithSignal): Promise<readonly RouteToPods[]>;
  /** Runs commands of `ip`; those after one that fails are not run. */
  ip(commands: readonly string[], options: WithSignal): Promise<void>;
  nft(rules: string, options: WithSignal): Promise<void>;
  /** Sets a kernel parameter, named as sysctl(8) does. */
  sysctl(name: string, value: string): Promise<void>;
}

export const systemKernel: Kernel = {
  async routes({ signal }) {
    const json = await run('ip', ['-j', '-4', 'route', 'show', 'proto', String(ROUTE_PROTOCOL)], { signal });
    const routes: { dst: string; gateway?: string; type?: string }[] = JSON.parse(json || '[]');
    return routes.map(({ dst, gateway, type }) => ({
      podCIDR: dst,
      via: type === 'unreachable' ? undefined : gateway,
    }));
  },
  ip: (commands, { signal }) => ipBatch(commands, { signal }),
  async nft(rules, { signal }) {
    await run('nft', ['-f', '-'], { input: rules, signal });
  },
  async sysctl(name, value) {
    const file = `/proc/sys/${name.replaceAll('.', '/')}`;
    if ((await readFile(file, 'utf8')).trim() !== value) await writeFile(file, value);
  },
};
