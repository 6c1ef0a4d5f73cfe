import {
  allKinds,
  type EncryptionConfiguration,
  encryptionOf,
  type EncryptionProvider,
  ENCRYPTED_PREFIX,
  KEYED_PROVIDERS,
  keyedProvider,
  providersByResource,
} from '#api';
import { type KeyValue, prefixEnd, type Store } from '#store';

/** All of Kubernetes. */
const ROOT = '/registry/';
/** Pairs read at a time. */
const PAGE = 500;

/** An object as the datastore has it. */
export interface StoredObject {
  /** In the datastore. */
  readonly key: string;
  readonly group: string;
  readonly resource: string;
  /** '' of what is in none. */
  readonly namespace: string;
  readonly name: string;
  /** What the value begins with up to the name of its key; '' of what is not encrypted. */
  readonly head: string;
}

/** Where each resource lies: the longest prefix that fits is its own. */
const PREFIXES = new Map(
  allKinds
    .filter(({ storedAs }) => storedAs === undefined)
    .map(({ group, plural, namespaced, storagePrefix = plural }) => [
      `${ROOT}${storagePrefix}/`,
      { group, resource: plural, namespaced },
    ]),
);

type Place = Pick<StoredObject, 'group' | 'resource' | 'namespace' | 'name'>;

/** Undefined: it is no object. */
function placeOf(key: string): Place | undefined {
  for (let end = key.lastIndexOf('/'); end > ROOT.length; end = key.lastIndexOf('/', end - 1)) {
    const own = PREFIXES.get(key.slice(0, end + 1));
    if (own !== undefined) return { ...own, ...nameOf(key.slice(end + 1)) };
  }
  // Custom resources lie under their group, which has a dot where no prefix of another kind has one.
  const [group = '', resource = '', ...rest] = key.slice(ROOT.length).split('/');
  if (!group.includes('.') || rest.length === 0) return undefined;
  return { group, resource, ...nameOf(rest.join('/')) };
}

function nameOf(path: string): { namespace: string; name: string } {
  const slash = path.indexOf('/');
  return slash < 0 ? { namespace: '', name: path } : { namespace: path.slice(0, slash), name: path.slice(slash + 1) };
}

/** Longer than any head: a key's name may be long. */
const HEAD_BYTES = 1024;

/** `heads`: those of the keys that are known, whose names may have colons in them. */
function headOf({ value }: Pick<KeyValue, 'value'>, heads: readonly string[]): string {
  const text = value.toString('latin1', 0, HEAD_BYTES);
  if (!text.startsWith(ENCRYPTED_PREFIX)) return '';
  return (
    heads.find((head) => text.startsWith(head)) ?? /^k8s:enc:[^:]*:[^:]*:[^:]*:/.exec(text)?.[0] ?? ENCRYPTED_PREFIX
  );
}

/** What values begin with under the keys of these providers, longest first. */
const headsOf = (providers: readonly EncryptionProvider[]): string[] =>
  providers
    .flatMap((provider) => {
      const keyed = keyedProvider(provider);
      return keyed === undefined ? [] : keyed.keys.map(({ name }) => headFor(keyed.name, name));
    })
    .toSorted((a, b) => b.length - a.length);

/** All objects there are, page by page, read past the API server; each page as the datastore has it at that time. */
export async function* storedObjects(
  store: Store,
  configuration: EncryptionConfiguration,
): AsyncGenerator<StoredObject[]> {
  const longestFirst = headsOf(configuration.resources.flatMap(({ providers }) => providers));
  const rangeEnd = prefixEnd(ROOT);
  for (let key = ROOT; ;) {
    const { kvs, count } = await store.range({ key, rangeEnd, limit: PAGE });
    yield kvs.flatMap((kv) => {
      const place = placeOf(kv.key);
      return place === undefined ? [] : [{ key: kv.key, head: headOf(kv, longestFirst), ...place }];
    });
    if (kvs.length >= count) return;
    key = `${kvs.at(-1)!.key}\0`;
  }
}

export const headFor = (provider: keyof typeof KEYED_PROVIDERS, key: string): string =>
  `${KEYED_PROVIDERS[provider]}${key}:`;

/** What values of a resource begin with when they are written now; undefined: the configuration does not name it. */
export function writingHeads(
  configuration: EncryptionConfiguration,
): (object: Pick<StoredObject, 'group' | 'resource'>) => string | undefined {
  const all = providersByResource(configuration);
  return (object) => {
    const first = encryptionOf(all, object)?.[0];
    if (first === undefined) return undefined;
    const keyed = keyedProvider(first);
    return keyed === undefined ? '' : headFor(keyed.name, keyed.keys[0]!.name);
  };
}

/** How many objects of a resource lie under one key. */
export interface EncryptionUsage {
  /** `secrets`, `deployments.apps`. */
  readonly resource: string;
  /** `aescbc`; `identity` of what is not encrypted. */
  readonly provider: string;
  /** '' of what is not encrypted. */
  readonly key: string;
  readonly objects: number;
  /** What is written now is written so. */
  readonly writes: boolean;
}

/** Counts the objects of all resources that are, or are to be, encrypted. */
export async function encryptionUsage(
  store: Store,
  configuration: EncryptionConfiguration,
): Promise<EncryptionUsage[]> {
  const writes = writingHeads(configuration);
  const counts = new Map<string, EncryptionUsage>();
  for await (const page of storedObjects(store, configuration))
    for (const { group, resource, head } of page) {
      const now = writes({ group, resource });
      if (now === undefined && head === '') continue;
      const name = group === '' ? resource : `${resource}.${group}`;
      const id = `${name} ${head}`;
      const { provider, key } = namesIn(head);
      const objects = (counts.get(id)?.objects ?? 0) + 1;
      counts.set(id, { resource: name, provider, key, objects, writes: head === (now ?? '') });
    }
  return [...counts.entries()].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, usage]) => usage);
}

function namesIn(head: string): { readonly provider: string; readonly key: string } {
  const [, provider = 'identity', key = ''] = /^k8s:enc:([^:]*):[^:]*:(.*?):?$/.exec(head) ?? [];
  return { provider, key };
}

/** Objects of a resource that lie under a key the API server does not have, or in the clear where it takes only what is encrypted. */
export type Unreadable = Omit<EncryptionUsage, 'writes'>;

/** Counts the values that an API server with this configuration, or without any, has no key for. Keys are told apart by their names. */
export function unreadableValues(
  configuration: EncryptionConfiguration | undefined,
  kvs: readonly Pick<KeyValue, 'key' | 'value'>[],
): Unreadable[] {
  const all = configuration === undefined ? new Map<string, never>() : providersByResource(configuration);
  const counts = new Map<string, Unreadable>();
  for (const kv of kvs) {
    const place = placeOf(kv.key);
    if (place === undefined) continue;
    const providers = encryptionOf<readonly EncryptionProvider[]>(all, place) ?? [{ identity: {} }];
    const heads = headsOf(providers);
    const head = headOf(kv, heads);
    const readable =
      head === '' ? providers.some((provider) => keyedProvider(provider) === undefined) : heads.includes(head);
    if (readable) continue;
    const resource = place.group === '' ? place.resource : `${place.resource}.${place.group}`;
    const id = `${resource} ${head}`;
    counts.set(id, { resource, ...namesIn(head), objects: (counts.get(id)?.objects ?? 0) + 1 });
  }
  return [...counts.entries()].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, own]) => own);
}
