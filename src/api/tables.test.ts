import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ContainerState, ContainerStatus, PodSpec, PodStatus } from './generated/core.v1.ts';
import type { Kind, KubeObject } from './kind.ts';
import {
  ConfigMap,
  Deployment,
  Endpoints,
  EndpointSlice,
  Event,
  EventsEvent,
  Lease,
  Namespace,
  Node,
  Pod,
  ReplicaSet,
  Secret,
  Service,
  ServiceAccount,
} from './kinds.ts';

const NOW = Date.parse('2026-01-01T01:00:00Z');
const metadata = {
  name: 'web',
  namespace: 'n',
  uid: 'u',
  resourceVersion: '1',
  creationTimestamp: '2026-01-01T00:55:00Z',
};

/** What `kubectl get -o wide` prints: headings in capitals, two spaces between. */
function lines<T extends KubeObject>(
  kind: Kind<T>,
  object: Omit<T, 'apiVersion' | 'kind' | 'metadata'> & { metadata?: object },
): string[] {
  const whole = {
    apiVersion: 'v1',
    kind: kind.kind,
    ...object,
    metadata: { ...metadata, ...object.metadata },
  } as unknown as T;
  kind.defaults?.(whole);
  return [
    kind.columns.map(({ name, priority = 0 }) => name.toUpperCase() + (priority > 0 ? '*' : '')).join('  '),
    kind.row(whole, { nowMs: NOW }).cells.join('  '),
  ];
}

const status = (name: string, state: ContainerState, more: Partial<ContainerStatus> = {}): ContainerStatus => ({
  name,
  image: '',
  imageID: '',
  ready: false,
  restartCount: 0,
  state,
  ...more,
});
const running = { running: { startedAt: '2026-01-01T00:55:00Z' } };
const ended = (exitCode: number, reason?: string): ContainerState => ({
  terminated: { exitCode, ...(reason === undefined ? {} : { reason }), finishedAt: '2026-01-01T00:58:00Z' },
});
const c = (name: string) => ({ name, image: 'i' });

const PODS: readonly (readonly [name: string, spec: PodSpec, status: PodStatus, deleted: boolean, expected: string])[] =
  [
    ['a new pod', { containers: [c('a')] }, { phase: 'Pending' }, false, '0/1  Pending  0'],
    [
      'a pod at work',
      { containers: [c('a'), c('b')] },
      {
        phase: 'Running',
        containerStatuses: [status('a', running, { ready: true }), status('b', running, { ready: true })],
      },
      false,
      '2/2  Running  0',
    ],
    [
      'a container being made',
      { containers: [c('a')] },
      { phase: 'Pending', containerStatuses: [status('a', { waiting: { reason: 'ContainerCreating' } })] },
      false,
      '0/1  ContainerCreating  0',
    ],
    [
      'a container that keeps failing',
      { containers: [c('a')] },
      {
        phase: 'Running',
        containerStatuses: [
          status('a', { waiting: { reason: 'CrashLoopBackOff' } }, { restartCount: 3, lastState: ended(1, 'Error') }),
        ],
      },
      false,
      '0/1  CrashLoopBackOff  3 (2m ago)',
    ],
    [
      'a pod that is done',
      { containers: [c('a')] },
      { phase: 'Succeeded', containerStatuses: [status('a', ended(0, 'Completed'))] },
      false,
      '0/1  Completed  0',
    ],
    [
      'an exit code without a reason',
      { containers: [c('a')] },
      { phase: 'Failed', containerStatuses: [status('a', ended(137))] },
      false,
      '0/1  ExitCode:137  0',
    ],
    [
      'a signal without a reason',
      { containers: [c('a')] },
      { phase: 'Failed', containerStatuses: [status('a', { terminated: { exitCode: 1, signal: 9 } })] },
      false,
      '0/1  Signal:9  0',
    ],
    [
      'one container done, one at work, not ready',
      { containers: [c('a'), c('b')] },
      {
        phase: 'Running',
        containerStatuses: [status('a', ended(0, 'Completed')), status('b', running, { ready: true })],
      },
      false,
      '1/2  NotReady  0',
    ],
    [
      'one container done, one at work, ready',
      { containers: [c('a'), c('b')] },
      {
        phase: 'Running',
        conditions: [{ type: 'Ready', status: 'True' }],
        containerStatuses: [status('a', ended(0, 'Completed')), status('b', running, { ready: true })],
      },
      false,
      '1/2  Running  0',
    ],
    [
      'the first of two init containers at work',
      { containers: [c('a')], initContainers: [c('i'), c('j')] },
      {
        phase: 'Pending',
        initContainerStatuses: [status('i', running), status('j', { waiting: { reason: 'PodInitializing' } })],
      },
      false,
      '0/1  Init:0/2  0',
    ],
    [
      'the second init container has failed',
      { containers: [c('a')], initContainers: [c('i'), c('j')] },
      {
        phase: 'Pending',
        initContainerStatuses: [
          status('i', ended(0, 'Completed')),
          status('j', ended(2), { restartCount: 2, lastState: ended(2) }),
        ],
        containerStatuses: [status('a', { waiting: { reason: 'PodInitializing' } })],
      },
      false,
      '0/1  Init:ExitCode:2  2 (2m ago)',
    ],
    [
      'an init container that cannot get its image',
      { containers: [c('a')], initContainers: [c('i')] },
      { phase: 'Pending', initContainerStatuses: [status('i', { waiting: { reason: 'ImagePullBackOff' } })] },
      false,
      '0/1  Init:ImagePullBackOff  0',
    ],
    [
      'a sidecar counts among the containers, other init containers no longer',
      { containers: [c('a')], initContainers: [{ ...c('s'), restartPolicy: 'Always' }, c('i')] },
      {
        phase: 'Running',
        conditions: [{ type: 'Initialized', status: 'True' }],
        initContainerStatuses: [
          status('s', running, { ready: true, started: true, restartCount: 1, lastState: ended(1) }),
          status('i', ended(0, 'Completed'), { restartCount: 5 }),
        ],
        containerStatuses: [status('a', running, { ready: true })],
      },
      false,
      '2/2  Running  1 (2m ago)',
    ],
    [
      'a pod held back',
      { containers: [c('a')] },
      { phase: 'Pending', conditions: [{ type: 'PodScheduled', status: 'False', reason: 'SchedulingGated' }] },
      false,
      '0/1  SchedulingGated  0',
    ],
    [
      'a pod one of whose containers failed',
      { containers: [c('a'), c('b')] },
      {
        phase: 'Failed',
        containerStatuses: [status('a', ended(0, 'Completed')), status('b', ended(1, 'Error'))],
      },
      false,
      '0/2  Error  0',
    ],
    [
      'a pod of which a container runs, but is not ready, and another failed',
      { containers: [c('a'), c('b'), c('d')] },
      {
        phase: 'Running',
        containerStatuses: [
          status('a', ended(0, 'Completed')),
          status('b', ended(2)),
          status('d', running, { ready: true }),
        ],
      },
      false,
      '1/3  ExitCode:2  0',
    ],
    ['a pod thrown out', { containers: [c('a')] }, { phase: 'Failed', reason: 'Evicted' }, false, '0/1  Evicted  0'],
    [
      'a pod going',
      { containers: [c('a')] },
      { phase: 'Running', containerStatuses: [status('a', running, { ready: true })] },
      true,
      '1/1  Terminating  0',
    ],
    [
      'a pod done while going',
      { containers: [c('a')] },
      { phase: 'Succeeded', containerStatuses: [status('a', ended(0, 'Completed'))] },
      true,
      '0/1  Completed  0',
    ],
    [
      'a pod whose node is lost',
      { containers: [c('a')] },
      { phase: 'Running', reason: 'NodeLost' },
      true,
      '0/1  Unknown  0',
    ],
  ];

for (const [name, spec, podStatus, deleted, expected] of PODS) {
  test(`pods: ${name}`, () => {
    const [, row] = lines(Pod, {
      spec,
      status: podStatus,
      metadata: deleted ? { deletionTimestamp: '2026-01-01T00:59:00Z' } : {},
    });
    assert.equal(row, `web  ${expected}  5m  <none>  <none>  <none>  <none>`);
  });
}

test('pods: wide columns, and what kubectl is told of pods that have ended', () => {
  assert.deepEqual(
    lines(Pod, {
      spec: {
        containers: [c('a')],
        nodeName: 'node-1',
        readinessGates: [{ conditionType: 'a.b/c' }, { conditionType: 'd.e/f' }],
      },
      status: {
        phase: 'Running',
        podIP: '10.0.0.1',
        podIPs: [{ ip: '10.0.0.1' }],
        nominatedNodeName: 'node-2',
        conditions: [{ type: 'a.b/c', status: 'True' }],
      },
    }),
    [
      'NAME  READY  STATUS  RESTARTS  AGE  IP*  NODE*  NOMINATED NODE*  READINESS GATES*',
      'web  0/1  Running  0  5m  10.0.0.1  node-1  node-2  1/2',
    ],
  );
  const done = { apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers: [] }, status: { phase: 'Succeeded' } };
  assert.deepEqual(Pod.row(done, { nowMs: NOW }).conditions, [
    { type: 'Completed', status: 'True', reason: 'Succeeded', message: 'The pod has completed successfully.' },
  ]);
});

test('nodes', () => {
  const nodeInfo = {
    kubeletVersion: 'v1.36.0',
    osImage: 'Debian',
    kernelVersion: '6.1',
    architecture: 'amd64',
    containerRuntimeVersion: 'containerd://2.0',
  };
  assert.deepEqual(
    lines(Node, {
      spec: { unschedulable: true },
      status: {
        conditions: [{ type: 'Ready', status: 'False' }],
        addresses: [{ type: 'InternalIP', address: '10.0.0.2' }],
        nodeInfo: nodeInfo as NonNullable<Node['status']['nodeInfo']>,
      },
      metadata: { labels: { 'node-role.kubernetes.io/worker': '', 'node-role.kubernetes.io/control-plane': '' } },
    }),
    [
      'NAME  STATUS  ROLES  AGE  VERSION  INTERNAL-IP*  EXTERNAL-IP*  OS-IMAGE*  KERNEL-VERSION*  CONTAINER-RUNTIME*',
      'web  NotReady,SchedulingDisabled  control-plane,worker  5m  v1.36.0  10.0.0.2  <none>  Debian  6.1 (amd64)  containerd://2.0',
    ],
  );
  assert.equal(
    lines(Node, { spec: {}, status: {} })[1],
    'web  Unknown  <none>  5m    <none>  <none>  <unknown>  <unknown>  <unknown>',
  );
});

test('services', () => {
  const ports = [
    { port: 80, nodePort: 30_080, protocol: 'TCP' },
    { port: 53, protocol: 'UDP' },
  ];
  assert.deepEqual(
    lines(Service, {
      spec: {
        type: 'LoadBalancer',
        clusterIP: '10.96.0.1',
        clusterIPs: ['10.96.0.1'],
        ports,
        selector: { b: '2', a: '1' },
      },
      status: {},
    }),
    [
      'NAME  TYPE  CLUSTER-IP  EXTERNAL-IP  PORT(S)  AGE  SELECTOR*',
      'web  LoadBalancer  10.96.0.1  <pending>  80:30080/TCP,53/UDP  5m  a=1,b=2',
    ],
  );
  assert.equal(
    lines(Service, {
      spec: { type: 'LoadBalancer', externalIPs: ['9.9.9.9'] },
      status: { loadBalancer: { ingress: [{ hostname: 'lb.example' }, { ip: '1.2.3.4' }] } },
    })[1],
    'web  LoadBalancer  <none>  1.2.3.4,lb.example,9.9.9.9  <none>  5m  <none>',
  );
  assert.equal(
    lines(Service, { spec: { type: 'ExternalName', externalName: 'example.com' }, status: {} })[1],
    'web  ExternalName  <none>  example.com  <none>  5m  <none>',
  );
  assert.equal(
    lines(Service, { spec: { clusterIP: 'None', clusterIPs: ['None'] }, status: {} })[1],
    'web  ClusterIP  None  <none>  <none>  5m  <none>',
  );
});

const template = { spec: { containers: [c('a'), { name: 'b', image: 'j:1' }] } };
const selector = { matchLabels: { app: 'web' }, matchExpressions: [{ key: 'x', operator: 'In', values: ['2', '1'] }] };

test('deployments and replica sets', () => {
  assert.deepEqual(
    lines(Deployment, {
      spec: { replicas: 3, selector, template },
      status: { readyReplicas: 1, updatedReplicas: 2, availableReplicas: 1 },
    }),
    [
      'NAME  READY  UP-TO-DATE  AVAILABLE  AGE  CONTAINERS*  IMAGES*  SELECTOR*',
      'web  1/3  2  1  5m  a,b  i,j:1  app=web,x in (1,2)',
    ],
  );
  assert.deepEqual(
    lines(ReplicaSet, { spec: { replicas: 3, selector, template }, status: { replicas: 2, readyReplicas: 1 } }),
    [
      'NAME  DESIRED  CURRENT  READY  AGE  CONTAINERS*  IMAGES*  SELECTOR*',
      'web  3  2  1  5m  a,b  i,j:1  app=web,x in (1,2)',
    ],
  );
});

test('events, old and new', () => {
  const old: Omit<Event, 'apiVersion' | 'kind' | 'metadata'> = {
    involvedObject: { kind: 'Pod', name: 'web', fieldPath: 'spec.containers{a}' },
    type: 'Warning',
    reason: 'BackOff',
    message: ' Back-off restarting \n',
    source: { component: 'kubelet', host: 'node-1' },
    firstTimestamp: '2026-01-01T00:50:00Z',
    lastTimestamp: '2026-01-01T00:59:30Z',
    count: 4,
  };
  assert.deepEqual(lines(Event, old), [
    'LAST SEEN  TYPE  REASON  OBJECT  SUBOBJECT*  SOURCE*  MESSAGE  FIRST SEEN*  COUNT*  NAME*',
    '30s  Warning  BackOff  pod/web  spec.containers{a}  kubelet, node-1  Back-off restarting  10m  4  web',
  ]);
  assert.equal(
    lines(EventsEvent, {
      eventTime: '2026-01-01T00:58:00.000000Z',
      regarding: { kind: 'Pod', name: 'web' },
      type: 'Normal',
      reason: 'Scheduled',
      note: 'Assigned',
      reportingController: 'default-scheduler',
      reportingInstance: 'default-scheduler-1',
    })[1],
    '2m  Normal  Scheduled  pod/web    default-scheduler, default-scheduler-1  Assigned  2m  1  web',
  );
});

test('endpoints: three, and how many more', () => {
  const addresses = ['1', '2', '3', '4', '5'].map((n) => ({ ip: `10.0.0.${n}` }));
  assert.deepEqual(lines(Endpoints, { subsets: [{ addresses, ports: [{ port: 80 }] }] }), [
    'NAME  ENDPOINTS  AGE',
    'web  10.0.0.1:80,10.0.0.2:80,10.0.0.3:80 + 2 more...  5m',
  ]);
  assert.equal(
    lines(Endpoints, { subsets: [{ addresses: [{ ip: 'fd00::1' }], ports: [{ port: 80 }] }] })[1],
    'web  [fd00::1]:80  5m',
  );
  assert.equal(lines(Endpoints, {})[1], 'web  <none>  5m');
});

test('endpoint slices', () => {
  const endpoints = ['1', '2', '3', '4'].map((n) => ({ addresses: [`10.0.0.${n}`] }));
  assert.deepEqual(lines(EndpointSlice, { addressType: 'IPv4', endpoints, ports: [{ port: 80 }, { name: 'all' }] }), [
    'NAME  ADDRESSTYPE  PORTS  ENDPOINTS  AGE',
    'web  IPv4  80,all  10.0.0.1,10.0.0.2,10.0.0.3 + 1 more...  5m',
  ]);
  assert.equal(lines(EndpointSlice, { addressType: 'IPv4' })[1], 'web  IPv4  <unset>  <unset>  5m');
});

test('the small ones', () => {
  assert.deepEqual(lines(Namespace, { spec: {}, status: {} }), ['NAME  STATUS  AGE', 'web  Active  5m']);
  assert.deepEqual(lines(ConfigMap, { data: { a: '' }, binaryData: { b: '' } }), ['NAME  DATA  AGE', 'web  2  5m']);
  assert.deepEqual(lines(Secret, { stringData: { a: 'x' } }), ['NAME  TYPE  DATA  AGE', 'web  Opaque  1  5m']);
  assert.deepEqual(lines(ServiceAccount, {}), ['NAME  AGE', 'web  5m']);
  assert.deepEqual(lines(Lease, { spec: { holderIdentity: 'me' } }), ['NAME  HOLDER  AGE', 'web  me  5m']);
});
