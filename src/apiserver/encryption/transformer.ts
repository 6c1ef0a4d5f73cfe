import { ENCRYPTED_PREFIX } from '#api';

/** A value as it was before it was written. */
export interface ReadValue {
  readonly value: Buffer;
  /** How it was written, as {@link ValueTransformer.writer}: where they differ it is to be written anew, even with nothing changed. */
  readonly writer: string;
}

/**
 * Stands between objects and the datastore: values of one resource as they are kept. `key` is the key in the datastore, which a value may be bound to.
 * Both methods throw where they cannot. Source: apiserver pkg/storage/value/transformer.go v1.36.
 */
export interface ValueTransformer {
  fromStorage(data: Buffer, key: string): ReadValue;
  toStorage(value: Buffer, key: string): Buffer;
  /** How values are written now. */
  readonly writer: string;
  /** Grows when other keys are at work: what could not be read may be readable. Absent: never. */
  readonly generation?: number;
}

/** Values as they are; but what somebody encrypted is refused. Source: pkg/storage/value/encrypt/identity v1.36. */
export const identity: ValueTransformer = {
  fromStorage(data) {
    if (data[0] === FIRST_BYTE && hasPrefix(data, ENCRYPTED_PREFIX, 0))
      throw new Error('identity transformer tried to read encrypted data');
    return { value: data, writer: '' };
  },
  toStorage: (value) => value,
  writer: '',
};

const FIRST_BYTE = ENCRYPTED_PREFIX.charCodeAt(0);

/** One key at work, on what stands behind the prefix. */
export interface Cipher {
  decrypt(data: Buffer, key: string): Buffer;
  /** `head` is what the result begins with. */
  encrypt(head: Buffer, value: Buffer, key: string): Buffer;
}

/** Told of each transformation; `prefix` as upstream's metrics name it. */
export type Observe = (type: 'from_storage' | 'to_storage', prefix: string, startedMs: number, error?: unknown) => void;

export interface KeyTransformer {
  /** As in {@link ValueTransformer.writer}; says which key without telling it. */
  readonly writer: string;
  /** The name with a colon. */
  readonly prefix: string;
  readonly cipher: Cipher;
}

export interface ProviderTransformer {
  /** `k8s:enc:aescbc:v1:`; '' of identity. */
  readonly prefix: string;
  readonly keys: readonly KeyTransformer[];
  /** What is said where no key has the name. */
  readonly noKey: string;
}

/**
 * Providers in order: the first key of the first writes; all whose prefix fits are tried, since two may have keys of one name. Source: prefixTransformers
 * of pkg/storage/value/transformer.go and config.go v1.36.
 */
export function newTransformer(
  providers: readonly ProviderTransformer[],
  { observe, now }: { readonly observe: Observe; readonly now: () => number },
): ValueTransformer {
  const first = providers[0]!;
  const key = first.keys[0];
  const head = key === undefined ? undefined : Buffer.from(first.prefix + key.prefix, 'latin1');

  function decrypt(provider: ProviderTransformer, data: Buffer, dataKey: string): ReadValue {
    const errors: unknown[] = [];
    for (const own of provider.keys) {
      if (!hasPrefix(data, own.prefix, provider.prefix.length)) continue;
      const startedMs = now();
      try {
        const value = own.cipher.decrypt(data.subarray(provider.prefix.length + own.prefix.length), dataKey);
        observe('from_storage', own.prefix, startedMs);
        return { value, writer: own.writer };
      } catch (error) {
        observe('from_storage', own.prefix, startedMs, error);
        errors.push(error);
      }
    }
    if (errors.length > 0) throw aggregate(errors);
    const error = new Error(provider.noKey);
    observe('from_storage', 'unknown', now(), error);
    throw error;
  }

  return {
    writer: key?.writer ?? '',
    fromStorage(data, dataKey) {
      const errors: unknown[] = [];
      for (const provider of providers) {
        if (!hasPrefix(data, provider.prefix, 0)) continue;
        const startedMs = now();
        const name = provider.prefix === '' ? 'identity' : provider.prefix;
        try {
          const read = provider.prefix === '' ? identity.fromStorage(data, dataKey) : decrypt(provider, data, dataKey);
          observe('from_storage', name, startedMs);
          return read;
        } catch (error) {
          // It has only found that somebody else wrote it.
          if (provider.prefix === '') continue;
          observe('from_storage', name, startedMs, error);
          errors.push(error);
        }
      }
      if (errors.length > 0) throw aggregate(errors);
      const error = new Error('no matching prefix found');
      observe('from_storage', 'unknown', now(), error);
      throw error;
    },
    toStorage(value, dataKey) {
      const startedMs = now();
      const data = key === undefined || head === undefined ? value : key.cipher.encrypt(head, value, dataKey);
      if (key !== undefined) observe('to_storage', key.prefix, startedMs);
      observe('to_storage', first.prefix, startedMs);
      return data;
    },
  };
}

function hasPrefix(data: Buffer, prefix: string, at: number): boolean {
  if (data.length < at + prefix.length) return false;
  for (let i = 0; i < prefix.length; i++) if (data[at + i] !== prefix.charCodeAt(i)) return false;
  return true;
}

/** Source: NewAggregate and Reduce of apimachinery pkg/util/errors v0.36. */
function aggregate(errors: readonly unknown[]): Error {
  const texts = new Set(
    errors.flatMap((error) => (error instanceof Aggregate ? error.texts : [(error as Error).message])),
  );
  return errors.length === 1 ? (errors[0] as Error) : new Aggregate([...texts]);
}

class Aggregate extends Error {
  readonly texts: readonly string[];
  constructor(texts: readonly string[]) {
    super(texts.length === 1 ? texts[0]! : `[${texts.join(', ')}]`);
    this.texts = texts;
  }
}
