import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PersistentVolume } from '../core/volume/persistentvolume.ts';
import { PersistentVolumeClaim } from '../core/volume/persistentvolumeclaim.ts';
import type { Kind, KubeObject } from '../kind.ts';
import { RuntimeClass } from '../node/runtimeclass.ts';
import { CSIStorageCapacity } from '../storage/csistoragecapacity.ts';
import { StorageClass } from '../storage/storageclass.ts';
import { make } from '../testdata/kinds.ts';

const warn = <T extends KubeObject>(kind: Kind<T>, object: object): string[] =>
  kind.warnings!(make(kind, object), undefined);
const key = 'beta.kubernetes.io/os';
const gone = 'deprecated since v1.14; use "kubernetes.io/os" instead';

test('labels of nodes that have been replaced are worth a warning wherever they are', () => {
  const nodeSelectorTerms = [{ matchExpressions: [{ key, operator: 'In', values: ['a b'] }] }];
  assert.deepEqual(warn(PersistentVolume, { spec: { nodeAffinity: { required: { nodeSelectorTerms } } } }), [
    `spec.nodeAffinity.required.nodeSelectorTerms[0].matchExpressions[0].key: ${key} is ${gone}`,
  ]);
  const allowedTopologies = [
    {
      matchLabelExpressions: [
        { key: 'a', values: [] },
        { key, values: [] },
      ],
    },
  ];
  assert.deepEqual(warn(StorageClass, { provisioner: 'p', allowedTopologies }), [
    `allowedTopologies[0].matchLabelExpressions[1].key: ${gone}`,
  ]);
  const nodeTopology = { matchLabels: { [key]: 'linux' }, matchExpressions: [{ key, operator: 'Exists' }] };
  assert.deepEqual(warn(CSIStorageCapacity, { storageClassName: 's', nodeTopology }), [
    `nodeTopology.matchExpressions[0].key: ${key} is ${gone}`,
    `nodeTopology.matchLabels.${key}: ${key} is ${gone}`,
  ]);
  assert.deepEqual(warn(RuntimeClass, { handler: 'h', scheduling: { nodeSelector: { [key]: 'linux', a: 'b' } } }), [
    `scheduling.nodeSelector: ${gone}`,
  ]);
});

test('so is a class in an annotation', () => {
  const annotation = 'volume.beta.kubernetes.io/storage-class';
  const object = { metadata: { annotations: { [annotation]: 'fast' } }, spec: {} };
  const warning = `metadata.annotations[${annotation}]: deprecated since v1.8; use "storageClassName" attribute instead`;
  assert.deepEqual(warn(PersistentVolume, object), [warning]);
  assert.deepEqual(warn(PersistentVolumeClaim, object), [warning]);
});
