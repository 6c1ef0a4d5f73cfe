import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Kind } from './kind.ts';
import * as kinds from './kinds.ts';
import { lines } from './testdata/kinds.ts';

const template = { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image: 'nginx' }] } };
const selector = { matchLabels: { app: 'web' } };
const subjects = [
  { kind: 'User', name: 'ann' },
  { kind: 'User', name: 'bob' },
  { kind: 'Group', name: 'devs' },
  { kind: 'ServiceAccount', name: 'default', namespace: 'n' },
];
const cpu = (averageUtilization: number) => ({
  type: 'Resource',
  resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization } },
});
const condition = (type: string, status = 'True') => ({ type, status });

/** Kind, object, headings, cells. Source: pkg/printers/internalversion/printers.go v1.36. */
const TABLES: readonly (readonly [kind: unknown, object: object, headings: string, cells: string])[] = [
  [
    kinds.StatefulSet,
    { spec: { selector, template, replicas: 3 }, status: { replicas: 3, readyReplicas: 2 } },
    'NAME  READY  AGE  CONTAINERS*  IMAGES*',
    'web  2/3  5m  c  nginx',
  ],
  [
    kinds.DaemonSet,
    {
      spec: { selector, template: { ...template, spec: { ...template.spec, nodeSelector: { disk: 'ssd' } } } },
      status: { desiredNumberScheduled: 3, currentNumberScheduled: 3, numberReady: 2, numberAvailable: 1 },
    },
    'NAME  DESIRED  CURRENT  READY  UP-TO-DATE  AVAILABLE  NODE SELECTOR  AGE  CONTAINERS*  IMAGES*  SELECTOR*',
    'web  3  3  2  0  1  disk=ssd  5m  c  nginx  app=web',
  ],
  [
    kinds.ControllerRevision,
    {
      metadata: {
        ownerReferences: [{ apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'db', uid: 'x', controller: true }],
      },
      data: {},
      revision: 2,
    },
    'NAME  CONTROLLER  REVISION  AGE',
    'web  statefulset.apps/db  2  5m',
  ],
  [
    kinds.Job,
    {
      spec: { template, completions: 4 },
      status: { succeeded: 1, startTime: '2026-01-01T00:58:00Z' },
    },
    'NAME  STATUS  COMPLETIONS  DURATION  AGE  CONTAINERS*  IMAGES*  SELECTOR*',
    'web  Running  1/4  2m  5m  c  nginx  <none>',
  ],
  [
    kinds.CronJob,
    {
      spec: { schedule: '@hourly', timeZone: 'Etc/UTC', jobTemplate: { spec: { template } } },
      status: { active: [{}], lastScheduleTime: '2026-01-01T00:59:00Z' },
    },
    'NAME  SCHEDULE  TIMEZONE  SUSPEND  ACTIVE  LAST SCHEDULE  AGE  CONTAINERS*  IMAGES*  SELECTOR*',
    'web  @hourly  Etc/UTC  False  1  60s  5m  c  nginx  <none>',
  ],
  [
    kinds.PodDisruptionBudget,
    { spec: { maxUnavailable: '25%' }, status: { disruptionsAllowed: 1 } },
    'NAME  MIN AVAILABLE  MAX UNAVAILABLE  ALLOWED DISRUPTIONS  AGE',
    'web  N/A  25%  1  5m',
  ],
  [
    kinds.ReplicationController,
    { spec: { template, replicas: 2 }, status: { replicas: 1 } },
    'NAME  DESIRED  CURRENT  READY  AGE  CONTAINERS*  IMAGES*  SELECTOR*',
    'web  2  1  0  5m  c  nginx  app=web',
  ],
  [kinds.PodTemplate, { template }, 'NAME  CONTAINERS  IMAGES  POD LABELS', 'web  c  nginx  app=web'],
  [kinds.LimitRange, { spec: { limits: [] } }, 'NAME  CREATED AT', 'web  2026-01-01T00:55:00Z'],
  [
    kinds.ResourceQuota,
    { status: { hard: { 'limits.cpu': '2', pods: '10', cpu: '1' }, used: { pods: '3', cpu: '500m' } } },
    'NAME  REQUEST  LIMIT  AGE',
    'web  cpu: 500m/1, pods: 3/10  limits.cpu: 0/2  5m',
  ],
  [
    kinds.PersistentVolume,
    {
      spec: {
        capacity: { storage: '1024Mi' },
        accessModes: ['ReadWriteMany', 'ReadWriteOnce'],
        claimRef: { namespace: 'n', name: 'data' },
        storageClassName: 'fast',
      },
      status: { phase: 'Bound' },
    },
    'NAME  CAPACITY  ACCESS MODES  RECLAIM POLICY  STATUS  CLAIM  STORAGECLASS  VOLUMEATTRIBUTESCLASS  REASON  AGE  VOLUMEMODE*',
    'web  1Gi  RWO,RWX  Retain  Bound  n/data  fast  <unset>    5m  Filesystem',
  ],
  [
    kinds.PersistentVolumeClaim,
    {
      spec: { volumeName: 'pv', storageClassName: 'fast' },
      status: { phase: 'Bound', capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOncePod'] },
    },
    'NAME  STATUS  VOLUME  CAPACITY  ACCESS MODES  STORAGECLASS  VOLUMEATTRIBUTESCLASS  AGE  VOLUMEMODE*',
    'web  Bound  pv  1Gi  RWOP  fast  <unset>  5m  Filesystem',
  ],
  [kinds.ClusterRole, {}, 'NAME  CREATED AT', 'web  2026-01-01T00:55:00Z'],
  [
    kinds.RoleBinding,
    { roleRef: { kind: 'ClusterRole', name: 'view' }, subjects },
    'NAME  ROLE  AGE  USERS*  GROUPS*  SERVICEACCOUNTS*',
    'web  ClusterRole/view  5m  ann, bob  devs  n/default',
  ],
  [
    kinds.Ingress,
    {
      spec: {
        ingressClassName: 'nginx',
        rules: ['a', 'b', 'c', 'd'].map((host) => ({ host: `${host}.test` })),
        tls: [{}],
      },
      status: { loadBalancer: { ingress: [{ ip: '192.0.2.1' }, { hostname: 'lb.test' }] } },
    },
    'NAME  CLASS  HOSTS  ADDRESS  PORTS  AGE',
    'web  nginx  a.test,b.test,c.test + 1 more...  192.0.2.1,lb.test  80, 443  5m',
  ],
  [
    kinds.IngressClass,
    { spec: { controller: 'test/c', parameters: { apiGroup: 'x.test', kind: 'P', name: 'p' } } },
    'NAME  CONTROLLER  PARAMETERS  AGE',
    'web  test/c  P.x.test/p  5m',
  ],
  [kinds.NetworkPolicy, { spec: { podSelector: selector } }, 'NAME  POD-SELECTOR  AGE', 'web  app=web  5m'],
  [
    kinds.IPAddress,
    { spec: { parentRef: { resource: 'services', namespace: 'n', name: 's' } } },
    'NAME  PARENTREF',
    'web  services/n/s  5m',
  ],
  [
    kinds.ServiceCIDR,
    { spec: { cidrs: ['10.0.0.0/16', 'fd00::/108'] } },
    'NAME  CIDRS  AGE',
    'web  10.0.0.0/16,fd00::/108  5m',
  ],
  [
    kinds.StorageClass,
    { metadata: { annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } }, provisioner: 'p' },
    'NAME  PROVISIONER  RECLAIMPOLICY  VOLUMEBINDINGMODE  ALLOWVOLUMEEXPANSION  AGE',
    'web (default)  p  Delete  Immediate  false  5m',
  ],
  [
    kinds.CSIDriver,
    { spec: { tokenRequests: [{ audience: 'a' }, { audience: 'b' }] } },
    'NAME  ATTACHREQUIRED  PODINFOONMOUNT  STORAGECAPACITY  TOKENREQUESTS  REQUIRESREPUBLISH  MODES  AGE',
    'web  true  false  false  a,b  false  Persistent  5m',
  ],
  [kinds.CSINode, { spec: { drivers: [{ name: 'd', nodeID: 'i' }] } }, 'NAME  DRIVERS  AGE', 'web  1  5m'],
  [kinds.CSIStorageCapacity, { storageClassName: 'fast' }, 'NAME  STORAGECLASSNAME  CAPACITY', 'web  fast  <unset>'],
  [
    kinds.VolumeAttachment,
    { spec: { attacher: 'd', nodeName: 'a', source: { persistentVolumeName: 'pv' } } },
    'NAME  ATTACHER  PV  NODE  ATTACHED  AGE',
    'web  d  pv  a  false  5m',
  ],
  [kinds.VolumeAttributesClass, { driverName: 'd' }, 'NAME  DRIVERNAME  AGE', 'web  d  5m'],
  [
    kinds.PriorityClass,
    { value: 7 },
    'NAME  VALUE  GLOBAL-DEFAULT  AGE  PREEMPTIONPOLICY',
    'web  7  false  5m  PreemptLowerPriority',
  ],
  [kinds.RuntimeClass, { handler: 'runc' }, 'NAME  HANDLER  AGE', 'web  runc  5m'],
  [
    kinds.HorizontalPodAutoscaler,
    {
      spec: {
        scaleTargetRef: { kind: 'Deployment', name: 'web' },
        maxReplicas: 5,
        metrics: [
          cpu(80),
          { type: 'Pods', pods: { metric: { name: 'rps' }, target: { type: 'AverageValue', averageValue: '1k' } } },
          cpu(70),
        ],
      },
      status: {
        currentReplicas: 2,
        currentMetrics: [{ type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: 20 } } }],
      },
    },
    'NAME  REFERENCE  TARGETS  MINPODS  MAXPODS  REPLICAS  AGE',
    'web  Deployment/web  cpu: 20%/80%, <unknown>/1k + 1 more...  1  5  2  5m',
  ],
  [
    kinds.HorizontalPodAutoscalerV1,
    { spec: { scaleTargetRef: { kind: 'Deployment', name: 'web' }, maxReplicas: 5 } },
    'NAME  REFERENCE  TARGETS  MINPODS  MAXPODS  REPLICAS  AGE',
    'web  Deployment/web  cpu: <unknown>/80%  1  5  0  5m',
  ],
  [
    kinds.CertificateSigningRequest,
    {
      spec: { request: '', signerName: 'x.test/s', username: 'ann', expirationSeconds: 3600 },
      status: { conditions: [condition('Approved')], certificate: 'AA==' },
    },
    'NAME  AGE  SIGNERNAME  REQUESTOR  REQUESTEDDURATION  CONDITION',
    'web  5m  x.test/s  ann  60m  Approved,Issued',
  ],
  [kinds.ValidatingWebhookConfiguration, { webhooks: [{ name: 'a' }] }, 'NAME  WEBHOOKS  AGE', 'web  1  5m'],
  [
    kinds.ValidatingAdmissionPolicy,
    { spec: { validations: [{ expression: 'true' }], paramKind: { apiVersion: 'v1', kind: 'ConfigMap' } } },
    'NAME  VALIDATIONS  PARAMKIND  AGE',
    'web  1  v1/ConfigMap  5m',
  ],
  [
    kinds.MutatingAdmissionPolicyBinding,
    { spec: { policyName: 'p', paramRef: { name: 'c' } } },
    'NAME  POLICYNAME  PARAMREF  AGE',
    'web  p  */c  5m',
  ],
  [
    kinds.APIService,
    {
      spec: { service: { namespace: 'n', name: 's' } },
      status: { conditions: [{ type: 'Available', status: 'False', reason: 'MissingEndpoints' }] },
    },
    'NAME  SERVICE  AVAILABLE  AGE',
    'web  n/s  False (MissingEndpoints)  5m',
  ],
  [
    kinds.FlowSchema,
    { spec: { priorityLevelConfiguration: { name: 'low' }, distinguisherMethod: { type: 'ByUser' } } },
    'NAME  PRIORITYLEVEL  MATCHINGPRECEDENCE  DISTINGUISHERMETHOD  AGE  MISSINGPL',
    'web  low  1000  ByUser  5m  ?',
  ],
  [
    kinds.PriorityLevelConfiguration,
    { spec: { type: 'Limited', limited: { limitResponse: { type: 'Queue', queuing: {} } } } },
    'NAME  TYPE  NOMINALCONCURRENCYSHARES  QUEUES  HANDSIZE  QUEUELENGTHLIMIT  AGE',
    'web  Limited  30  64  8  50  5m',
  ],
  [
    kinds.ResourceClaim,
    { status: { allocation: {}, reservedFor: [{ resource: 'pods', name: 'p', uid: 'u' }] } },
    'NAME  STATE  AGE',
    'web  allocated,reserved  5m',
  ],
  [
    kinds.ResourceSlice,
    { spec: { driver: 'd', nodeName: 'a', pool: { name: 'p', generation: 1, resourceSliceCount: 1 } } },
    'NAME  NODE  DRIVER  POOL  AGE',
    'web  a  d  p  5m',
  ],
  [kinds.CustomResourceDefinition, {}, 'NAME  CREATED AT', 'web  2026-01-01T00:55:00Z'],
];

for (const [kind, object, headings, cells] of TABLES) {
  const { kind: name, version } = kind as Kind;
  test(`kubectl get shows a ${name} (${version}) as upstream does`, () => {
    assert.deepEqual(lines(kind as Kind, object), [headings, cells]);
  });
}

test('kubectl get tells a job’s state', () => {
  const state = (object: object): string =>
    lines(kinds.Job, { spec: { template }, ...object })[1]!
      .split('  ')
      .slice(1, 4)
      .join('  ');
  const done = { startTime: '2026-01-01T00:55:00Z', completionTime: '2026-01-01T00:56:10Z', succeeded: 1 };
  assert.equal(state({ status: { ...done, conditions: [condition('Complete')] } }), 'Complete  1/1  70s');
  assert.equal(state({ status: { conditions: [condition('Failed')] } }), 'Failed  0/1  ');
  assert.equal(state({ status: { conditions: [condition('Suspended')] } }), 'Suspended  0/1  ');
  assert.equal(state({ spec: { template, parallelism: 3 } }), 'Running  0/1 of 3  ');
});
