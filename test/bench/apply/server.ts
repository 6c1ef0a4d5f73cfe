/**
 * The whole API server but for the wire: filters, decoding, admission, validation, a store in memory, encoding. What a write costs of CPU with all
 * that is known of its fields; nobody else is asked for anything, so that two commits can be compared.
 */
import assert from 'node:assert/strict';
import { ServiceAccount } from '#api';
import { startTestApiServer } from '#testing';

const AT_ONCE = 16;
const CALLS = 1500;
const ROUNDS = 7;
const NAMESPACE = '/api/v1/namespaces/default';
const PODS = 200;

type Send = (method: string, path: string, type: string, body: object) => Promise<number>;

export async function measureServer(): Promise<void> {
  await using api = await startTestApiServer();
  await api.client.create(ServiceAccount, { metadata: { name: 'default', namespace: 'default' } });
  const send = sender(api.server);
  for (let i = 0; i < PODS; i++) assert.equal(await send('POST', `${NAMESPACE}/pods`, JSON_TYPE, podOf(`p${i}`)), 201);
  for (const { name, call } of cases(send)) await line(name, call);
}

const JSON_TYPE = 'application/json';
const APPLY = 'application/apply-patch+yaml';
const MERGE = 'application/strategic-merge-patch+json';

function sender(server: Awaited<ReturnType<typeof startTestApiServer>>['server']): Send {
  const unused = { addresses: [], port: 0, advertiseAddress: '192.0.2.1', certificate: '', key: '', ca: '' };
  const handle = server.handler({ ...unused, kubeletClient: { certificate: '', key: '' } });
  const peer = {
    remoteAddress: '127.0.0.1',
    certificate: { commonName: 'kubernetes-admin', organizations: ['system:masters'] },
  };
  return async (method, path, type, body) => {
    const [bare = '', query = ''] = path.split('?');
    const bytes = Buffer.from(JSON.stringify(body));
    const headers = { 'content-type': type, accept: JSON_TYPE, 'user-agent': 'bench/1' };
    const request = {
      method,
      path: bare,
      rawQuery: query,
      query: new URLSearchParams(query),
      headers,
      peer,
      values: () => [],
      body: async () => bytes,
    };
    const answer = await handle(request, () => undefined);
    return 'status' in answer ? answer.status : 0;
  };
}

function cases(send: Send): { name: string; call: (i: number) => Promise<number> }[] {
  const pod = (i: number): string => `${NAMESPACE}/pods/p${i % PODS}`;
  let made = 0;
  const changed = (i: number): object => {
    const { metadata, ...rest } = podOf(`p${i % PODS}`);
    return { ...rest, metadata: { ...metadata, annotations: { turn: String(++made) } } };
  };
  return [
    { name: 'POST pod', call: () => send('POST', `${NAMESPACE}/pods`, JSON_TYPE, podOf(`new-${made++}`)) },
    {
      name: 'PUT pod status',
      call: (i) => send('PUT', `${pod(i)}/status`, JSON_TYPE, { ...podOf(`p${i % PODS}`), status: statusOf(made++) }),
    },
    {
      name: 'PATCH pod status',
      call: (i) => send('PATCH', `${pod(i)}/status`, MERGE, { status: statusOf(made++) }),
    },
    {
      name: 'PATCH of a label',
      call: (i) => send('PATCH', pod(i), MERGE, { metadata: { labels: { turn: String(made++) } } }),
    },
    {
      name: 'apply that changes nothing',
      call: (i) => send('PATCH', `${pod(i)}?fieldManager=a&force=true`, APPLY, podOf(`p${i % PODS}`)),
    },
    {
      name: 'apply of an annotation',
      call: (i) => send('PATCH', `${pod(i)}?fieldManager=a&force=true`, APPLY, changed(i)),
    },
  ];
}

/** CPU of this process for one call, in the best of some rounds. */
async function line(name: string, call: (i: number) => Promise<number>): Promise<void> {
  let best = Infinity;
  let next = 0;
  let status = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const before = process.cpuUsage();
    const end = next + CALLS;
    const worker = async (): Promise<void> => {
      while (next < end) status = await call(next++);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    const { user, system } = process.cpuUsage(before);
    best = Math.min(best, (user + system) / CALLS);
  }
  console.log(`  ${name.padEnd(30)} ${best.toFixed(0).padStart(6)} µs of CPU, status ${status}`);
}

const podOf = (name: string): { metadata: object; spec: object; apiVersion: string; kind: string } => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, labels: { app: 'web', tier: 'front', 'pod-template-hash': '5d8f7c9b6' } },
  spec: {
    containers: [
      {
        name: 'web',
        image: 'registry.example.com/team/web:1.2.3',
        env: Array.from({ length: 8 }, (_, i) => ({ name: `SETTING_${i}`, value: `value of setting ${i}` })),
        ports: [{ containerPort: 8080, name: 'http' }],
        resources: { requests: { cpu: '100m', memory: '128Mi' }, limits: { memory: '256Mi' } },
        readinessProbe: { httpGet: { path: '/ready', port: 8080 } },
        volumeMounts: [{ name: 'config', mountPath: '/etc/web' }],
      },
    ],
    volumes: [{ name: 'config', configMap: { name: 'web' } }],
  },
});

const statusOf = (i: number): object => ({
  phase: 'Running',
  podIP: `10.0.${(i >> 8) & 255}.${i & 255}`,
  startTime: '2030-01-01T00:00:00Z',
  conditions: ['Initialized', 'Ready', 'ContainersReady', 'PodScheduled'].map((type) => ({
    type,
    status: 'True',
    lastTransitionTime: '2030-01-01T00:00:00Z',
  })),
  containerStatuses: [
    {
      name: 'web',
      ready: true,
      restartCount: i,
      image: 'registry.example.com/team/web:1.2.3',
      imageID: `sha256:${'0'.repeat(64)}`,
      containerID: `containerd://${'0'.repeat(64)}`,
      state: { running: { startedAt: '2030-01-01T00:00:00Z' } },
    },
  ],
});
