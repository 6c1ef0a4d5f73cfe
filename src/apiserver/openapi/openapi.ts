import { createHash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Kind } from '#api';
import type { Clock } from '#util';
import { type Descriptions, NO_DESCRIPTIONS } from './descriptions.ts';
import { encodeGnostic } from './gnostic.ts';
import { documentV2 } from './v2.ts';
import { documentV3 } from './v3.ts';

export interface OpenApiDocument {
  readonly bytes: Buffer;
  /** Upper-case SHA-512 in hex of the JSON: the hash of the path and, quoted, the ETag. */
  readonly hash: string;
  /** Since when it is what it is. */
  readonly modifiedMs: number;
}

export interface OpenApiOptions {
  /** What is served now; the same array as long as nothing changes. */
  readonly kinds: () => readonly Kind[];
  /** `v1.36.0`. */
  readonly version: string;
  readonly clock: Clock;
  /** Called whenever documents are built. Default: none. */
  readonly descriptions?: (() => Descriptions) | undefined;
}

interface Built extends OpenApiDocument {
  /** What it was built from. */
  readonly kinds: readonly Kind[];
  readonly modifiedMs: number;
}

/** The documents of `/openapi/v2` and `/openapi/v3`, each made when first asked for and kept as bytes until the kinds in it change. */
export class OpenApi {
  readonly clock: Clock;
  readonly #options: OpenApiOptions;
  readonly #documents = new Map<string, Built>();

  constructor(options: OpenApiOptions) {
    this.clock = options.clock;
    this.#options = options;
  }

  v2Json(): OpenApiDocument {
    const { version } = this.#options;
    const kinds = this.#options.kinds();
    return this.#document('v2', kinds, (descriptions) => documentV2(kinds, version, descriptions));
  }

  async v2Protobuf(): Promise<OpenApiDocument> {
    const json = this.v2Json();
    const { bytes, hash, modifiedMs } = json;
    const known = this.#documents.get('v2 protobuf');
    if (known?.hash === hash) return known;
    await nextTurn(); // each half takes tens of milliseconds the first time
    const protobuf = encodeGnostic(JSON.parse(bytes.toString('utf8')) as object);
    const document = { bytes: protobuf, hash, modifiedMs, kinds: [] };
    this.#documents.set('v2 protobuf', document);
    return document;
  }

  /** `api/v1`, `apis/apps/v1` → where its document is. */
  v3Index(): OpenApiDocument {
    const kinds = this.#options.kinds();
    const groups = Map.groupBy(kinds, rootOf);
    for (const key of this.#documents.keys())
      if (key.startsWith('v3/') && !groups.has(key.slice('v3/'.length))) this.#documents.delete(key);
    return this.#document('v3', kinds, (descriptions) => ({
      paths: Object.fromEntries(
        [...groups]
          .toSorted(([a], [b]) => (a < b ? -1 : 1))
          .map(([path, own]) => [
            path,
            { serverRelativeURL: v3Address(path, this.#v3Document(path, own, () => descriptions).hash) },
          ]),
      ),
    }));
  }

  /** `path` is `api/v1` or `apis/apps/v1`. Undefined for a group and version there is not. */
  v3(path: string): OpenApiDocument | undefined {
    const kinds = this.#options.kinds().filter((kind) => rootOf(kind) === path);
    return kinds.length > 0 ? this.#v3Document(path, kinds) : undefined;
  }

  #v3Document(path: string, kinds: readonly Kind[], read?: () => Descriptions): OpenApiDocument {
    const { version } = this.#options;
    return this.#document(`v3/${path}`, kinds, (descriptions) => documentV3(kinds, version, descriptions), read);
  }

  #document(
    key: string,
    kinds: readonly Kind[],
    build: (descriptions: Descriptions) => object,
    read: () => Descriptions = this.#options.descriptions ?? (() => NO_DESCRIPTIONS),
  ): OpenApiDocument {
    const known = this.#documents.get(key);
    if (known !== undefined && isSame(known.kinds, kinds)) return known;
    const bytes = Buffer.from(JSON.stringify(build(read())));
    const hash = createHash('sha512').update(bytes).digest('hex').toUpperCase();
    const modifiedMs = known?.hash === hash ? known.modifiedMs : this.clock.now();
    const document = { bytes, hash, modifiedMs, kinds };
    this.#documents.set(key, document);
    return document;
  }
}

const isSame = (a: readonly Kind[], b: readonly Kind[]): boolean =>
  a === b || (a.length === b.length && a.every((kind, i) => kind === b[i]));

export const v3Address = (path: string, hash: string): string => `/openapi/v3/${path}?hash=${hash}`;

const rootOf = ({ group, version }: Kind): string => (group === '' ? `api/${version}` : `apis/${group}/${version}`);
