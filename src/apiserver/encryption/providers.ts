import { createHash, randomFillSync } from 'node:crypto';
import {
  type EncryptionConfiguration,
  encryptionOf,
  type EncryptionProvider,
  KEYED_PROVIDERS,
  keyedProvider,
  providersByResource,
} from '#api';
import { type FillRandom, newAesCbc, newAesGcm, newSecretBox, type SecretBox } from './ciphers.ts';
import {
  type Cipher,
  identity,
  newTransformer,
  type Observe,
  type ProviderTransformer,
  type ValueTransformer,
} from './transformer.ts';

/** A resource by group and plural name. */
export interface GroupResource {
  readonly group: string;
  readonly resource: string;
}

export interface TransformersOptions {
  readonly observe: (resource: GroupResource) => Observe;
  /** Milliseconds that never go back. */
  readonly now: () => number;
  readonly fillRandom?: FillRandom;
}

/** How each resource is written and read; what no entry names is not encrypted. */
export type Transformers = (resource: GroupResource) => ValueTransformer;

/** Makes of a checked configuration what it says. */
export async function newTransformers(
  configuration: EncryptionConfiguration,
  { observe, now, fillRandom = randomFillSync }: TransformersOptions,
): Promise<Transformers> {
  const all = providersByResource(configuration);
  const boxed = [...all.values()].some((providers) => providers.some(({ secretbox }) => secretbox !== undefined));
  // Loaded where it is wanted: nobody else has to carry it.
  const box: SecretBox | undefined = boxed ? (await import('@noble/ciphers/salsa.js')).secretbox : undefined;
  const entries = new Map(
    [...all].map(([name, providers]) => [
      name,
      providers.map((provider) => providerTransformer(provider, box, fillRandom)),
    ]),
  );
  const made = new Map<string, ValueTransformer>();
  return (resource) => {
    const name = `${resource.group}/${resource.resource}`;
    let transformer = made.get(name);
    if (transformer === undefined) {
      const providers = encryptionOf(entries, resource);
      transformer = providers === undefined ? identity : newTransformer(providers, { observe: observe(resource), now });
      made.set(name, transformer);
    }
    return transformer;
  };
}

function providerTransformer(
  provider: EncryptionProvider,
  box: SecretBox | undefined,
  fillRandom: FillRandom,
): ProviderTransformer {
  const keyed = keyedProvider(provider);
  if (keyed === undefined) return { prefix: '', keys: [], noKey: '' };
  const { name, keys } = keyed;
  const prefix = KEYED_PROVIDERS[name];
  const cipherOf = (secret: Buffer): Cipher => {
    if (name === 'secretbox') return newSecretBox(box!, secret, fillRandom);
    return name === 'aescbc' ? newAesCbc(secret, fillRandom) : newAesGcm(secret, fillRandom);
  };
  return {
    prefix,
    noKey: `no matching key was found for the provided ${name === 'secretbox' ? 'Secretbox' : 'AES'} transformer`,
    keys: keys.map((key) => {
      const secret = Buffer.from(key.secret, 'base64');
      const fingerprint = createHash('sha256').update(secret).digest('hex').slice(0, 16);
      return { prefix: `${key.name}:`, writer: `${prefix}${key.name}:${fingerprint}`, cipher: cipherOf(secret) };
    }),
  };
}
