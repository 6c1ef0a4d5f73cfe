import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deepClone } from '../../equality.ts';
import { fieldErrorText } from '../../field-error.ts';
import type { Container, PodSpec } from '../../generated/core.v1.ts';
import { Pod } from '../pod.ts';

const container = (more: Partial<Container> = {}): Container => ({ name: 'c', image: 'nginx', ...more });

function pod(spec: Partial<PodSpec> = {}, annotations: Record<string, string> = {}): Pod {
  const object = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', namespace: 'n', uid: 'u', resourceVersion: '1', creationTimestamp: '', annotations },
    spec: { containers: [container()], ...spec },
    status: {},
  } as Pod;
  Pod.defaults!(object);
  return object;
}

const errorsOf = (object: Pod): string[] =>
  [...Pod.validate!(object), ...Pod.validateCreate!(object)].map(fieldErrorText);
const updateErrors = (now: Pod, old: Pod): string[] => Pod.validateUpdate!(now, old).map(fieldErrorText);

test('a running pod takes a new image, a shorter deadline and more tolerations', () => {
  const old = pod();
  const now = deepClone(old);
  now.spec.containers[0]!.image = 'nginx:2';
  now.spec.activeDeadlineSeconds = 5;
  now.spec.tolerations = [{ key: 'k', operator: 'Exists' }];
  assert.deepEqual(updateErrors(now, old), []);
});

test('a running pod changes nothing else, and says what it would have been', () => {
  const old = pod();
  const now = deepClone(old);
  now.spec.containers[0]!.command = ['sh'];
  now.spec.nodeSelector = { disk: 'ssd' };
  const [error, ...more] = updateErrors(now, old);
  assert.deepEqual(more, []);
  assert.equal(
    error,
    [
      'spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)',
      '@@ -5,7 +5,9 @@',
      '   {',
      '    "Name": "c",',
      '    "Image": "nginx",',
      '-   "Command": null,',
      '+   "Command": [',
      '+    "sh"',
      '+   ],',
      '    "Args": null,',
      '    "WorkingDir": "",',
      '    "Ports": null,',
      '@@ -39,7 +41,9 @@',
      '  "TerminationGracePeriodSeconds": 30,',
      '  "ActiveDeadlineSeconds": null,',
      '  "DNSPolicy": "ClusterFirst",',
      '- "NodeSelector": null,',
      '+ "NodeSelector": {',
      '+  "disk": "ssd"',
      '+ },',
      '  "ServiceAccountName": "",',
      '  "AutomountServiceAccountToken": null,',
      '  "NodeName": "",',
      '',
    ].join('\n'),
  );
});

test('a gated pod may be tied down further but not loosened', () => {
  const old = pod({ schedulingGates: [{ name: 'g' }], nodeSelector: { a: '1' } });
  const tied = deepClone(old);
  tied.spec.nodeSelector = { a: '1', b: '2' };
  tied.spec.schedulingGates = [];
  assert.deepEqual(updateErrors(tied, old), []);
  const loosened = deepClone(old);
  loosened.spec.nodeSelector = {};
  assert.deepEqual(updateErrors(loosened, old), [
    'spec.nodeSelector: Invalid value: {}: only additions to spec.nodeSelector are allowed (no mutations or deletions)',
  ]);
});

test('containers are neither added nor removed, tolerations not taken away', () => {
  const old = pod({ tolerations: [{ key: 'k', operator: 'Exists' }] });
  const now = deepClone(old);
  now.spec.tolerations = [];
  assert.deepEqual(updateErrors(now, old), [
    'spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds',
  ]);
  now.spec.containers.push(container({ name: 'd' }));
  assert.deepEqual(updateErrors(now, old), [
    'spec.containers: Forbidden: pod updates may not add or remove containers',
  ]);
});

test('ephemeral containers are added through their own door and stay', () => {
  const { ephemeralcontainers } = Pod.parts!;
  const old = pod();
  const now = deepClone(old);
  now.spec.ephemeralContainers = [
    { ...container({ name: 'debug' }), terminationMessagePolicy: 'File', imagePullPolicy: 'Always' },
  ];
  now.spec.containers[0]!.image = 'other';
  ephemeralcontainers!.prepareForUpdate(now, old, { nowMs: 0 });
  assert.equal(now.spec.containers[0]!.image, 'nginx');
  assert.deepEqual(ephemeralcontainers!.validateUpdate!(now, old), []);
  const [error] = ephemeralcontainers!.validateUpdate!(old, now).map(fieldErrorText);
  assert.equal(
    error,
    'spec.ephemeralContainers: Forbidden: existing ephemeral containers "debug" may not be removed\n',
  );
});

test('resizing changes cpu and memory within the class of service', () => {
  const { resize } = Pod.parts!;
  const old = pod({ containers: [container({ resources: { requests: { cpu: '1' }, limits: { cpu: '2' } } })] });
  const now = deepClone(old);
  now.spec.containers[0]!.resources = { requests: { cpu: '1500m' }, limits: { cpu: '2' } };
  now.spec.containers[0]!.image = 'other';
  resize!.prepareForUpdate(now, old, { nowMs: 0 });
  assert.equal(now.spec.containers[0]!.image, 'nginx');
  assert.deepEqual(resize!.validateUpdate!(now, old), []);
  now.spec.containers[0]!.resources = {};
  assert.deepEqual(resize!.validateUpdate!(now, old).map(fieldErrorText), [
    'spec: Invalid value: "": Pod QOS Class may not change as a result of resizing',
    'spec.containers[0].resources.requests: Forbidden: resource requests cannot be removed',
    'spec.containers[0].resources.limits: Forbidden: resource limits cannot be removed',
  ]);
});

test('a container that has ended for good does not come back, and the class of service stays', () => {
  const old = pod({ restartPolicy: 'Never' });
  old.status = {
    qosClass: 'BestEffort',
    containerStatuses: [
      { name: 'c', image: '', imageID: '', ready: false, restartCount: 0, state: { terminated: { exitCode: 1 } } },
    ],
  };
  const now = deepClone(old);
  now.status.containerStatuses![0]!.state = { running: {} };
  now.status.qosClass = 'Guaranteed';
  assert.deepEqual(Pod.status!.validateUpdate!(now, old).map(fieldErrorText), [
    'status.qosClass: Invalid value: "Guaranteed": field is immutable',
    'status.containerStatuses[0].state: Forbidden: may not be transitioned to non-terminated state',
  ]);
});

test('a mirror pod stands on a node, and nobody takes the mark away', () => {
  const mark = { 'kubernetes.io/config.mirror': 'hash' };
  assert.deepEqual(errorsOf(pod({}, mark)), [
    'metadata.annotations[kubernetes.io/config.mirror]: Invalid value: "hash": must set spec.nodeName if mirror pod annotation is set',
  ]);
  assert.deepEqual(updateErrors(pod(), pod({}, mark)), [
    'metadata.annotations[kubernetes.io/config.mirror]: Forbidden: may not remove or update mirror pod annotation',
  ]);
});
