import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fieldErrorText } from '../field-error.ts';
import type { Kind, KubeObject } from '../kind.ts';
import {
  ClusterRole,
  CSIDriver,
  CSINode,
  CSIStorageCapacity,
  Lease,
  PriorityClass,
  RuntimeClass,
  StorageClass,
  VolumeAttachment,
  VolumeAttributesClass,
} from '../kinds.ts';
import { created, errors, make, statusErrors, updateErrors } from '../testdata/kinds.ts';

const warnings = <T extends KubeObject>(kind: Kind<T>, now: object, old?: object): string[] =>
  kind.warnings!(make(kind, now), old === undefined ? undefined : make(kind, old));

test('classes of storage: an empty policy will do, topologies differ', () => {
  const term = (...values: string[]): object => ({ matchLabelExpressions: [{ key: 'zone', values }] });
  assert.deepEqual(errors(StorageClass, { provisioner: 'a', reclaimPolicy: '' }), []);
  assert.deepEqual(errors(StorageClass, { reclaimPolicy: 'X', volumeBindingMode: '' }), [
    'provisioner: Required value',
    'reclaimPolicy: Unsupported value: "X": supported values: "Delete", "Retain"',
    'volumeBindingMode: Unsupported value: "": supported values: "Immediate", "WaitForFirstConsumer"',
  ]);
  assert.deepEqual(
    errors(StorageClass, { provisioner: 'a', allowedTopologies: [term('a', 'b'), term('b', 'a'), term('c')] }),
    ['allowedTopologies[1].matchLabelExpressions: Duplicate value: ""'],
  );
  assert.deepEqual(errors(StorageClass, { provisioner: 'a', allowedTopologies: [{}] }), [
    'allowedTopologies[0].matchLabelExpressions: Duplicate value: ""',
  ]);
});

test('classes of attributes name a driver as classes of storage do, and tell of changes first', () => {
  assert.deepEqual(errors(VolumeAttributesClass, { parameters: { a: '1' } }), ['driverName: Required value']);
  assert.deepEqual(errors(VolumeAttributesClass, { driverName: 'example.com/A', parameters: { a: '1' } }), []);
  assert.equal(VolumeAttributesClass.changesFirst, true);
});

test('drivers: tokens, and what may be said of them', () => {
  const driver = (spec: object): object => ({ spec });
  const twice = { tokenRequests: [{ audience: 'a' }, { audience: 'a', expirationSeconds: 1 }] };
  assert.deepEqual(errors(CSIDriver, driver({ ...twice, volumeLifecycleModes: ['X'] })), [
    'spec.tokenRequests[1].audience: Duplicate value: "a"',
    'spec.volumeLifecycleModes: Unsupported value: "X": supported values: "Persistent", "Ephemeral"',
  ]);
  assert.deepEqual(errors(CSIDriver, driver({ serviceAccountTokenInSecrets: true })), [
    'spec.serviceAccountTokenInSecrets: Invalid value: true: serviceAccountTokenInSecrets is set but no tokenRequests are specified',
  ]);
  const [warning] = warnings(CSIDriver, driver(twice));
  assert.equal(
    warning,
    'spec.serviceAccountTokenInSecrets is unset; if supported by this CSI driver, set to true to prevent possible logging of tokens in volume attributes',
  );
  assert.deepEqual(warnings(CSIDriver, driver(twice), driver(twice)), []);
  assert.deepEqual(warnings(CSIDriver, driver({ ...twice, serviceAccountTokenInSecrets: false })), []);
});

test('drivers: the generation counts from the first change', () => {
  const [now, old] = [make(CSIDriver, { spec: { podInfoOnMount: true } }), make(CSIDriver, {})];
  CSIDriver.prepareForUpdate!(now, old);
  assert.equal(now.metadata.generation, 1);
  const same = make(CSIDriver, {});
  CSIDriver.prepareForUpdate!(same, old);
  assert.equal(same.metadata.generation, undefined);
});

test('drivers of a node: upstream blames the driver for its keys, and keeps it as it is', () => {
  const node = (...drivers: object[]): object => ({ spec: { drivers } });
  assert.deepEqual(errors(CSINode, node({ name: 'a', nodeID: 'x'.repeat(257), topologyKeys: ['k', 'k', ''] })), [
    `spec.drivers[0].nodeID: Invalid value: "${'x'.repeat(257)}": must be 256 characters or less`,
    'spec.drivers[0]: Duplicate value: "k"',
    'spec.drivers[0]: Required value',
    'spec.drivers[0]: Invalid value: "": name part must be non-empty',
    "spec.drivers[0]: Invalid value: \"\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
  ]);
  assert.deepEqual(
    updateErrors(
      CSINode,
      node({ name: 'a', nodeID: 'y', topologyKeys: null, allocatable: { count: 1 } }),
      node({ name: 'a', nodeID: 'x', topologyKeys: null }),
    ),
    [
      'spec.drivers: Invalid value: {"Name":"a","NodeID":"y","TopologyKeys":null,"Allocatable":null}: field is immutable',
    ],
  );
});

test('capacities: the largest volume is anybody’s guess', () => {
  assert.deepEqual(errors(CSIStorageCapacity, { storageClassName: 'a', capacity: '-1', maximumVolumeSize: '-1' }), [
    'capacity: Invalid value: "-1": must be greater than or equal to 0',
  ]);
  const odd = {
    storageClassName: 'a',
    nodeTopology: { matchExpressions: [{ key: 'k', operator: 'In', values: ['!'] }] },
  };
  assert.equal(errors(CSIStorageCapacity, odd).length, 1);
  assert.deepEqual(CSIStorageCapacity.validate!(make(CSIStorageCapacity, odd), make(CSIStorageCapacity, odd)), []);
});

test('attachments: a volume of one’s own, and what is told of it', () => {
  const attachment = (source: object, more: object = {}): object => ({
    spec: { attacher: 'a', nodeName: 'n', source },
    ...more,
  });
  assert.deepEqual(errors(VolumeAttachment, attachment({ persistentVolumeName: 'A' })).length, 1);
  assert.deepEqual(errors(VolumeAttachment, { spec: { nodeName: 'n', source: { persistentVolumeName: 'p' } } }), [
    'spec.attacher: Required value',
  ]);
  const inline = { accessModes: ['X'], capacity: { storage: '1' }, storageClassName: 'a', hostPath: { path: '/a' } };
  assert.deepEqual(errors(VolumeAttachment, attachment({ inlineVolumeSpec: { ...inline, volumeMode: 'Block' } })), [
    'spec.source.inlineVolumeSpec.capacity: Forbidden: may not be specified in the context of inline volumes',
    'spec.source.inlineVolumeSpec.csi: Required value: has to be specified in the context of inline volumes',
    'spec.source.inlineVolumeSpec.accessModes: Unsupported value: "X": supported values: "ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"',
    'spec.source.inlineVolumeSpec.storageClassName: Forbidden: may not be specified in the context of inline volumes',
    'spec.source.inlineVolumeSpec.volumeMode: Forbidden: may not specify volumeMode other than Filesystem in the context of inline volumes',
  ]);
  const object = attachment({ persistentVolumeName: 'p' });
  assert.deepEqual(updateErrors(VolumeAttachment, attachment({ persistentVolumeName: 'q' }), object), [
    'spec: Invalid value: {"Attacher":"a","Source":{"PersistentVolumeName":"q","InlineVolumeSpec":null},"NodeName":"n"}: field is immutable',
  ]);
  const status = { attached: false, attachError: { message: 'x'.repeat(1025), errorCode: -1 } };
  assert.deepEqual(statusErrors(VolumeAttachment, { ...object, status }, object), [
    'status.attachError.message: Too long: may not be more than 262144 bytes',
    'status.attachError.errorCode: Invalid value: -1: must be between 0 and 2147483647, inclusive',
  ]);
  const now = make(VolumeAttachment, { ...object, metadata: { labels: { a: 'b' }, finalizers: ['x/y'] } });
  VolumeAttachment.status!.prepareForUpdate(now, make(VolumeAttachment, object), { nowMs: 0 });
  assert.deepEqual([now.metadata.labels, now.metadata.finalizers], [undefined, undefined]);
});

test('runtimes: overhead is read as limits of a container', () => {
  assert.deepEqual(
    errors(RuntimeClass, {
      overhead: { podFixed: { pods: '1' } },
      scheduling: { tolerations: [{ key: 'a' }, { key: 'a', tolerationSeconds: 1, effect: '' }] },
    }),
    [
      'handler: Required value',
      'overhead.limits[pods]: Invalid value: "pods": must be a standard resource for containers',
      'scheduling.tolerations[1].effect: Invalid value: "": effect must be \'NoExecute\' when `tolerationSeconds` is set',
      'scheduling.tolerations[1]: Duplicate value: {"Key":"a","Operator":"","Value":"","Effect":"","TolerationSeconds":1}',
    ],
  );
});

test('leases: coordinated election is off, and what was there stays', () => {
  const coordinated = { spec: { strategy: 'OldestEmulationVersion', preferredHolder: 'me' } };
  assert.deepEqual(created(Lease, coordinated).spec, {});
  const now = make(Lease, coordinated);
  Lease.prepareForUpdate!(now, make(Lease, { spec: { strategy: 'x/y' } }));
  assert.deepEqual(now.spec, { strategy: 'OldestEmulationVersion' });
});

test('priorities: an old class is not judged by its name again', () => {
  assert.equal(PriorityClass.validate, undefined);
});

test('aggregated roles: a selector that selects nothing is told of as a whole too', () => {
  const role = (values: string[]): object => ({
    aggregationRule: { clusterRoleSelectors: [{ matchExpressions: [{ key: 'k', operator: 'In', values }] }] },
  });
  const at = 'aggregationRule.clusterRoleSelectors[0]';
  assert.deepEqual(errors(ClusterRole, role([])), [
    `${at}.matchExpressions[0].values: Required value: must be specified when \`operator\` is 'In' or 'NotIn'`,
    `${at}: Invalid value: null: invalid label selector.`,
  ]);
  const kept = ClusterRole.validate!(make(ClusterRole, role(['!'])), make(ClusterRole, role(['!'])));
  assert.deepEqual(kept.map(fieldErrorText), [`${at}: Invalid value: null: invalid label selector.`]);
});
