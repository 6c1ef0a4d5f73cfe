import assert from 'node:assert/strict';
import { test } from 'node:test';
import { finished } from '#util';
import { encodeGnosticV3 } from './gnostic-v3.ts';

const encoded = (document: object): Buffer => finished(encodeGnosticV3(document));

/** `number: bytes` of one field with a length; nested ones are given as what is in them. */
const field = (number: number, ...inner: readonly (string | Buffer)[]): Buffer => {
  const body = Buffer.concat(inner.map((part) => Buffer.from(part)));
  assert.ok(number < 2048 && body.length < 128, 'tags of two bytes at most, lengths of one');
  const tag = (number << 3) | 2;
  return Buffer.concat([
    Buffer.from(tag < 128 ? [tag] : [(tag & 127) | 128, tag >> 7]),
    Buffer.from([body.length]),
    body,
  ]);
};
const schemaOf = (schema: object): Buffer => {
  const all = encoded({ components: { schemas: { a: schema } } });
  const outer = field(5, field(1, field(1, field(1, 'a'), field(2, ''))));
  // What is behind the headers: components, schemas, the entry, its name, its value.
  return all.subarray(outer.length);
};

// Numbers are those of gnostic openapiv3/OpenAPIv3.proto v0.7.

test('an operation of version 3 is put where its protobuf has it', () => {
  const $ref = '#/components/schemas/A';
  const bytes = encoded({
    openapi: '3.0.0',
    info: { title: 'T', version: 'v1' },
    paths: {
      '/a': {
        post: {
          operationId: 'o',
          parameters: [{ name: 'n', in: 'query' }],
          responses: { '200': { description: 'OK' } },
          'x-kubernetes-action': 'post',
        },
      },
      '/b': { put: { requestBody: { content: { 'a/b': { schema: { $ref } } } } } },
    },
  });
  const post = field(
    6,
    field(5, 'o'),
    field(6, field(1, field(1, 'n'), field(2, 'query'))),
    field(8, field(2, field(1, '200'), field(2, field(1, field(1, 'OK'))))),
    field(13, field(1, 'x-kubernetes-action'), field(2, field(2, '"post"'))),
  );
  const put = field(
    5,
    field(7, field(1, field(2, field(1, field(1, 'a/b'), field(2, field(1, field(2, field(1, $ref)))))))),
  );
  const paths = [field(1, field(1, '/a'), field(2, post)), field(1, field(1, '/b'), field(2, put))];
  const body = Buffer.concat(paths);
  assert.deepEqual(
    bytes,
    Buffer.concat([
      field(1, '3.0.0'),
      field(2, field(1, 'T'), field(6, 'v1')),
      Buffer.from([(4 << 3) | 2, (body.length & 127) | 128, body.length >> 7]),
      body,
    ]),
  );
});

test('a schema of version 3 is put where its protobuf has it', () => {
  const schema = (...fields: readonly Buffer[]): Buffer => field(1, ...fields);
  assert.deepEqual(
    schemaOf({ type: 'array', items: { $ref: 'r' }, maxItems: 5 }),
    schema(
      field(25, 'array'),
      field(30, field(1, field(2, field(1, 'r')))),
      Buffer.from([((18 << 3) & 127) | 128, 1, 5]),
    ),
  );
  assert.deepEqual(
    schemaOf({ properties: { 'x-a': { nullable: true } }, allOf: [{ $ref: 'r' }] }),
    schema(
      field(31, field(1, field(1, 'x-a'), field(2, schema(Buffer.from([8, 1]))))),
      field(26, field(2, field(1, 'r'))),
    ),
  );
  assert.deepEqual(
    schemaOf({ additionalProperties: { type: 's' } }),
    schema(field(32, field(1, schema(field(25, 's'))))),
  );
  assert.deepEqual(schemaOf({ additionalProperties: true }), schema(field(32, Buffer.from([16, 1]))));
});

test('of a default that is no scalar the protobuf says only that it is there, as gnostic does', () => {
  const empty = field(1, field(33));
  for (const value of [{}, { a: 1 }, [1], null]) assert.deepEqual(schemaOf({ default: value }), empty);
  assert.deepEqual(schemaOf({ default: 'TCP' }), field(1, field(33, field(3, 'TCP'))));
  assert.deepEqual(schemaOf({ default: false }), field(1, field(33, Buffer.from([16, 0]))));
});

test('a key that version 3 has no place for is an error', () => {
  assert.throws(() => encoded({ hosts: [] }), /Document: nothing is known of the key hosts/);
});
