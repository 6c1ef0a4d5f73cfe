import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { Service } from '#api';
import { nameservers } from './resolvers.ts';
import { type DnsLab, DOMAIN, failsWith, HOST, query, read, startDnsLab, upstream } from './testdata/lab.ts';
import { RCODE, TYPE, writeQuery } from './wire.ts';

let lab: DnsLab;
let create: DnsLab['create'];
let started: DnsLab['started'];

before(async () => {
  lab = await startDnsLab();
  ({ create, started } = lab);
});

after(() => lab[Symbol.asyncDispose]());

suite('other names', () => {
  test('are asked of the resolvers, once until the answer is old', async () => {
    await using up = await upstream();
    await using dns = await started([HOST], { resolverPort: up.port });
    assert.deepEqual(await dns.resolver.resolve4('Example.com', { ttl: true }), [{ address: '192.0.2.1', ttl: 20 }]);
    dns.clock.advance(7000);
    assert.deepEqual(await dns.resolver.resolve4('eXample.com', { ttl: true }), [{ address: '192.0.2.1', ttl: 13 }]);
    assert.deepEqual(up.asked, ['udp example.com']);
    dns.clock.advance(13_000);
    await dns.resolver.resolve4('example.com');
    assert.deepEqual(up.asked.length, 2);
    await assert.rejects(dns.resolver.resolve4('no.example.com'), failsWith('ENOTFOUND'));
  });

  test('whose answers are too long are asked over TCP', async () => {
    await using up = await upstream();
    await using dns = await started([HOST], { resolverPort: up.port });
    assert.deepEqual(await dns.resolver.resolve4('big.example.com'), ['192.0.2.1']);
    assert.deepEqual(up.asked, ['udp big.example.com', 'tcp big.example.com']);
  });

  test('are asked of the next resolver when nobody listens at the first', async () => {
    await using up = await upstream();
    await using dns = await started(['127.0.0.2', HOST], { resolverPort: up.port });
    assert.deepEqual(await dns.resolver.resolve4('a.example.com'), ['192.0.2.1']);
    assert.deepEqual(await dns.resolver.resolve4('b.example.com'), ['192.0.2.1']);
  });

  test('fail at once when there is no resolver to ask', async () => {
    await using dns = await started([]);
    await assert.rejects(dns.resolver.resolve4('example.com'), failsWith('ESERVFAIL'));
    // A resolver that is this server itself is none.
    await using circle = await started([HOST]);
    await assert.rejects(circle.resolver.resolve4('example.com'), failsWith('ESERVFAIL'));
    const pointer = await circle.send(writeQuery(1, query('9.2.0.192.in-addr.arpa', TYPE.PTR)));
    assert.equal(read(pointer).rcode, RCODE.SERVFAIL);
  });

  test('that an ExternalName points to are part of the answer', async () => {
    await create(Service, {
      metadata: { name: 'outside', namespace: 'default' },
      spec: { type: 'ExternalName', externalName: 'www.example.com' },
    });
    const name = `outside.default.svc.${DOMAIN}`;
    await using up = await upstream();
    await using dns = await started([HOST], { resolverPort: up.port });
    const { sections } = read(await dns.send(writeQuery(1, query(name, TYPE.A))));
    assert.deepEqual(sections[0], [`${name} ${TYPE.CNAME} 30`, `www.example.com ${TYPE.A} 20`]);
    await using alone = await started([]);
    assert.deepEqual(read(await alone.send(writeQuery(1, query(name, TYPE.A)))).sections[0], [
      `${name} ${TYPE.CNAME} 30`,
    ]);
  });
});

test('a resolv.conf names resolvers by address, each once', () => {
  const text =
    'search a\n nameserver 10.0.0.1\nnameserver\t10.0.0.1\n# nameserver 10.0.0.2\nnameserver fe80::1%eth0\nnameserver here\n';
  assert.deepEqual(nameservers(text), ['10.0.0.1', 'fe80::1%eth0']);
  assert.deepEqual(nameservers(''), []);
});
