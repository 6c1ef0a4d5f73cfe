import { loadSync } from '@grpc/proto-loader';
import fc from 'fast-check';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Field, type MessageType, parseProto } from './proto.ts';

const FILES = ['cri.proto', 'tasks.proto', 'events.proto'];
const REFERENCE_OPTIONS = { keepCase: true, longs: String, enums: String, defaults: true };

/** protobufjs, by way of grpc's loader: what others make of the same file. */
interface Reference {
  serialize(message: object): Buffer;
  deserialize(bytes: Buffer): object;
}

function scalarOf(field: Field): fc.Arbitrary<unknown> {
  const { type } = field;
  if (type.kind === 'enum') return fc.constantFrom(...type.type.numbers.keys());
  if (type.kind !== 'scalar') throw new Error('not a scalar');
  switch (type.scalar) {
    case 'string':
      return fc.string({ unit: 'grapheme', maxLength: 8 });
    case 'bytes':
      return fc.uint8Array({ maxLength: 8 }).map((bytes) => Buffer.from(bytes));
    case 'bool':
      return fc.boolean();
    case 'int32':
      return fc.integer();
    case 'uint32':
      return fc.nat({ max: 2 ** 32 - 1 });
    case 'int64':
      return fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String);
    case 'uint64':
      return fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(String);
  }
}

function messageOf(type: MessageType, depth: number): fc.Arbitrary<Record<string, unknown>> {
  const fields = type.fields.filter((field) => depth > 0 || field.type.kind !== 'message');
  return fc.record(
    Object.fromEntries(
      fields.map((field) => {
        if (field.type.kind === 'map') {
          return [
            field.name,
            fc.dictionary(
              fc.string({ minLength: 1, maxLength: 5 }).filter((k) => k !== '__proto__'),
              fc.string(),
            ),
          ];
        }
        const value = field.type.kind === 'message' ? messageOf(field.type.type, depth - 1) : scalarOf(field);
        return [field.name, field.repeated ? fc.array(value, { maxLength: 3 }) : value];
      }),
    ),
    { requiredKeys: [] },
  );
}

function withoutNulls(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return value;
  if (Array.isArray(value)) return value.map(withoutNulls);
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, inner]) => (inner === null ? [] : [[key, withoutNulls(inner)]])),
  );
}

for (const file of FILES) {
  test(`messages of ${file} are written and read as protobufjs does`, () => {
    const url = new URL(file, import.meta.url);
    const proto = parseProto(readFileSync(url, 'utf8'));
    const reference = loadSync(fileURLToPath(url), REFERENCE_OPTIONS);
    const packageName = Object.keys(reference)[0]?.replace(/\.\w+$/, '') ?? '';
    const samples = fc
      .constantFrom(...proto.messages.values())
      .chain((type) => fc.tuple(fc.constant(type), messageOf(type, 3)));
    fc.assert(
      fc.property(samples, ([type, value]) => {
        const theirs = reference[`${packageName}.${type.name}`] as unknown as Reference;
        const ours = proto.message(type.name);
        const bytes = theirs.serialize(value);
        const expected = withoutNulls(theirs.deserialize(bytes));
        assert.deepEqual(ours.decode(bytes), expected);
        assert.deepEqual(withoutNulls(theirs.deserialize(ours.encode(value))), expected);
      }),
      { numRuns: 300 },
    );
  });
}

const proto = parseProto(`
  syntax = "proto3"; // a comment
  package p.v1;
  message Point { int32 x = 1; int64 far = 2; Point next = 3; repeated uint32 list = 4; map<string, string> labels = 5; }
  service S { rpc Get(Point) returns (stream Point); }
`);
const point = proto.message('Point');

test('numbers may be given as numbers, text or big integers, negative ones too', () => {
  const decoded = point.decode(point.encode({ x: -1, far: -(2n ** 63n), list: [0, 4294967295] }));
  assert.deepEqual(decoded, { x: -1, far: '-9223372036854775808', list: [0, 4294967295], labels: {} });
  assert.deepEqual(point.decode(point.encode({ far: 5 })), { x: 0, far: '5', list: [], labels: {} });
});

test('a value of the wrong sort is refused when written', () => {
  assert.throws(() => point.encode({ x: 1.5 }), RangeError);
  assert.throws(() => point.encode({ list: 1 }), TypeError);
  assert.throws(() => point.encode({ next: 'x' }), TypeError);
});

test('unknown fields are skipped, and a message in pieces is one', () => {
  const unknown = Buffer.from([
    0xf8, 0x01, 0x05, 0xf9, 0x01, 1, 2, 3, 4, 5, 6, 7, 8, 0xfa, 0x01, 1, 9, 0xfd, 0x01, 1, 2, 3, 4,
  ]);
  const pieces = Buffer.concat([point.encode({ next: { x: 1 } }), unknown, point.encode({ next: { far: 2 } })]);
  const next = { x: 1, far: '2', list: [], labels: {} };
  assert.deepEqual(point.decode(pieces), { x: 0, far: '0', next, list: [], labels: {} });
});

test('a label cannot reach the prototype', () => {
  const labels = point.encode({ labels: JSON.parse('{"__proto__":"x"}') });
  const { labels: decoded } = point.decode(labels) as { labels: object };
  assert.deepEqual(Object.keys(decoded), ['__proto__']);
  assert.equal(Object.getPrototypeOf(decoded), Object.prototype);
});

test('bytes that are no message are refused and never read past their end', () => {
  const nested = Buffer.from([0x1a, 0x05, 0x08, 0x01]);
  const endless = Buffer.alloc(20, 0xff);
  for (const bytes of [nested, endless, Buffer.from([0x0b]), Buffer.from([0x08]), Buffer.from([0x09, 1])]) {
    assert.throws(() => point.decode(bytes), RangeError, bytes.toString('hex'));
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      try {
        point.decode(Buffer.from(bytes));
      } catch (error) {
        assert.ok(error instanceof RangeError, String(error));
      }
    }),
  );
});

test('a service lists its methods, and a file with a mistake is refused', () => {
  assert.deepEqual(
    proto.services.get('p.v1.S')?.map(({ name }) => name),
    ['Get'],
  );
  for (const text of ['import "x";', 'message A { B b = 1; }', 'message A {', 'syntax = "proto2";']) {
    assert.throws(() => parseProto(text), SyntaxError, text);
  }
});
