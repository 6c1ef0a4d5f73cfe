import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
  X509Certificate,
} from 'node:crypto';
import { isIPv4, isIPv6 } from 'node:net';
import * as der from './der.ts';

/** A certificate and its key, both PEM. */
export interface KeyPair {
  readonly certificate: string;
  readonly key: string;
}

export interface CertificateRequest {
  readonly commonName: string;
  readonly organizations?: readonly string[];
  readonly usages: readonly ('client' | 'server')[];
  /** DNS names and IP addresses. */
  readonly subjectAltNames?: readonly string[];
  readonly notBefore: Date;
  readonly notAfter: Date;
}

const OID = {
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  commonName: '2.5.4.3',
  organization: '2.5.4.10',
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKeyIdentifier: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
  server: '1.3.6.1.5.5.7.3.1',
  client: '1.3.6.1.5.5.7.3.2',
} as const;

// Key usage bits, the first being the highest of the byte: RFC 5280, 4.2.1.3.
const DIGITAL_SIGNATURE = 0x80;
const KEY_ENCIPHERMENT = 0x20;
const CERTIFICATE_SIGN = 0x04;

export function newKey(): KeyObject {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
}

/** As kubeadm writes EC keys: `EC PRIVATE KEY`. */
export function keyToPem(key: KeyObject): string {
  return key.export({ format: 'pem', type: 'sec1' });
}

function pem(label: string, bytes: Buffer): string {
  const lines = bytes.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

/** One relative distinguished name per organization, then the common name: the order Go writes and RBAC expects nothing of. */
function distinguishedName(organizations: readonly string[], commonName: string): Buffer {
  const attribute = (oid: string, value: string): Buffer =>
    der.set(der.sequence(der.objectIdentifier(oid), der.text(value)));
  return der.sequence(
    ...organizations.map((organization) => attribute(OID.organization, organization)),
    attribute(OID.commonName, commonName),
  );
}

function extension(oid: string, critical: boolean, value: Buffer): Buffer {
  return der.sequence(der.objectIdentifier(oid), ...(critical ? [der.boolean(true)] : []), der.octetString(value));
}

/** The 4 or 16 bytes of an address. */
export function addressBytes(address: string): Buffer {
  if (isIPv4(address)) return Buffer.from(address.split('.').map(Number));
  const [head = '', tail = ''] = address.split('::');
  const groups = (part: string): string[] => (part === '' ? [] : part.split(':'));
  const zeros = address.includes('::') ? 8 - groups(head).length - groups(tail).length : 0;
  const all = [...groups(head), ...Array.from({ length: zeros }, () => '0'), ...groups(tail)];
  return Buffer.from(all.map((group) => group.padStart(4, '0')).join(''), 'hex');
}

function subjectAltName(names: readonly string[]): Buffer {
  const general = names.map((name) =>
    isIPv4(name) || isIPv6(name) ? der.implicit(7, addressBytes(name)) : der.implicit(2, Buffer.from(name)),
  );
  return der.sequence(...general);
}

/** SHA-1 of the public key's bits: RFC 5280, 4.2.1.2, method 1. */
function keyIdentifier(key: KeyObject): Buffer {
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' });
  return createHash('sha1').update(spki.subarray(-65)).digest(); // P-256: the point is the last 65 bytes
}

interface Body {
  readonly key: KeyObject;
  readonly issuerKey: KeyObject;
  readonly subject: Buffer;
  readonly issuer: Buffer;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly extensions: readonly Buffer[];
}

function signed({ key, issuerKey, subject, issuer, notBefore, notAfter, extensions }: Body): string {
  const algorithm = der.sequence(der.objectIdentifier(OID.ecdsaWithSha256));
  const serial = randomBytes(16);
  serial.writeUInt8((serial.readUInt8(0) & 0x7f) | 0x40, 0); // positive, and never short
  const body = der.sequence(
    der.explicit(0, der.integer(Buffer.from([2]))), // version 3
    der.integer(serial),
    algorithm,
    issuer,
    der.sequence(der.time(notBefore), der.time(notAfter)),
    subject,
    createPublicKey(key).export({ format: 'der', type: 'spki' }),
    der.explicit(3, der.sequence(...extensions)),
  );
  return pem('CERTIFICATE', der.sequence(body, algorithm, der.bitString(sign('sha256', body, issuerKey))));
}

export function newAuthority(
  commonName: string,
  { notBefore, notAfter }: { notBefore: Date; notAfter: Date },
): KeyPair {
  const key = newKey();
  const name = distinguishedName([], commonName);
  const usage = DIGITAL_SIGNATURE | KEY_ENCIPHERMENT | CERTIFICATE_SIGN;
  const certificate = signed({
    key,
    issuerKey: key,
    subject: name,
    issuer: name,
    notBefore,
    notAfter,
    extensions: [
      extension(OID.keyUsage, true, der.bitString(Buffer.from([usage]), 2)),
      extension(OID.basicConstraints, true, der.sequence(der.boolean(true))),
      extension(OID.subjectKeyIdentifier, false, der.octetString(keyIdentifier(key))),
      extension(OID.subjectAltName, false, subjectAltName([commonName])),
    ],
  });
  return { certificate, key: keyToPem(key) };
}

/** A certificate of a new key, signed by the authority. `authorityName` is the authority's common name, its only name attribute. */
export function issue(authority: KeyPair, authorityName: string, request: CertificateRequest): KeyPair {
  const key = newKey();
  const issuerKey = createPrivateKey(authority.key);
  const names = request.subjectAltNames ?? [];
  const usages = request.usages.map((usage) => der.objectIdentifier(OID[usage]));
  const certificate = signed({
    key,
    issuerKey,
    subject: distinguishedName(request.organizations ?? [], request.commonName),
    issuer: distinguishedName([], authorityName),
    notBefore: request.notBefore,
    notAfter: request.notAfter,
    extensions: [
      extension(OID.keyUsage, true, der.bitString(Buffer.from([DIGITAL_SIGNATURE | KEY_ENCIPHERMENT]), 5)),
      extension(OID.extendedKeyUsage, false, der.sequence(...usages)),
      extension(OID.basicConstraints, true, der.sequence()),
      extension(OID.subjectKeyIdentifier, false, der.octetString(keyIdentifier(key))),
      extension(OID.authorityKeyIdentifier, false, der.sequence(der.implicit(0, keyIdentifier(issuerKey)))),
      ...(names.length > 0 ? [extension(OID.subjectAltName, false, subjectAltName(names))] : []),
    ],
  });
  return { certificate, key: keyToPem(key) };
}

/** Whether the pair is usable for the request at least until `until`: same authority and key, every name in it. */
export function stillServes(pair: KeyPair, authority: KeyPair, request: CertificateRequest, until: Date): boolean {
  let certificate: X509Certificate;
  let matches: boolean;
  try {
    certificate = new X509Certificate(pair.certificate);
    matches =
      certificate.verify(createPublicKey(authority.certificate)) &&
      certificate.checkPrivateKey(createPrivateKey(pair.key));
  } catch {
    return false; // not a certificate or not a key: to be replaced like one that expired
  }
  if (!matches || certificate.validToDate < until) return false;
  const subject = [...(request.organizations ?? []).map((o) => `O=${o}`), `CN=${request.commonName}`].join('\n');
  if (certificate.subject !== subject) return false;
  return (request.subjectAltNames ?? []).every((name) =>
    isIPv4(name) || isIPv6(name)
      ? certificate.checkIP(name) !== undefined
      : certificate.checkHost(name, { subject: 'never' }) !== undefined,
  );
}
