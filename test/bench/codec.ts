/**
 * Reading and writing objects beside JSON.parse and JSON.stringify of the same object in the same run: what the schema costs.
 * `npm run bench -- codec`, some seconds.
 */
import {
  applyPatch,
  type BodyTarget,
  compareQuantity,
  decodeJson,
  decodeObject,
  decodeProtobuf,
  encodeJson,
  encodeProtobuf,
  type KubeObject,
  labelSelectorAsSelector,
} from '#api';
import { randomObject } from '../../src/api/codec/random-object.ts';

const POD: BodyTarget = { group: '', version: 'v1', kind: 'Pod', definition: 'core.v1.Pod' };
const ROUND_MS = 300;
const ROUNDS = 5;

export function run(): void {
  compare('a pod as kubectl sends it', typicalPod());
  compare('a pod with most fields there are', fullPod());
  small();
}

/** Microseconds one call takes, in the best of some rounds. */
function microseconds(action: () => unknown): number {
  let best = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now();
    let calls = 0;
    while (performance.now() - start < ROUND_MS / ROUNDS) {
      for (let i = 0; i < 10; i++) action();
      calls += 10;
    }
    best = Math.min(best, ((performance.now() - start) / calls) * 1000);
  }
  return best;
}

function compare(what: string, pod: KubeObject): void {
  const text = JSON.stringify(pod);
  const bytes = Buffer.from(text);
  const protobuf = encodeProtobuf(pod, POD.definition);
  const parse = microseconds(() => JSON.parse(text) as unknown);
  const stringify = microseconds(() => JSON.stringify(pod));
  console.log(`${what}: ${text.length} bytes of JSON, ${protobuf.length} of protobuf`);
  const line = (name: string, time: number, base: number, baseName: string): void =>
    console.log(`  ${name.padEnd(34)} ${time.toFixed(1).padStart(8)} µs  ${(time / base).toFixed(2)} × ${baseName}`);
  line('JSON.parse', parse, parse, 'JSON.parse');
  line(
    'decode, ignoring unknown fields',
    microseconds(() => decodeJson(bytes, POD, { fieldValidation: 'Ignore' })),
    parse,
    'JSON.parse',
  );
  line(
    'decode, strict',
    microseconds(() => decodeJson(bytes, POD, { fieldValidation: 'Strict' })),
    parse,
    'JSON.parse',
  );
  line(
    'decode protobuf',
    microseconds(() => decodeProtobuf(protobuf, POD)),
    parse,
    'JSON.parse',
  );
  line('JSON.stringify', stringify, stringify, 'JSON.stringify');
  line(
    'encode',
    microseconds(() => encodeJson(pod)),
    stringify,
    'JSON.stringify',
  );
  line(
    'encode protobuf',
    microseconds(() => encodeProtobuf(pod, POD.definition)),
    stringify,
    'JSON.stringify',
  );
  const strategic = {
    metadata: { labels: { patched: 'yes' } },
    status: { conditions: [{ type: 'Ready', status: 'True' }] },
  };
  const json = [{ op: 'add', path: '/metadata/labels', value: { patched: 'yes' } }];
  line(
    'strategic merge patch, decoded',
    microseconds(() => applyPatch('application/strategic-merge-patch+json', pod, strategic, POD)),
    parse,
    'JSON.parse',
  );
  line(
    'JSON merge patch, decoded',
    microseconds(() => applyPatch('application/merge-patch+json', pod, { metadata: strategic.metadata }, POD)),
    parse,
    'JSON.parse',
  );
  line(
    'JSON patch, decoded',
    microseconds(() => applyPatch('application/json-patch+json', pod, json, POD)),
    parse,
    'JSON.parse',
  );
}

function small(): void {
  const selector = labelSelectorAsSelector({ matchLabels: { app: 'web', tier: 'front' } });
  const labels = { app: 'web', tier: 'front', 'pod-template-hash': 'abc' };
  console.log(`match two labels ${(microseconds(() => selector.matches(labels)) * 1000).toFixed(0)} ns`);
  console.log(`compare two quantities ${(microseconds(() => compareQuantity('1500m', '2')) * 1000).toFixed(0)} ns`);
}

function typicalPod(): KubeObject {
  const container = (name: string): object => ({
    name,
    image: `registry.example.com/${name}:1.2.3`,
    ports: [{ name: 'http', containerPort: 8080, protocol: 'TCP' }],
    env: [
      { name: 'A', value: '1' },
      { name: 'B', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } },
    ],
    resources: { requests: { cpu: '100m', memory: '128Mi' }, limits: { cpu: '1', memory: '256Mi' } },
    readinessProbe: {
      httpGet: { path: '/ready', port: 'http', scheme: 'HTTP' },
      periodSeconds: 10,
      failureThreshold: 3,
    },
    livenessProbe: { httpGet: { path: '/live', port: 8080, scheme: 'HTTP' }, periodSeconds: 10, failureThreshold: 3 },
    volumeMounts: [{ name: 'token', mountPath: '/var/run/secrets/kubernetes.io/serviceaccount', readOnly: true }],
    imagePullPolicy: 'IfNotPresent',
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File',
  });
  const condition = (type: string): object => ({ type, status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z' });
  const spec = {
    containers: [container('web'), container('sidecar')],
    volumes: [
      {
        name: 'token',
        projected: { defaultMode: 420, sources: [{ serviceAccountToken: { expirationSeconds: 3607, path: 'token' } }] },
      },
    ],
    restartPolicy: 'Always',
    dnsPolicy: 'ClusterFirst',
    nodeName: 'node1',
    schedulerName: 'default-scheduler',
    terminationGracePeriodSeconds: 30,
    tolerations: [
      { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 },
    ],
  };
  const metadata = {
    name: 'web-7d4b9c6f5-x2x9z',
    namespace: 'default',
    labels: { app: 'web' },
    creationTimestamp: '2026-01-01T00:00:00Z',
  };
  const status = {
    phase: 'Running',
    conditions: ['Initialized', 'Ready', 'ContainersReady', 'PodScheduled'].map(condition),
    podIP: '10.244.1.5',
    podIPs: [{ ip: '10.244.1.5' }],
  };
  return decodeObject({ metadata, spec, status }, POD).object;
}

/** One random pod, always the same, of about the size of the largest real ones. */
const fullPod = (): KubeObject => decodeObject(randomObject(POD.definition, 1, 0.62), POD).object;
