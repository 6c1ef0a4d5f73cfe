import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { deepClone } from '../equality.ts';
import type { Container, PodSpec } from '../generated/core.v1.ts';
import { Pod } from './pod.ts';
import {
  computePodQOS,
  controllerOf,
  controllerReference,
  fnv1a32,
  imageTag,
  isControlledBy,
  isPodAvailable,
  isPodReady,
  podLimits,
  podRequests,
  podTemplateHash,
  toleratesTaint,
  untoleratedTaint,
} from './pods.ts';

const container = (name: string, requests: Record<string, string>, more: Partial<Container> = {}): Container => ({
  name,
  image: 'i',
  resources: { requests },
  ...more,
});

function pod(spec: PodSpec, more: Partial<Pod> = {}): Pod {
  const object: Pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', namespace: 'n', uid: 'u', resourceVersion: '', creationTimestamp: '' },
    status: {},
    ...more,
    spec,
  };
  Pod.defaults!(object);
  return object;
}

test('a pod asks for its containers together or its worst init container', () => {
  const spec: PodSpec = {
    containers: [container('a', { cpu: '500m', memory: '1Gi' }), container('b', { cpu: '1' })],
    initContainers: [
      container('i', { cpu: '2' }),
      container('s', { cpu: '250m' }, { restartPolicy: 'Always' }),
      container('j', { cpu: '1900m', memory: '512Mi' }),
    ],
  };
  // The second init container runs beside the sidecar: 1900m + 250m is more than 500m + 1 + 250m.
  assert.deepEqual(podRequests({ spec }), { cpu: 2150, memory: 2 ** 30 });
  assert.deepEqual(podRequests({ spec: { ...spec, overhead: { cpu: '10m', foo: '1' } } }), {
    cpu: 2160,
    memory: 2 ** 30,
    foo: 1,
  });
  assert.deepEqual(podRequests({ spec: { ...spec, resources: { requests: { cpu: '4' } } } }), {
    cpu: 4000,
    memory: 2 ** 30,
  });
});

test('limits are those that are there, overhead added to them alone', () => {
  const limited = { name: 'a', image: 'i', resources: { limits: { cpu: '1' } } };
  assert.deepEqual(podLimits({ spec: { containers: [limited], overhead: { cpu: '1', memory: '1' } } }), { cpu: 2000 });
});

test('the class of service comes from what containers ask for', () => {
  const of = (...containers: NonNullable<Container['resources']>[]): string =>
    computePodQOS(pod({ containers: containers.map((resources, i) => ({ name: `c${i}`, image: 'i', resources })) }));
  const both = { cpu: '1', memory: '1Gi' };
  assert.equal(of({}), 'BestEffort');
  assert.equal(of({ limits: both }), 'Guaranteed');
  assert.equal(of({ limits: both, requests: both }, { limits: both }), 'Guaranteed');
  assert.equal(of({ limits: both }, {}), 'Burstable');
  assert.equal(of({ limits: { cpu: '1' } }), 'Burstable');
  assert.equal(of({ requests: { cpu: '1' } }), 'Burstable');
  assert.equal(of({ requests: { 'example.com/gpu': '1' } }), 'BestEffort');
});

test('pods get more defaults than templates', () => {
  const { spec } = pod({
    hostNetwork: true,
    serviceAccount: 'sa',
    containers: [
      {
        name: 'c',
        image: 'nginx:1.27@sha256:00',
        ports: [{ containerPort: 80 }],
        resources: { limits: { cpu: '0.5', memory: '1024Mi' }, requests: { memory: '0.1' } },
        env: [{ name: 'N', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }],
        livenessProbe: { httpGet: { port: 80 } },
      },
    ],
    volumes: [
      { name: 'e' },
      { name: 'h', hostPath: { path: '/' } },
      { name: 'p', projected: { sources: [{ serviceAccountToken: { path: 't' } }] } },
    ],
  });
  assert.equal(spec.enableServiceLinks, true);
  assert.equal(spec.serviceAccountName, 'sa');
  const [c] = spec.containers;
  assert.equal(c!.imagePullPolicy, 'IfNotPresent');
  assert.deepEqual(c!.ports, [{ containerPort: 80, protocol: 'TCP', hostPort: 80 }]);
  assert.deepEqual(c!.resources, { limits: { cpu: '500m', memory: '1Gi' }, requests: { cpu: '500m', memory: '100m' } });
  assert.equal(c!.env![0]!.valueFrom!.fieldRef!.apiVersion, 'v1');
  assert.deepEqual(c!.livenessProbe, {
    httpGet: { port: 80, path: '/', scheme: 'HTTP' },
    timeoutSeconds: 1,
    periodSeconds: 10,
    successThreshold: 1,
    failureThreshold: 3,
  });
  assert.deepEqual(spec.volumes, [
    { name: 'e', emptyDir: {} },
    { name: 'h', hostPath: { path: '/', type: '' } },
    {
      name: 'p',
      projected: { sources: [{ serviceAccountToken: { path: 't', expirationSeconds: 3600 } }], defaultMode: 420 },
    },
  ]);
});

test('resources of a whole pod are completed from its containers', () => {
  const inside = [container('a', { cpu: '250m', memory: '1Mi' })];
  const { resources } = pod({ containers: inside, resources: { limits: { cpu: '1', memory: '1Gi' } } }).spec;
  assert.deepEqual(resources, { limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '250m', memory: '1Mi' } });
});

test('the tag decides whether an image is pulled anew', () => {
  assert.equal(imageTag('nginx'), 'latest');
  assert.equal(imageTag('localhost:5000/nginx'), 'latest');
  assert.equal(imageTag('localhost:5000/nginx:1'), '1');
  assert.equal(imageTag('nginx@sha256:abc'), '');
});

test('a new pod is pending, gated if it says so, and its label keys are merged', () => {
  const labelSelector = { matchLabels: { app: 'a' } };
  const object = pod(
    {
      containers: [container('c', {})],
      schedulingGates: [{ name: 'g' }],
      topologySpreadConstraints: [
        { maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule', labelSelector, matchLabelKeys: ['v'] },
      ],
    },
    { status: { phase: 'Running' } },
  );
  object.metadata.labels = { v: '7' };
  Pod.prepareForCreate!(object);
  assert.equal(object.status.phase, 'Pending');
  assert.equal(object.status.qosClass, 'BestEffort');
  assert.equal(object.status.conditions![0]!.reason, 'SchedulingGated');
  assert.deepEqual(object.spec.topologySpreadConstraints![0]!.labelSelector!.matchExpressions, [
    { key: 'v', operator: 'In', values: ['7'] },
  ]);
  assert.deepEqual(Pod.validate!(object), []);
});

test('warnings name what is valid but hardly meant', () => {
  const object = pod({
    containers: [
      {
        name: 'c',
        image: 'i',
        env: [
          { name: 'A', value: '1' },
          { name: 'A', value: '2' },
        ],
        ports: [{ containerPort: 80 }, { containerPort: 80 }],
        resources: { requests: { memory: '100m' } },
      },
    ],
    nodeSelector: { 'beta.kubernetes.io/os': 'linux' },
    hostAliases: [{ ip: '1.1.1.1' }, { ip: '1.1.1.1' }],
  });
  object.metadata.name = 'a.b';
  assert.deepEqual(Pod.warnings!(object, undefined), [
    "metadata.name: this is used in the Pod's hostname, which can result in surprising behavior; a DNS label is recommended: [must not contain dots]",
    'spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use "kubernetes.io/os" instead',
    'spec.hostAliases[1].ip: duplicate ip "1.1.1.1"',
    'spec.containers[0].resources.requests[memory]: fractional byte value "100m" is invalid, must be an integer',
    'spec.containers[0].env[1]: hides previous definition of "A", which may be dropped when using apply',
    'spec.containers[0].ports[1]: duplicate port definition with spec.containers[0].ports[0]',
  ]);
  assert.deepEqual(Pod.warnings!(object, object), []);
});

test('readiness and availability', () => {
  const at = '2026-01-01T00:00:00Z';
  const object = pod(
    { containers: [] },
    { status: { conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: at }] } },
  );
  assert.ok(isPodReady(object));
  assert.ok(isPodAvailable(object, 0, Date.parse(at)));
  assert.ok(!isPodAvailable(object, 10, Date.parse(at) + 9_999));
  assert.ok(isPodAvailable(object, 10, Date.parse(at) + 10_000));
});

test('tolerations cover taints by key, value and effect', () => {
  const taint = { key: 'k', value: 'v', effect: 'NoSchedule' };
  assert.ok(toleratesTaint({ operator: 'Exists' }, taint));
  assert.ok(toleratesTaint({ key: 'k', value: 'v' }, taint));
  assert.ok(!toleratesTaint({ key: 'k', value: 'w' }, taint));
  assert.ok(!toleratesTaint({ key: 'k', operator: 'Exists', effect: 'NoExecute' }, taint));
  assert.equal(untoleratedTaint([taint], [], ['NoExecute']), undefined);
  assert.equal(untoleratedTaint([taint], [{ key: 'x', operator: 'Exists' }], ['NoSchedule']), taint);
});

test('a controller knows its own', () => {
  const owner = pod({ containers: [] });
  const owned = { metadata: { ownerReferences: [controllerReference(owner)] } };
  assert.ok(isControlledBy(owned, owner));
  assert.equal(controllerOf(owned)?.name, 'p');
  assert.equal(controllerOf({ metadata: {} }), undefined);
});

test('hashes of templates depend on what they say, not on the order', () => {
  assert.equal(fnv1a32(''), 0x811c9dc5);
  assert.equal(fnv1a32('foobar'), 0xbf9cf968);
  const template = { spec: { containers: [{ name: 'a', image: 'b' }] } };
  const turned = { spec: { containers: [{ image: 'b', name: 'a', args: undefined }] } };
  assert.equal(podTemplateHash(template, undefined), podTemplateHash(turned, undefined));
  assert.notEqual(podTemplateHash(template, undefined), podTemplateHash(template, 1));
  fc.assert(
    fc.property(fc.string(), (image) => {
      const other = deepClone(template);
      other.spec.containers[0]!.image = image;
      assert.match(podTemplateHash(other, 0), /^[bcdfghjklmnpqrstvwxz2456789]{1,10}$/);
    }),
  );
});
