import { createHash } from 'node:crypto';
import { type Kind, listKindOf } from '#api';
import { type Clock, finished } from '#util';
import { Pace, paced } from '../registry/pace.ts';
import { type Descriptions, NO_DESCRIPTIONS } from './descriptions.ts';
import { encodeGnostic } from './gnostic.ts';
import { encodeGnosticV3 } from './gnostic-v3.ts';
import { rootPaths } from './roots.ts';
import { documentV2 } from './v2.ts';
import { documentV3, rootDocumentV3 } from './v3.ts';

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
  readonly #known = new WeakMap<Kind, Part>();
  /** By what they say in JSON. */
  readonly #protobuf = new WeakMap<OpenApiDocument, OpenApiDocument>();
  #builtIn: { readonly kinds: readonly Kind[]; readonly document: Promise<OpenApiDocument> } | undefined;

  constructor(options: OpenApiOptions) {
    this.clock = options.clock;
    this.#options = options;
  }

  /** What is built in is built once; what is defined at run time is put into it, so that a new definition costs its own part only. */
  async v2Json(): Promise<OpenApiDocument> {
    const kinds = this.#options.kinds();
    const known = this.#documents.get('v2');
    if (known !== undefined && isSame(known.kinds, kinds)) return known;
    const builtIn = kinds.filter((kind) => kind.custom === undefined);
    if (this.#builtIn === undefined || !isSame(this.#builtIn.kinds, builtIn))
      this.#builtIn = { kinds: builtIn, document: this.#buildBuiltIn(builtIn) };
    const own = await this.#builtIn.document;
    const custom = kinds.filter((kind) => kind.custom !== undefined);
    return custom.length === 0 ? own : this.#keep('v2', kinds, merged(own.bytes, this.#parts(custom)));
  }

  async #buildBuiltIn(kinds: readonly Kind[]): Promise<OpenApiDocument> {
    const { version } = this.#options;
    await new Pace(this.clock).turn();
    const document = await paced(this.clock, documentV2(kinds, version, this.#read()));
    return this.#keep('v2 built in', kinds, await jsonOf(this.clock, document));
  }

  #parts(kinds: readonly Kind[]): readonly Part[] {
    const { version } = this.#options;
    const isNew = kinds.some((kind) => !this.#known.has(kind));
    const texts = isNew ? this.#read() : NO_DESCRIPTIONS;
    return kinds.map((kind) => {
      let part = this.#known.get(kind);
      if (part === undefined) this.#known.set(kind, (part = partOf(kind, version, texts)));
      return part;
    });
  }

  async v2Protobuf(): Promise<OpenApiDocument> {
    return await this.#asProtobuf(await this.v2Json(), encodeGnostic);
  }

  /** `json` is a document of version 3. */
  v3Protobuf(json: OpenApiDocument): Promise<OpenApiDocument> {
    return this.#asProtobuf(json, encodeGnosticV3);
  }

  async #asProtobuf(
    json: OpenApiDocument,
    encode: (document: object) => Generator<void, Buffer>,
  ): Promise<OpenApiDocument> {
    const known = this.#protobuf.get(json);
    if (known !== undefined) return known;
    await new Pace(this.clock).turn();
    const bytes = await paced(this.clock, encode(JSON.parse(json.bytes.toString('utf8')) as object));
    const document = { ...json, bytes };
    this.#protobuf.set(json, document);
    return document;
  }

  /** `api/v1`, `apis/apps/v1` → where its document is. */
  async v3Index(): Promise<OpenApiDocument> {
    const kinds = this.#options.kinds();
    const index = this.#documents.get('v3');
    if (index !== undefined && isSame(index.kinds, kinds)) return index;
    const groups = Map.groupBy(kinds, rootOf);
    const roots = rootPaths(kinds);
    for (const key of this.#documents.keys()) {
      const path = key.slice('v3/'.length);
      if (key.startsWith('v3/') && !groups.has(path) && !roots.has(path)) this.#documents.delete(key);
    }
    const pace = new Pace(this.clock);
    let descriptions: Descriptions | undefined;
    const paths: Record<string, object> = {};
    const all = [...groups, ...[...roots].map(([path]) => [path, NO_KINDS] as const)];
    for (const [path, own] of all.toSorted(([a], [b]) => (a < b ? -1 : 1))) {
      const { hash } = this.#v3Document(path, own, () => (descriptions ??= this.#read()));
      paths[path] = { serverRelativeURL: v3Address(path, hash) };
      await pace.turn(); // some of them take a while
    }
    return this.#keep('v3', kinds, Buffer.from(JSON.stringify({ paths })));
  }

  /** `path` is `api/v1` or `apis/apps/v1`, `apis/apps` or `version`. Undefined where there is nothing. */
  v3(path: string): OpenApiDocument | undefined {
    const kinds = this.#options.kinds().filter((kind) => rootOf(kind) === path);
    if (kinds.length === 0 && !rootPaths(this.#options.kinds()).has(path)) return undefined;
    return this.#v3Document(path, kinds, () => this.#read());
  }

  /** Without kinds: of a path that belongs to no group and version. */
  #v3Document(path: string, kinds: readonly Kind[], read: () => Descriptions): OpenApiDocument {
    const key = `v3/${path}`;
    const known = this.#documents.get(key);
    if (known !== undefined && isSame(known.kinds, kinds)) return known;
    const root = kinds.length > 0 ? undefined : rootPaths(this.#options.kinds()).get(path);
    const { version } = this.#options;
    const document = root === undefined ? documentV3(kinds, version, read()) : rootDocumentV3(root, version, read());
    return this.#keep(key, kinds, Buffer.from(JSON.stringify(document)));
  }

  #read(): Descriptions {
    return this.#options.descriptions?.() ?? NO_DESCRIPTIONS;
  }

  #keep(key: string, kinds: readonly Kind[], bytes: Buffer): Built {
    const known = this.#documents.get(key);
    const hash = createHash('sha512').update(bytes).digest('hex').toUpperCase();
    const modifiedMs = known?.hash === hash ? known.modifiedMs : this.clock.now();
    const document = { bytes, hash, modifiedMs, kinds };
    this.#documents.set(key, document);
    return document;
  }
}

const NO_KINDS: readonly Kind[] = [];
const PATHS = Buffer.from('"paths":{');
const DEFINITIONS = Buffer.from('"definitions":{');

/** What one custom kind adds to the document of version 2: members of two objects, each with a comma behind it. */
interface Part {
  readonly paths: Buffer;
  readonly definitions: Buffer;
}

function partOf(kind: Kind, version: string, descriptions: Descriptions): Part {
  const { paths, definitions } = finished(documentV2([kind], version, descriptions));
  // What it refers to is built in.
  const prefix = kind.definition.slice(0, kind.definition.lastIndexOf('.') + 1);
  const own = [kind.definition, `${prefix}${listKindOf(kind)}`];
  return {
    paths: members(Object.entries(paths)),
    definitions: members(Object.entries(definitions).filter(([name]) => own.includes(name))),
  };
}

const members = (entries: readonly (readonly [string, unknown])[]): Buffer =>
  Buffer.from(entries.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)},`).join(''));

/** The document, which has paths and definitions, with those of others. */
function merged(document: Buffer, parts: readonly Part[]): Buffer {
  // Neither stands anywhere before it stands at the top.
  const paths = document.indexOf(PATHS) + PATHS.length;
  const definitions = document.indexOf(DEFINITIONS, paths) + DEFINITIONS.length;
  return Buffer.concat([
    document.subarray(0, paths),
    ...parts.map((part) => part.paths),
    document.subarray(paths, definitions),
    ...parts.map((part) => part.definitions),
    document.subarray(definitions),
  ]);
}

/** JSON of an object whose members are long, member by member. */
async function jsonOf(clock: Clock, document: object): Promise<Buffer> {
  const pace = new Pace(clock);
  const parts: string[] = [];
  for (const [name, value] of Object.entries(document)) {
    parts.push(`${JSON.stringify(name)}:${JSON.stringify(value)}`);
    await pace.turn();
  }
  return Buffer.from(`{${parts.join(',')}}`);
}

const isSame = (a: readonly Kind[], b: readonly Kind[]): boolean =>
  a === b || (a.length === b.length && a.every((kind, i) => kind === b[i]));

export const v3Address = (path: string, hash: string): string => `/openapi/v3/${path}?hash=${hash}`;

const rootOf = ({ group, version }: Kind): string => (group === '' ? `api/${version}` : `apis/${group}/${version}`);
