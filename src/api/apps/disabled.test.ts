import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CronJob } from '../batch/cronjob.ts';
import { Job } from '../batch/job.ts';
import { PodTemplate } from '../core/podtemplate.ts';
import { ReplicationController } from '../core/replicationcontroller.ts';
import type { Kind } from '../kind.ts';
import { CSIDriver } from '../storage/csidriver.ts';
import { make } from '../testdata/kinds.ts';
import { DaemonSet } from './daemonset.ts';
import { Deployment } from './deployment.ts';
import { ReplicaSet } from './replicaset.ts';
import { StatefulSet } from './statefulset.ts';

const sources = [{ podCertificate: { signerName: 'a/b', keyType: 'ED25519' } }];
const container = { name: 'c', image: 'c', lifecycle: { stopSignal: 'SIGHUP' } };
const template = { spec: { containers: [container], volumes: [{ name: 'v', projected: { sources } }] } };

const KINDS: readonly (readonly [object: object, kind: object])[] = [
  ...[Deployment, ReplicaSet, DaemonSet, StatefulSet, ReplicationController, Job].map(
    (kind) => [{ spec: { template } }, kind] as const,
  ),
  [{ spec: { jobTemplate: { spec: { template } } } }, CronJob],
  [{ template }, PodTemplate],
];

for (const [object, defined] of KINDS) {
  const kind = defined as Kind;
  test(`a template of a ${kind.kind} loses fields whose gates are off in v1.36, and keeps those it had`, () => {
    const old = make(kind, object);
    const [fresh, changed, kept] = [structuredClone(old), structuredClone(old), structuredClone(old)];
    kind.prepareForCreate?.(fresh);
    assert.doesNotMatch(JSON.stringify(fresh), /stopSignal|podCertificate/);
    kind.prepareForUpdate?.(changed, fresh);
    assert.doesNotMatch(JSON.stringify(changed), /stopSignal|podCertificate/);
    kind.prepareForUpdate?.(kept, old);
    assert.match(JSON.stringify(kept), /podCertificate.*|stopSignal/);
  });
}

test('so do a stateful set and a CSI driver', () => {
  const set = make(StatefulSet, { spec: { updateStrategy: { rollingUpdate: { maxUnavailable: 2 } } } });
  const old = structuredClone(set);
  StatefulSet.prepareForUpdate!(set, old);
  assert.equal(set.spec.updateStrategy?.rollingUpdate?.maxUnavailable, 2);
  StatefulSet.prepareForCreate!(set);
  assert.deepEqual(set.spec.updateStrategy, { type: 'RollingUpdate', rollingUpdate: { partition: 0 } });
  const driver = make(CSIDriver, { spec: { preventPodSchedulingIfMissing: true } });
  CSIDriver.prepareForUpdate!(driver, structuredClone(driver));
  assert.equal(driver.spec.preventPodSchedulingIfMissing, true);
  CSIDriver.prepareForCreate!(driver);
  assert.equal(driver.spec.preventPodSchedulingIfMissing, undefined);
});
