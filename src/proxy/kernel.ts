import { readFile } from 'node:fs/promises';
import { CommandError, run } from '#linux';
import { TABLE } from './chains.ts';

/** An element of a map that the kernel fills. */
export interface DynamicElement {
  readonly key: string;
  readonly value: number;
  readonly timeoutSeconds: number;
  readonly expiresSeconds: number;
}

/** What the proxy asks of the kernel of the network namespace it runs in. */
export interface Kernel {
  /** Runs commands of nft as one transaction: all or nothing. */
  apply(commands: string, options: { signal: AbortSignal }): Promise<void>;
  /** Elements of one of our maps; none when it is not there. */
  dynamicMap(name: string, options: { signal: AbortSignal }): Promise<readonly DynamicElement[]>;
  /** The connections the kernel tracks, a line each; undefined where the kernel does not show them (CONFIG_NF_CONNTRACK_PROCFS). */
  connections(): Promise<string | undefined>;
}

export const systemKernel: Kernel = {
  async apply(commands, { signal }) {
    await run('nft', ['-f', '-'], { input: commands, signal });
  },

  async dynamicMap(name, { signal }) {
    try {
      return parseDynamicMap(await run('nft', ['-j', 'list', 'map', ...TABLE.split(' '), name], { signal }));
    } catch (error) {
      if (error instanceof CommandError && error.stderr.includes('No such file or directory')) return [];
      throw error;
    }
  },

  async connections() {
    try {
      return await readFile('/proc/net/nf_conntrack', 'utf8');
    } catch (error) {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what node:fs throws
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  },
};

interface JsonElement {
  readonly elem?: { val?: { concat?: readonly (string | number)[] }; timeout?: number; expires?: number };
}

/** Reads what `nft -j list map` prints of a map with concatenated keys and numbers as values. */
export function parseDynamicMap(json: string): DynamicElement[] {
  const listing: { nftables?: { map?: { elem?: [JsonElement, number][] } }[] } = JSON.parse(json);
  const elements = (listing.nftables ?? []).flatMap(({ map }) => map?.elem ?? []);
  return elements.flatMap(([{ elem }, value]) =>
    elem?.val?.concat === undefined
      ? []
      : [
          {
            key: elem.val.concat.join(' . '),
            value,
            timeoutSeconds: elem.timeout ?? 0,
            expiresSeconds: elem.expires ?? elem.timeout ?? 0,
          },
        ],
  );
}

/** Commands that put elements into a map with the time that is left to each. */
export function restoreText(map: string, elements: readonly DynamicElement[]): string {
  const texts = elements
    .filter(({ expiresSeconds }) => expiresSeconds > 0)
    .map((e) => `${e.key} timeout ${e.timeoutSeconds}s expires ${e.expiresSeconds}s : ${e.value}`);
  return texts.length === 0 ? '' : `add element ${TABLE} ${map} { ${texts.join(', ')} }\n`;
}

/** Commands that take elements out of a map. */
export function removalText(map: string, elements: readonly DynamicElement[]): string {
  if (elements.length === 0) return '';
  // An element that expired meanwhile would make its deletion fail, and all else with it; adding first one that is there does nothing.
  const keys = elements.map(({ key }) => key).join(', ');
  return `${restoreText(
    map,
    elements.map((e) => ({ ...e, expiresSeconds: Math.max(1, e.expiresSeconds) })),
  )}delete element ${TABLE} ${map} { ${keys} }\n`;
}
