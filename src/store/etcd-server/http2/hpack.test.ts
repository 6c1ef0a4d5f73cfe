import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HeaderReader, HpackError, type RequestHeaders, writeHeaders } from './hpack.ts';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ''), 'hex');
const read = (...blocks: readonly string[]): readonly RequestHeaders[] => {
  const reader = new HeaderReader();
  return blocks.map((block) => reader.read(hex(block)));
};

const GET = { method: 'GET', contentType: '' };

test('the requests of RFC 7541, appendix C.3, are read as they are meant', () => {
  const blocks = [
    '8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d',
    '8286 84be 5808 6e6f 2d63 6163 6865',
    '8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65',
  ];
  assert.deepEqual(read(...blocks), [
    { ...GET, path: '/' },
    { ...GET, path: '/' },
    { ...GET, path: '/index.html' },
  ]);
});

test('the same in Huffman’s code, appendix C.4', () => {
  const blocks = [
    '8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff',
    '8286 84be 5886 a8eb 1064 9cbf',
    '8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf',
  ];
  assert.deepEqual(
    read(...blocks).map(({ path }) => path),
    ['/', '/', '/index.html'],
  );
});

test('a path in the table is found again, and not when newer ones have pushed it out', () => {
  const path = (value: string): string =>
    `44${Buffer.from([value.length]).toString('hex')}${Buffer.from(value).toString('hex')}`;
  const reader = new HeaderReader();
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
  assert.deepEqual(new HeaderReader().read(block), {
    method: 'POST',
    path: `/${'long'.repeat(100)}`,
    contentType: 'application/grpc',
  });
});
