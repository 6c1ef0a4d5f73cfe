/**
 * What rules of custom resources cost: compiling them, and running them on an object beside JSON.parse of the same object in the same run.
 * `npm run bench -- cel`, some seconds.
 */
import { parseStructural } from '#api';
import { compileRules } from '../../src/apiserver/crd/rules/rules.ts';
import { finished } from '#util';

const WARM_UP_MS = 150;
/** Short, so that some of them are not disturbed by what else the machine does. */
const ROUND_MS = 3;
const ROUNDS = 100;

type Schema = Parameters<typeof parseStructural>[0];
type Rule = NonNullable<Schema['x-kubernetes-validations']>[number];

const STRING: Schema = { type: 'string', maxLength: 253 };
const INTEGER: Schema = { type: 'integer' };

const rules = (...texts: readonly string[]): Rule[] => texts.map((rule) => ({ rule }));

const PORT: Schema = {
  type: 'object',
  properties: { name: STRING, port: INTEGER, protocol: STRING },
  'x-kubernetes-validations': rules("self.protocol in ['TCP', 'UDP']", 'self.port > 0 && self.port < 65536'),
};

const SPEC: Schema = {
  type: 'object',
  properties: {
    replicas: INTEGER,
    minReplicas: INTEGER,
    maxReplicas: INTEGER,
    host: STRING,
    ports: { type: 'array', maxItems: 64, items: PORT },
    labels: { type: 'object', maxProperties: 64, additionalProperties: STRING },
    class: { ...STRING, 'x-kubernetes-validations': rules('self == oldSelf') },
  },
  'x-kubernetes-validations': rules(
    'self.minReplicas <= self.replicas && self.replicas <= self.maxReplicas',
    '!has(self.host) || self.host.size() < 64',
    'self.ports.all(p, self.ports.exists_one(q, q.name == p.name))',
    "self.labels.all(k, !k.startsWith('example.com/'))",
    "self.host.matches('^[a-z0-9.-]+$')",
  ),
};

const SCHEMA: Schema = { type: 'object', properties: { spec: SPEC } };

function object(ports: number, labels: number): object {
  return {
    apiVersion: 'example.com/v1',
    kind: 'Gateway',
    metadata: { name: 'gateway', namespace: 'default', labels: { app: 'gateway' }, uid: crypto.randomUUID() },
    spec: {
      replicas: 3,
      minReplicas: 1,
      maxReplicas: 5,
      host: 'gateway.example.com',
      class: 'nginx',
      ports: Array.from({ length: ports }, (_, i) => ({ name: `port-${i}`, port: 8000 + i, protocol: 'TCP' })),
      labels: Object.fromEntries(Array.from({ length: labels }, (_, i) => [`label-${i}`, `value-${i}`])),
    },
  };
}

/** Microseconds one call takes, in the best of some rounds. */
function microseconds(action: () => unknown): number {
  let best = Infinity;
  for (const start = performance.now(); performance.now() - start < WARM_UP_MS;) action();
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now();
    let calls = 0;
    while (performance.now() - start < ROUND_MS) {
      for (let i = 0; i < 10; i++) action();
      calls += 10;
    }
    best = Math.min(best, ((performance.now() - start) / calls) * 1000);
  }
  return best;
}

export function run(): Promise<void> {
  const schema = parseStructural(SCHEMA);
  const compiling = microseconds(() => finished(compileRules(schema)));
  console.log(`compiling 8 rules: ${compiling.toFixed(0)} µs`);
  const compiled = finished(compileRules(schema));
  if (compiled === undefined) throw new Error('the schema has rules');
  for (const [ports, labels] of [
    [2, 4],
    [16, 32],
  ] as const) {
    const value = object(ports, labels);
    const old = structuredClone(value);
    const text = JSON.stringify(value);
    const errors = compiled.validate(value, old, { path: '' });
    if (errors.length > 0) throw new Error(errors.map(({ message }) => message).join('; '));
    const parsing = microseconds(() => JSON.parse(text) as unknown);
    const judging = microseconds(() => compiled.validate(value, old, { path: '' }));
    const times = (judging / parsing).toFixed(1);
    const shown = `${text.length} bytes, ${ports} ports, ${labels} labels`;
    console.log(
      `${shown}: rules ${judging.toFixed(1)} µs, JSON.parse ${parsing.toFixed(1)} µs: ${times} times as long`,
    );
  }
  return Promise.resolve();
}
