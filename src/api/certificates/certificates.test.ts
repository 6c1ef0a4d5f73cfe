import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fieldErrorText } from '../field-error.ts';
import { CertificateSigningRequest } from '../kinds.ts';
import { errors, make } from '../testdata/kinds.ts';

const pem = (type: string, body = 'AA=='): string =>
  Buffer.from(`-----BEGIN ${type}-----\n${body}\n-----END ${type}-----\n`).toString('base64');
const spec = { request: pem('CERTIFICATE REQUEST'), signerName: 'example.com/a', usages: ['any'] };
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
