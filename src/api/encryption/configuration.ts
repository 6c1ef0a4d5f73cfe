import { duplicateKey, parseYaml, YamlError } from '../codec/yaml-text.ts';
import { child, fieldErrorText, index } from '../field-error.ts';
import { type EncryptionConfiguration, providersByResource } from './types.ts';
import { validateEncryptionConfiguration } from './validation.ts';

const API_VERSION = 'apiserver.config.k8s.io/v1';
const KIND = 'EncryptionConfiguration';

/** Reads, checks and returns the configuration that a file holds. Throws with upstream's words; nothing of the text is in them. */
export function parseEncryptionConfiguration(text: string, file: string): EncryptionConfiguration {
  let value: unknown;
  try {
    if (text === '')
      throw new Error(`error while loading file: encryption provider configuration file "${file}" is empty`);
    value = decode(text, file);
  } catch (error) {
    throw new Error(`error while parsing file: ${(error as Error).message}`, { cause: error });
  }
  const configuration = { apiVersion: API_VERSION, kind: KIND, resources: [], ...(value as object) } as const;
  const errors = validateEncryptionConfiguration(configuration);
  if (errors.length > 0) {
    const texts = [...new Set(errors.map(fieldErrorText))];
    throw new Error(`error while parsing file: ${texts.length === 1 ? texts[0]! : `[${texts.join(', ')}]`}`);
  }
  try {
    providersByResource(configuration);
  } catch (error) {
    throw new Error(`error while building transformers: ${(error as Error).message}`, { cause: error });
  }
  return configuration;
}

function decode(text: string, file: string): unknown {
  const failed = (why: string): Error =>
    new Error(`error decoding encryption provider configuration file "${file}": ${why}`);
  let value: unknown;
  try {
    value = parseYaml(text);
  } catch (error) {
    if (!(error instanceof YamlError)) throw error;
    // The reader's words may hold what it could not read.
    throw failed(
      `error converting YAML to JSON: ${/^yaml: (?:line \d+: )?/.exec(error.message)?.[0] ?? 'yaml: '}the text is no YAML`,
    );
  }
  const { apiVersion = '', kind = '' } = (value ?? {}) as { readonly apiVersion?: unknown; readonly kind?: unknown };
  if (kind === '') throw failed(`Object 'Kind' is missing`);
  if (apiVersion === '') throw failed(`Object 'apiVersion' is missing`);
  if (apiVersion !== API_VERSION || kind !== KIND)
    throw failed(`no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)}`);
  const strict: string[] = [];
  const twice = duplicateKey(text);
  if (twice !== undefined) strict.push(twice);
  let read: unknown;
  try {
    read = readAs(CONFIGURATION, value, '', strict);
  } catch (error) {
    throw failed((error as Error).message);
  }
  if (strict.length > 0) throw failed(`strict decoding error: ${strict.join(', ')}`);
  return read;
}

/** What may stand where. */
type Shape = 'string' | 'number' | { readonly list: Shape } | { readonly fields: Readonly<Record<string, Shape>> };

const KEYED: Shape = { fields: { keys: { list: { fields: { name: 'string', secret: 'string' } } } } };
const KMS: Shape = {
  fields: { apiVersion: 'string', name: 'string', cachesize: 'number', endpoint: 'string', timeout: 'string' },
};
const PROVIDER: Shape = {
  fields: { aesgcm: KEYED, aescbc: KEYED, secretbox: KEYED, identity: { fields: {} }, kms: KMS },
};
const RESOURCES: Shape = { fields: { resources: { list: 'string' }, providers: { list: PROVIDER } } };
const CONFIGURATION: Shape = { fields: { apiVersion: 'string', kind: 'string', resources: { list: RESOURCES } } };

/** The value by its shape, with empty texts and lists for what is absent; notes fields that nobody knows. */
function readAs(shape: Shape, value: unknown, path: string, strict: string[]): unknown {
  if (typeof shape === 'string') {
    if (value === undefined || value === null) return shape === 'string' ? '' : 0;
    if (typeof value !== shape) throw mismatch(path, shape, value);
    return value;
  }
  if ('list' in shape) {
    if (value === undefined || value === null) return [];
    if (!Array.isArray(value)) throw mismatch(path, 'list', value);
    return value.map((item, i) => readAs(shape.list, item, index(path, i), strict));
  }
  if (value === undefined || value === null) return readAs(shape, {}, path, strict);
  if (typeof value !== 'object' || Array.isArray(value)) throw mismatch(path, 'object', value);
  const read: Record<string, unknown> = {};
  for (const [name, own] of Object.entries(value)) {
    const of = Object.hasOwn(shape.fields, name) ? shape.fields[name] : undefined;
    if (of === undefined) strict.push(`unknown field "${child(path, name)}"`);
    // Where a provider stands with nothing behind it, it is not there.
    else if (own !== null || of === 'string') read[name] = readAs(of, own, child(path, name), strict);
  }
  for (const [name, of] of Object.entries(shape.fields))
    if (read[name] === undefined && (of === 'string' || (typeof of !== 'string' && 'list' in of)))
      read[name] = readAs(of, undefined, child(path, name), strict);
  return read;
}

function mismatch(path: string, wanted: string, value: unknown): Error {
  const got = Array.isArray(value) ? 'array' : value === null ? 'null' : typeof value;
  return new Error(
    `json: cannot unmarshal ${got} into field ${path === '' ? 'of the document' : path} of type ${wanted}`,
  );
}
