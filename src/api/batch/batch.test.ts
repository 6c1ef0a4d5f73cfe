import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CronJob, Job } from '../kinds.ts';
import { created, errors, make, statusErrors, updateErrors } from '../testdata/kinds.ts';
import { commonIndex, countIndexes, parseIndexes } from './indexes.ts';
import { parseSchedule } from './schedule.ts';

const template = { spec: { containers: [{ name: 'c', image: 'i' }], restartPolicy: 'Never' } };
const job = (spec: object = {}, rest: object = {}): object => ({ spec: { template, ...spec }, ...rest });

test('a job gets its defaults, labels and a selector of its own', () => {
  const { spec, metadata } = created(Job, job());
  assert.equal(spec.completions, 1);
  assert.equal(spec.parallelism, 1);
  assert.equal(spec.backoffLimit, 6);
  assert.equal(spec.completionMode, 'NonIndexed');
  assert.equal(spec.podReplacementPolicy, 'TerminatingOrFailed');
  assert.deepEqual(spec.selector, { matchLabels: { 'batch.kubernetes.io/controller-uid': 'u' } });
  assert.deepEqual(spec.template.metadata?.labels, {
    'job-name': 'web',
    'batch.kubernetes.io/job-name': 'web',
    'controller-uid': 'u',
    'batch.kubernetes.io/controller-uid': 'u',
  });
  // As it reads upstream, so that a job put as it was read stays as it is.
  assert.deepEqual(metadata.labels, spec.template.metadata?.labels);
  assert.deepEqual(errors(Job, job()), []);
  assert.equal(make(Job, job({ parallelism: 3 })).spec.completions, undefined);
  assert.equal(
    make(Job, job({ completionMode: 'Indexed', completions: 2, backoffLimitPerIndex: 1 })).spec.backoffLimit,
    2147483647,
  );
});

test('a job that has the labels of its pods for want of its own gets the made ones too', () => {
  const labels = { app: 'web' };
  const labelled = { ...template, metadata: { labels } };
  const without = created(Job, { spec: { template: labelled } });
  assert.deepEqual(without.metadata.labels, without.spec.template.metadata?.labels);
  assert.equal(without.metadata.labels?.['job-name'], 'web');
  assert.deepEqual(created(Job, { metadata: { labels }, spec: { template: labelled } }).metadata.labels, labels);
});

test('a status without labels leaves a job those of its pods, which stay as they are', () => {
  const old = created(Job, job());
  const now = { ...old, metadata: { ...old.metadata, labels: undefined } };
  Job.status!.prepareForUpdate(now, old, { nowMs: 0 });
  assert.deepEqual(now.metadata.labels, old.spec.template.metadata?.labels);
  assert.notEqual(now.metadata.labels, old.spec.template.metadata?.labels, 'a map of its own');
});

test('a job that brings labels of another job is refused', () => {
  const taken = { ...template, metadata: { labels: { 'controller-uid': 'other' } } };
  assert.deepEqual(errors(Job, { spec: { template: taken } }), [
    `spec.template.metadata.labels[controller-uid]: Invalid value: {"batch.kubernetes.io/controller-uid":"u","batch.kubernetes.io/job-name":"web","controller-uid":"other","job-name":"web"}: must be 'u'`,
  ]);
});

test('a job’s fields are checked and fit together', () => {
  assert.deepEqual(errors(Job, job({ template: { spec: { containers: [{ name: 'c', image: 'i' }] } } })), [
    'spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"',
  ]);
  assert.deepEqual(errors(Job, job({ parallelism: -1, maxFailedIndexes: 1, completionMode: 'Odd', managedBy: 'x' })), [
    'spec.parallelism: Invalid value: -1: must be greater than or equal to 0',
    'spec.backoffLimitPerIndex: Required value: when maxFailedIndexes is specified',
    'spec.managedBy: Invalid value: "x": must be a domain-prefixed path (such as "acme.io/foo")',
    'spec.completionMode: Unsupported value: "Odd": supported values: "NonIndexed", "Indexed"',
  ]);
  assert.deepEqual(errors(Job, job({ completionMode: 'Indexed', parallelism: 100_001 })), [
    'spec.completions: Required value: when completion mode is Indexed',
    'spec.parallelism: Invalid value: 100001: must be less than or equal to 100000 when completion mode is Indexed',
  ]);
  assert.deepEqual(
    errors(Job, { ...job({ completionMode: 'Indexed', completions: 10 }), metadata: { name: 'a'.repeat(62) } }),
    [
      `metadata.name: Invalid value: "${'a'.repeat(62)}": will not able to create pod with invalid DNS label: ${'a'.repeat(62)}-9`,
    ],
  );
  const rules = [
    { action: 'FailIndex', onExitCodes: { operator: 'In', values: [3, 0, 3], containerName: 'x' } },
    { action: 'Ignore' },
  ];
  assert.deepEqual(errors(Job, job({ podFailurePolicy: { rules } })), [
    'spec.podFailurePolicy.rules[0].action: Invalid value: "FailIndex": requires the backoffLimitPerIndex to be set',
    'spec.podFailurePolicy.rules[0].onExitCodes.containerName: Invalid value: "x": must be one of the container or initContainer names in the pod template',
    'spec.podFailurePolicy.rules[0].onExitCodes.values[1]: Invalid value: 0: must not be 0 for the In operator',
    'spec.podFailurePolicy.rules[0].onExitCodes.values[2]: Duplicate value: 3',
    'spec.podFailurePolicy.rules[0].onExitCodes.values: Invalid value: [3,0,3]: must be ordered',
    'spec.podFailurePolicy.rules[1]: Invalid value: specifying one of OnExitCodes and OnPodConditions is required',
  ]);
  const successPolicy = { rules: [{ succeededIndexes: '0-2,5', succeededCount: 5 }, {}] };
  assert.deepEqual(errors(Job, job({ completionMode: 'Indexed', completions: 5, successPolicy })), [
    'spec.successPolicy.rules[0].succeededIndexes: Invalid value: "0-2,5": error parsing succeededIndexes: too large index: "5"',
    'spec.successPolicy.rules[0].succeededCount: Invalid value: 5: must be less than or equal to 0 (the number of indexes in the specified succeededIndexes field)',
    'spec.successPolicy.rules[1]: Required value: at least one of succeededCount or succeededIndexes must be specified',
  ]);
});

test('a job’s template stays, but for where its pods go while it is suspended', () => {
  const labels = { app: 'web' };
  const selecting = (spec: object = {}, more: object = {}): object => ({
    spec: {
      manualSelector: true,
      selector: { matchLabels: labels },
      template: { ...template, metadata: { labels } },
      ...spec,
    },
    ...more,
  });
  const moved = { metadata: { labels }, spec: { ...template.spec, nodeSelector: { disk: 'ssd' } } };
  assert.equal(updateErrors(Job, selecting({ template: moved }), selecting()).length, 1);
  assert.deepEqual(updateErrors(Job, selecting({ template: moved, suspend: true }), selecting({ suspend: true })), []);
  const started = (conditions: object[], active = 0): object =>
    selecting({ suspend: true }, { status: { startTime: '2026-01-01T00:00:00Z', active, conditions } });
  const paths = (old: object): string[] =>
    updateErrors(Job, selecting({ template: moved, suspend: true }), old).map((text) => text.split(':')[0]!);
  assert.deepEqual(paths(started([])), ['spec.template']);
  assert.deepEqual(paths(started([{ type: 'Suspended', status: 'True' }])), []);
  assert.deepEqual(paths(started([{ type: 'Suspended', status: 'True' }], 1)), ['spec.template']);
  const other = { metadata: { labels }, spec: { ...template.spec, containers: [{ name: 'c', image: 'other' }] } };
  assert.match(
    updateErrors(Job, selecting({ template: other, suspend: true }), selecting({ suspend: true })).join(),
    /^spec.template.spec: Invalid value: .*: field is immutable$/,
  );
  assert.deepEqual(updateErrors(Job, selecting({ completions: 2 }), selecting()), [
    'spec.completions: Invalid value: 2: field is immutable',
  ]);
  const indexed = (n: number, parallelism: number): object =>
    selecting({ completionMode: 'Indexed', completions: n, parallelism });
  assert.deepEqual(updateErrors(Job, indexed(3, 3), indexed(2, 2)), []);
  assert.deepEqual(updateErrors(Job, indexed(3, 2), indexed(2, 2)), [
    'spec.completions: Invalid value: 3: can only be modified in tandem with spec.parallelism',
  ]);
});

test('a job’s status moves forward only', () => {
  const at = '2026-01-01T00:00:00Z';
  const complete = [
    { type: 'SuccessCriteriaMet', status: 'True' },
    { type: 'Complete', status: 'True' },
  ];
  const running = job({}, { status: { startTime: at, active: 1 } });
  const done = job({}, { status: { startTime: at, completionTime: at, succeeded: 1, conditions: complete } });
  assert.deepEqual(statusErrors(Job, done, running), []);
  assert.deepEqual(statusErrors(Job, running, done), [
    'status.conditions: Invalid value: cannot disable the terminal Complete=True condition',
    'status.succeeded: Invalid value: 0: cannot decrease the succeeded counter',
    'status.conditions: Invalid value: cannot disable the SuccessCriteriaMet=True condition',
  ]);
  assert.deepEqual(
    statusErrors(Job, job({}, { status: { active: 1, conditions: [{ type: 'Complete', status: 'True' }] } }), job()),
    [
      'status.completionTime: Required value: completionTime is required for Complete jobs',
      'status.conditions: Invalid value: cannot set Complete=True condition without the SuccessCriteriaMet=true condition',
      'status.active: Invalid value: 1: active>0 is invalid for finished job',
      'status.startTime: Required value: startTime is required for finished job',
    ],
  );
});

test('a job’s start stays unless it is suspended or resumes, and an idle job needs none', () => {
  const [first, later] = ['2026-01-01T00:00:00Z', '2026-01-01T00:00:01Z'];
  const suspended = (status: string): object[] => [{ type: 'Suspended', status }];
  const moved = (spec: object, now: object[], old: object[]): string[] =>
    statusErrors(
      Job,
      job(spec, { status: { startTime: later, conditions: now } }),
      job(spec, { status: { startTime: first, conditions: old } }),
    );
  assert.deepEqual(moved({}, [], []), [
    `status.startTime: Invalid value: "${later}": field is immutable for unsuspended job once set`,
  ]);
  assert.deepEqual(moved({}, suspended('False'), suspended('True')), []);
  assert.deepEqual(moved({ suspend: true }, [], []), []);
  const done = {
    completionTime: first,
    conditions: ['SuccessCriteriaMet', 'Complete'].map((type) => ({ type, status: 'True' })),
  };
  const finished = (spec: object): string[] => statusErrors(Job, job(spec, { status: done }), job(spec));
  assert.deepEqual(finished({ suspend: true, completions: 0 }), []);
  assert.deepEqual(finished({}), ['status.startTime: Required value: startTime is required for finished job']);
});

test('sets of indexes are read, counted and compared', () => {
  const a = parseIndexes('0,2-4,7', 8);
  assert.equal(countIndexes(a), 5);
  assert.equal(commonIndex(a, parseIndexes('1,5-6', 8)), undefined);
  assert.equal(commonIndex(a, parseIndexes('3-5', 8)), 3);
  assert.throws(() => parseIndexes('3,2', 8), { message: 'non-increasing order, previous: 3, current: 2' });
  assert.throws(() => parseIndexes('a', 8), { message: 'cannot convert string to integer for index: "a"' });
});

const cronJob = (spec: object): object => ({
  spec: { jobTemplate: { spec: { template } }, schedule: '0 * * * *', ...spec },
});

test('cron jobs: defaults, schedule, zone and name are checked', () => {
  const { spec } = make(CronJob, cronJob({}));
  assert.equal(spec.concurrencyPolicy, 'Allow');
  assert.equal(spec.successfulJobsHistoryLimit, 3);
  assert.equal(spec.failedJobsHistoryLimit, 1);
  assert.equal(spec.jobTemplate.spec?.completions, undefined);
  assert.deepEqual(errors(CronJob, cronJob({})), []);
  assert.deepEqual(
    errors(CronJob, cronJob({ schedule: '* * * *', timeZone: 'Mars/Olympus', concurrencyPolicy: 'No' })),
    [
      'spec.schedule: Invalid value: "* * * *": expected exactly 5 fields, found 4: [* * * *]',
      'spec.timeZone: Invalid value: "Mars/Olympus": unknown time zone Mars/Olympus',
      'spec.concurrencyPolicy: Unsupported value: "No": supported values: "Allow", "Forbid", "Replace"',
    ],
  );
  assert.deepEqual(errors(CronJob, cronJob({ schedule: 'TZ=UTC 0 * * * *', timeZone: 'Europe/Berlin' })), [
    'spec.schedule: Invalid value: "TZ=UTC 0 * * * *": cannot use TZ or CRON_TZ in schedule, use timeZone field instead',
  ]);
  assert.deepEqual(errors(CronJob, { ...cronJob({}), metadata: { name: 'a'.repeat(53) } }), [
    `metadata.name: Invalid value: "${'a'.repeat(53)}": must be no more than 52 characters`,
  ]);
});

test('schedules are read as cron does', () => {
  const schedule = parseSchedule('*/15 1-5,9 1/10 JAN-mar sun');
  assert.ok(schedule.type === 'fields');
  assert.deepEqual([...schedule.minute.values], [0, 15, 30, 45]);
  assert.equal(schedule.minute.any, false);
  assert.deepEqual([...schedule.hour.values], [1, 2, 3, 4, 5, 9]);
  assert.deepEqual([...schedule.dayOfMonth.values], [1, 11, 21, 31]);
  assert.deepEqual([...schedule.month.values], [1, 2, 3]);
  assert.deepEqual([...schedule.dayOfWeek.values], [0]);
  assert.deepEqual(parseSchedule('@every 90m'), { type: 'every', everyMs: 5_400_000 });
  assert.deepEqual(parseSchedule('@daily'), parseSchedule('0 0 * * *'));
  const wrong = (text: string, message: string): void => assert.throws(() => parseSchedule(text), { message });
  wrong('60 * * * *', 'end of range (60) above maximum (59): 60');
  wrong('* * 0 * *', 'beginning of range (0) below minimum (1): 0');
  wrong('5-1 * * * *', 'beginning of range (5) beyond end of range (1): 5-1');
  wrong('* * * * 7', 'end of range (7) above maximum (6): 7');
  wrong('a * * * *', 'failed to parse int from a: strconv.Atoi: parsing "a": invalid syntax');
  wrong('*/0 * * * *', 'step of range should be a positive number: */0');
  wrong('1-2-3 * * * *', 'too many hyphens: 1-2-3');
  wrong('@often', 'unrecognized descriptor: @often');
});
