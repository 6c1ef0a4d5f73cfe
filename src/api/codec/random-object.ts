/** Random objects of any definition, for property tests: every field, container and special type comes up. */
import { definitionOf, fieldOf, splitType } from '../schema.ts';

/** A small reproducible source of numbers in [0,1). */
function newRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const TEXTS = ['', 'a', 'web', 'ümläut', '😀', 'a longer text, with "quotes" and \\slashes\n', '__proto__', '0'];
const KEYS = ['a', 'app.kubernetes.io/name', '__proto__', 'constructor', '日本'];
const INT32 = [0, 1, -1, 127, 128, 300, 2 ** 31 - 1, -(2 ** 31)];
const INT64 = [...INT32, 2 ** 32, 2 ** 53 - 1, -(2 ** 53 - 1), -(2 ** 63)];
const VALUES: Readonly<Record<string, readonly unknown[]>> = {
  string: TEXTS,
  bytes: ['', 'aGk=', 'AAECAw==', 'aGVs'],
  bool: [true, false],
  int32: INT32,
  int64: INT64,
  double: [0, 1.5, -2.25, 1e100],
  Time: ['2024-02-29T23:59:59Z', '1970-01-01T00:00:00Z', '1960-01-01T00:00:00Z'],
  MicroTime: ['2024-02-29T23:59:59.123456Z', '1960-01-01T00:00:00.000001Z'],
  Duration: ['0s', '1h30m0s', '-1.5s'],
  Quantity: ['0', '100m', '1Gi', '1500M', '1e3', '-1536Mi'],
  IntOrString: [0, 80, -1, 'http', '25%', ''],
  Raw: [{ f: { 'k:{"a":1}': {} } }, [1, 'a', null], 'text', true],
};

/** `density` is the share of fields that are there. */
export function randomObject(definition: string, seed: number, density = 0.4): Record<string, unknown> {
  const random = newRandom(seed);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;

  function valueOf(of: string, depth: number): unknown {
    if (!of.includes('.')) return pick(VALUES[of]!);
    if (of.endsWith('JSONSchemaPropsOrBool'))
      return depth > 6 || random() < 0.5 ? random() < 0.5 : objectOf('apiextensions.v1.JSONSchemaProps', depth);
    if (of.endsWith('JSONSchemaPropsOrStringArray')) return ['a', 'b'];
    if (of.endsWith('JSONSchemaPropsOrArray')) return [objectOf('apiextensions.v1.JSONSchemaProps', depth)];
    if (definitionOf(of).bare === 1) return ['a', 'b'];
    return objectOf(of, depth);
  }

  function fieldValue(t: string, depth: number): unknown {
    const { container, of } = splitType(t);
    const count = 1 + Math.floor(random() * 3);
    if (container === 'list') return Array.from({ length: count }, () => valueOf(of, depth + 1));
    if (container === undefined) return valueOf(of, depth + 1);
    return Object.fromEntries(Array.from({ length: count }, () => [pick(KEYS), valueOf(of, depth + 1)]));
  }

  function objectOf(name: string, depth: number): Record<string, unknown> {
    const object: Record<string, unknown> = {};
    if (depth > 8) return object;
    const share = density / (1 + depth / 4);
    for (const key of Object.keys(definitionOf(name).fields)) {
      if (random() < share) object[key] = fieldValue(fieldOf(definitionOf(name), key)!.t, depth);
    }
    return object;
  }

  return objectOf(definition, 0);
}
