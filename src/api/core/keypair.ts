/** Whether a certificate and a key belong together, in Go's words. Source: X509KeyPair in crypto/tls of Go 1.26. */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';

const BLOCK = /-----BEGIN ([^-\n]+)-----\r?\n[^-]*-----END \1-----/g;

interface Block {
  readonly type: string;
  readonly text: string;
}

const blocksOf = (bytes: Buffer): Block[] =>
  [...bytes.toString('latin1').matchAll(BLOCK)].map(([text, type = '']) => ({ type, text }));

const isKey = ({ type }: Block): boolean => type === 'PRIVATE KEY' || type.endsWith(' PRIVATE KEY');

/** Go prints a list in brackets. */
const types = (blocks: readonly Block[]): string => `[${blocks.map(({ type }) => type).join(' ')}]`;

/** What is wrong with the pair; undefined when nothing is. */
export function keyPairError(certificate: Buffer, key: Buffer): string | undefined {
  const certificateBlocks = blocksOf(certificate);
  const leaf = certificateBlocks.find(({ type }) => type === 'CERTIFICATE');
  if (leaf === undefined) return `tls: ${noCertificate(certificateBlocks)}`;
  const keyBlocks = blocksOf(key);
  const keyBlock = keyBlocks.find(isKey);
  if (keyBlock === undefined) return `tls: ${noKey(keyBlocks)}`;
  const parsed = parsed509(leaf.text);
  if (parsed === undefined) return 'x509: malformed certificate';
  const privateKey = parsedKey(keyBlock.text);
  if (privateKey === undefined) return 'tls: failed to parse private key';
  if (privateKey.asymmetricKeyType !== parsed.publicKey.asymmetricKeyType) {
    return 'tls: private key type does not match public key type';
  }
  return parsed.checkPrivateKey(privateKey) ? undefined : 'tls: private key does not match public key';
}

function noCertificate(blocks: readonly Block[]): string {
  if (blocks.length === 0) return 'failed to find any PEM data in certificate input';
  if (blocks.length === 1 && blocks[0]!.type.endsWith('PRIVATE KEY')) {
    return 'failed to find certificate PEM data in certificate input, but did find a private key; PEM inputs may have been switched';
  }
  return `failed to find "CERTIFICATE" PEM block in certificate input after skipping PEM blocks of the following types: ${types(blocks)}`;
}

function noKey(blocks: readonly Block[]): string {
  if (blocks.length === 0) return 'failed to find any PEM data in key input';
  if (blocks.length === 1 && blocks[0]!.type === 'CERTIFICATE') {
    return 'found a certificate rather than a key in the PEM for the private key';
  }
  return `failed to find PEM block with type ending in "PRIVATE KEY" in key input after skipping PEM blocks of the following types: ${types(blocks)}`;
}

function parsed509(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    // What OpenSSL says of it is not what Go would.
    return undefined;
  }
}

function parsedKey(pem: string): KeyObject | undefined {
  try {
    return createPrivateKey(pem);
  } catch {
    return undefined;
  }
}
