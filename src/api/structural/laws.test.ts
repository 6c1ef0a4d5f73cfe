import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { JSONSchemaProps } from '../generated/apiextensions.v1.ts';
import {
  applyDefaults,
  coerceMetadata,
  dropNulls,
  parseStructural,
  prune,
  pruneDefaults,
  type StructuralSchema,
  unfoldIntOrString,
  validateListTypes,
  validateMetadata,
  validateValue,
} from './structural.ts';

const NAMES = fc.constantFrom('a', 'b', 'metadata', 'apiVersion', 'kind', '__proto__', 'constructor');

/** Values of few names, so that they meet those of schemas. */
function values(depth: number): fc.Arbitrary<unknown> {
  const scalar = fc.constantFrom<unknown>(null, true, 0, 1, -3, 2.5, '', 'a', 'kind', '2020-01-01');
  if (depth === 0) return scalar;
  const below = values(depth - 1);
  return fc.oneof(scalar, fc.array(below, { maxLength: 3 }), fc.dictionary(NAMES, below, { maxKeys: 4 }));
}

/** Schemas, structural or not. */
function schemas(depth: number): fc.Arbitrary<JSONSchemaProps> {
  const below = depth === 0 ? fc.constant({}) : schemas(depth - 1);
  return fc.record(
    {
      type: fc.constantFrom('object', 'object', 'array', 'string', 'integer', 'number', 'boolean', ''),
      format: fc.constantFrom('date', 'int32', 'email', 'odd'),
      nullable: fc.boolean(),
      default: values(2),
      properties: fc.dictionary(NAMES, below, { maxKeys: 4 }),
      additionalProperties: fc.oneof(fc.boolean(), below),
      items: below,
      enum: fc.array(values(1), { maxLength: 2 }),
      pattern: fc.constantFrom('^a', '[', ''),
      minimum: fc.constantFrom(0, 1.5),
      maximum: fc.constantFrom(0, 1.5),
      multipleOf: fc.constantFrom(2, 0.5, 0, -1),
      maxLength: fc.nat(3),
      minLength: fc.nat(3),
      maxItems: fc.nat(2),
      uniqueItems: fc.boolean(),
      minProperties: fc.nat(2),
      required: fc.array(NAMES, { maxLength: 2 }),
      anyOf: fc.array(below, { maxLength: 2 }),
      oneOf: fc.array(below, { maxLength: 2 }),
      allOf: fc.array(below, { maxLength: 2 }),
      not: below,
      'x-kubernetes-preserve-unknown-fields': fc.boolean(),
      'x-kubernetes-embedded-resource': fc.boolean(),
      'x-kubernetes-int-or-string': fc.boolean(),
      'x-kubernetes-list-type': fc.constantFrom('set', 'map', 'atomic'),
      'x-kubernetes-list-map-keys': fc.array(NAMES, { maxLength: 2 }),
    },
    { requiredKeys: [] },
  ) as fc.Arbitrary<JSONSchemaProps>;
}

const copy = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

/** Changes made to a value again change nothing more. */
function assertSettles(value: unknown, change: (value: unknown) => void): void {
  const once = copy(value);
  change(once);
  const twice = copy(once);
  change(twice);
  assert.deepEqual(twice, once);
}

const parsed = schemas(2).map((props) => parseStructural(props));

test('what has been pruned, defaulted and coerced stays as it is', () => {
  fc.assert(
    fc.property(parsed, values(4), fc.boolean(), (schema, value, isResourceRoot) => {
      assertSettles(value, (object) => prune(object, schema, { isResourceRoot, track: true }));
      assertSettles(value, (object) => dropNulls(object, schema));
      assertSettles(value, (object) => applyDefaults(object, schema));
      assertSettles(value, (object) => coerceMetadata(object, schema, { isResourceRoot, dropInvalid: true }));
      assert.equal(Object.getPrototypeOf({}), Object.prototype);
      assert.equal(Reflect.get({}, 'a'), undefined);
    }),
    { numRuns: 500 },
  );
});

test('any value is judged by any schema, as new and as changed', () => {
  fc.assert(
    fc.property(parsed, values(4), values(4), (schema, value, old) => {
      const errors = validateValue(value, schema);
      // An update is forgiven, never blamed for more.
      assert.ok(validateValue(value, schema, { old }).length <= errors.length);
      validateMetadata(value, schema, true);
      if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
        validateListTypes(value as Record<string, unknown>, schema);
      }
    }),
    { numRuns: 500 },
  );
});

test('pruned defaults are a schema that prunes to itself', () => {
  fc.assert(
    fc.property(
      schemas(2).map((props): StructuralSchema => parseStructural({ type: 'object', properties: { spec: props } })),
      (schema) => {
        const once = pruneDefaults(schema);
        assert.deepEqual(pruneDefaults(once), once);
      },
    ),
    { numRuns: 200 },
  );
});

test('integer or string is published in words everyone knows', () => {
  const either = [{ type: 'integer' }, { type: 'string' }];
  const folded = { 'x-kubernetes-int-or-string': true };
  assert.deepEqual(unfoldIntOrString(folded), { ...folded, anyOf: either });
  assert.deepEqual(unfoldIntOrString({ ...folded, anyOf: either }), { ...folded, anyOf: either });
  const bound = { ...folded, anyOf: [{ minimum: 1 }], allOf: [{ maximum: 2 }] };
  assert.deepEqual(unfoldIntOrString(bound), { ...bound, allOf: [{ anyOf: either }, { maximum: 2 }] });
  assert.deepEqual(unfoldIntOrString({ items: { properties: { a: folded } } }), {
    items: { properties: { a: { ...folded, anyOf: either } } },
  });
});

test('large objects take time in proportion', () => {
  const item: JSONSchemaProps = {
    type: 'object',
    properties: { name: { type: 'string', pattern: '^[a-z0-9-]+$' }, size: { type: 'integer', default: 1 } },
  };
  const list = { type: 'array', items: item, 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] };
  const schema = parseStructural({ type: 'object', properties: { list } });
  /** How often the list is looked at. */
  const looks = (count: number): number => {
    let seen = 0;
    const counted = <T extends object>(array: T): T =>
      new Proxy(array, {
        get(target, key, receiver) {
          seen++;
          return Reflect.get(target, key, receiver) as unknown;
        },
      });
    const items = Array.from({ length: count }, (_, i) => ({ name: `n${i}`, stray: i }));
    const value = { list: counted(items) };
    const old = { list: counted(copy(items) as object[]) };
    prune(value, schema, { isResourceRoot: true, track: true });
    applyDefaults(value, schema);
    validateValue({ ...value, more: 1 }, schema, { old });
    validateListTypes(value, schema);
    assert.equal((items[count - 1] as { size?: number }).size, 1);
    return seen;
  };
  const few = looks(500);
  assert.ok(few >= 500);
  // Ten times as much: squared it would be a hundred.
  assert.ok(looks(5000) < 11 * few);
});
