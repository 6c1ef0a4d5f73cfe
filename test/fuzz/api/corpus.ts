/** Objects and bodies that are valid: what mutations start from. */
import { allKinds, apiVersionOf, type Kind } from '#api';
import { MINIMAL } from '../../../src/apiserver/testdata/minimal.ts';
import type { Json } from './mutate-json.ts';

export interface Seed {
  readonly kind: Kind;
  readonly object: { [key: string]: Json };
}

export const NAMESPACES = ['default', 'kube-system', 'fuzz'];
export const NAMES = ['a', 'web', 'c'];

const container: Json = {
  name: 'main',
  image: 'registry.example.com/team/web:1.2.3',
  command: ['sh', '-c', 'sleep 1'],
  env: [
    { name: 'A', value: '$(B)' },
    { name: 'B', valueFrom: { fieldRef: { fieldPath: 'metadata.labels["app"]' } } },
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

/** A schema that says all that schemas can say, with rules in CEL. */
const schema: Json = {
  type: 'object',
  required: ['spec'],
  properties: {
    spec: {
      type: 'object',
      'x-kubernetes-validations': [
        { rule: 'self.min <= self.max', message: 'min is larger', fieldPath: '.min' },
        { rule: 'self.list.all(x, x.size() < 5) && self.list.exists_one(y, y == "a")' },
        { rule: '!has(oldSelf.name) || self.name == oldSelf.name', reason: 'FieldValueForbidden' },
        { rule: "self.name.matches('^a+$') || self.tags.map(k, self.tags[k].lowerAscii()).join(',') != ''" },
        { rule: 'quantity(self.size).isGreaterThan(quantity("1Mi"))', messageExpression: '"size " + self.size' },
      ],
      properties: {
        name: { type: 'string', minLength: 1, maxLength: 20, pattern: '^[a-z]+$', default: 'a' },
        min: { type: 'integer', format: 'int32', minimum: 0 },
        max: { type: 'integer', maximum: 100, multipleOf: 1 },
        ratio: { type: 'number', exclusiveMinimum: true, minimum: 0, nullable: true },
        size: { 'x-kubernetes-int-or-string': true, anyOf: [{ type: 'integer' }, { type: 'string' }] },
        at: { type: 'string', format: 'date-time' },
        list: { type: 'array', maxItems: 10, 'x-kubernetes-list-type': 'set', items: { type: 'string' } },
        ports: {
          type: 'array',
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['port'],
          items: { type: 'object', required: ['port'], properties: { port: { type: 'integer', default: 80 } } },
        },
        tags: { type: 'object', additionalProperties: { type: 'string' }, maxProperties: 5 },
        mode: { type: 'string', enum: ['a', 'b'] },
        raw: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
        template: { type: 'object', 'x-kubernetes-embedded-resource': true },
        not: { not: { required: ['x'] }, oneOf: [{ required: ['a'] }], type: 'object' },
      },
    },
    status: { type: 'object', properties: { replicas: { type: 'integer' }, selector: { type: 'string' } } },
  },
};

const EXPRESSIONS = [
  'object.spec.replicas <= 5',
  "object.metadata.name.startsWith('a') || oldObject == null",
  "request.userInfo.groups.exists(g, g == 'system:masters') ? true : has(object.spec)",
  "variables.n.split('.').size() > 1",
  "authorizer.group('').resource('pods').namespace('default').check('get').allowed()",
  "[1, 2, 3].map(x, x * 2).filter(y, y > 2).sum() == 10 && {'a': 1}['a'] == 1",
  "duration('1h') > timestamp('2026-01-01T00:00:00Z') - timestamp('2026-01-01T00:00:00Z')",
];

/** More of the kinds that have much in them, by `kind.group`. */
const RICH: Readonly<Record<string, readonly { [key: string]: Json }[]>> = {
  'Pod.': [
    { metadata: { labels: { app: 'web' } }, spec: podSpec },
    { spec: { ...podSpec, nodeName: 'web', hostNetwork: true } },
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
  'Role.rbac.authorization.k8s.io': [
    { rules: [{ apiGroups: [''], resources: ['pods', 'pods/log'], verbs: ['get', '*'] }] },
  ],
  'ClusterRole.rbac.authorization.k8s.io': [
    {
      rules: [{ nonResourceURLs: ['/healthz', '/a/*'], verbs: ['get'] }],
      aggregationRule: { clusterRoleSelectors: [{ matchLabels: { a: 'b' } }] },
    },
  ],
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
  'CustomResourceDefinition.apiextensions.k8s.io': [
    {
      metadata: { name: 'things.fuzz.example.com' },
      spec: {
        group: 'fuzz.example.com',
        scope: 'Namespaced',
        names: { kind: 'Thing', plural: 'things', singular: 'thing', shortNames: ['th'], categories: ['all'] },
        versions: [
          {
            name: 'v1',
            served: true,
            storage: true,
            schema: { openAPIV3Schema: schema },
            subresources: {
              status: {},
              scale: {
                specReplicasPath: '.spec.min',
                statusReplicasPath: '.status.replicas',
                labelSelectorPath: '.status.selector',
              },
            },
            additionalPrinterColumns: [{ name: 'Min', type: 'integer', jsonPath: '.spec.min' }],
            selectableFields: [{ jsonPath: '.spec.mode' }],
          },
        ],
      },
    },
  ],
  'ValidatingAdmissionPolicy.admissionregistration.k8s.io': EXPRESSIONS.map((expression) => ({
    spec: {
      failurePolicy: 'Ignore',
      matchConstraints: {
        resourceRules: [{ apiGroups: ['*'], apiVersions: ['*'], operations: ['*'], resources: ['configmaps'] }],
      },
      matchConditions: [{ name: 'm', expression: "request.operation != 'DELETE'" }],
      variables: [{ name: 'n', expression: 'object.metadata.name' }],
      validations: [{ expression, messageExpression: "'not ' + object.metadata.name", reason: 'Forbidden' }],
      auditAnnotations: [{ key: 'k', valueExpression: "'v'" }],
    },
  })),
};

function seedsOf(kind: Kind): Seed[] {
  const key = `${kind.kind}.${kind.group}`;
  return [MINIMAL[key] ?? {}, ...(RICH[key] ?? [])].map((own) => ({
    kind,
    object: structuredClone({ apiVersion: apiVersionOf(kind), kind: kind.kind, ...own }) as Seed['object'],
  }));
}

const usual = allKinds.flatMap(seedsOf);

/** A kind by its path only: what a definition in the corpus makes. */
const Thing = { group: 'fuzz.example.com', version: 'v1', kind: 'Thing', plural: 'things', namespaced: true } as Kind;
const thing: Seed = {
  kind: Thing,
  object: {
    apiVersion: 'fuzz.example.com/v1',
    kind: 'Thing',
    spec: {
      name: 'a',
      min: 1,
      max: 2,
      ratio: 0.5,
      size: '5Mi',
      list: ['a', 'b'],
      ports: [{ port: 80 }],
      tags: { a: 'B' },
      raw: { x: [1] },
      at: '2026-01-01T00:00:00Z',
    },
    status: { replicas: 1, selector: 'a=b' },
  },
};

export const SEEDS: readonly Seed[] = [...usual, thing];
/** Seeds in their share of requests: what people use most, and what has most in it, comes more often. */
export const WEIGHTED: readonly Seed[] = SEEDS.flatMap((seed) => {
  const often = [
    'Pod',
    'Deployment',
    'Service',
    'ConfigMap',
    'CustomResourceDefinition',
    'ValidatingAdmissionPolicy',
    'Thing',
  ];
  return Array.from({ length: often.includes(seed.kind.kind) ? 5 : 1 }, () => seed);
});

/** Bodies of subresources, and options. */
export const BODIES: Readonly<Record<string, Json>> = {
  binding: { apiVersion: 'v1', kind: 'Binding', metadata: { name: 'a' }, target: { kind: 'Node', name: 'n' } },
  eviction: {
    apiVersion: 'policy/v1',
    kind: 'Eviction',
    metadata: { name: 'a' },
    deleteOptions: { gracePeriodSeconds: 0 },
  },
  scale: { apiVersion: 'autoscaling/v1', kind: 'Scale', metadata: { name: 'web' }, spec: { replicas: 2 } },
  token: {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: { audiences: ['a'], expirationSeconds: 600 },
  },
  ephemeralcontainers: {
    apiVersion: 'v1',
    kind: 'Pod',
    spec: { ephemeralContainers: [{ name: 'e', image: 'i', targetContainerName: 'main' }] },
  },
};

export const DELETE_OPTIONS: Json = {
  kind: 'DeleteOptions',
  apiVersion: 'v1',
  gracePeriodSeconds: 0,
  propagationPolicy: 'Background',
  preconditions: { uid: 'x', resourceVersion: '1' },
};

/** Paths where objects are posted that nobody keeps. */
export const REVIEWS: Readonly<Record<string, Json>> = {
  '/apis/authentication.k8s.io/v1/tokenreviews': {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenReview',
    spec: { token: 'a.b.c' },
  },
  '/apis/authentication.k8s.io/v1/selfsubjectreviews': {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'SelfSubjectReview',
  },
  '/apis/authorization.k8s.io/v1/subjectaccessreviews': {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SubjectAccessReview',
    spec: {
      user: 'u',
      groups: ['g'],
      resourceAttributes: { verb: 'get', resource: 'pods', namespace: 'default', name: 'a' },
    },
  },
  '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews': {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SelfSubjectAccessReview',
    spec: { nonResourceAttributes: { path: '/healthz', verb: 'get' } },
  },
  '/apis/authorization.k8s.io/v1/selfsubjectrulesreviews': {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SelfSubjectRulesReview',
    spec: { namespace: 'default' },
  },
  '/apis/authorization.k8s.io/v1/namespaces/default/localsubjectaccessreviews': {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'LocalSubjectAccessReview',
    spec: { user: 'u', resourceAttributes: { verb: 'get', resource: 'pods', namespace: 'default' } },
  },
};
