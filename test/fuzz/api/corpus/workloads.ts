/** What people run, with as much in it as its kinds can say. */
import type { Json } from '../mutate/json.ts';

const container: Json = {
  name: 'main',
  image: 'registry.example.com/team/web:1.2.3',
  command: ['sh', '-c', 'sleep 1'],
  env: [
    { name: 'A', value: '$(B)' },
    { name: 'B', valueFrom: { fieldRef: { fieldPath: "metadata.labels['app']" } } },
    { name: 'C', valueFrom: { secretKeyRef: { name: 's', key: 'k', optional: true } } },
    { name: 'D', valueFrom: { resourceFieldRef: { resource: 'limits.cpu', divisor: '1m' } } },
  ],
  ports: [{ name: 'http', containerPort: 8080, hostPort: 8080, protocol: 'TCP' }],
  resources: { requests: { cpu: '100m', memory: '128Mi', 'example.com/gpu': '1' }, limits: { 'example.com/gpu': 1 } },
  readinessProbe: { httpGet: { path: '/ready', port: 'http', httpHeaders: [{ name: 'X-A', value: 'b' }] } },
  livenessProbe: { grpc: { port: 9000 }, periodSeconds: 5 },
  startupProbe: { exec: { command: ['true'] } },
  lifecycle: { preStop: { sleep: { seconds: 1 } } },
  securityContext: { runAsUser: 1000, capabilities: { drop: ['ALL'] }, seccompProfile: { type: 'RuntimeDefault' } },
  volumeMounts: [
    { name: 'config', mountPath: '/etc/web', subPathExpr: '$(A)' },
    { name: 'scratch', mountPath: '/tmp/x', readOnly: true, recursiveReadOnly: 'IfPossible' },
  ],
};

const podSpec: { [key: string]: Json } = {
  containers: [
    container,
    { name: 'side', image: 'i', resizePolicy: [{ resourceName: 'cpu', restartPolicy: 'NotRequired' }] },
  ],
  initContainers: [{ name: 'init', image: 'i', restartPolicy: 'Always' }],
  volumes: [
    { name: 'config', configMap: { name: 'web', items: [{ key: 'a', path: 'b/c', mode: 420 }] } },
    { name: 'scratch', emptyDir: { sizeLimit: '1Gi', medium: 'Memory' } },
    { name: 'token', projected: { sources: [{ serviceAccountToken: { path: 't', expirationSeconds: 3600 } }] } },
    { name: 'down', downwardAPI: { items: [{ path: 'l', fieldRef: { fieldPath: 'metadata.labels' } }] } },
  ],
  affinity: {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [{ matchExpressions: [{ key: 'a', operator: 'In', values: ['b'] }] }],
      },
    },
    podAntiAffinity: {
      preferredDuringSchedulingIgnoredDuringExecution: [
        { weight: 1, podAffinityTerm: { topologyKey: 'h', labelSelector: { matchLabels: { a: 'b' } } } },
      ],
    },
  },
  topologySpreadConstraints: [{ maxSkew: 1, topologyKey: 'z', whenUnsatisfiable: 'DoNotSchedule' }],
  tolerations: [{ key: 'a', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 5 }],
  securityContext: { fsGroup: 1, sysctls: [{ name: 'net.ipv4.ip_forward', value: '1' }] },
  hostAliases: [{ ip: '127.0.0.1', hostnames: ['a'] }],
  dnsConfig: { nameservers: ['127.0.0.1'], options: [{ name: 'ndots', value: '5' }] },
  readinessGates: [{ conditionType: 'example.com/ready' }],
  nodeSelector: { disk: 'ssd' },
};
const template: Json = { metadata: { labels: { app: 'web' } }, spec: podSpec };

/** By `kind.group`. */
export const WORKLOADS: Readonly<Record<string, readonly { [key: string]: Json }[]>> = {
  'Pod.': [
    { metadata: { labels: { app: 'web' } }, spec: podSpec },
    { spec: { ...podSpec, nodeName: 'web', hostNetwork: true, securityContext: {} } },
  ],
  'Deployment.apps': [
    {
      metadata: { annotations: { a: 'b' }, finalizers: ['example.com/f'] },
      spec: {
        replicas: 3,
        selector: { matchLabels: { app: 'web' }, matchExpressions: [{ key: 'a', operator: 'DoesNotExist' }] },
        strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: 1 } },
        template,
      },
    },
  ],
  'Service.': [
    {
      spec: { type: 'NodePort', ports: [{ port: 80, nodePort: 30_080, targetPort: 'http' }], selector: { app: 'web' } },
    },
    { spec: { type: 'ExternalName', externalName: 'example.com' } },
    {
      spec: {
        clusterIP: 'None',
        ports: [
          { name: 'a', port: 1 },
          { name: 'b', port: 2, protocol: 'UDP' },
        ],
      },
    },
    {
      spec: {
        type: 'LoadBalancer',
        ports: [{ port: 443 }],
        ipFamilyPolicy: 'PreferDualStack',
        sessionAffinity: 'ClientIP',
      },
    },
  ],
  'ConfigMap.': [{ data: { a: 'b', 'c.d': 'e\nf' }, binaryData: { g: 'AAEC' }, immutable: false }],
  'Secret.': [
    { type: 'kubernetes.io/dockerconfigjson', data: { '.dockerconfigjson': 'e30=' } },
    { stringData: { a: 'b' }, data: { c: 'ZA==' } },
  ],
  'Node.': [
    {
      spec: { podCIDR: '10.244.0.0/24', taints: [{ key: 'a', value: 'b', effect: 'NoSchedule' }] },
      status: { capacity: { cpu: '4', memory: '8Gi', pods: '110' }, conditions: [{ type: 'Ready', status: 'True' }] },
    },
  ],
  'NetworkPolicy.networking.k8s.io': [
    {
      spec: {
        podSelector: {},
        policyTypes: ['Ingress'],
        ingress: [
          { from: [{ ipBlock: { cidr: '10.0.0.0/8', except: ['10.1.0.0/16'] } }], ports: [{ port: 80, endPort: 90 }] },
        ],
      },
    },
  ],
  'ResourceQuota.': [{ spec: { hard: { pods: '10', 'requests.cpu': '4' }, scopes: ['NotTerminating'] } }],
  'HorizontalPodAutoscaler.autoscaling': [
    {
      spec: {
        scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' },
        minReplicas: 1,
        maxReplicas: 3,
        metrics: [
          { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } } },
        ],
        behavior: { scaleUp: { policies: [{ type: 'Pods', value: 4, periodSeconds: 60 }] } },
      },
    },
  ],
  'Job.batch': [
    {
      spec: {
        completions: 4,
        parallelism: 2,
        completionMode: 'Indexed',
        backoffLimitPerIndex: 1,
        podFailurePolicy: { rules: [{ action: 'FailIndex', onExitCodes: { operator: 'In', values: [1, 2] } }] },
        template: { spec: { ...podSpec, restartPolicy: 'Never' } },
      },
    },
  ],
};
