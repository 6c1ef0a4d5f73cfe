import type { FieldError } from '../field-error.ts';
import { invalid, keyPath, required, tooLong } from '../field-error.ts';
import type * as core from '../generated/core.v1.ts';
import { parseJson } from '../codec/json.ts';
import { defineKind } from '../kind.ts';
import { AGE, age, NAME } from '../table.ts';
import { validateImmutable } from '../validation/fields.ts';
import { keyPairError } from './keypair.ts';
import { base64Bytes, MAX_DATA_BYTES, validateFrozen, validateKeys } from './data.ts';

export type Secret = core.Secret;

const SERVICE_ACCOUNT_NAME = 'kubernetes.io/service-account.name';

/** Types with rules of their own: what has to be in the data. Source: ValidateSecret in pkg/apis/core/validation v1.36. */
function validateType({ type, data = {}, metadata }: Secret): FieldError[] {
  const missing = (...keys: readonly string[]): FieldError[] =>
    keys.filter((key) => data[key] === undefined).map((key) => required(keyPath('data', key)));
  switch (type) {
    case 'kubernetes.io/service-account-token':
      return (metadata.annotations?.[SERVICE_ACCOUNT_NAME] ?? '') === ''
        ? [required(keyPath('metadata.annotations', SERVICE_ACCOUNT_NAME))]
        : [];
    case 'kubernetes.io/dockercfg':
      return validateJSON(data, '.dockercfg');
    case 'kubernetes.io/dockerconfigjson':
      return validateJSON(data, '.dockerconfigjson');
    case 'kubernetes.io/basic-auth':
      return data['username'] === undefined && data['password'] === undefined ? missing('username', 'password') : [];
    case 'kubernetes.io/ssh-auth':
      return (data['ssh-privatekey'] ?? '') === '' ? [required(keyPath('data', 'ssh-privatekey'))] : [];
    case 'kubernetes.io/tls':
      return missing('tls.crt', 'tls.key');
    default:
      return [];
  }
}

function validateJSON(data: Readonly<Record<string, string>>, key: string): FieldError[] {
  const path = keyPath('data', key);
  const text = data[key];
  if (text === undefined) return [required(path)];
  const why = jsonObjectError(Buffer.from(text, 'base64').toString());
  return why === undefined ? [] : [invalid(path, '<secret contents redacted>', why)];
}

/** Why a text is no JSON object, in Go's words. */
function jsonObjectError(text: string): string | undefined {
  let value: unknown;
  try {
    value = parseJson(text);
  } catch (error) {
    if (error instanceof SyntaxError) return error.message;
    throw error;
  }
  if (typeof value === 'object' && !Array.isArray(value)) return undefined;
  const what = Array.isArray(value) ? 'array' : typeof value === 'boolean' ? 'bool' : typeof value;
  return `json: cannot unmarshal ${what} into Go value of type map[string]interface {}`;
}

function pairWarnings({ type, data = {} }: Secret): string[] {
  if (type !== 'kubernetes.io/tls') return [];
  const bytes = (key: string): Buffer => Buffer.from(data[key] ?? '', 'base64');
  const why = keyPairError(bytes('tls.crt'), bytes('tls.key'));
  return why === undefined ? [] : [why];
}

/** Source: pkg/registry/core/secret/strategy.go, pkg/apis/core/v1/{defaults,conversion}.go v1.36. */
export const Secret = defineKind<Secret>({
  group: '',
  version: 'v1',
  kind: 'Secret',
  plural: 'secrets',
  namespaced: true,
  definition: 'core.v1.Secret',

  defaults(secret) {
    if ((secret.type ?? '') === '') secret.type = 'Opaque';
    // stringData is for writing only: it wins over data and is never stored.
    if (secret.stringData !== undefined) {
      const encoded = Object.entries(secret.stringData).map(([key, text]) => [
        key,
        Buffer.from(text).toString('base64'),
      ]);
      secret.data = { ...secret.data, ...Object.fromEntries(encoded) };
      delete secret.stringData;
    }
  },
  validate(secret) {
    const bytes = Object.values(secret.data ?? {}).reduce((total, text) => total + base64Bytes(text), 0);
    return [
      ...validateKeys(secret.data, 'data'),
      ...(bytes > MAX_DATA_BYTES ? [tooLong('data', MAX_DATA_BYTES)] : []),
      ...validateType(secret),
    ];
  },
  changesFirst: true,
  validateUpdate: (secret, old) => [
    ...validateImmutable(secret.type, old.type, 'type'),
    ...validateFrozen(secret, old, ['data']),
  ],

  warnings: pairWarnings,

  columns: [NAME, { name: 'Type', type: 'string' }, { name: 'Data', type: 'string' }, AGE],
  row: (secret, { nowMs }) => ({
    cells: [secret.metadata.name, secret.type ?? '', Object.keys(secret.data ?? {}).length, age(secret, nowMs)],
  }),
  selectableFields: { type: ({ type }) => type ?? '' },
});
