import { createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';

export const tlv = (tag: number, ...parts: readonly Buffer[]): Buffer => {
  const content = Buffer.concat(parts);
  const { length } = content;
  const header =
    length < 0x80 ? [tag, length] : length < 0x100 ? [tag, 0x81, length] : [tag, 0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from(header), content]);
};
export const sequence = (...parts: readonly Buffer[]): Buffer => tlv(0x30, ...parts);
const oid = (hex: string): Buffer => tlv(6, Buffer.from(hex, 'hex'));

const NAMES: Readonly<Record<string, string>> = { CN: '550403', O: '55040a', OU: '55040b' };
/** Algorithm identifiers, in hex of their object identifier. */
export const ALGORITHMS = {
  ecdsaSha256: '2a8648ce3d040302',
  rsaSha256: '2a864886f70d01010b',
  rsaMd5: '2a864886f70d010104',
  ed25519: '2b6570',
} as const;

export interface SigningRequestOptions {
  readonly key?: KeyObject;
  readonly algorithm?: string;
  /** Changes the signature. */
  readonly forge?: (signature: Buffer) => Buffer;
}

export const newKey = (): KeyObject => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;

/** A PKCS#10 request of somebody with these names, each `[type, value]`, as DER. */
export function signingRequest(
  names: readonly (readonly [type: string, value: string])[],
  { key = newKey(), algorithm = ALGORITHMS.ecdsaSha256, forge = (signature) => signature }: SigningRequestOptions = {},
): Buffer {
  const subject = sequence(
    ...names.map(([type, value]) => tlv(0x31, sequence(oid(NAMES[type]!), tlv(0x0c, Buffer.from(value))))),
  );
  const spki = createPublicKey(key.export({ format: 'pem', type: 'pkcs8' })).export({ format: 'der', type: 'spki' });
  const signed = sequence(tlv(2, Buffer.from([0])), subject, spki, tlv(0xa0));
  const hash = key.asymmetricKeyType === 'ed25519' ? undefined : algorithm === ALGORITHMS.rsaMd5 ? 'md5' : 'sha256';
  const signature = forge(sign(hash, signed, key));
  return sequence(signed, sequence(oid(algorithm)), tlv(3, Buffer.from([0]), signature));
}

/** As the field of the API has it. */
export const toField = (der: Buffer, type = 'CERTIFICATE REQUEST'): string =>
  Buffer.from(`-----BEGIN ${type}-----\n${der.toString('base64')}\n-----END ${type}-----\n`).toString('base64');
