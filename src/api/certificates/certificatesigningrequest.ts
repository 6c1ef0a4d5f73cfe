import type { FieldError } from '../field-error.ts';
import {
  child,
  duplicate,
  forbiddenField,
  index,
  invalid,
  invalidOmit,
  notSupported,
  required,
} from '../field-error.ts';
import type * as certificates from '../generated/certificates.v1.ts';
import { defineKind } from '../kind.ts';
import { AGE, age, NAME, orNone } from '../table.ts';
import { humanDuration } from '../time.ts';
import { semanticEqual } from '../validation/equal.ts';
import { eachOf, Seen, unchecked, validateImmutable } from '../validation/fields.ts';
import { byteLength, isDNS1123Subdomain, isHTTPPath, nameIsPathSegment } from '../validation/names.ts';

export type CertificateSigningRequest = certificates.CertificateSigningRequest;

const MIN_EXPIRATION_SECONDS = 600;
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

const PEM = /-----BEGIN ([^-\n]+)-----\n[^-]*-----END \1-----/;

/** The label of the first PEM block of a base64 text; undefined when there is none. */
const pemType = (base64: string): string | undefined => PEM.exec(Buffer.from(base64, 'base64').toString('latin1'))?.[1];

function validateRequest({ spec }: CertificateSigningRequest): FieldError[] {
  const { request = '', usages = [], signerName = '', expirationSeconds } = unchecked(spec);
  const errors: FieldError[] = [];
  if (pemType(request) !== 'CERTIFICATE REQUEST') {
    errors.push(invalid('spec.request', request, 'PEM block type must be CERTIFICATE REQUEST'));
  }
  if (usages.length === 0) errors.push(required('spec.usages'));
  const seen = new Seen();
  for (const [i, usage] of usages.entries()) {
    const at = index('spec.usages', i);
    if (!USAGES.has(usage)) errors.push(notSupported(at, usage, [...USAGES].toSorted()));
    if (!seen.add(usage)) errors.push(duplicate(at, usage));
  }
  if (signerName === LEGACY_UNKNOWN) {
    errors.push(invalid('spec.signerName', signerName, 'the legacy signerName is not allowed via this API version'));
  } else errors.push(...validateSignerName(signerName, 'spec.signerName'));
  if (expirationSeconds !== undefined && expirationSeconds < MIN_EXPIRATION_SECONDS) {
    const why = 'may not specify a duration less than 600 seconds (10 minutes)';
    errors.push(invalid('spec.expirationSeconds', expirationSeconds, why));
  }
  return errors;
}

/** `example.com/some-signer`. Source: ValidateSignerName in pkg/apis/certificates/validation v1.36. */
function validateSignerName(name: string, path: string): FieldError[] {
  if (name === '') return [required(path)];
  const [domain = '', signer, ...more] = name.split('/');
  if (signer === undefined || more.length > 0) {
    return [invalid(path, name, 'must be a fully qualified domain and path of the form "example.com/signer-name"')];
  }
  const messages = [
    ...isDNS1123Subdomain(domain).map((m) => `validating label "${domain}": ${m}`),
    ...isHTTPPath(signer).map((m) => `validating label "${signer}": ${m}`),
    ...(domain.includes('.') ? [] : ['should be a domain with at least two segments separated by dots']),
    ...(byteLength(name) > SIGNER_NAME_MAX ? [`must be no more than ${SIGNER_NAME_MAX} characters`] : []),
  ];
  return messages.map((message) => invalid(path, name, message));
}

function validateConditions({ status }: CertificateSigningRequest, path: string): FieldError[] {
  const types = new Seen();
  const errors = eachOf(status.conditions, path, (condition, at) => {
    const { type = '', status: value = '' } = unchecked(condition);
    const statusPath = child(at, 'status');
    const found = type === '' ? [required(child(at, 'type'))] : [];
    if (value === '') found.push(required(statusPath));
    else if (DECISIONS.includes(type) && value !== 'True') found.push(notSupported(statusPath, value, ['True']));
    else if (!STATUSES.includes(value)) found.push(notSupported(statusPath, value, STATUSES));
    if (!types.add(type)) found.push(duplicate(child(at, 'type'), type));
    return found;
  });
  if (types.has('Approved') && types.has('Denied')) {
    errors.push(invalidOmit(path, 'Approved and Denied conditions are mutually exclusive'));
  }
  return errors;
}

/** `decisions` may be added by this write; none is ever taken back. */
function validateWrite(
  request: CertificateSigningRequest,
  old: CertificateSigningRequest,
  decisions: readonly string[],
): FieldError[] {
  const path = 'status.conditions';
  const errors = validateConditions(request, path);
  for (const type of DECISIONS) {
    const [now, before] = [request, old].map(({ status }) => (status.conditions ?? []).filter((c) => c.type === type));
    if (semanticEqual(now, before)) continue;
    if (now!.length < before!.length)
      errors.push(forbiddenField(path, `updates may not remove a condition of type "${type}"`));
    else if (before!.length === 0 && !decisions.includes(type)) {
      errors.push(forbiddenField(path, `updates may not add a condition of type "${type}"`));
    } else if (before!.length > 0) {
      errors.push(forbiddenField(path, `updates may not modify a condition of type "${type}"`));
    }
  }
  return errors;
}

function validateStatusUpdate(request: CertificateSigningRequest, old: CertificateSigningRequest): FieldError[] {
  const [now = '', before = ''] = [request.status.certificate, old.status.certificate];
  const at = 'status.certificate';
  const errors = validateWrite(request, old, ['Failed']);
  if (before !== '' && now !== before) errors.push(invalidOmit(at, 'existing certificate cannot be modified'));
  else if (now !== '' && now !== before && pemType(now) !== 'CERTIFICATE') {
    errors.push(invalidOmit(at, 'must contain one or more PEM blocks'));
  }
  return errors;
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
  validateUpdate: ({ spec }, old) => validateImmutable(spec, old.spec, 'spec'),
  prepareForCreate(request) {
    request.status = {};
  },
  prepareForUpdate(request, old) {
    request.spec = old.spec;
  },
  status: {
    prepareForUpdate(request, old) {
      request.spec = old.spec;
    },
    validateUpdate: validateStatusUpdate,
  },
  parts: {
    approval: {
      prepareForUpdate(request, old) {
        request.spec = old.spec;
        const { certificate: _, ...status } = request.status;
        const { certificate } = old.status;
        request.status = { ...status, ...(certificate === undefined ? {} : { certificate }) };
      },
      validateUpdate: (request, old) => validateWrite(request, old, ['Approved', 'Denied']),
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
