import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EndpointSlice } from '../discovery/endpointslice.ts';
import { fieldErrorText } from '../field-error.ts';
import type { Kind, KubeObject } from '../kind.ts';
import { errors, make, statusErrors, updateErrors } from '../testdata/kinds.ts';
import { Ingress } from './ingress.ts';
import { IPAddress } from './ipaddress.ts';
import { NetworkPolicy } from './networkpolicy.ts';
import { ServiceCIDR } from './servicecidr.ts';

/** What is wrong with an object that was `old` before. */
const changed = <T extends KubeObject>(kind: Kind<T>, now: object, old: object): string[] =>
  (kind.validate?.(make(kind, now), make(kind, old)) ?? []).map(fieldErrorText);

test('ambiguous networks of a policy may stay, and what they leave out is looked at all the same', () => {
  const policy = (cidr: string, except: string[]): object => ({
    spec: { ingress: [{ from: [{ ipBlock: { cidr, except } }] }] },
  });
  const at = 'spec.ingress[0].from[0].ipBlock';
  assert.deepEqual(errors(NetworkPolicy, policy('10.0.0.1/8', ['11.0.0.0/16', 'x'])), [
    `${at}.cidr: Invalid value: "10.0.0.1/8": must not have bits set beyond the prefix length`,
    `${at}.except[0]: Invalid value: "11.0.0.0/16": must be a strict subset of \`cidr\``,
    `${at}.except[1]: Invalid value: "x": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)`,
  ]);
  assert.deepEqual(changed(NetworkPolicy, policy('10.0.0.1/8', []), policy('10.0.0.1/8', ['10.2.0.0/16'])), []);
});

test('an ingress keeps what was wrong with it, and sends to services whose name begins with a digit', () => {
  const service = (name: string): object => ({ service: { name, port: { number: 80 } } });
  const ingress = (secretName: string, path: string): object => ({
    spec: {
      tls: [{ secretName }],
      rules: [{ host: '*.x.io', http: { paths: [{ path, pathType: 'Exact', backend: service('1a') }] } }],
    },
  });
  assert.deepEqual(errors(Ingress, ingress('', '/')), []);
  assert.deepEqual(errors(Ingress, ingress('', 'x')), [
    'spec.rules[0].http.paths[0].path: Invalid value: "x": must be an absolute path',
  ]);
  assert.deepEqual(changed(Ingress, ingress('B', 'y'), ingress('A', 'x')), []);
  assert.equal(changed(Ingress, ingress('B', 'y'), ingress('a', '/x')).length, 2);
});

test('addresses of an ingress are plain, unless they were there', () => {
  const ingress = (ip: string): object => ({
    status: { loadBalancer: { ingress: [{ ip }, { hostname: '010.0.0.1' }] } },
  });
  assert.deepEqual(statusErrors(Ingress, ingress('010.0.0.2'), {}), [
    'status.loadBalancer.ingress[0].ip: Invalid value: "010.0.0.2": must not have leading 0s',
    'status.loadBalancer.ingress[1].hostname: Invalid value: "010.0.0.1": must be a DNS name, not an IP address',
  ]);
  assert.equal(statusErrors(Ingress, ingress('010.0.0.2'), ingress('010.0.0.2')).length, 1);
});

test('addresses have an owner, and a spelling', () => {
  assert.deepEqual(errors(IPAddress, {}), ['spec.parentRef: Required value']);
  assert.deepEqual(IPAddress.validateName!('010.0.0.1', false), ['must not have leading 0s']);
  assert.deepEqual(IPAddress.validateName!('web', false), [
    'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
  ]);
});

test('networks of services are one of each family', () => {
  assert.deepEqual(errors(ServiceCIDR, { spec: { cidrs: ['10.0.0.0/16', '10.1.0.0/016'] } }), [
    'spec.cidrs[1]: Invalid value: "10.1.0.0/016": must not have leading 0s in IP or prefix length',
    'spec.cidrs: Invalid value: ["10.0.0.0/16","10.1.0.0/016"]: may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64',
  ]);
  assert.deepEqual(errors(ServiceCIDR, { spec: { cidrs: ['10.0.0.0/16', '10.1.0.0/16'] } }), [
    'spec.cidrs: Invalid value: ["10.0.0.0/16","10.1.0.0/16"]: may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64',
  ]);
  assert.deepEqual(errors(ServiceCIDR, { spec: { cidrs: ['a', 'b', 'c'] } }), [
    'spec.cidrs: Invalid value: {"CIDRs":["a","b","c"]}: may only hold up to 2 values',
  ]);
});

test('endpoints that have not changed are not looked at again', () => {
  const slice = (address: string): object => ({ addressType: 'IPv4', endpoints: [{ addresses: [address] }] });
  assert.equal(errors(EndpointSlice, slice('127.0.0.1')).length, 1);
  assert.deepEqual(changed(EndpointSlice, slice('127.0.0.1'), slice('127.0.0.1')), []);
});

const warnings = <T extends KubeObject>(kind: Kind<T>, now: object, old?: object): string[] =>
  kind.warnings!(make(kind, now), old === undefined ? undefined : make(kind, old));

test('addresses of endpoints are of the family, and of IPv6 in the one spelling', () => {
  const slice = (addressType: string, ...addresses: string[]): object => ({ addressType, endpoints: [{ addresses }] });
  assert.deepEqual(errors(EndpointSlice, slice('IPv6', '10.0.0.1', 'FD00::1')), [
    'endpoints[0].addresses: Invalid value: "10.0.0.1": must be an IPv6 address',
    'endpoints[0].addresses[1]: Invalid value: "FD00::1": must be in canonical form ("fd00::1")',
  ]);
  assert.deepEqual(errors(EndpointSlice, slice('IPv4', 'x')), [
    'endpoints[0].addresses[0]: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
  ]);
  assert.deepEqual(errors(EndpointSlice, { addressType: 'IPv4', ports: [{ port: 70_000 }] }), []);
  const hints = { forZones: Array.from({ length: 9 }, () => ({ name: '!' })) };
  assert.deepEqual(errors(EndpointSlice, { addressType: 'IPv4', endpoints: [{ addresses: ['10.0.0.1'], hints }] }), [
    'endpoints[0].hints.forZones: Too many: 9: must have at most 8 items',
  ]);
  assert.deepEqual(warnings(EndpointSlice, slice('FQDN', 'a.b')), ['spec.addressType: FQDN endpoints are deprecated']);
  assert.deepEqual(warnings(EndpointSlice, slice('FQDN', 'a.b'), slice('FQDN', 'a.b')), []);
  assert.deepEqual(warnings(EndpointSlice, slice('IPv4', '010.0.0.1')), [
    'endpoints[0].addresses[0]: non-standard IP address "010.0.0.1" is invalid: use "10.0.0.1"',
  ]);
});

test('policies and ingresses warn of addresses not written as they should be', () => {
  const policy = { spec: { egress: [{ to: [{ ipBlock: { cidr: '10.0.0.1/8', except: ['10.1.0.1/16'] } }] }] } };
  assert.deepEqual(warnings(NetworkPolicy, policy), [
    'spec.egress[0].to[0].ipBlock.cidr: CIDR value "10.0.0.1/8" is ambiguous in this context (should be "10.0.0.0/8" or "10.0.0.1/32"?)',
    'spec.egress[0].to[0].ipBlock.except[0]: CIDR value "10.1.0.1/16" is ambiguous in this context (should be "10.1.0.0/16" or "10.1.0.1/32"?)',
  ]);
  const status = { status: { loadBalancer: { ingress: [{ ip: '010.0.0.1' }] } } };
  assert.deepEqual(warnings(Ingress, status, {}), [
    'status.loadBalancer.ingress[0]: non-standard IP address "010.0.0.1" is invalid: use "10.0.0.1"',
  ]);
  const annotated = { metadata: { annotations: { 'kubernetes.io/ingress.class': 'a' } } };
  assert.equal(warnings(Ingress, annotated).length, 1);
  assert.deepEqual(warnings(Ingress, { ...annotated, spec: { ingressClassName: 'a' } }), []);
  assert.deepEqual(errors(Ingress, {}), [
    'spec: Invalid value: null: either `defaultBackend` or `rules` must be specified',
  ]);
});

test('the parent of an address and networks of services stay, but for a second family', () => {
  const address = (name: string): object => ({ spec: { parentRef: { resource: 'services', name } } });
  assert.deepEqual(updateErrors(IPAddress, address('b'), address('a')), [
    'spec.parentRef: Invalid value: {"Group":"","Resource":"services","Namespace":"","Name":"b"}: field is immutable',
  ]);
  assert.deepEqual(
    updateErrors(ServiceCIDR, { spec: { cidrs: ['10.0.0.0/16', 'x'] } }, { spec: { cidrs: ['10.0.0.0/16'] } }),
    ['spec.cidrs[1]: Invalid value: "x": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)'],
  );
  // What is there is not looked at again.
  assert.deepEqual(changed(ServiceCIDR, { spec: { cidrs: ['x'] } }, { spec: { cidrs: ['x'] } }), []);
});
