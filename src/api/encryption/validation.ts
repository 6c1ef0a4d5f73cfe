import { type FieldError, forbiddenField, index, invalid, required } from '../field-error.ts';
import {
  type EncryptionConfiguration,
  type EncryptionKey,
  type EncryptionProvider,
  keyedProvider,
  parseGroupResource,
} from './types.ts';

const AES_KEY_BYTES = [16, 24, 32];
const SECRETBOX_KEY_BYTES = [32];
const ROOT_PATH = 'resources';

/** Source: ValidateEncryptionConfiguration, apiserver pkg/apis/apiserver/validation/validation_encryption.go v1.36. */
export function validateEncryptionConfiguration({ resources }: EncryptionConfiguration): FieldError[] {
  if (resources.length === 0) return [required(ROOT_PATH, atLeastOne(ROOT_PATH))];
  return resources.flatMap((entry, i) => {
    const names = `${index(ROOT_PATH, i)}.resources`;
    const providers = `${index(ROOT_PATH, i)}.providers`;
    return [
      ...(entry.resources.length === 0 ? [required(names, atLeastOne(names))] : []),
      ...overlaps(entry.resources, names),
      ...entry.resources.flatMap((name, j) => nameErrors(name, index(names, j))),
      ...(entry.providers.length === 0 ? [required(providers, atLeastOne(providers))] : []),
      ...entry.providers.flatMap((provider, j) => providerErrors(provider, index(providers, j))),
    ];
  });
}

const atLeastOne = (what: string): string => `at least one ${what} is required`;

/** Source: validateResourceOverlap, as above. */
function overlaps(names: readonly string[], path: string): FieldError[] {
  const parsed = names.map(parseGroupResource);
  const pairs = parsed.flatMap((a, i) => parsed.slice(i + 1).map((b) => [a, b] as const));
  const isAll = ({ group, resource }: (typeof parsed)[number]): boolean => group === '*' && resource === '*';
  const twice = pairs.some(([a, b]) => a.group === b.group && a.resource === b.resource);
  const masked = pairs.some(
    ([a, b]) => isAll(a) || isAll(b) || (a.group === b.group && (a.resource === '*' || b.resource === '*')),
  );
  return [
    ...(twice ? [invalid(path, names, 'the same resource cannot be specified multiple times')] : []),
    ...(masked
      ? [
          invalid(
            path,
            names,
            "using overlapping resources such as 'secrets' and '*.' in the same resource list is not allowed as they will be masked",
          ),
        ]
      : []),
  ];
}

/** Kept in the datastore, but no part of the API. */
const WITHOUT_API = ['apiserveripinfo', 'serviceipallocations', 'servicenodeportallocations'];

/** Source: validateResourceNames, as above. */
function nameErrors(name: string, path: string): FieldError[] {
  const why = (): string | undefined => {
    if (name.toLowerCase() !== name) return 'resource name should not contain capital letters';
    if (name === '*')
      return "use '*.' to encrypt all the resources from core API group or *.* to encrypt all resources";
    if (WITHOUT_API.includes(name)) return 'resources which do not have REST API/s cannot be encrypted';
    const { group, resource } = parseGroupResource(name);
    if (group === 'events.k8s.io')
      return "'*.events.k8s.io' objects are stored using the 'events' API group in etcd. Use 'events' instead in the config file";
    if (group === 'extensions') return "'extensions' group has been removed and cannot be used for encryption";
    if (group === '*' && resource !== '*') return 'encrypting the same resource across groups is not supported';
    return undefined;
  };
  const text = why();
  return text === undefined ? [] : [invalid(path, name, text)];
}

/** Source: validateSingleProvider, as above. A KMS plugin is what this server does not speak to. */
function providerErrors(provider: EncryptionProvider, path: string): FieldError[] {
  const { kms } = provider;
  const found = Object.values(provider).filter((part) => part !== undefined).length;
  if (found === 0)
    return [
      invalid(
        path,
        shownProvider(provider),
        'provider does not contain any of the expected providers: KMS, AESGCM, AESCBC, Secretbox, Identity',
      ),
    ];
  const several =
    found > 1
      ? [
          invalid(
            path,
            shownProvider(provider),
            'more than one provider specified in a single element, should split into different list elements',
          ),
        ]
      : [];
  if (kms !== undefined) {
    const version = kms.apiVersion === 'v2' ? 'v2' : 'v1'; // the default
    return [
      ...several,
      forbiddenField(
        `${path}.kms`,
        `KMS ${version} is not supported, use aescbc, aesgcm or secretbox with keys in this file`,
      ),
    ];
  }
  const keyed = keyedProvider(provider);
  if (keyed === undefined) return several;
  const lengths = keyed.name === 'secretbox' ? SECRETBOX_KEY_BYTES : AES_KEY_BYTES;
  return [...several, ...keysErrors(keyed.keys, `${path}.${keyed.name}.keys`, lengths)];
}

/** As Go writes its own form of it, but without the keys. */
function shownProvider({ aesgcm, aescbc, secretbox, identity, kms }: EncryptionProvider): object {
  const keyed = (part: EncryptionProvider['aesgcm']): object | null =>
    part === undefined ? null : { Keys: part.keys.map(({ name }) => ({ Name: name, Secret: 'REDACTED' })) };
  return {
    AESGCM: keyed(aesgcm),
    AESCBC: keyed(aescbc),
    Secretbox: keyed(secretbox),
    Identity: identity ?? null,
    KMS: kms === undefined ? null : { APIVersion: kms.apiVersion ?? '', Name: kms.name ?? '' },
  };
}

/** Source: validateKeys and validateKey, as above. */
function keysErrors(keys: readonly EncryptionKey[], path: string, lengths: readonly number[]): FieldError[] {
  if (keys.length === 0) return [required(path, atLeastOne('keys'))];
  return keys.flatMap(({ name, secret }, i) => {
    const at = index(path, i);
    const ofName = name === '' ? [required(`${at}.name`, 'name is a mandatory field for a key')] : [];
    if (secret === '') return [...ofName, required(`${at}.secret`, 'secret is a mandatory field for a key')];
    const bytes = decodeBase64(secret);
    if (bytes === undefined) return [...ofName, invalid(`${at}.secret`, 'REDACTED', 'secrets must be base64 encoded')];
    if (lengths.includes(bytes.length)) return ofName;
    const expected = `[${lengths.join(' ')}]`;
    const detail = `secret is not of the expected length, got ${bytes.length}, expected one of ${expected}`;
    return [...ofName, invalid(`${at}.secret`, 'REDACTED', detail)];
  });
}

/** As Go's base64.StdEncoding reads it: padded, line breaks left out. */
function decodeBase64(text: string): Buffer | undefined {
  const plain = text.replaceAll(/[\r\n]/g, '');
  return /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(plain)
    ? Buffer.from(plain, 'base64')
    : undefined;
}
