/** The objects the benchmark stores and sends. */

const NODES = 1000;
const APPS = 100;

export const podName = (i: number): string => `pod-${String(i).padStart(6, '0')}`;
export const appOf = (i: number): string => `web-${i % APPS}`;
export const nodeOf = (i: number): string => `node-${i % NODES}`;

/** About what a Deployment's pod looks like. */
export const podOf = (i: number): { metadata: object; spec: object } => ({
  metadata: { name: podName(i), labels: { app: appOf(i), tier: 'front', 'pod-template-hash': '5d8f7c9b6' } },
  spec: {
    nodeName: nodeOf(i),
    containers: [
      {
        name: 'web',
        image: 'registry.example.com/team/web:1.2.3',
        env: Array.from({ length: 8 }, (_, n) => ({ name: `SETTING_${n}`, value: `value of setting ${n}` })),
        ports: [{ containerPort: 8080, name: 'http' }],
        resources: { requests: { cpu: '100m', memory: '128Mi' }, limits: { memory: '256Mi' } },
        readinessProbe: { httpGet: { path: '/ready', port: 8080 } },
        volumeMounts: [{ name: 'config', mountPath: '/etc/web' }],
      },
    ],
    volumes: [{ name: 'config', configMap: { name: 'web' } }],
  },
});

export const statusOf = (i: number): object => ({
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

export const configMapOf = (name: string, value: string): object => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'default' },
  data: { key: 'x'.repeat(500), value },
});
