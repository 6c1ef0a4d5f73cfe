import { ISSUER } from './claims.ts';
import type { VerificationKey } from './keys.ts';

/** Documents by which others verify the tokens, and how long they may be kept. Source: pkg/serviceaccount/openidmetadata.go, pkg/routes/openidmetadata.go v1.36. */
export interface OpenIdMetadata {
  readonly configuration: string;
  readonly keys: string;
}

export const OPENID_MAX_AGE_S = 3600;
const CONFIGURATION = '/.well-known/openid-configuration';
const KEYS = '/openid/v1/jwks';

export function openIdDocuments(keys: readonly VerificationKey[], serverAddress: string): OpenIdMetadata {
  return {
    configuration: JSON.stringify({
      issuer: ISSUER,
      jwks_uri: `https://${serverAddress}${KEYS}`,
      response_types_supported: ['id_token'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: [...new Set(keys.map(({ algorithm }) => algorithm))].toSorted(),
    }),
    keys: JSON.stringify({ keys: keys.map(jsonWebKey) }),
  };
}

function jsonWebKey({ id, algorithm, key }: VerificationKey): object {
  const { kty, ...numbers } = key.export({ format: 'jwk' });
  return { use: 'sig', kty, kid: id, alg: algorithm, ...numbers };
}

/** The document of a path and its media type, if there is one. */
export function openIdDocument(
  { configuration, keys }: OpenIdMetadata,
  path: string,
): { readonly type: string; readonly body: string } | undefined {
  if (path === CONFIGURATION) return { type: 'application/json', body: configuration };
  return path === KEYS ? { type: 'application/jwk-set+json', body: keys } : undefined;
}
