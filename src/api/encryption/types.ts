/**
 * EncryptionConfiguration of apiserver.config.k8s.io/v1: which resources are encrypted in the datastore, and by what keys. A file, not an object of
 * the API. Source: apiserver pkg/apis/apiserver/v1/types_encryption.go v1.36.
 */
export interface EncryptionKey {
  readonly name: string;
  /** The key itself in base64: never shown, never logged. */
  readonly secret: string;
}

export interface KeyedProvider {
  readonly keys: readonly EncryptionKey[];
}

/** One of them is set. */
export interface EncryptionProvider {
  readonly aesgcm?: KeyedProvider;
  readonly aescbc?: KeyedProvider;
  readonly secretbox?: KeyedProvider;
  readonly identity?: object;
  readonly kms?: { readonly apiVersion?: string; readonly name?: string };
}

export interface EncryptedResources {
  /** `secrets`, `deployments.apps`, `*.apps`, `*.` or `*.*`. */
  readonly resources: readonly string[];
  /** The first writes; all read, in their order. */
  readonly providers: readonly EncryptionProvider[];
}

export interface EncryptionConfiguration {
  readonly apiVersion: 'apiserver.config.k8s.io/v1';
  readonly kind: 'EncryptionConfiguration';
  readonly resources: readonly EncryptedResources[];
}

/** Providers with keys, and what values they wrote begin with. Source: pkg/server/options/encryptionconfig/config.go v1.36. */
export const KEYED_PROVIDERS = {
  aescbc: 'k8s:enc:aescbc:v1:',
  aesgcm: 'k8s:enc:aesgcm:v1:',
  secretbox: 'k8s:enc:secretbox:v1:',
} as const;
export type KeyedProviderName = keyof typeof KEYED_PROVIDERS;

/** What every encrypted value begins with. Source: pkg/storage/value/encrypt/identity v1.36. */
export const ENCRYPTED_PREFIX = 'k8s:enc:';

/** The provider's name and keys; undefined of one without. */
export function keyedProvider(
  provider: EncryptionProvider,
): { readonly name: KeyedProviderName; readonly keys: readonly EncryptionKey[] } | undefined {
  for (const name of ['aesgcm', 'aescbc', 'secretbox'] as const) {
    const keyed = provider[name];
    if (keyed !== undefined) return { name, keys: keyed.keys };
  }
  return undefined;
}

/** A resource as the configuration names it. Source: schema.ParseGroupResource of apimachinery v0.36. */
export function parseGroupResource(text: string): { readonly group: string; readonly resource: string } {
  const dot = text.indexOf('.');
  return dot < 0 ? { group: '', resource: text } : { group: text.slice(dot + 1), resource: text.slice(0, dot) };
}

/** The same name for the same resource, however it is written: `secrets`, `*.apps`, `*.*`, `*.`. */
export const groupResourceText = ({ group, resource }: { readonly group: string; readonly resource: string }): string =>
  group === '' && resource !== '*' ? resource : `${resource}.${group}`;

/** The entry that says how a resource is written: that of its own name, of its group, or of all. Source: transformerFromOverrides v1.36. */
export function encryptionOf<T>(
  entries: ReadonlyMap<string, T>,
  { group, resource }: { readonly group: string; readonly resource: string },
): T | undefined {
  return (
    entries.get(groupResourceText({ group, resource })) ??
    entries.get(groupResourceText({ group, resource: '*' })) ??
    entries.get('*.*')
  );
}

/**
 * The providers of each resource named, in order: lists that name the same resource are joined. Throws where an earlier wildcard hides a later
 * entry. Source: getTransformerOverridesAndKMSPluginProbes v1.36.
 */
export function providersByResource(
  configuration: EncryptionConfiguration,
): Map<string, readonly EncryptionProvider[]> {
  const all = new Map<string, readonly EncryptionProvider[]>();
  for (const { resources, providers } of configuration.resources) {
    for (const text of resources) {
      const own = parseGroupResource(text);
      for (const wildcard of [groupResourceText({ group: own.group, resource: '*' }), '*.*'])
        if (all.has(wildcard))
          throw new Error(`resource "${groupResourceText(own)}" is masked by earlier rule "${wildcard}"`);
      const name = groupResourceText(own);
      all.set(name, [...(all.get(name) ?? []), ...providers]);
    }
  }
  return all;
}
