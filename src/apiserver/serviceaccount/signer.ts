import { CompactSign } from 'jose';
import { type Claims, legacyClaims } from './claims.ts';
import { type SigningKey, signingKey } from './keys.ts';

/** Makes tokens. Signing runs beside the event loop. */
export async function signToken({ id, algorithm, privateKey }: SigningKey, claims: Claims): Promise<string> {
  const payload = new TextEncoder().encode(JSON.stringify(claims));
  return await new CompactSign(payload).setProtectedHeader({ alg: algorithm, kid: id }).sign(privateKey);
}

/** Signs the tokens that secrets hold, with a private key in PEM: what the controller of such secrets needs. */
export function newSecretTokenSigner(
  pem: string,
): (account: { metadata: { namespace: string; name: string; uid: string } }, secretName: string) => Promise<string> {
  const key = signingKey(pem);
  return (account, secretName) => signToken(key, legacyClaims(account, secretName));
}
