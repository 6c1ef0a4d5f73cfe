import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { fieldErrorText } from '../field-error.ts';
import { CertificateSigningRequest } from '../kinds.ts';
import { errors, make } from '../testdata/kinds.ts';
import { ALGORITHMS, newKey, sequence, signingRequest, tlv, toField } from '../testdata/signing-request.ts';
import { parseCertificateRequest } from './certificatesigningrequest.ts';

const pem = (type: string, body = 'AA=='): string =>
  Buffer.from(`-----BEGIN ${type}-----\n${body}\n-----END ${type}-----\n`).toString('base64');
const spec = { request: toField(signingRequest([['CN', 'web']])), signerName: 'example.com/a', usages: ['any'] };
const request = (conditions: object[], more: object = {}): object => ({ spec, status: { conditions, ...more } });
const condition = (type: string, more: object = {}): object => ({ type, status: 'True', ...more });
const NOW = Date.parse('2026-01-01T01:00:00Z');

/** What a write through /status or /approval makes of the object, and what is wrong with it. */
function write(
  part: 'approval' | 'status',
  now: object,
  old: object,
): { readonly object: CertificateSigningRequest; readonly wrong: readonly string[] } {
  const { status, parts } = CertificateSigningRequest;
  const strategy = part === 'status' ? status! : parts!['approval']!;
  const [object, before] = [make(CertificateSigningRequest, now), make(CertificateSigningRequest, old)];
  strategy.prepareForUpdate(object, before, { nowMs: NOW });
  return { object, wrong: strategy.validateUpdate!(object, before).map(fieldErrorText) };
}

test('what is asked for: unknown usages are told of before repeated ones, names by their first wrong part', () => {
  assert.deepEqual(
    errors(CertificateSigningRequest, { spec: { ...spec, usages: ['any', 'any', 'x'], signerName: 'example/A' } }).map(
      (text) => text.replace(/supported values.*/, '').replace(/: a lowercase.*/, ''),
    ),
    [
      'spec.usages[2]: Unsupported value: "x": ',
      'spec.usages[1]: Duplicate value: "any"',
      'spec.signerName: Invalid value: "example": should be a domain with at least two segments separated by dots',
      'spec.signerName: Invalid value: "A": validating label "A"',
    ],
  );
  assert.deepEqual(errors(CertificateSigningRequest, { spec: { ...spec, signerName: 'x' } }), [
    'spec.signerName: Invalid value: "x": must be a fully qualified domain and path of the form \'example.com/signer-name\'',
  ]);
});

test('conditions get the times they lack, from their old form where they have one', () => {
  const since = { lastTransitionTime: '2025-01-01T00:00:00Z', lastUpdateTime: '2025-01-01T00:00:00Z' };
  const { object } = write(
    'approval',
    request([condition('Approved'), condition('X')]),
    request([condition('X', since)]),
  );
  assert.deepEqual(object.status.conditions, [
    condition('Approved', { lastTransitionTime: '2026-01-01T01:00:00Z', lastUpdateTime: '2026-01-01T01:00:00Z' }),
    condition('X', { lastTransitionTime: '2025-01-01T00:00:00Z', lastUpdateTime: '2026-01-01T01:00:00Z' }),
  ]);
});

test('approvers decide and may say it in other words, signers neither', () => {
  const decided = request([condition('Approved', { message: 'old' })]);
  assert.deepEqual(write('approval', request([condition('Approved', { message: 'new' })]), decided).wrong, []);
  const kept = write('status', request([condition('Approved', { message: 'new' })]), decided);
  assert.deepEqual([kept.wrong, kept.object.status.conditions?.[0]?.message], [[], 'old']);
  assert.deepEqual(write('status', request([condition('Denied'), condition('Approved')]), decided).wrong, [
    'status.conditions: Invalid value: "Approved": Approved and Denied conditions are mutually exclusive',
    'status.conditions: Forbidden: updates may not add a condition of type "Denied"',
  ]);
  assert.deepEqual(write('approval', request([condition('Failed')]), request([])).wrong, []);
  assert.deepEqual(write('approval', request([]), decided).wrong, [
    'status.conditions: Forbidden: updates may not remove a condition of type "Approved"',
  ]);
});

test('a certificate is one, and is for good', () => {
  const issued = (certificate: string): object => request([], { certificate });
  const wrong = (certificate: string): readonly string[] => write('status', issued(certificate), request([])).wrong;
  const at = 'status.certificate: Invalid value: "<certificate data>":';
  assert.deepEqual(wrong(Buffer.from('x').toString('base64')), [
    `${at} must contain at least one CERTIFICATE PEM block`,
  ]);
  assert.deepEqual(wrong(pem('KEY')), [`${at} only CERTIFICATE PEM blocks are allowed, found "KEY"`]);
  assert.deepEqual(wrong(pem('CERTIFICATE', 'A: b\n\nAA==')), [`${at} no PEM block headers are permitted`]);
  assert.deepEqual(wrong(pem('CERTIFICATE')), [`${at} x509: malformed certificate`]);
  assert.deepEqual(write('status', issued(pem('KEY')), issued(pem('CERTIFICATE'))).wrong, [
    'status.certificate: Forbidden: updates may not modify existing certificate content',
  ]);
});

/** What upstream's validation says of a request. */
const requestFault = (der: Buffer, type?: string): string | undefined =>
  errors(CertificateSigningRequest, { spec: { ...spec, request: toField(der, type) } })[0]?.replace(/^.*?": /, '');

test('a request is signed by the key it is for', () => {
  const names = [
    ['CN', 'first'],
    ['O', 'a'],
    ['OU', 'x'],
    ['O', 'b'],
    ['CN', 'web'],
  ] as const;
  for (const [type, algorithm] of [
    ['ec', ALGORITHMS.ecdsaSha256],
    ['rsa', ALGORITHMS.rsaSha256],
    ['ed25519', ALGORITHMS.ed25519],
  ]) {
    const key =
      type === 'ec'
        ? newKey()
        : type === 'rsa'
          ? generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
          : generateKeyPairSync('ed25519').privateKey;
    const der = signingRequest(names, { key, algorithm: algorithm! });
    assert.equal(requestFault(der), undefined);
    const { commonName, organizations } = parseCertificateRequest(toField(der));
    assert.deepEqual([commonName, organizations], ['web', ['a', 'b']]);
    const forged = signingRequest(names, { key, algorithm: algorithm!, forge: (bytes) => Buffer.from(bytes).fill(1) });
    const why = { ec: 'x509: ECDSA', rsa: 'crypto/rsa:', ed25519: 'x509: Ed25519' }[type!];
    assert.match(requestFault(forged)!, new RegExp(`^${why} verification (?:failure|error)$`));
  }
  const mixed = signingRequest(names, { algorithm: ALGORITHMS.rsaSha256 });
  assert.equal(
    requestFault(mixed),
    'x509: signature algorithm specifies an RSA public key, but have public key of type *ecdsa.PublicKey',
  );
  const weak = generateKeyPairSync('rsa', { modulusLength: 512 }).privateKey;
  assert.match(
    requestFault(signingRequest(names, { key: weak, algorithm: ALGORITHMS.rsaSha256 }))!,
    /^crypto\/rsa: 512-bit keys are insecure/,
  );
  const md5 = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey;
  assert.equal(
    requestFault(signingRequest(names, { key: md5, algorithm: ALGORITHMS.rsaMd5 })),
    'x509: cannot verify signature: insecure algorithm MD5-RSA',
  );
  assert.equal(
    requestFault(signingRequest(names, { algorithm: '2b6571' })),
    'x509: cannot verify signature: algorithm unimplemented',
  );
});

test('what is no request is refused in the words of the reader, whatever the bytes', () => {
  const der = signingRequest([['CN', 'web']]);
  assert.equal(requestFault(der, 'CERTIFICATE'), 'PEM block type must be CERTIFICATE REQUEST');
  assert.equal(requestFault(Buffer.from([0])), 'asn1: syntax error: truncated tag or length');
  assert.equal(requestFault(Buffer.concat([der, Buffer.from([5, 0])])), 'asn1: syntax error: trailing data');
  assert.equal(requestFault(der.subarray(0, -1)), 'asn1: syntax error: data truncated');
  assert.equal(requestFault(sequence()), 'asn1: syntax error: sequence truncated');
  assert.match(
    requestFault(tlv(2, Buffer.from([1])))!,
    /^asn1: structure error: tags don't match \(16 vs \{class:0 tag:2 length:1 isCompound:false\}\) \{optional:false .*\} certificateRequest @2$/,
  );
  // A signature whose last bit is none is another one.
  let length = 0;
  const forge = (bytes: Buffer): Buffer => {
    length = bytes.length;
    return Buffer.concat([bytes.subarray(0, -1), Buffer.from([bytes.at(-1)! & 0xfe])]);
  };
  const odd = signingRequest([['CN', 'web']], { forge });
  odd[odd.length - length - 1] = 1;
  assert.equal(requestFault(odd), 'x509: ECDSA verification failure');
  fc.assert(
    fc.property(fc.nat(der.length - 1), fc.nat(255), (at, byte) => {
      const changed = Buffer.from(der);
      changed[at] = byte;
      const why = requestFault(changed);
      assert.ok(why === undefined ? byte === der[at] : /^(?:asn1|x509|crypto)/.test(why), String(why));
    }),
    { numRuns: 500 },
  );
  fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => assert.ok(requestFault(Buffer.from(bytes)))));
});
