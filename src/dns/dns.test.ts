import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, before, suite, test } from 'node:test';
import { Service } from '#api';
import { newInformers } from '#client';
import { silentLogger, systemClock } from '#util';
import { framed, Frames } from './forward.ts';
import { type DnsLab, DOMAIN, failsWith, HOST, query, type Read, read, startDnsLab } from './testdata/lab.ts';
import { FLAG, RCODE, TYPE, writeQuery } from './wire.ts';

let lab: DnsLab;
let create: DnsLab['create'];
let serve: DnsLab['serve'];
let started: DnsLab['started'];

before(async () => {
  lab = await startDnsLab();
  ({ create, serve, started } = lab);
});

after(() => lab[Symbol.asyncDispose]());

const SOA = `${DOMAIN} ${TYPE.SOA} 30`;

suite('names of services', () => {
  test('stand for the cluster IP, and their ports for places to connect to', async () => {
    const { spec } = await serve('plain', [['10.244.1.2', { hostname: 'one' }]]);
    await using dns = await started();
    const name = `plain.default.svc.${DOMAIN}`;
    assert.deepEqual(await dns.resolver.resolve4(name, { ttl: true }), [{ address: spec.clusterIP, ttl: 30 }]);
    const srv = (await dns.resolver.resolveSrv(`_web._tcp.${name}`)).map(({ name: target, port, weight }) => [
      target,
      port,
      weight,
    ]);
    assert.deepEqual(srv, [[name, 80, 100]]);
    const all = await dns.resolver.resolveSrv(name);
    assert.deepEqual(
      all.map(({ port, weight }) => [port, weight]).toSorted((a, b) => (a[0] ?? 0) - (b[0] ?? 0)),
      [
        [80, 50],
        [90, 50],
      ],
    );
    assert.deepEqual(await dns.resolver.resolve4(`one.${name}`), ['10.244.1.2']);
    assert.deepEqual(await dns.resolver.reverse(spec.clusterIP ?? ''), [name]);
    assert.deepEqual(await dns.resolver.reverse('10.244.1.2'), [`one.${name}`]);
  });

  test('that are not there do not exist; those that are, exist for every type', async () => {
    await serve('there', []);
    await using dns = await started();
    const ask = async (name: string, type: number): Promise<Read> =>
      read(await dns.send(writeQuery(1, query(`${name}${DOMAIN}`, type))));
    const authoritative = FLAG.QR | FLAG.AA | FLAG.RD | FLAG.RA;
    const empty = { rcode: RCODE.NOERROR, flags: authoritative, sections: [[], [SOA], []] };
    const missing = { rcode: RCODE.NXDOMAIN, flags: authoritative | RCODE.NXDOMAIN, sections: [[], [SOA], []] };
    for (const name of [
      'nobody.default.svc.',
      'there.nowhere.svc.',
      '_no._tcp.there.default.svc.',
      'x.there.default.svc.',
      'a.b.c.there.default.svc.',
      'nonsense.',
      'web-0.default.pod.',
      '\\046.svc.',
    ])
      assert.deepEqual(await ask(name, TYPE.A), name === '\\046.svc.' ? empty : missing, name);
    for (const name of ['', 'svc.', 'pod.', 'default.svc.']) assert.deepEqual(await ask(name, TYPE.A), empty, name);
    for (const type of [TYPE.AAAA, TYPE.TXT, TYPE.CNAME, TYPE.NS, 15])
      assert.deepEqual(await ask('there.default.svc.', type), empty);
  });

  test('of headless services stand for the endpoints that are ready', async () => {
    await serve('headless', [['10.244.1.3', { hostname: 'web-0' }], ['10.244.2.4'], ['10.244.2.5', { ready: false }]], {
      clusterIP: 'None',
    });
    await serve('nobody-ready', [['10.244.3.3', { ready: false }]], { clusterIP: 'None' });
    await using dns = await started();
    const name = `headless.default.svc.${DOMAIN}`;
    assert.deepEqual((await dns.resolver.resolve4(name)).toSorted(), ['10.244.1.3', '10.244.2.4']);
    assert.deepEqual(await dns.resolver.resolve4(`web-0.${name}`), ['10.244.1.3']);
    assert.deepEqual(await dns.resolver.resolve4(`10-244-2-4.${name}`), ['10.244.2.4']);
    const srv = await dns.resolver.resolveSrv(`_web._tcp.${name}`);
    assert.deepEqual(srv.map(({ name: target, port }) => `${target}:${port}`).toSorted(), [
      `10-244-2-4.${name}:8080`,
      `web-0.${name}:8080`,
    ]);
    await assert.rejects(dns.resolver.resolve4(`10-244-2-5.${name}`), failsWith('ENOTFOUND'));
    await assert.rejects(dns.resolver.resolve4(`nobody-ready.default.svc.${DOMAIN}`), failsWith('ENOTFOUND'));
  });

  test('lead on to where an ExternalName points, inside and not in circles', async () => {
    const { spec } = await serve('target', []);
    await create(Service, {
      metadata: { name: 'alias', namespace: 'default' },
      spec: { type: 'ExternalName', externalName: `target.default.svc.${DOMAIN}` },
    });
    await create(Service, {
      metadata: { name: 'loop', namespace: 'default' },
      spec: { type: 'ExternalName', externalName: `pool.default.svc.${DOMAIN}` },
    });
    await create(Service, {
      metadata: { name: 'pool', namespace: 'default' },
      spec: { type: 'ExternalName', externalName: `loop.default.svc.${DOMAIN}` },
    });
    await using dns = await started();
    assert.deepEqual(await dns.resolver.resolve4(`alias.default.svc.${DOMAIN}`), [spec.clusterIP]);
    assert.deepEqual(await dns.resolver.resolveCname(`alias.default.svc.${DOMAIN}`), [`target.default.svc.${DOMAIN}`]);
    await assert.rejects(dns.resolver.resolve4(`loop.default.svc.${DOMAIN}`), failsWith('ENODATA'));
  });

  test('of pods are their addresses, and the zone names itself', async () => {
    await using dns = await started();
    assert.deepEqual(await dns.resolver.resolve4(`10-244-1-2.default.pod.${DOMAIN}`), ['10.244.1.2']);
    assert.deepEqual(await dns.resolver.resolveTxt(`dns-version.${DOMAIN}`), [['1.1.0']]);
    assert.deepEqual(await dns.resolver.resolveNs(DOMAIN), [`ns.dns.${DOMAIN}`]);
    assert.deepEqual(await dns.resolver.resolve4(`ns.dns.${DOMAIN}`), ['10.96.0.10']);
    const { nsname, hostmaster, minttl } = await dns.resolver.resolveSoa(DOMAIN);
    assert.deepEqual([nsname, hostmaster, minttl], [`ns.dns.${DOMAIN}`, `hostmaster.${DOMAIN}`, 30]);
  });

  test('come back in the spelling they were asked in, and in turns', async () => {
    await serve('turns', [['10.244.1.1'], ['10.244.1.2'], ['10.244.1.3']], { clusterIP: 'None' });
    await using dns = await started();
    const asked = query(`tUrNs.default.SVC.${DOMAIN}`, TYPE.A);
    const firsts = new Set<string>();
    for (let i = 0; i < 40; i++) {
      const answer = await dns.send(writeQuery(i, asked));
      assert.deepEqual(answer.subarray(12, 12 + asked.question.bytes.length), asked.question.bytes);
      firsts.add(
        answer
          .subarray(12 + asked.question.bytes.length + 12)
          .subarray(0, 4)
          .join('.'),
      );
    }
    assert.deepEqual([...firsts].toSorted(), ['10.244.1.1', '10.244.1.2', '10.244.1.3']);
  });

  test('that stand for more than fits are asked for again over TCP', async () => {
    const ips = Array.from({ length: 300 }, (_, i) => [`10.245.${i >> 8}.${i & 255}`] as const);
    await serve('many', ips.slice(0, 300), { clusterIP: 'None' });
    await using dns = await started();
    const { flags, sections } = read(await dns.send(writeQuery(1, query(`many.default.svc.${DOMAIN}`, TYPE.A))));
    assert.ok((flags & FLAG.TC) !== 0 && (sections[0]?.length ?? 0) > 20);
    assert.equal((await dns.resolver.resolve4(`many.default.svc.${DOMAIN}`)).length, 300);
  });
});

suite('the server', () => {
  test('does not say that a name does not exist before it can know', async () => {
    const unsynced = newInformers({ client: lab.client, clock: systemClock, random: () => 0, log: silentLogger });
    await using dns = await started([], { informers: unsynced });
    await assert.rejects(dns.resolver.resolve4(`x.default.svc.${DOMAIN}`), failsWith('ESERVFAIL'));
    const pointer = await dns.send(writeQuery(1, query('1.0.96.10.in-addr.arpa', TYPE.PTR)));
    assert.equal(read(pointer).rcode, RCODE.SERVFAIL);
  });

  test('refuses classes and versions it does not know, and outlives rubbish', async () => {
    await using dns = await started();
    const chaos = writeQuery(1, query('version.bind', TYPE.TXT));
    chaos[chaos.length - 1] = 3;
    assert.equal(read(await dns.send(chaos)).rcode, RCODE.REFUSED);
    const edns = { udpBytes: 512, version: 0, dnssecOk: false };
    const future = writeQuery(1, query('x.cluster.local', TYPE.A, { edns }));
    future[future.length - 5] = 9; // version, in the TTL of the OPT record
    const answer = await dns.send(future);
    assert.equal(read(answer).rcode | ((answer[answer.length - 6] ?? 0) << 4), RCODE.BADVERS);

    const socket = createSocket('udp4');
    for (let length = 0; length < 200; length++) socket.send(Buffer.alloc(length, length * 37), dns.server.port, HOST);
    const tcp = connect(dns.server.port, HOST);
    tcp.end(Buffer.from([0, 40, ...Buffer.alloc(40, 0xff), 0xff, 0xff, 1]));
    await once(tcp.resume(), 'close');
    socket.close();
    assert.deepEqual(await dns.resolver.resolve4(`ns.dns.${DOMAIN}`), ['10.96.0.10']);
  });

  test('answers several queries on one connection, in order', async () => {
    await using dns = await started();
    const tcp = connect(dns.server.port, HOST);
    const ids = [1, 2, 3];
    const both = Buffer.concat(ids.map((id) => framed(writeQuery(id, query(`ns.dns.${DOMAIN}`, TYPE.A)))));
    tcp.write(both.subarray(0, 50));
    tcp.write(both.subarray(50));
    const frames = new Frames();
    const answers: Buffer[] = [];
    for await (const chunk of tcp) {
      answers.push(...frames.push(chunk as Buffer));
      if (answers.length === ids.length) tcp.end();
    }
    assert.deepEqual(
      answers.map((answer) => answer.readUInt16BE(0)),
      ids,
    );
  });

  test('does not start at an address it cannot have', async () => {
    await using dns = await started();
    await assert.rejects(started([], { port: dns.server.port }), failsWith('EADDRINUSE'));
  });
});
