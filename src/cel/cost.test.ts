import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseStructural } from '#api';
import {
  asResource,
  compile,
  declare,
  declTypeOf,
  type Expression,
  estimate,
  jsonValue,
  program,
  sizesOf,
} from './cel.ts';
import { COSTS } from './testdata/costs.ts';
import { ESTIMATES } from './testdata/estimates.ts';

/** Compiles rules about a schema's values. */
function compilerOf(schema: ReturnType<typeof parseStructural>): (rule: string) => Expression {
  const { type, structs } = declare(declTypeOf(schema, true)!, 'selfType');
  return (rule) => compile(rule, { variables: new Map([['self', type]]), structs });
}

for (const { name, schema: props, value, costs } of COSTS) {
  test(`rules cost what they cost upstream: ${name}`, () => {
    const schema = parseStructural(props);
    const compiled = compilerOf(schema);
    const self = jsonValue(value, asResource(schema));
    const actual = Object.keys(costs).map((rule) => {
      const outcome = program(compiled(rule)).evaluate({ self }, { costLimit: 1_000_000 });
      assert.equal(outcome.value, true, rule);
      return [rule, outcome.cost] as const;
    });
    assert.deepEqual(Object.fromEntries(actual), costs);
  });
}

for (const { name, schema: props, estimates } of ESTIMATES) {
  test(`rules are estimated as upstream does: ${name}`, () => {
    const schema = parseStructural(props);
    const compiled = compilerOf(schema);
    const sizes = sizesOf(declTypeOf(schema, true)!);
    const actual = Object.keys(estimates).map((rule) => [rule, estimate(compiled(rule), sizes).max] as const);
    assert.deepEqual(Object.fromEntries(actual), estimates);
  });
}
