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
}

export interface OpenApiOptions {
  readonly kinds: readonly Kind[];
  /** `v1.36.0`. */
  readonly version: string;
  readonly clock: Clock;
  /** Called whenever documents are built. Default: none. */
  readonly descriptions?: (() => Descriptions) | undefined;
}

/** The documents of `/openapi/v2` and `/openapi/v3`, each made when first asked for and kept as bytes. */
export class OpenApi {
  /** Since when the documents are what they are. */
  readonly modifiedMs: number;
  readonly clock: Clock;
  readonly #options: OpenApiOptions;
  readonly #documents = new Map<string, OpenApiDocument>();

  constructor(options: OpenApiOptions) {
    this.clock = options.clock;
    this.modifiedMs = options.clock.now();
    this.#options = options;
  }

  v2Json(): OpenApiDocument {
    const { kinds, version } = this.#options;
    return this.#document('v2', (descriptions) => documentV2(kinds, version, descriptions));
  }

  async v2Protobuf(): Promise<OpenApiDocument> {
    const known = this.#documents.get('v2 protobuf');
    if (known !== undefined) return known;
    const { bytes, hash } = this.v2Json();
    await nextTurn(); // each half takes tens of milliseconds the first time
    const document = { bytes: encodeGnostic(JSON.parse(bytes.toString('utf8')) as object), hash };
    this.#documents.set('v2 protobuf', document);
    return document;
  }

  /** `api/v1`, `apis/apps/v1` → where its document is. */
  v3Index(): OpenApiDocument {
    const { kinds } = this.#options;
    return this.#document('v3', (descriptions) => ({
      paths: Object.fromEntries(
        [...new Set(kinds.map(rootOf))]
          .toSorted()
          .map((path) => [
            path,
            { serverRelativeURL: v3Address(path, this.#v3Document(path, () => descriptions).hash) },
          ]),
      ),
    }));
  }

  /** `path` is `api/v1` or `apis/apps/v1`. Undefined for a group and version there is not. */
  v3(path: string): OpenApiDocument | undefined {
    return this.#options.kinds.some((kind) => rootOf(kind) === path) ? this.#v3Document(path) : undefined;
  }

  #v3Document(path: string, read?: () => Descriptions): OpenApiDocument {
    const { kinds, version } = this.#options;
    const own = kinds.filter((kind) => rootOf(kind) === path);
    return this.#document(`v3/${path}`, (descriptions) => documentV3(own, version, descriptions), read);
  }

  #document(
    key: string,
    build: (descriptions: Descriptions) => object,
    read: () => Descriptions = this.#options.descriptions ?? (() => NO_DESCRIPTIONS),
  ): OpenApiDocument {
    const known = this.#documents.get(key);
    if (known !== undefined) return known;
    const bytes = Buffer.from(JSON.stringify(build(read())));
    const document = { bytes, hash: createHash('sha512').update(bytes).digest('hex').toUpperCase() };
    this.#documents.set(key, document);
    return document;
  }
}

export const v3Address = (path: string, hash: string): string => `/openapi/v3/${path}?hash=${hash}`;

const rootOf = ({ group, version }: Kind): string => (group === '' ? `api/${version}` : `apis/${group}/${version}`);
