import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deepClone } from './equality.ts';
import { fieldErrorText } from './field-error.ts';
import type { ServiceSpec } from './generated/core.v1.ts';
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
} from './kinds.ts';
import type { Kind, KubeObject } from './kind.ts';

const metadata = {
  name: 'web',
  namespace: 'n',
  uid: 'u',
  resourceVersion: '1',
  creationTimestamp: '2026-01-01T00:00:00Z',
};

function make<T extends KubeObject>(kind: Kind<T>, object: object): T {
  const whole = { apiVersion: 'v1', kind: kind.kind, metadata: { ...metadata }, ...deepClone(object) } as unknown as T;
  kind.defaults?.(whole);
  return whole;
}

function errors<T extends KubeObject>(kind: Kind<T>, object: object): string[] {
  const whole = make(kind, object);
  return [...(kind.validate?.(whole) ?? []), ...(kind.validateCreate?.(whole) ?? [])].map(fieldErrorText);
}

function updateErrors<T extends KubeObject>(kind: Kind<T>, now: object, old: object): string[] {
  return (kind.validateUpdate?.(make(kind, now), make(kind, old)) ?? []).map(fieldErrorText);
}

const template = {
  metadata: { labels: { app: 'web' } },
  spec: { containers: [{ name: 'c', image: 'nginx' }] },
};
const selector = { matchLabels: { app: 'web' } };

test('deployments: the defaults are upstream’s', () => {
  const { spec } = make(Deployment, { spec: { selector, template } });
  assert.equal(spec.replicas, 1);
  assert.deepEqual(spec.strategy, { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: '25%', maxSurge: '25%' } });
  assert.equal(spec.revisionHistoryLimit, 10);
  assert.equal(spec.progressDeadlineSeconds, 600);
  assert.deepEqual(spec.template.spec, {
    containers: [
      {
        name: 'c',
        image: 'nginx',
        imagePullPolicy: 'Always',
        resources: {},
        terminationMessagePath: '/dev/termination-log',
        terminationMessagePolicy: 'File',
      },
    ],
    dnsPolicy: 'ClusterFirst',
    restartPolicy: 'Always',
    schedulerName: 'default-scheduler',
    securityContext: {},
    terminationGracePeriodSeconds: 30,
  });
});

test('deployments: selector, template and strategy fit together', () => {
  assert.deepEqual(errors(Deployment, { spec: { selector, template } }), []);
  assert.deepEqual(errors(Deployment, { spec: { selector: { matchLabels: { app: 'other' } }, template } }), [
    'spec.template.metadata.labels: Invalid value: {"app":"web"}: `selector` does not match template `labels`',
  ]);
  assert.deepEqual(errors(Deployment, { spec: { selector: {}, template } }), [
    'spec.selector: Invalid value: {}: empty selector is invalid for deployment',
  ]);
  assert.deepEqual(
    errors(Deployment, {
      spec: {
        replicas: -1,
        minReadySeconds: 700,
        selector,
        template: { ...template, spec: { ...template.spec, restartPolicy: 'Never' } },
        strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: '0%' } },
      },
    }),
    [
      'spec.replicas: Invalid value: -1: must be greater than or equal to 0',
      'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"',
      'spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0',
      'spec.progressDeadlineSeconds: Invalid value: 600: must be greater than minReadySeconds',
    ],
  );
  assert.deepEqual(
    errors(Deployment, { spec: { selector, template, strategy: { type: 'Recreate', rollingUpdate: {} } } }),
    ["spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'"],
  );
  assert.deepEqual(
    errors(Deployment, {
      spec: { selector, template, strategy: { rollingUpdate: { maxUnavailable: '101%', maxSurge: 'x' } } },
    }),
    [
      `spec.strategy.rollingUpdate.maxSurge: Invalid value: "x": a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')`,
      'spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "101%": must not be greater than 100%',
    ],
  );
});

test('workloads: the selector stays', () => {
  for (const kind of [Deployment, ReplicaSet] as Kind[]) {
    assert.deepEqual(
      updateErrors(
        kind,
        { spec: { selector: { matchLabels: { app: 'b' } }, template } },
        { spec: { selector, template } },
      ),
      ['spec.selector: Invalid value: {"matchLabels":{"app":"b"}}: field is immutable'],
    );
  }
  assert.deepEqual(errors(ReplicaSet, { spec: { selector, template: { ...template, metadata: {} } } }), [
    'spec.template.metadata.labels: Invalid value: null: `selector` does not match template `labels`',
  ]);
});

test('workloads: counts of the status fit into one another', () => {
  const now = make(ReplicaSet, {
    spec: { selector, template },
    status: { replicas: 1, readyReplicas: 1, availableReplicas: 2 },
  });
  assert.deepEqual(ReplicaSet.status!.validateUpdate!(now, now).map(fieldErrorText), [
    'status.availableReplicas: Invalid value: 2: cannot be greater than status.replicas',
    'status.availableReplicas: Invalid value: 2: cannot be greater than readyReplicas',
  ]);
});

const service = (spec: ServiceSpec): object => ({ spec });
const port = { port: 80 };

test('services: the defaults are upstream’s', () => {
  assert.deepEqual(make(Service, service({ ports: [port] })).spec, {
    ports: [{ port: 80, protocol: 'TCP', targetPort: 80 }],
    sessionAffinity: 'None',
    type: 'ClusterIP',
    internalTrafficPolicy: 'Cluster',
  });
  const balanced = make(Service, service({ ports: [port], type: 'LoadBalancer', sessionAffinity: 'ClientIP' })).spec;
  assert.equal(balanced.externalTrafficPolicy, 'Cluster');
  assert.equal(balanced.allocateLoadBalancerNodePorts, true);
  assert.deepEqual(balanced.sessionAffinityConfig, { clientIP: { timeoutSeconds: 10_800 } });
});

test('services: ports, types and addresses', () => {
  assert.deepEqual(errors(Service, service({ ports: [port] })), []);
  assert.deepEqual(errors(Service, service({})), ['spec.ports: Required value']);
  assert.deepEqual(errors(Service, service({ clusterIP: 'None', clusterIPs: ['None'] })), []);
  assert.deepEqual(
    errors(Service, service({ ports: [port, { port: 80 }, { name: 'X', port: 0, targetPort: 'a b', nodePort: 1 }] })),
    [
      'spec.ports[0].name: Required value',
      'spec.ports[1].name: Required value',
      `spec.ports[2].name: Invalid value: "X": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')`,
      'spec.ports[2].port: Invalid value: 0: must be between 1 and 65535, inclusive',
      'spec.ports[2].targetPort: Invalid value: "a b": must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)',
      "spec.ports[2].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'",
      'spec.ports[1]: Duplicate value: {"Name":"","Protocol":"TCP","AppProtocol":null,"Port":80,"TargetPort":0,"NodePort":0}',
    ],
  );
  assert.deepEqual(
    errors(Service, service({ type: 'ExternalName', externalName: '', clusterIP: 'None', clusterIPs: ['None'] })),
    ['spec.clusterIPs: Forbidden: may not be set for ExternalName services', 'spec.externalName: Required value'],
  );
  assert.deepEqual(
    errors(
      Service,
      service({
        ports: [port],
        clusterIP: '10.0.0.1',
        clusterIPs: ['10.0.0.2'],
        externalIPs: ['127.0.0.1', 'x'],
        ipFamilies: ['IPv6'],
      }),
    ),
    [
      'spec.clusterIPs: Invalid value: ["10.0.0.2"]: first value must match `clusterIP`',
      'spec.clusterIPs[0]: Invalid value: "10.0.0.2": expected an IPv6 value as indicated by `ipFamilies[0]`',
      'spec.externalIPs[0]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
      'spec.externalIPs[1]: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
    ],
  );
  assert.deepEqual(
    errors(
      Service,
      service({
        ports: [port],
        sessionAffinity: 'ClientIP',
        sessionAffinityConfig: { clientIP: { timeoutSeconds: 0 } },
        loadBalancerClass: 'a/b',
        externalTrafficPolicy: 'Local',
      }),
    ),
    [
      'spec.sessionAffinityConfig.clientIP.timeoutSeconds: Invalid value: 0: must be greater than 0 and less than 86400',
      "spec.loadBalancerClass: Forbidden: may only be used when `type` is 'LoadBalancer'",
      'spec.externalTrafficPolicy: Invalid value: "Local": may only be set for externally-accessible services',
    ],
  );
});

test('services: the address stays, and follows whichever field was written', () => {
  const old = service({ ports: [port], clusterIP: '10.0.0.1', clusterIPs: ['10.0.0.1'], ipFamilies: ['IPv4'] });
  const changed = service({ ports: [port], clusterIP: '10.0.0.2', clusterIPs: ['10.0.0.2'], ipFamilies: ['IPv4'] });
  assert.deepEqual(updateErrors(Service, changed, old), [
    'spec.clusterIPs[0]: Invalid value: ["10.0.0.2"]: may not change once set',
  ]);
  assert.deepEqual(updateErrors(Service, service({ ports: [port], ipFamilies: ['IPv4'] }), old), [
    'spec.clusterIPs[0]: Invalid value: null: primary clusterIP can not be unset',
  ]);
  const created = make(Service, service({ ports: [port], clusterIP: '10.0.0.1' }));
  Service.prepareForCreate!(created);
  assert.deepEqual(created.spec.clusterIPs, ['10.0.0.1']);
});

test('services: what belonged to the old type goes with it', () => {
  const old = make(
    Service,
    service({
      type: 'NodePort',
      ports: [{ port: 80, nodePort: 30_000 }],
      clusterIP: '10.0.0.1',
      clusterIPs: ['10.0.0.1'],
    }),
  );
  const now = deepClone(old);
  now.spec.type = 'ClusterIP';
  Service.prepareForUpdate!(now, old);
  assert.equal(now.spec.ports![0]!.nodePort, undefined);
  assert.equal(now.spec.externalTrafficPolicy, undefined);
  assert.deepEqual(Service.validate!(now), []);
});

test('config maps: keys, size, freezing', () => {
  assert.deepEqual(errors(ConfigMap, { data: { a: '1', '..x': '2' }, binaryData: { a: '' } }), [
    'data[a]: Invalid value: "a": duplicate of key present in binaryData',
    `data[..x]: Invalid value: "..x": must not start with '..'`,
  ]);
  assert.deepEqual(errors(ConfigMap, { data: { a: 'x'.repeat(1024 * 1024 + 1) } }), [
    '[]: Too long: may not be more than 1048576 bytes',
  ]);
  const why = 'Forbidden: field is immutable when `immutable` is set';
  assert.deepEqual(updateErrors(ConfigMap, { data: { a: '2' } }, { data: { a: '1' }, immutable: true }), [
    `immutable: ${why}`,
    `data: ${why}`,
  ]);
});

test('secrets: types ask for their data', () => {
  assert.deepEqual(make(Secret, { stringData: { a: 'é' }, data: { a: 'eA==', b: 'eQ==' } }).data, {
    a: 'w6k=',
    b: 'eQ==',
  });
  assert.deepEqual(errors(Secret, { type: 'kubernetes.io/tls' }), [
    'data[tls.crt]: Required value',
    'data[tls.key]: Required value',
  ]);
  assert.deepEqual(errors(Secret, { type: 'kubernetes.io/dockerconfigjson' }), [
    'data[.dockerconfigjson]: Required value',
  ]);
  assert.deepEqual(
    errors(Secret, { type: 'kubernetes.io/dockerconfigjson', stringData: { '.dockerconfigjson': '[' } }),
    ['data[.dockerconfigjson]: Invalid value: "<secret contents redacted>": unexpected end of JSON input'],
  );
  assert.deepEqual(
    errors(Secret, { type: 'kubernetes.io/dockerconfigjson', stringData: { '.dockerconfigjson': '{}' } }),
    [],
  );
  assert.deepEqual(errors(Secret, { type: 'kubernetes.io/service-account-token' }), [
    'metadata.annotations[kubernetes.io/service-account.name]: Required value',
  ]);
  assert.deepEqual(updateErrors(Secret, { type: 'b' }, { type: 'a' }), [
    'type: Invalid value: "b": field is immutable',
  ]);
});

test('namespaces: they carry their name and a finalizer, and end in order', () => {
  const namespace = make(Namespace, {});
  Namespace.prepareForCreate!(namespace);
  assert.deepEqual(namespace.metadata.labels, { 'kubernetes.io/metadata.name': 'web' });
  assert.deepEqual(namespace.spec.finalizers, ['kubernetes']);
  assert.deepEqual(errors(Namespace, { spec: { finalizers: ['odd'] } }), [
    'spec.finalizers: Invalid value: "odd": name is neither a standard finalizer name nor is it fully qualified',
  ]);
  const ending = make(Namespace, { status: { phase: 'Terminating' } });
  assert.deepEqual(Namespace.status!.validateUpdate!(ending, ending).map(fieldErrorText), [
    'status.Phase: Invalid value: "Terminating": may only be \'Active\' if `deletionTimestamp` is empty',
  ]);
  const updated = make(Namespace, { spec: { finalizers: [] } });
  Namespace.prepareForUpdate!(updated, namespace);
  assert.deepEqual(updated.spec.finalizers, ['kubernetes']);
});

test('nodes: taints are unique, ranges and provider stay', () => {
  const taint = { key: 'k', value: 'v', effect: 'NoSchedule' };
  assert.deepEqual(errors(Node, { spec: { taints: [taint, taint, { key: 'k', effect: '' }] } }), [
    'metadata.taints[1]: Duplicate value: {"Key":"k","Value":"v","Effect":"NoSchedule","TimeAdded":null}: taints must be unique by key and effect pair',
    'metadata.taints[2].effect: Required value',
  ]);
  assert.deepEqual(errors(Node, { status: { capacity: { pods: '1500m', cpu: '-1' } } }), [
    'status.capacity.pods: Invalid value: "1500m": must be an integer',
    'status.capacity.cpu: Invalid value: "-1": must be greater than or equal to 0',
    'status.allocatable.pods: Invalid value: "1500m": must be an integer',
    'status.allocatable.cpu: Invalid value: "-1": must be greater than or equal to 0',
  ]);
  assert.deepEqual(
    updateErrors(
      Node,
      { spec: { podCIDR: '10.1.0.0/24', providerID: 'b' } },
      { spec: { podCIDR: '10.0.0.0/24', providerID: 'a' } },
    ),
    [
      'spec.podCIDRs: Forbidden: node updates may not change podCIDR except from "" to valid',
      'spec.providerID: Forbidden: node updates may not change providerID except from "" to valid',
    ],
  );
  assert.deepEqual(updateErrors(Node, { spec: { podCIDR: '10.1.0.0/24', providerID: 'b' } }, {}), []);
});

test('leases, endpoints, slices', () => {
  assert.deepEqual(errors(Lease, { spec: { leaseDurationSeconds: 0, leaseTransitions: -1, preferredHolder: 'x' } }), [
    'spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0',
    'spec.leaseTransitions: Invalid value: -1: must be greater than or equal to 0',
    'spec.preferredHolder: Forbidden: may only be specified if `strategy` is defined',
  ]);
  assert.deepEqual(
    errors(Endpoints, { subsets: [{}, { addresses: [{ ip: '169.254.1.1' }], ports: [{ port: 1 }, { port: 2 }] }] }),
    [
      'subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`',
      'subsets[1].addresses[0].ip: Invalid value: "169.254.1.1": may not be in the link-local range (169.254.0.0/16, fe80::/10)',
      'subsets[1].ports[0].name: Required value',
      'subsets[1].ports[1].name: Required value',
    ],
  );
  assert.deepEqual(errors(EndpointSlice, { addressType: 'IP', endpoints: [{ addresses: [] }] }), [
    'addressType: Unsupported value: "IP": supported values: "FQDN", "IPv4", "IPv6"',
    'endpoints[0].addresses: Required value: must contain at least 1 address',
  ]);
  assert.deepEqual(
    errors(EndpointSlice, {
      addressType: 'IPv4',
      endpoints: [{ addresses: ['fd00::1'] }],
      ports: [{ port: 1 }, { port: 2 }],
    }),
    ['ports[1].name: Duplicate value: ""', 'endpoints[0].addresses: Invalid value: "fd00::1": must be an IPv4 address'],
  );
  assert.deepEqual(updateErrors(EndpointSlice, { addressType: 'IPv6' }, { addressType: 'IPv4' }), [
    'addressType: Invalid value: "IPv6": field is immutable',
  ]);
});

test('events: old ones name their namespace, new ones their reporter', () => {
  assert.deepEqual(errors(Event, { involvedObject: { namespace: 'n' } }), []);
  assert.deepEqual(errors(Event, { involvedObject: { namespace: 'm' } }), [
    'involvedObject.namespace: Invalid value: "m": does not match event.namespace',
  ]);
  assert.deepEqual(
    errors(EventsEvent, {
      eventTime: '2026-01-01T00:00:00.000000Z',
      regarding: { namespace: 'n' },
      action: 'a',
      reason: 'r',
      type: 'Odd',
      reportingController: 'x/y',
      deprecatedCount: 1,
    }),
    [
      'reportingInstance: Required value',
      'type: Invalid value: "": has invalid value: Odd',
      'count: Invalid value: "": needs to be unset',
    ],
  );
});

test('events are the same object in both groups', () => {
  const { toStored, fromStored } = EventsEvent.storedAs!;
  const event = make(EventsEvent, {
    apiVersion: 'events.k8s.io/v1',
    eventTime: '2026-01-01T00:00:00.000000Z',
    regarding: { kind: 'Pod' },
    note: 'hello',
    reportingController: 'c',
    series: { count: 2, lastObservedTime: '2026-01-01T00:00:01.000000Z' },
  });
  const stored = toStored(event);
  assert.equal(stored.apiVersion, 'v1');
  assert.deepEqual(fromStored(stored), event);
});

test('pods: how long they get to end', () => {
  const grace = (status: object, nodeName: string, requested?: number): number =>
    Pod.gracePeriodSeconds!(make(Pod, { spec: { containers: [], nodeName }, status }), requested);
  assert.equal(grace({}, 'node'), 30);
  assert.equal(grace({}, 'node', 5), 5);
  assert.equal(grace({}, 'node', -1), 1);
  assert.equal(grace({}, '', 5), 0);
  assert.equal(grace({ phase: 'Succeeded' }, 'node', 5), 0);
});
