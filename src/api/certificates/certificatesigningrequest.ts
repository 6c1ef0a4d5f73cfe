import { X509Certificate } from 'node:crypto';
import type { FieldError } from '../field-error.ts';
import { child, duplicate, forbiddenField, invalid, notSupported, required, tooLong } from '../field-error.ts';
import type { CertificateSigningRequestCondition } from '../generated/certificates.v1.ts';
import type * as certificates from '../generated/certificates.v1.ts';
import { defineKind } from '../kind.ts';
import { AGE, age, NAME, orNone } from '../table.ts';
import { formatTime, humanDuration } from '../time.ts';
import { eachOf, Seen, unchecked } from '../validation/fields.ts';
import { DerError } from './der.ts';
import { parsePkcs10, type Pkcs10 } from './pkcs10.ts';
import { byteLength, isDNS1123Label, isDNS1123Subdomain, nameIsPathSegment } from '../validation/names.ts';

export type CertificateSigningRequest = certificates.CertificateSigningRequest;

const MIN_EXPIRATION_SECONDS = 600;
const SUBDOMAIN_MAX = 253;
const SIGNER_NAME_MAX = 571;
const LEGACY_UNKNOWN = 'kubernetes.io/legacy-unknown';
const USAGES: ReadonlySet<string> = new Set([
  'any',
  'cert sign',
  'client auth',
  'code signing',
  'content commitment',
  'crl sign',
  'data encipherment',
  'decipher only',
  'digital signature',
  'email protection',
  'encipher only',
  'ipsec end system',
  'ipsec tunnel',
  'ipsec user',
  'key agreement',
  'key encipherment',
  'microsoft sgc',
  'netscape sgc',
  'ocsp signing',
  'server auth',
  'signing',
  's/mime',
  'timestamping',
]);
const STATUSES = ['False', 'True', 'Unknown'];
/** Once there they stay, and are always true. */
const DECISIONS = ['Approved', 'Denied', 'Failed'];

const PEM = /-----BEGIN ([^-\n]+)-----\r?\n([^-]*)-----END \1-----/g;

interface PemBlock {
  readonly type: string;
  readonly hasHeaders: boolean;
  readonly bytes: Buffer;
}

/** The PEM blocks of a base64 text. */
const pemBlocks = (base64: string): PemBlock[] =>
  [...Buffer.from(base64, 'base64').toString('latin1').matchAll(PEM)].map(([, type = '', body = '']) => {
    const hasHeaders = body.includes(':');
    // Behind headers stands an empty line.
    const bytes = Buffer.from(hasHeaders ? body.slice(body.search(/\n\r?\n/)) : body, 'base64');
    return { type, hasHeaders, bytes };
  });

/** Reads the request in a PEM text in base64. Throws an Error with the text of upstream's ParseCSR. */
export function parseCertificateRequest(base64: string): Pkcs10 {
  const [block] = pemBlocks(base64);
  if (block?.type !== 'CERTIFICATE REQUEST') throw new DerError('PEM block type must be CERTIFICATE REQUEST');
  return parsePkcs10(block.bytes);
}

/** Source: validateCSR. */
function requestFault(base64: string): string | undefined {
  try {
    return parseCertificateRequest(base64).signatureFault;
  } catch (error) {
    if (error instanceof DerError) return error.message;
    throw error;
  }
}

/** What is wrong with an issued certificate; undefined when nothing is. Source: validateCertificate. */
function certificateFault(base64: string): string | undefined {
  if (base64 === '') return undefined;
  const blocks = pemBlocks(base64);
  for (const { type, hasHeaders, bytes } of blocks) {
    if (type !== 'CERTIFICATE') return `only CERTIFICATE PEM blocks are allowed, found ${JSON.stringify(type)}`;
    if (hasHeaders) return 'no PEM block headers are permitted';
    if (!isCertificate(bytes)) return 'x509: malformed certificate';
  }
  return blocks.length === 0 ? 'must contain at least one CERTIFICATE PEM block' : undefined;
}

function isCertificate(der: Buffer): boolean {
  try {
    return new X509Certificate(der).raw.length > 0;
  } catch {
    return false;
  }
}

/** What was wrong with a stored request may stay so: each rule is kept only by objects whose old form kept it. */
function validateRequest(request: CertificateSigningRequest, old?: CertificateSigningRequest): FieldError[] {
  const { request: pem = '', usages = [], signerName = '', expirationSeconds } = unchecked(request.spec);
  const errors: FieldError[] = [];
  // It never changes.
  const wrong = old?.spec.request === pem ? undefined : requestFault(pem);
  if (wrong !== undefined) errors.push(invalid('spec.request', request.spec.request ?? null, wrong));
  if (usages.length === 0) errors.push(required('spec.usages'));
  const { usages: oldUsages = [] } = unchecked(old?.spec ?? { request: '', signerName: '' });
  if (unknownUsages(oldUsages, '').length === 0) errors.push(...unknownUsages(usages, 'spec.usages'));
  if (duplicateUsages(oldUsages, '').length === 0) errors.push(...duplicateUsages(usages, 'spec.usages'));
  if (signerName === LEGACY_UNKNOWN && old?.spec.signerName !== LEGACY_UNKNOWN) {
    errors.push(invalid('spec.signerName', signerName, 'the legacy signerName is not allowed via this API version'));
  } else errors.push(...validateSignerName(signerName, 'spec.signerName'));
  if (expirationSeconds !== undefined && expirationSeconds < MIN_EXPIRATION_SECONDS) {
    const why = 'may not specify a duration less than 600 seconds (10 minutes)';
    errors.push(invalid('spec.expirationSeconds', expirationSeconds, why));
  }
  errors.push(...validateConditions(request, old, 'status.conditions'));
  const { certificate = '' } = request.status;
  const before = old?.status.certificate ?? '';
  const mayBeAnything = old !== undefined && (certificate === before || certificateFault(before) !== undefined);
  const fault = mayBeAnything ? undefined : certificateFault(certificate);
  if (fault !== undefined) errors.push(invalid('status.certificate', '<certificate data>', fault));
  return errors;
}

const unknownUsages = (usages: readonly string[], path: string): FieldError[] =>
  eachOf(usages, path, (usage, at) => (USAGES.has(usage) ? [] : [notSupported(at, usage, [...USAGES].toSorted())]));

function duplicateUsages(usages: readonly string[], path: string): FieldError[] {
  const seen = new Seen();
  return eachOf(usages, path, (usage, at) => (seen.add(usage) ? [] : [duplicate(at, usage)]));
}

/** `example.com/some-signer`: two names with dots, whose first wrong part is told of. Source: ValidateSignerName in pkg/apis/core/validation/names.go v1.36. */
function validateSignerName(name: string, path: string): FieldError[] {
  if (name === '') return [required(path)];
  const [domain = '', signer, ...more] = name.split('/');
  if (signer === undefined || more.length > 0) {
    return [invalid(path, name, "must be a fully qualified domain and path of the form 'example.com/signer-name'")];
  }
  const wrongParts = (part: string, rule: (label: string) => string[]): FieldError[] => {
    const label = part.split('.').find((each) => rule(each).length > 0);
    return label === undefined
      ? []
      : rule(label).map((why) => invalid(path, part, `validating label ${JSON.stringify(label)}: ${why}`));
  };
  return [
    ...(byteLength(domain) > SUBDOMAIN_MAX ? [tooLong(path, SUBDOMAIN_MAX)] : []),
    ...wrongParts(domain, isDNS1123Label),
    ...(domain.includes('.')
      ? []
      : [invalid(path, domain, 'should be a domain with at least two segments separated by dots')]),
    ...wrongParts(signer, isDNS1123Subdomain),
    ...(byteLength(name) > SIGNER_NAME_MAX ? [tooLong(path, SIGNER_NAME_MAX)] : []),
  ];
}

function validateConditions(
  { status: { conditions } }: CertificateSigningRequest,
  old: CertificateSigningRequest | undefined,
  path: string,
): FieldError[] {
  const before = (old?.status.conditions ?? []).map((condition) => unchecked(condition).type ?? '');
  const mayBeBoth = before.includes('Approved') && before.includes('Denied');
  const mayRepeat = new Set(before).size < before.length;
  const types = new Seen();
  return eachOf(conditions, path, (condition, at) => {
    const { type = '', status: value = '' } = unchecked(condition);
    const statusPath = child(at, 'status');
    const found = type === '' && !before.includes('') ? [required(child(at, 'type'))] : [];
    if (value === '') found.push(required(statusPath));
    else if (DECISIONS.includes(type) && value !== 'True') found.push(notSupported(statusPath, value, ['True']));
    else if (!STATUSES.includes(value)) found.push(notSupported(statusPath, value, STATUSES));
    const other = type === 'Approved' ? 'Denied' : type === 'Denied' ? 'Approved' : undefined;
    if (!mayBeBoth && other !== undefined && types.has(other)) {
      found.push(invalid(path, type, 'Approved and Denied conditions are mutually exclusive'));
    }
    if (!types.add(type) && !mayRepeat) found.push(duplicate(child(at, 'type'), type));
    return found;
  });
}

const conditionsOf = ({ status }: CertificateSigningRequest, type: string): CertificateSigningRequestCondition[] =>
  (status.conditions ?? []).filter((condition) => condition.type === type);

/** No decision is ever taken back; only approvers decide. */
function validateWrite(
  request: CertificateSigningRequest,
  old: CertificateSigningRequest,
  { approves }: { readonly approves: boolean },
): FieldError[] {
  const path = 'status.conditions';
  const count = (type: string): number => conditionsOf(request, type).length - conditionsOf(old, type).length;
  const forbid = (what: string, type: string): FieldError =>
    forbiddenField(path, `updates may not ${what} a condition of type "${type}"`);
  return [
    ...validateRequest(request, old),
    ...DECISIONS.filter((type) => count(type) < 0).map((type) => forbid('remove', type)),
    ...(approves ? [] : ['Approved', 'Denied'].filter((type) => count(type) > 0).map((type) => forbid('add', type))),
  ];
}

function validateStatusUpdate(request: CertificateSigningRequest, old: CertificateSigningRequest): FieldError[] {
  const [now = '', before = ''] = [request.status.certificate, old.status.certificate];
  return [
    ...validateWrite(request, old, { approves: false }),
    ...(before !== '' && now !== before
      ? [forbiddenField('status.certificate', 'updates may not modify existing certificate content')]
      : []),
  ];
}

/** Decisions stay as they were made: signers write everything else. */
function keepDecisions({ status }: CertificateSigningRequest, old: CertificateSigningRequest): void {
  for (const type of ['Approved', 'Denied']) {
    const before = conditionsOf(old, type);
    const places = (status.conditions ?? []).flatMap((condition, i) => (condition.type === type ? [i] : []));
    if (before.length !== places.length) continue;
    for (const [n, place] of places.entries()) status.conditions![place] = before[n]!;
  }
}

function fillTimestamps({ status }: CertificateSigningRequest, old: CertificateSigningRequest, nowMs: number): void {
  const now = formatTime(nowMs);
  for (const condition of status.conditions ?? []) {
    condition.lastUpdateTime ??= now;
    condition.lastTransitionTime ??=
      conditionsOf(old, condition.type).find((c) => c.status === condition.status && c.lastTransitionTime !== undefined)
        ?.lastTransitionTime ?? now;
  }
}

/** Source: extractCSRStatus in pkg/printers/internalversion/printers.go v1.36. */
function conditionText({ status }: CertificateSigningRequest): string {
  const has = (type: string): boolean => (status.conditions ?? []).some((condition) => condition.type === type);
  const decision = has('Denied') ? 'Denied' : has('Approved') ? 'Approved' : 'Pending';
  return `${decision}${has('Failed') ? ',Failed' : ''}${(status.certificate ?? '') === '' ? '' : ',Issued'}`;
}

/**
 * Who asks (username, uid, groups, extra) is written by the server, which knows; here it only never changes.
 * Source: pkg/apis/certificates/validation, pkg/registry/certificates/certificates/strategy.go v1.36.
 */
export const CertificateSigningRequest = defineKind<CertificateSigningRequest>({
  group: 'certificates.k8s.io',
  version: 'v1',
  kind: 'CertificateSigningRequest',
  plural: 'certificatesigningrequests',
  shortNames: ['csr'],
  namespaced: false,
  definition: 'certificates.v1.CertificateSigningRequest',

  defaults(request) {
    request.spec ??= { request: '', signerName: '' };
    request.status ??= {};
  },
  validateName: nameIsPathSegment,
  validate: validateRequest,
  prepareForCreate(request) {
    request.status = {};
  },
  prepareForUpdate(request, old) {
    request.spec = old.spec;
  },
  status: {
    prepareForUpdate(request, old, { nowMs }) {
      request.spec = old.spec;
      keepDecisions(request, old);
      fillTimestamps(request, old, nowMs);
    },
    validateUpdate: validateStatusUpdate,
  },
  parts: {
    approval: {
      prepareForUpdate(request, old, { nowMs }) {
        fillTimestamps(request, old, nowMs);
        request.spec = old.spec;
        const { certificate: _, ...status } = request.status;
        const { certificate } = old.status;
        request.status = { ...status, ...(certificate === undefined ? {} : { certificate }) };
      },
      validateUpdate: (request, old) => validateWrite(request, old, { approves: true }),
    },
  },

  columns: [
    NAME,
    AGE,
    { name: 'SignerName', type: 'string' },
    { name: 'Requestor', type: 'string' },
    { name: 'RequestedDuration', type: 'string' },
    { name: 'Condition', type: 'string' },
  ],
  row: (request, { nowMs }) => ({
    cells: [
      request.metadata.name,
      age(request, nowMs),
      orNone(request.spec.signerName),
      request.spec.username ?? '',
      request.spec.expirationSeconds === undefined ? '<none>' : humanDuration(request.spec.expirationSeconds * 1000),
      conditionText(request),
    ],
  }),
  selectableFields: { 'spec.signerName': ({ spec }) => spec.signerName },
});
