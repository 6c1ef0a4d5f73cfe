import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HeaderReader, HpackError } from './hpack.ts';
import { HeaderWriter, writeHeaders } from './hpack-writer.ts';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ''), 'hex');
const MANY = 1 << 20;
const read = (...blocks: readonly string[]): readonly object[] => {
  const reader = new HeaderReader(MANY);
  return blocks.map((block) => said(reader, hex(block)));
};

const said = (reader: HeaderReader, block: Buffer): object => {
  const { method, path, scheme, authority, headers } = reader.read(block);
  return { method, path, scheme, authority, ...headers };
};

const GET = { method: 'GET', scheme: 'http', authority: 'www.example.com', host: 'www.example.com' };

test('the requests of RFC 7541, appendix C.3, are read as they are meant', () => {
  const blocks = [
    '8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d',
    '8286 84be 5808 6e6f 2d63 6163 6865',
    '8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65',
  ];
  assert.deepEqual(read(...blocks), [
    { ...GET, path: '/' },
    { ...GET, path: '/', 'cache-control': 'no-cache' },
    { ...GET, scheme: 'https', path: '/index.html', 'custom-key': 'custom-value' },
  ]);
});

test('the same in Huffman’s code, appendix C.4', () => {
  const blocks = [
    '8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff',
    '8286 84be 5886 a8eb 1064 9cbf',
    '8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf',
  ];
  assert.deepEqual(read(...blocks), [
    { ...GET, path: '/' },
    { ...GET, path: '/', 'cache-control': 'no-cache' },
    { ...GET, scheme: 'https', path: '/index.html', 'custom-key': 'custom-value' },
  ]);
});

test('a path in the table is found again, and not when newer ones have pushed it out', () => {
  const path = (value: string): string =>
    `44${Buffer.from([value.length]).toString('hex')}${Buffer.from(value).toString('hex')}`;
  const reader = new HeaderReader(MANY);
  assert.equal(reader.read(hex(`83${path('/a')}`)).path, '/a');
  assert.equal(reader.read(hex('83be')).path, '/a');
  assert.equal(reader.read(hex('83be')).path, '/a');
  assert.equal(reader.read(hex(`83${path('/b')}`)).path, '/b');
  assert.equal(reader.read(hex('83be')).path, '/b', 'what 62 was is not what it is');
  assert.equal(reader.read(hex('83bf')).path, '/a');
  for (let i = 0; i < 40; i++) reader.read(hex(`83${path(`/${'x'.repeat(100)}`)}`));
  assert.throws(() => reader.read(hex('83e7')), HpackError, 'of 106 bytes and 32 more each only 29 fit');
  assert.throws(() => reader.read(hex('3fe21f')), HpackError, 'a table of more than 4096 bytes');
  reader.read(hex('20'));
  assert.throws(() => reader.read(hex('83be')), HpackError, 'a table of nothing has nothing');
});

test('blocks that are cut off or point nowhere are refused', () => {
  for (const block of ['80', 'be', '44', '4405616263', '3f', '7f', '7fffffffffff7f', '448300ffffff', '4481fe'])
    assert.throws(() => read(block), HpackError, block);
});

test('what is written is read again', () => {
  const block = writeHeaders({
    ':method': 'POST',
    ':path': `/${'long'.repeat(100)}`,
    'content-type': 'application/grpc',
  });
  assert.deepEqual(said(new HeaderReader(MANY), block), {
    method: 'POST',
    path: `/${'long'.repeat(100)}`,
    scheme: '',
    authority: '',
    'content-type': 'application/grpc',
  });
});

/** What a peer reads of the answers that one writer wrote; the reader knows requests only, so the status is a header. */
function answers(writer: HeaderWriter, reader: HeaderReader, all: readonly Record<string, string>[]): object[] {
  return all.map((headers) => {
    const block = Buffer.alloc(HeaderWriter.most(0, headers));
    const end = writer.write(block, 0, 0, headers);
    assert.ok(end <= block.length);
    return reader.read(block, 0, end).headers;
  });
}

test('what goes into the table is found there until others have pushed it out', () => {
  const writer = new HeaderWriter();
  const reader = new HeaderReader(MANY);
  const all = Array.from({ length: 500 }, (_, i) => ({
    'content-type': i % 3 === 0 ? 'application/json' : `application/${'x'.repeat(i % 97)}`,
    date: `${i % 150}`,
    'audit-id': `id ${i}`,
    vary: 'Accept',
  }));
  assert.deepEqual(answers(writer, reader, all), all);
  assert.deepEqual(answers(writer, reader, all), all);
});

test('a writer keeps to the table its peer wants', () => {
  const writer = new HeaderWriter();
  const reader = new HeaderReader(MANY);
  const all = Array.from({ length: 20 }, (_, i) => ({ 'content-type': `type ${i}`, vary: 'Accept' }));
  assert.deepEqual(answers(writer, reader, all), all);
  for (const bytes of [100, 0, 4096, 100_000, 70]) {
    writer.resize(bytes);
    assert.deepEqual(answers(writer, reader, all), all);
  }
  // What was lost by the smaller of two is lost.
  writer.resize(0);
  writer.resize(4096);
  assert.deepEqual(answers(writer, reader, all), all);
  const block = Buffer.alloc(100);
  writer.resize(0);
  writer.resize(4096);
  const end = writer.write(block, 0, 0, { vary: 'Accept' });
  assert.equal(block.subarray(0, end).toString('hex', 0, 4), '203fe11f');
});

const long = (reader: HeaderReader, headers: Record<string, string>): boolean =>
  reader.read(writeHeaders(headers)).tooLong;

test('headers beyond the limit are not kept, however few bytes say them', () => {
  const reader = new HeaderReader(1000);
  assert.equal(long(reader, { a: 'x'.repeat(900) }), false);
  assert.equal(long(reader, { a: 'x'.repeat(999) }), true);
  // One byte for a header of 500: a bomb.
  const entry = Buffer.concat([
    Buffer.from('40016d', 'hex'),
    Buffer.from([0x7f, 500 - 127 - 256 + 128, 2]),
    Buffer.alloc(500, 'y'),
  ]);
  assert.equal(reader.read(entry).headers['m'], 'y'.repeat(500));
  const bomb = reader.read(Buffer.alloc(16_000, 0xbe));
  assert.equal(bomb.tooLong, true);
  assert.ok(bomb.headers['m']!.length < 1500);
});

test('headers against the rules are told from those that keep to them', () => {
  const request = { ':method': 'GET', ':scheme': 'https', ':path': '/' };
  const bad = (headers: Record<string, string>): boolean =>
    new HeaderReader(MANY).read(writeHeaders(headers)).malformed;
  for (const headers of [
    request,
    { ...request, te: 'trailers', cookie: 'a=b' },
    { 'x-!#$%': 'ÿ \t;' },
    { host: ' x\t' },
  ])
    assert.equal(bad(headers), false, JSON.stringify(headers));
  for (const headers of [
    { 'X-Upper': 'x' },
    { 'a b': 'x' },
    { '': 'x' },
    { 'x-é': 'x' },
    { a: 'b\r\nc' },
    { a: 'b\0' },
    { a: '\x7f' },
    { connection: 'close' },
    { 'transfer-encoding': 'chunked' },
    { te: 'gzip' },
    { ':status': '200' },
    { a: 'b', ...request },
    { ':method': '' },
  ])
    assert.equal(bad(headers as Record<string, string>), true, JSON.stringify(headers));
  const twice = Buffer.concat([writeHeaders(request), writeHeaders({ ':path': '/b' })]);
  assert.equal(new HeaderReader(MANY).read(twice).malformed, true);
});

test('what comes more than once is joined, or the first counts, and each can be had', () => {
  const block = Buffer.concat(
    [
      ['a', '1'],
      ['cookie', 'x=1'],
      ['a', '2'],
      ['cookie', 'y=2'],
      ['user-agent', 'first'],
      ['user-agent', 'second'],
      ['a', '3'],
      ['constructor', 'c'],
    ].map(([name, value]) => writeHeaders({ [name!]: value! })),
  );
  const { headers, repeated } = new HeaderReader(MANY).read(block);
  assert.deepEqual(headers, { a: '1, 2, 3', cookie: 'x=1; y=2', 'user-agent': 'first', constructor: 'c' });
  assert.deepEqual(Object.fromEntries(repeated ?? []), {
    a: ['1', '2', '3'],
    cookie: ['x=1', 'y=2'],
    'user-agent': ['first', 'second'],
  });
});
