/**
 * What it costs to know who owns which fields, on every write, beside JSON.parse of the same object in the same run.
 * What whole writes cost comes first. `npm run bench -- apply`, half a minute.
 */
import { measureServer } from './apply/server.ts';
import { Deployment, type FieldManager, type Kind, kindFieldManager, type KubeObject, Pod } from '#api';

const WARM_UP_MS = 150;
/** Short, so that some of them are not disturbed by what else the machine does. */
const ROUND_MS = 3;
const ROUNDS = 100;

export async function run(): Promise<void> {
  console.log('the whole server, without the wire');
  await measureServer();
  await measure('a pod', Pod, pod(), (object) => {
    object.status = { phase: 'Running', podIP: '10.0.0.7', podIPs: [{ ip: '10.0.0.7' }] };
  });
  await measure('a deployment', Deployment, deployment(), (object) => {
    object.status = { replicas: 3, readyReplicas: 2, updatedReplicas: 3, observedGeneration: 2 };
  });
}

/** Microseconds one call takes, in the best of some rounds. */
async function microseconds(action: () => unknown): Promise<number> {
  let best = Infinity;
  for (const start = performance.now(); performance.now() - start < WARM_UP_MS;) await action();
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now();
    let calls = 0;
    while (performance.now() - start < ROUND_MS) {
      for (let i = 0; i < 10; i++) await action();
      calls += 10;
    }
    best = Math.min(best, ((performance.now() - start) / calls) * 1000);
  }
  return best;
}

type Draft = KubeObject & { spec: Record<string, unknown>; status: unknown };

async function measure(what: string, kind: Kind, config: Draft, setStatus: (object: Draft) => void): Promise<void> {
  let seconds = 0;
  const options = {
    now: () => (seconds += 1000),
    report(error: Error): never {
      throw error;
    },
  };
  const manager: FieldManager = kindFieldManager(kind, options);
  const statusManager = kindFieldManager(kind, { ...options, subresource: 'status' });

  const created = copy(config);
  kind.defaults?.(created);
  await manager.update(undefined, created, 'kubectl-create');
  created.metadata.uid = 'f3a0c6e4-7a1d-4c83-9b39-0d5c3e3f6f10';
  const live = copy(created);
  setStatus(live);
  await statusManager.update(created, live, 'kube-controller-manager');
  const text = JSON.stringify(live);
  const parse = await microseconds(() => JSON.parse(text) as unknown);
  console.log(`${what}: ${text.length} bytes with its managedFields`);
  const line = async (name: string, action: () => unknown, setUp = 0): Promise<void> => {
    const time = (await microseconds(action)) - setUp;
    console.log(`  ${name.padEnd(52)} ${time.toFixed(1).padStart(8)} µs  ${(time / parse).toFixed(2)} × JSON.parse`);
  };
  await line('JSON.parse', () => JSON.parse(text) as unknown);

  const defaulted = copy(config);
  kind.defaults?.(defaulted);
  await line('create', () => manager.update(undefined, shallow(defaulted), 'kubectl-create'));
  const again = copy(live);
  await line('update that changes nothing', () => manager.update(live, shallow(again), 'kubectl-edit'));
  const changed = copy(live);
  changed.metadata.labels = { app: 'other' };
  await line('update of a label, owners known', () => manager.update(live, shallow(changed), 'kubectl-edit'));
  const unread = (): Draft => JSON.parse(text) as Draft;
  await line(
    'the same, live object just read',
    () => manager.update(unread(), shallow(changed), 'kubectl-edit'),
    parse,
  );
  let ready = 0;
  await line('update of the status', () => {
    const next = shallow(live);
    setStatus(next);
    (next.status as Record<string, unknown>)['observedGeneration'] = ++ready;
    return statusManager.update(live, next, 'kube-controller-manager');
  });

  const owner = { manager: 'kubectl', force: true };
  const applied = await manager.apply(live, config as unknown as Record<string, unknown>, owner);
  const value = config as unknown as Record<string, unknown>;
  await line('apply that changes nothing', () => manager.apply(applied, value, owner));
  const next = copy(config);
  next.metadata.labels = { app: 'web', tier: 'a' };
  await line('apply that adds a label', () =>
    manager.apply(applied, next as unknown as Record<string, unknown>, owner),
  );
  const less = copy(config);
  less.metadata.labels = {};
  await line('apply that takes one away', () =>
    manager.apply(applied, less as unknown as Record<string, unknown>, owner),
  );
}

const copy = (object: Draft | KubeObject): Draft => structuredClone(object) as Draft;
/** Enough of a copy for an update to write managedFields to. */
const shallow = (object: Draft): Draft => ({ ...object, metadata: { ...object.metadata } });

const container = {
  name: 'web',
  image: 'nginx:1.27',
  args: ['--port', '80'],
  env: [
    { name: 'A', value: '1' },
    { name: 'B', valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.name' } } },
  ],
  ports: [{ name: 'http', containerPort: 80, protocol: 'TCP' }],
  resources: { requests: { cpu: '100m', memory: '64Mi' }, limits: { memory: '128Mi' } },
  readinessProbe: { httpGet: { path: '/', port: 'http' }, periodSeconds: 5 },
  volumeMounts: [{ name: 'data', mountPath: '/data' }],
};
const volumes = [{ name: 'data', emptyDir: {} }];

function pod(): Draft {
  const metadata = { name: 'web', namespace: 'default', labels: { app: 'web' }, annotations: { note: 'x' } };
  const spec = { containers: [container], volumes, serviceAccountName: 'default' };
  return { apiVersion: 'v1', kind: 'Pod', metadata, spec, status: {} } as unknown as Draft;
}

function deployment(): Draft {
  const metadata = { name: 'web', namespace: 'default', labels: { app: 'web' }, annotations: { note: 'x' } };
  const template = { metadata: { labels: { app: 'web' } }, spec: { containers: [container], volumes } };
  const spec = { replicas: 3, selector: { matchLabels: { app: 'web' } }, template };
  return { apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec, status: {} } as unknown as Draft;
}
