import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { checkName, kernelNames, vethName } from './names.ts';
import { addressIn, chooseNetworks, formatCidr, overlaps, parseCidr, subnet24 } from './subnets.ts';

test('networks are parsed, with host bits dropped; what is none is none', () => {
  assert.deepEqual(parseCidr('10.1.2.3/16'), { base: 0x0a010000, prefix: 16 });
  assert.equal(formatCidr(parseCidr('172.18.0.1') ?? { base: 0, prefix: 0 }), '172.18.0.1/32');
  for (const text of ['default', 'fe80::/64', '10.0.0.0/33', '10.0.0/8', '1.2.3.4/', '1.2.3.4/1/2', ''])
    assert.equal(parseCidr(text), undefined);
});

test('addresses and subnets are counted within their network', () => {
  assert.equal(addressIn('172.18.0.0/24', 1), '172.18.0.1');
  assert.equal(subnet24('10.244.0.0/16', 3), '10.244.3.0/24');
  assert.throws(() => addressIn('172.18.0.0/24', 256), RangeError);
  assert.throws(() => subnet24('10.244.0.0/16', 256), RangeError);
});

test('an empty machine gets the usual networks', () => {
  assert.deepEqual(chooseNetworks(['127.0.0.1/8', '::1/128', 'default', '192.0.2.0/24']), {
    nodeSubnet: '172.18.0.0/24',
    podCIDR: '10.244.0.0/16',
  });
});

test('networks of Docker, of a VPN and of other clusters are avoided', () => {
  const used = ['172.17.0.1/16', '172.18.0.1/16', '172.19.0.0/24', '10.244.0.0/16', '10.240.0.0/13'];
  assert.deepEqual(chooseNetworks(used), { nodeSubnet: '172.20.0.0/24', podCIDR: '10.248.0.0/16' });
});

test('whatever is in use, what is chosen overlaps neither it nor itself nor the service network', () => {
  const network = fc
    .tuple(fc.constantFrom(10, 172, 192), fc.integer({ min: 0, max: 255 }), fc.integer({ min: 9, max: 28 }))
    .map(([a, b, prefix]) => `${a}.${b}.0.0/${prefix}`);
  fc.assert(
    fc.property(fc.array(network, { maxLength: 12 }), (used) => {
      let chosen;
      try {
        chosen = chooseNetworks(used);
      } catch (error) {
        assert.match(String(error), /no free network/);
        return;
      }
      const all = [...used, '10.96.0.0/12'].map(parseCidr);
      const node = parseCidr(chosen.nodeSubnet);
      const pod = parseCidr(chosen.podCIDR);
      assert.ok(node && pod && !overlaps(node, pod));
      for (const other of all) assert.ok(other && !overlaps(other, node) && !overlaps(other, pod));
    }),
  );
});

test('overlap is symmetric, and true of a network and a part of it', () => {
  const cidr = fc
    .tuple(fc.integer({ min: 0, max: 0xffff }), fc.integer({ min: 1, max: 32 }))
    .map(([n, p]) => parseCidr(`10.${n >> 8}.${n & 255}.0/${p}`));
  fc.assert(
    fc.property(cidr, cidr, (a, b) => {
      assert.ok(a && b);
      assert.equal(overlaps(a, b), overlaps(b, a));
      assert.ok(overlaps(a, { base: a.base, prefix: 32 }));
    }),
  );
});

test('names of links fit the kernel, and differ between clusters', () => {
  const label = fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/);
  fc.assert(
    fc.property(label, fc.integer({ min: 0, max: 252 }), (name, index) => {
      checkName('cluster', name);
      for (const link of [kernelNames(name).bridge, vethName(name, index)])
        assert.match(link, /^[a-z][-a-z0-9]{2,14}$/);
    }),
  );
  assert.equal(kernelNames('pirogue').bridge, 'pir-pirogue');
  assert.notEqual(kernelNames('a-very-long-name-1').bridge, kernelNames('a-very-long-name-2').bridge);
  assert.notEqual(vethName('a', 0), vethName('b', 0));
});

test('names that are no DNS label are refused', () => {
  for (const name of ['', '-a', 'a-', 'A', 'a.b', '..', 'a/b', 'x'.repeat(64), '_a'])
    assert.throws(() => checkName('cluster', name), /is not valid/);
});
