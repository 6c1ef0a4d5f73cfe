import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { definitionNames, hasTypeMeta } from '../../schema.ts';
import { StatusError } from '../../status.ts';
import { randomObject } from '../random-object.ts';
import { type BodyTarget, decodeObject } from '../target.ts';
import { decodeProtobuf, encodeProtobuf } from './protobuf.ts';

const targetOf = (definition: string): BodyTarget => {
  const [group = '', version = '', kind = ''] = definition.split('.');
  return { group: group === 'core' ? '' : group, version, kind, definition };
};
const pod = targetOf('core.v1.Pod');
const kinds = [...definitionNames()].filter(hasTypeMeta);

const refusal = (body: Uint8Array, target = pod): string => {
  try {
    decodeProtobuf(body, target);
  } catch (error) {
    assert.ok(StatusError.is(error, 'BadRequest'), String(error));
    return error.message;
  }
  return 'accepted';
};
/** A body of `pod` with these bytes for the message. */
const bodyOf = (raw: readonly number[]): Buffer => {
  assert.ok(raw.length < 128);
  return Buffer.from([...Buffer.from('k8s\0'), 0x12, raw.length, ...raw]);
};

test('every kind survives encoding and decoding', () => {
  for (const definition of kinds) {
    const target = targetOf(definition);
    for (let seed = 0; seed < 4; seed++) {
      const { object } = decodeObject(randomObject(definition, seed * 7919 + definition.length), target);
      assert.deepEqual(
        decodeProtobuf(encodeProtobuf(object, definition), target).object,
        object,
        `${definition}, seed ${seed}`,
      );
    }
  }
});

test('random pods survive encoding and decoding', () => {
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      const { object } = decodeObject(randomObject('core.v1.Pod', seed, 0.8), pod);
      assert.deepEqual(decodeProtobuf(encodeProtobuf(object, 'core.v1.Pod'), pod).object, object);
    }),
    { numRuns: 50 },
  );
});

test('aggregated discovery, which no schema tells of, has a form in protobuf', () => {
  const list = {
    apiVersion: 'apidiscovery.k8s.io/v2',
    kind: 'APIGroupDiscoveryList',
    items: [{ metadata: { name: 'a' }, versions: [{ version: 'v1', resources: [{ responseKind: { kind: 'K' } }] }] }],
  };
  // items{metadata{name}, versions{version, resources{responseKind{kind}}}}
  const message = '12120a030a0161120b0a027631120512031a014b';
  const hex = encodeProtobuf(list, 'apidiscovery.v2.APIGroupDiscoveryList').toString('hex');
  assert.equal(hex.slice(-52), `1214${message}1a002200`);
});

test('bytes are those Go writes', () => {
  const port = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'a' },
    spec: { ports: [{ port: 80, targetPort: 'http' }] },
  };
  // Go would also write the empty texts between; leaving them out is what any reader takes them for.
  // metadata{name}, spec{ports{port, targetPort{type, intVal, strVal}}}
  const message = '0a030a016112100a0e1850220a080110001a0468747470';
  const envelope = `6b3873000a0d0a0276311207${Buffer.from('Service').toString('hex')}12${(message.length / 2).toString(16)}${message}1a002200`;
  assert.equal(encodeProtobuf(port, 'core.v1.Service').toString('hex'), envelope);
});

test('zero values behind no pointer are absent, as in JSON', () => {
  // metadata { name: "", generateName: "" }, spec { hostNetwork: false, hostUsers: false }
  const { object } = decodeProtobuf(bodyOf([0x0a, 4, 0x0a, 0, 0x12, 0, 0x12, 5, 0x58, 0, 0xa8, 0x02, 0]), pod);
  assert.deepEqual(object, { apiVersion: 'v1', kind: 'Pod', metadata: {}, spec: { hostUsers: false }, status: {} });
});

describe('hostile bytes are refused in the words of Go', () => {
  const cases: [string, Buffer, RegExp][] = [
    [
      'nothing',
      Buffer.alloc(0),
      /^the object provided is unrecognized \(must be of type Pod\): empty data \(<empty>\)$/,
    ],
    [
      'JSON',
      Buffer.from('{"kind":"Pod"}'),
      /provided data does not appear to be a protobuf message, expected prefix \[107 56 115 0\]/,
    ],
    ['a cut envelope', Buffer.from('k8s\0\x12\x7f', 'latin1'), /unexpected EOF/],
    ['a cut message', bodyOf([0x0a, 9, 0x0a]), /^Pod in version "v1" cannot be handled as a Pod: unexpected EOF$/],
    ['an overlong varint', bodyOf([0x0a, ...Array<number>(11).fill(0x80), 1]), /proto: integer overflow/],
    ['a length of 2^63', bodyOf([0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]), /unexpected EOF/],
    ['a wrong wire type', bodyOf([0x08, 1]), /proto: wrong wireType = 0 for field metadata/],
    ['field number 0', bodyOf([0x02, 0]), /illegal tag 0/],
    ['an end without a group', bodyOf([0x0c]), /end group for non-group/],
    ['an illegal wire type', bodyOf([0xfe, 0x07, 0]), /proto: illegal wireType 6/],
    ['no quantity', bodyOf([0x12, 11, 0x82, 0x02, 8, 0x0a, 1, 0x61, 0x12, 3, 0x0a, 1, 0x78]), /quantities must match/],
  ];
  for (const [what, body, expected] of cases) test(what, () => assert.match(refusal(body), expected));

  test('nesting beyond all sense', () => {
    let schema = Buffer.alloc(0);
    const varint = (n: number): number[] => (n < 128 ? [n] : [(n & 127) | 128, ...varint(n >>> 7)]);
    for (let i = 0; i < 5000; i++)
      schema = Buffer.concat([Buffer.from([0xe2, 0x01, ...varint(schema.length)]), schema]); // not
    const target = targetOf('apiextensions.v1.JSONSchemaProps');
    const body = Buffer.concat([Buffer.from('k8s\0\x12', 'latin1'), Buffer.from(varint(schema.length)), schema]);
    assert.match(refusal(body, target), /exceeded max depth/);
  });

  test('any change to valid bytes is decoded or refused, never more', () => {
    const { object } = decodeObject(randomObject('core.v1.Pod', 42, 0.8), pod);
    const valid = encodeProtobuf(object, 'core.v1.Pod');
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(valid.length - 1), fc.nat(255)), { maxLength: 4 }),
        fc.nat(valid.length),
        (changes, end) => {
          const body = Buffer.from(valid);
          for (const [at, byte] of changes) body[at] = byte;
          refusal(body);
          refusal(body.subarray(0, end));
        },
      ),
      { numRuns: 200 },
    );
  });
});

test('the message must be what the path asks for', () => {
  const deployment = targetOf('apps.v1.Deployment');
  const body = encodeProtobuf({ apiVersion: 'v1', kind: 'Pod' }, 'core.v1.Pod');
  assert.match(refusal(body, deployment), /^Pod in version "v1" cannot be handled as a Deployment/);
});
