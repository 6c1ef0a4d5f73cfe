/**
 * Requests for certificates as RFC 2986 has them: who asks, and whether he has the key. Other names he asks for are left for signers to read.
 * Source: ParseCertificateRequest and CheckSignature of crypto/x509 of Go 1.25, by which pkg/apis/certificates/helpers.go v1.36 reads them.
 */
import { constants, createPublicKey, type KeyObject, verify } from 'node:crypto';
import { DerError, DerReader, type Element, readBits, readOid, readWhole, SEQUENCE, type Wanted } from './der.ts';

export interface Pkcs10 {
  readonly commonName: string;
  readonly organizations: readonly string[];
  /** What is wrong with the signature; undefined: it is by the key that the request is for. */
  readonly signatureFault: string | undefined;
}

const sequence = (go: string): Wanted => ({ tag: SEQUENCE, isCompound: true, go });
const INTEGER: Wanted = { tag: 2, isCompound: false, go: 'int' };
const SET = 17;
/** Attributes are not optional, though they may be none. */
const ATTRIBUTES: Wanted = { class: 2, tag: 0, isCompound: true, go: '' };

type KeyType = 'RSA' | 'ECDSA' | 'Ed25519';

interface Algorithm {
  readonly name: string;
  readonly key: KeyType;
  /** Undefined: the key's own. */
  readonly hash: string | undefined;
}

const ALGORITHMS: Readonly<Record<string, Algorithm>> = {
  '1.2.840.113549.1.1.4': { name: 'MD5-RSA', key: 'RSA', hash: 'md5' },
  '1.2.840.113549.1.1.5': { name: 'SHA1-RSA', key: 'RSA', hash: 'sha1' },
  '1.2.840.113549.1.1.11': { name: 'SHA256-RSA', key: 'RSA', hash: 'sha256' },
  '1.2.840.113549.1.1.12': { name: 'SHA384-RSA', key: 'RSA', hash: 'sha384' },
  '1.2.840.113549.1.1.13': { name: 'SHA512-RSA', key: 'RSA', hash: 'sha512' },
  '1.2.840.10045.4.1': { name: 'ECDSA-SHA1', key: 'ECDSA', hash: 'sha1' },
  '1.2.840.10045.4.3.2': { name: 'ECDSA-SHA256', key: 'ECDSA', hash: 'sha256' },
  '1.2.840.10045.4.3.3': { name: 'ECDSA-SHA384', key: 'ECDSA', hash: 'sha384' },
  '1.2.840.10045.4.3.4': { name: 'ECDSA-SHA512', key: 'ECDSA', hash: 'sha512' },
  '1.3.101.112': { name: 'Ed25519', key: 'Ed25519', hash: undefined },
};
const RSA_PSS = '1.2.840.113549.1.1.10';
const PSS_HASHES: Readonly<Record<string, string>> = {
  '2.16.840.1.101.3.4.2.1': 'sha256',
  '2.16.840.1.101.3.4.2.2': 'sha384',
  '2.16.840.1.101.3.4.2.3': 'sha512',
};

const KEYS: Readonly<Record<string, { readonly type: KeyType; readonly go: string; readonly malformed: string }>> = {
  '1.2.840.113549.1.1.1': { type: 'RSA', go: '*rsa.PublicKey', malformed: 'x509: invalid RSA public key' },
  '1.2.840.10045.2.1': {
    type: 'ECDSA',
    go: '*ecdsa.PublicKey',
    malformed: 'x509: failed to unmarshal elliptic curve point',
  },
  '1.3.101.112': { type: 'Ed25519', go: 'ed25519.PublicKey', malformed: 'x509: wrong Ed25519 public key size' },
};
const CURVES: ReadonlySet<string> = new Set(['1.2.840.10045.3.1.7', '1.3.132.0.33', '1.3.132.0.34', '1.3.132.0.35']);
/** Keys shorter than this prove nothing. Source: checkKeySize of crypto/rsa. */
const MIN_RSA_BITS = 1024;

/** Reads a request. Throws {@link DerError} with Go's text. */
export function parsePkcs10(der: Buffer): Pkcs10 {
  const outer = new DerReader(readWhole(der, sequence('certificateRequest')).content);
  const signed = outer.next(sequence('tbsCertificateRequest'));
  const algorithm = new DerReader(outer.next(sequence('AlgorithmIdentifier')).content);
  const algorithmOid = readOid(algorithm);
  const parameters = algorithm.done ? undefined : algorithm.any();
  const signature = readBits(outer);

  const inner = new DerReader(signed.content);
  inner.next(INTEGER);
  const subject = inner.any();
  const keyInfo = inner.next(sequence('publicKeyInfo'));
  inner.next(ATTRIBUTES);
  const key = publicKey(keyInfo);
  const signatureFault = faultOf(algorithmOf(algorithmOid, parameters), key, { signed: signed.full, signature });
  return { ...namesOf(subject), signatureFault };
}

type PublicKey = { readonly go: string; readonly type: KeyType; readonly key: KeyObject } | undefined;

/** Undefined: of a type nobody here knows. */
function publicKey({ content, full }: Element): PublicKey {
  const reader = new DerReader(content);
  const algorithm = new DerReader(reader.next(sequence('AlgorithmIdentifier')).content);
  const known = KEYS[readOid(algorithm)];
  readBits(reader);
  if (known === undefined) return undefined;
  const { type, go, malformed } = known;
  if (type === 'ECDSA' && (algorithm.done || !CURVES.has(readOid(algorithm))))
    throw new DerError('x509: unsupported elliptic curve');
  try {
    return { type, go, key: createPublicKey({ key: full, format: 'der', type: 'spki' }) };
  } catch {
    throw new DerError(malformed);
  }
}

function algorithmOf(oid: string, parameters: Element | undefined): (Algorithm & { readonly pss?: true }) | undefined {
  if (oid !== RSA_PSS) return ALGORITHMS[oid];
  const hash = parameters === undefined ? undefined : pssHash(parameters);
  return hash === undefined ? undefined : { name: `${hash.toUpperCase()}-RSAPSS`, key: 'RSA', hash, pss: true };
}

/** The first of the parameters, `[0] { hash algorithm }`; others follow from it. */
function pssHash({ content }: Element): string | undefined {
  try {
    const first = new DerReader(content).next({ class: 2, tag: 0, isCompound: true, go: '' });
    const identifier = new DerReader(first.content).next(sequence(''));
    return PSS_HASHES[readOid(new DerReader(identifier.content))];
  } catch (error) {
    if (error instanceof DerError) return undefined; // an algorithm nobody knows
    throw error;
  }
}

/** Source: checkSignature of crypto/x509/x509.go. */
function faultOf(
  algorithm: ReturnType<typeof algorithmOf>,
  key: PublicKey,
  { signed, signature }: { readonly signed: Buffer; readonly signature: Buffer },
): string | undefined {
  const unknown = 'x509: cannot verify signature: algorithm unimplemented';
  if (algorithm === undefined) return unknown;
  if (algorithm.hash === 'md5') return `x509: cannot verify signature: insecure algorithm ${algorithm.name}`;
  if (key === undefined) return unknown;
  if (algorithm.key !== key.type)
    return `x509: signature algorithm specifies an ${algorithm.key} public key, but have public key of type ${key.go}`;
  const bits = key.key.asymmetricKeyDetails?.modulusLength;
  if (bits !== undefined && bits < MIN_RSA_BITS)
    return `crypto/rsa: ${bits}-bit keys are insecure (see https://go.dev/pkg/crypto/rsa#hdr-Minimum_key_size)`;
  return isSigned(algorithm, key.key, signed, signature) ? undefined : FAULTS[key.type];
}

const FAULTS: Readonly<Record<KeyType, string>> = {
  RSA: 'crypto/rsa: verification error',
  ECDSA: 'x509: ECDSA verification failure',
  Ed25519: 'x509: Ed25519 verification failure',
};

function isSigned(
  { hash, pss }: NonNullable<ReturnType<typeof algorithmOf>>,
  key: KeyObject,
  signed: Buffer,
  signature: Buffer,
): boolean {
  const padding =
    pss === true ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST } : {};
  try {
    return verify(hash, signed, { key, ...padding }, signature);
  } catch {
    return false; // what is no signature at all is none by this key
  }
}

const COMMON_NAME = '2.5.4.3';
const ORGANIZATION = '2.5.4.10';

/** Of a name with several common names the last counts. Source: FillFromRDNSequence of crypto/x509/pkix. */
function namesOf(subject: Element): Pick<Pkcs10, 'commonName' | 'organizations'> {
  const names = new DerReader(readWhole(subject.full, sequence('RDNSequence')).content);
  const organizations: string[] = [];
  let commonName = '';
  while (!names.done) {
    const set = new DerReader(names.next({ tag: SET, isCompound: true, go: 'RelativeDistinguishedNameSET' }).content);
    while (!set.done) {
      const attribute = new DerReader(set.next(sequence('AttributeTypeAndValue')).content);
      const type = readOid(attribute);
      const value = textOf(attribute.any());
      if (type === COMMON_NAME) commonName = value ?? commonName;
      else if (type === ORGANIZATION && value !== undefined) organizations.push(value);
    }
  }
  return { commonName, organizations };
}

const UTF8 = 12;
const BMP = 30;
/** NumericString, PrintableString, TeletexString, IA5String and what Go reads like them. */
const LATIN: ReadonlySet<number> = new Set([18, 19, 20, 22]);

/** Undefined: it is no text. */
function textOf({ class: group, tag, content }: Element): string | undefined {
  if (group !== 0) return undefined;
  if (tag === UTF8) return content.toString('utf8');
  if (tag === BMP)
    return Buffer.from(content.subarray(0, content.length & ~1))
      .swap16()
      .toString('utf16le');
  return LATIN.has(tag) ? content.toString('latin1') : undefined;
}
