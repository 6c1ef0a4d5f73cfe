import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';

/** Algorithm by curve. Source: signerFromECDSAPrivateKey in pkg/serviceaccount/jwt.go v1.36. */
const BY_CURVE: Readonly<Record<string, string>> = { prime256v1: 'ES256', secp384r1: 'ES384', secp521r1: 'ES512' };

export interface VerificationKey {
  readonly id: string;
  readonly algorithm: string;
  readonly key: KeyObject;
}

export interface SigningKey extends VerificationKey {
  /** The private half; `key` is the public one. */
  readonly privateKey: KeyObject;
}

/** The pair behind a private key in PEM: RSA or a NIST curve. */
export function signingKey(pem: string): SigningKey {
  const privateKey = createPrivateKey(pem);
  return { ...verificationKey(createPublicKey(privateKey)), privateKey };
}

/** A pair for a server that was given none: its tokens live as long as it. */
export const temporaryKey = (): string =>
  generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'pem', type: 'pkcs8' });

function verificationKey(key: KeyObject): VerificationKey {
  const { asymmetricKeyType, asymmetricKeyDetails } = key;
  const algorithm = asymmetricKeyType === 'rsa' ? 'RS256' : BY_CURVE[asymmetricKeyDetails?.namedCurve ?? ''];
  if (algorithm === undefined) throw new Error('unknown private key type, must be RSA or of curve 256, 384, or 521');
  return { id: keyId(key), algorithm, key };
}

/** Names the key without giving it away. Source: keyIDFromPublicKey of the same file. */
const keyId = (key: KeyObject): string =>
  createHash('sha256')
    .update(key.export({ format: 'der', type: 'spki' }))
    .digest('base64url');
