import { readFile, stat } from 'node:fs/promises';
import { isIP } from 'node:net';

/** Source of the addresses of resolvers that other names are asked for. */
export interface Resolvers {
  servers(): Promise<readonly string[]>;
}

/** Addresses of the `nameserver` lines, in order, each once. */
export function nameservers(resolvConf: string): string[] {
  const found = resolvConf.split('\n').flatMap((line) => {
    const address = /^\s*nameserver\s+(\S+)/.exec(line)?.[1];
    return address !== undefined && isIP(address.replace(/%.*$/, '')) !== 0 ? [address] : [];
  });
  return [...new Set(found)];
}

/** The resolvers of a resolv.conf, read again when it has changed. A file that is not there has none. */
export function resolversOf(file: string): Resolvers {
  let readAs: string | undefined;
  let servers: readonly string[] = [];
  return {
    async servers() {
      const stats = await stat(file).catch(() => undefined);
      const version = stats === undefined ? '' : `${stats.mtimeMs} ${stats.size} ${stats.ino}`;
      if (version !== readAs) {
        servers = nameservers(version === '' ? '' : await readFile(file, 'utf8').catch(() => ''));
        readAs = version;
      }
      return servers;
    },
  };
}
