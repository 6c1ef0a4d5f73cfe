/**
 * What a write of a custom resource costs beyond JSON: pruning, defaulting and validation by its schema, of an object of about 10 KB, beside
 * JSON.parse of the same object in the same run. `npm run bench -- structural`, a few seconds.
 */
import {
  applyDefaults,
  coerceMetadata,
  dropNulls,
  type JSONSchemaProps,
  parseStructural,
  prune,
  validateListTypes,
  validateMetadata,
  validateValue,
} from '#api';

const WARM_UP_MS = 300;
const ROUND_MS = 5;
const ROUNDS = 100;
const ITEMS = 40;

const STRING: JSONSchemaProps = { type: 'string' };
const NAME: JSONSchemaProps = { type: 'string', maxLength: 63, pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$' };

/** Much as controllers have it: named lists, enumerations, patterns, defaults, conditions. */
const SCHEMA: JSONSchemaProps = {
  type: 'object',
  required: ['spec'],
  properties: {
    spec: {
      type: 'object',
      required: ['components'],
      properties: {
        replicas: { type: 'integer', minimum: 0, maximum: 1000, format: 'int32', default: 1 },
        labels: { type: 'object', additionalProperties: STRING },
        components: {
          type: 'array',
          maxItems: 1000,
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['name'],
          items: {
            type: 'object',
            required: ['name', 'image'],
            properties: {
              name: NAME,
              image: { type: 'string', minLength: 1 },
              policy: { type: 'string', enum: ['Always', 'IfNotPresent', 'Never'], default: 'IfNotPresent' },
              port: { 'x-kubernetes-int-or-string': true, anyOf: [{ type: 'integer' }, { type: 'string' }] },
              weight: { type: 'number', minimum: 0 },
              enabled: { type: 'boolean', default: true },
              args: { type: 'array', items: STRING },
              env: {
                type: 'array',
                items: { type: 'object', required: ['name'], properties: { name: STRING, value: STRING } },
              },
              limits: { type: 'object', properties: { cpu: STRING, memory: STRING }, default: {} },
            },
          },
        },
      },
    },
    status: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
  },
};

const OBJECT = {
  apiVersion: 'bench.test/v1',
  kind: 'Application',
  metadata: { name: 'bench', namespace: 'default', labels: { app: 'bench' } },
  spec: {
    labels: { team: 'platform', tier: 'backend' },
    components: Array.from({ length: ITEMS }, (_, i) => ({
      name: `component-${i}`,
      image: `registry.example.com/team/component-${i}:v1.2.${i}`,
      port: i % 2 === 0 ? 8080 : 'http',
      weight: i / 10,
      args: ['--verbose', `--shard=${i}`],
      env: [
        { name: 'LEVEL', value: 'info' },
        { name: 'SHARD', value: String(i) },
      ],
    })),
  },
  status: { phase: 'Ready', observedGeneration: 1 },
};

/** Microseconds one call takes, in the best of some rounds. */
function microseconds(action: () => unknown): number {
  let best = Infinity;
  for (const start = performance.now(); performance.now() - start < WARM_UP_MS;) action();
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now();
    let calls = 0;
    for (; performance.now() - start < ROUND_MS; calls++) action();
    best = Math.min(best, ((performance.now() - start) / calls) * 1000);
  }
  return best;
}

export function run(): void {
  const schema = parseStructural(SCHEMA);
  const text = JSON.stringify(OBJECT);
  const parse = (): Record<string, unknown> => JSON.parse(text) as Record<string, unknown>;
  const decode = (object: Record<string, unknown>): void => {
    prune(object, schema, { isResourceRoot: true, track: true });
    dropNulls(object, schema);
    coerceMetadata(object, schema, { isResourceRoot: false, track: true });
    applyDefaults(object, schema);
  };
  const validate = (object: Record<string, unknown>): void => {
    const errors = [
      ...validateValue(object, schema),
      ...validateMetadata(object, schema, false),
      ...validateListTypes(object, schema),
    ];
    if (errors.length > 0) throw new Error(JSON.stringify(errors));
  };
  const decoded = parse();
  decode(decoded);
  const parsing = microseconds(parse);
  const decoding = microseconds(() => decode(parse())) - parsing;
  const validating = microseconds(() => validate(decoded));
  const times = (spent: number): string => `${spent.toFixed(1)} µs, ${(spent / parsing).toFixed(2)} × JSON.parse`;
  console.log(`${text.length} bytes: JSON.parse ${parsing.toFixed(1)} µs`);
  console.log(`prune and default: ${times(decoding)}`);
  console.log(`validate: ${times(validating)}`);
  console.log(`all: ${times(decoding + validating)}`);
}
