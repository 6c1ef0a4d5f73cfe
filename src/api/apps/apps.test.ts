import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fieldErrorText } from '../field-error.ts';
import type { Kind, KubeObject } from '../kind.ts';
import * as kinds from '../kinds.ts';
import { created, errors, make } from '../testdata/kinds.ts';

const labels = { app: 'web' };
const selector = { matchLabels: labels };
const template = { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'i' }] } };
const spec = (more: object): object => ({ spec: { selector, template, ...more } });
const wrong = { matchLabels: { app: '-' } };
const label = `a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')`;
const claim = {
  metadata: { name: 'data' },
  spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '0' } } },
};

/** Source: pkg/apis/apps/validation/validation.go v1.36. */
const CASES: readonly (readonly [what: string, kind: unknown, object: object, expected: string[]])[] = [
  [
    'a strategy nobody knows',
    kinds.Deployment,
    spec({ strategy: { type: 'Odd' } }),
    [
      'spec.strategy: Unsupported value: {"Type":"Odd","RollingUpdate":null}: supported values: "Recreate", "RollingUpdate"',
    ],
  ],
  [
    'a strategy nobody knows',
    kinds.DaemonSet,
    spec({ updateStrategy: { type: 'Odd', rollingUpdate: { maxSurge: 1 } } }),
    [
      'spec.updateStrategy: Unsupported value: {"Type":"Odd","RollingUpdate":{"MaxUnavailable":0,"MaxSurge":1}}: supported values: "RollingUpdate", "OnDelete"',
    ],
  ],
  [
    'a strategy nobody knows',
    kinds.StatefulSet,
    spec({ updateStrategy: { type: 'Odd' } }),
    [`spec.updateStrategy: Invalid value: {"Type":"Odd","RollingUpdate":null}: must be 'RollingUpdate' or 'OnDelete'`],
  ],
  [
    'seconds come behind the strategy',
    kinds.Deployment,
    spec({ minReadySeconds: -1, strategy: { rollingUpdate: { maxUnavailable: 0, maxSurge: 0 } } }),
    [
      'spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0',
      'spec.minReadySeconds: Invalid value: -1: must be greater than or equal to 0',
    ],
  ],
  [
    'a selector that cannot be read',
    kinds.ReplicaSet,
    spec({ selector: wrong, minReadySeconds: -1 }),
    [
      'spec.minReadySeconds: Invalid value: -1: must be greater than or equal to 0',
      `spec.selector.matchLabels: Invalid value: "-": ${label}`,
      'spec.selector: Invalid value: {"matchLabels":{"app":"-"}}: invalid label selector',
    ],
  ],
  [
    'claims are looked at, the names the controller gives are not',
    kinds.StatefulSet,
    spec({
      volumeClaimTemplates: [claim],
      template: { ...template, spec: { ...template.spec, hostname: '-', subdomain: '-' } },
      serviceName: '-',
    }),
    [
      'spec.volumeClaimTemplates[0].spec.resources[storage]: Invalid value: "0": must be greater than zero',
      `spec.serviceName: Invalid value: "-": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')`,
    ],
  ],
  ['data', kinds.ControllerRevision, {}, ['data: Required value: data is mandatory']],
  [
    'data that is no object',
    kinds.ControllerRevision,
    { data: [] },
    ['data: Required value: data must be a valid JSON object'],
  ],
];

for (const [what, kind, object, expected] of CASES) {
  test(`${(kind as Kind).kind}: ${what}`, () => assert.deepEqual(errors(kind as Kind, object), expected));
}

const updated = <T extends KubeObject>(kind: Kind<T>, now: object, old: object): string[] =>
  (kind.validate?.(make(kind, now), make(kind, old)) ?? []).map(fieldErrorText);

test('a stateful set that was wrong before may stay so', () => {
  const bad = spec({
    template: { ...template, spec: { containers: [{ name: 'C', image: 'i' }] } },
    volumeClaimTemplates: [claim],
    serviceName: '-',
  });
  assert.deepEqual(updated(kinds.StatefulSet, bad, bad), []);
  assert.match(
    updated(kinds.StatefulSet, bad, spec({})).join(),
    /^spec.template.spec.containers\[0\].name: Invalid value: "C": /,
  );
});

test('a stateful set whose strategy is named gets no parameters for it', () => {
  const strategy = (updateStrategy: object | undefined): unknown =>
    make(kinds.StatefulSet, spec({ updateStrategy })).spec.updateStrategy;
  assert.deepEqual(strategy({ type: 'RollingUpdate' }), { type: 'RollingUpdate' });
  assert.deepEqual(strategy({ type: 'RollingUpdate', rollingUpdate: {} }), {
    type: 'RollingUpdate',
    rollingUpdate: { partition: 0 },
  });
  assert.deepEqual(strategy(undefined), { type: 'RollingUpdate', rollingUpdate: { partition: 0 } });
});

const hostname =
  'metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended: [must not contain dots]';
const deprecated = { ...template, spec: { ...template.spec, terminationGracePeriodSeconds: -1 } };
const grace = (path: string): string =>
  `${path}.spec.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1`;
const odd = {
  ...claim,
  spec: { ...claim.spec, resources: { requests: { storage: '100m' }, limits: { storage: '1500m' } } },
};
const jobSpec = { template: { ...template, spec: { ...template.spec, restartPolicy: 'Never' } } };

/** Warnings of a new object, or of a change. Source: WarningsOnCreate, WarningsOnUpdate of pkg/registry/{apps,batch}/…/strategy.go v1.36. */
const WARNINGS: readonly (readonly [kind: unknown, object: object, old: object | undefined, expected: string[]])[] = [
  [kinds.ReplicaSet, { ...spec({}), metadata: { name: 'a.b' } }, undefined, [hostname]],
  [kinds.Deployment, { ...spec({}), metadata: { name: 'a.b' } }, undefined, [hostname]],
  [
    kinds.Deployment,
    spec({ template: deprecated, replicas: 2 }),
    spec({ template: deprecated }),
    [grace('spec.template')],
  ],
  [kinds.Deployment, spec({ template: deprecated }), spec({ template: deprecated }), []],
  [
    kinds.ReplicaSet,
    spec({ template: deprecated, replicas: 2 }),
    spec({ template: deprecated }),
    [grace('spec.template')],
  ],
  [
    kinds.StatefulSet,
    spec({ volumeClaimTemplates: [odd] }),
    undefined,
    [
      'spec.volumeClaimTemplates[0].resources.requests[storage]: fractional byte value "100m" is invalid, must be an integer',
      'spec.volumeClaimTemplates[0].resources.limits[storage]: fractional byte value "1500m" is invalid, must be an integer',
    ],
  ],
  [
    kinds.Job,
    { spec: { ...jobSpec, completionMode: 'Indexed', completions: 100_001, parallelism: 10_001 } },
    undefined,
    [
      'spec: In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than 10^4, Kubernetes might not be able to track completedIndexes when a big number of indexes fail',
    ],
  ],
  [
    kinds.CronJob,
    { spec: { schedule: 'TZ=UTC 0 * * * *', jobTemplate: { spec: jobSpec } } },
    { spec: { schedule: 'TZ=UTC 0 * * * *', jobTemplate: { spec: jobSpec } } },
    [
      'cannot use TZ or CRON_TZ in spec.spec.schedule, use timeZone instead, see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details',
    ],
  ],
];

for (const [i, [kind, object, old, expected]] of WARNINGS.entries()) {
  test(`${(kind as Kind).kind}: warnings ${i} are upstream’s`, () => {
    const own = kind as Kind;
    const before = old === undefined ? undefined : created(own, old);
    assert.deepEqual(own.warnings?.(created(own, object), before), expected);
  });
}
