import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { addressOfPodLabel, addressOfReverse, canonicalIP, ipv6Bytes } from './addresses.ts';
import {
  FLAG,
  MalformedMessage,
  newQuestion,
  type Query,
  RCODE,
  readName,
  readQuery,
  readResource,
  type Resource,
  TYPE,
  writeAnswer,
  writeQuery,
  writeRefusal,
} from './wire.ts';

const query = (name: string, type: number = TYPE.A, edns?: Query['edns']): Query => ({
  id: 7,
  flags: FLAG.RD,
  question: newQuestion(name, type),
  edns,
});

/** Reads an answer the way a client does. */
function readAnswer(message: Buffer): { names: string[]; types: number[]; counts: number[]; flags: number } {
  const counts = [4, 6, 8, 10].map((at) => message.readUInt16BE(at));
  let at = readName(message, 12, false).end + 4;
  const names: string[] = [];
  const types: number[] = [];
  for (let i = (counts[1] ?? 0) + (counts[2] ?? 0) + (counts[3] ?? 0); i > 0; i--) {
    const record = readResource(message, at);
    names.push(record.name);
    types.push(record.type);
    at = record.end;
  }
  assert.equal(at, message.length);
  return { names, types, counts, flags: message.readUInt16BE(2) };
}

suite('queries', () => {
  test('are read as they were written', () => {
    const edns = { udpBytes: 1232, version: 0, dnssecOk: true };
    const read = readQuery(writeQuery(9, query('Kubernetes.Default.svc.cluster.local', TYPE.SRV, edns)));
    assert.ok(read !== undefined && 'question' in read);
    assert.equal(read.id, 9);
    assert.equal(read.question.name, 'kubernetes.default.svc.cluster.local');
    assert.match(read.question.bytes.toString('latin1'), /Kubernetes/);
    assert.equal(read.question.type, TYPE.SRV);
    assert.deepEqual(read.edns, edns);
  });

  test('a dot inside a label does not make it two', () => {
    const message = writeQuery(1, query('xxx.cluster.local'));
    message[14] = 46;
    const read = readQuery(message);
    assert.ok(read !== undefined && 'question' in read);
    assert.equal(read.question.name, 'x\\046x.cluster.local');
  });

  test('answers, fragments, other operations and two questions at once get what they deserve', () => {
    const good = writeQuery(5, query('a.b'));
    assert.equal(readQuery(good.subarray(0, 11)), undefined);
    const changed = (at: number, value: number): Buffer => Buffer.from(good.with(at, value));
    assert.equal(readQuery(changed(2, 0x80)), undefined);
    assert.deepEqual(readQuery(changed(2, 0x28)), { refuse: RCODE.NOTIMP, id: 5, flags: 0x2800 });
    assert.deepEqual(readQuery(changed(5, 2)), { refuse: RCODE.FORMERR, id: 5, flags: FLAG.RD });
    assert.deepEqual(readQuery(changed(12, 0xc0)), { refuse: RCODE.FORMERR, id: 5, flags: FLAG.RD });
    assert.deepEqual(readQuery(good.subarray(0, -1)), { refuse: RCODE.FORMERR, id: 5, flags: FLAG.RD });
    assert.equal(
      writeRefusal({ refuse: RCODE.NOTIMP, id: 5, flags: 0x2800 }).toString('hex'),
      '0005a8040000000000000000',
    );
  });

  test('whatever the bytes, reading ends and does not throw', () => {
    const base = writeQuery(1, query('a.b.c', TYPE.A, { udpBytes: 4096, version: 0, dnssecOk: false }));
    fc.assert(fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => void readQuery(Buffer.from(bytes))));
    const change = fc.tuple(fc.nat(base.length - 1), fc.nat(255));
    fc.assert(
      fc.property(fc.array(change, { maxLength: 8 }), fc.nat(base.length), (changes, length) => {
        const message = Buffer.from(base);
        for (const [at, value] of changes) message[at] = value;
        const read = readQuery(message.subarray(0, length));
        if (read !== undefined && 'question' in read) readAnswer(writeAnswer(read, { rcode: RCODE.NXDOMAIN }, 512));
      }),
    );
  });

  test('names that point at themselves or forward are refused', () => {
    const at =
      (...bytes: number[]) =>
      () =>
        readName(Buffer.from(bytes), 0);
    assert.throws(at(0xc0, 0), MalformedMessage);
    assert.throws(at(1, 97, 0xc0, 4, 0), MalformedMessage);
    assert.throws(at(0x41, 97, 0), MalformedMessage);
    assert.deepEqual(readName(Buffer.from([1, 97, 0, 1, 98, 0xc0, 0]), 3), { name: 'b.a', end: 7 });
  });
});

suite('answers', () => {
  const a = (n: number): Resource => ({
    name: 'web.ns.svc.cluster.local',
    ttl: 30,
    type: 'A',
    address: `10.0.${n >> 8}.${n & 255}`,
  });

  test('name what was asked in the spelling of the question', () => {
    const asked = query('WeB.ns.SVC.cluster.local');
    const message = writeAnswer(asked, { rcode: RCODE.NOERROR, flags: FLAG.AA | FLAG.RA, answers: [a(1)] }, 512);
    assert.deepEqual(message.subarray(12, 12 + asked.question.bytes.length), asked.question.bytes);
    assert.equal(message.readUInt16BE(12 + asked.question.bytes.length), 0xc00c);
    assert.equal(message.readUInt16BE(2), FLAG.QR | FLAG.AA | FLAG.RA | FLAG.RD);
    assert.deepEqual(message.subarray(-4), Buffer.from([10, 0, 0, 1]));
  });

  test('that do not fit say so, and have as much as fits', () => {
    const answers = Array.from({ length: 100 }, (_, i) => a(i));
    const plain = writeAnswer(query('web.ns.svc.cluster.local'), { rcode: RCODE.NOERROR, answers }, 512);
    assert.ok(plain.length <= 512);
    const { counts, flags } = readAnswer(plain);
    assert.deepEqual([counts[1], flags & FLAG.TC], [Math.floor((512 - 12 - 30) / 16), FLAG.TC]);
    const edns = { udpBytes: 4096, version: 0, dnssecOk: false };
    const whole = writeAnswer(
      query('web.ns.svc.cluster.local', TYPE.A, edns),
      { rcode: RCODE.NOERROR, answers },
      Infinity,
    );
    assert.deepEqual(readAnswer(whole).counts, [1, 100, 0, 1]);
    assert.equal(readAnswer(whole).types.at(-1), TYPE.OPT);
    const extra = writeAnswer(query('web.ns.svc.cluster.local'), { rcode: RCODE.NOERROR, additionals: answers }, 512);
    assert.equal(readAnswer(extra).flags & FLAG.TC, 0, 'what is additional may be left out without a word');
  });

  test('of every type can be read back', () => {
    const name = 'x.cluster.local';
    const answers: Resource[] = [
      a(1),
      { name, ttl: 1, type: 'AAAA', address: 'fd00::1:2' },
      { name, ttl: 1, type: 'CNAME', target: 'y.example.com' },
      { name, ttl: 1, type: 'PTR', target: 'z.x.cluster.local' },
      { name, ttl: 1, type: 'NS', target: 'ns.dns.cluster.local' },
      { name, ttl: 1, type: 'SRV', priority: 1, weight: 2, port: 3, target: 'x.cluster.local' },
      { name, ttl: 1, type: 'TXT', text: '1.1.0' },
      {
        name,
        ttl: 1,
        type: 'SOA',
        mname: 'ns.dns.cluster.local',
        rname: 'h.cluster.local',
        serial: 2 ** 32 - 1,
        minimum: 30,
      },
    ];
    const message = writeAnswer(query(name), { rcode: RCODE.NOERROR, answers }, 2000);
    assert.deepEqual(readAnswer(message).types, [1, 28, 5, 12, 2, 33, 16, 6]);
    assert.deepEqual(new Set(readAnswer(message).names), new Set([a(1).name, name]));
  });
});

test('addresses are found in names and written as bytes', () => {
  assert.equal(addressOfReverse('2.1.244.10.in-addr.arpa'), '10.244.1.2');
  assert.equal(addressOfReverse('244.10.in-addr.arpa'), undefined);
  assert.equal(addressOfReverse(`1.${'0.'.repeat(29)}d.f.ip6.arpa`), canonicalIP('fd00::1').replace(/^fd/, 'fd'));
  assert.equal(addressOfPodLabel('10-244-1-2'), '10.244.1.2');
  assert.equal(addressOfPodLabel('fd00--1'), 'fd00::1');
  assert.equal(addressOfPodLabel('web-0'), undefined);
  assert.deepEqual(ipv6Bytes('::ffff:1.2.3.4'), [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 1, 2, 3, 4]);
  assert.equal(canonicalIP('FD00:0:0::1'), canonicalIP('fd00::1'));
});
