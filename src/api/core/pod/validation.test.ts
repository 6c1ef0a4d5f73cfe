import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fieldErrorText } from '../../field-error.ts';
import type { Container, PodSpec } from '../../generated/core.v1.ts';
import { Pod } from '../pod.ts';

const container = (more: Partial<Container> = {}): Container => ({ name: 'c', image: 'nginx', ...more });

function pod(spec: Partial<PodSpec> = {}, annotations: Record<string, string> = {}): Pod {
  const object = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', namespace: 'n', uid: 'u', resourceVersion: '1', creationTimestamp: '', annotations },
    spec: { containers: [container()], ...spec },
    status: {},
  } as Pod;
  Pod.defaults!(object);
  return object;
}

const errorsOf = (object: Pod): string[] =>
  [...Pod.validate!(object), ...Pod.validateCreate!(object)].map(fieldErrorText);
const at = (list: string, field: string, message: string): string => `spec.${list}${field}: ${message}`;

/** One case for each class of rules: what is given → everything the server says of it. */
const CASES: readonly (readonly [name: string, spec: Partial<PodSpec>, expected: readonly string[]])[] = [
  ['a plain pod is valid', {}, []],
  ['a pod needs containers', { containers: [] }, ['spec.containers: Required value']],
  [
    'containers have names and images',
    { containers: [{ name: '' }, container({ name: 'A_b' })] },
    [
      'spec.containers[0].name: Required value',
      'spec.containers[0].image: Required value',
      `spec.containers[1].name: Invalid value: "A_b": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')`,
    ],
  ],
  [
    'names of containers are unique across init containers',
    { containers: [container(), container()], initContainers: [container()] },
    ['spec.containers[1].name: Duplicate value: "c"', 'spec.initContainers[0].name: Duplicate value: "c"'],
  ],
  [
    'images have no space around them',
    { containers: [container({ image: ' nginx' })] },
    ['spec.containers[0].image: Invalid value: " nginx": must not have leading or trailing whitespace'],
  ],
  [
    'ports are numbers with unique names and known protocols',
    {
      containers: [
        container({
          ports: [
            { name: 'http', containerPort: 80 },
            { name: 'http', containerPort: 70_000 },
            { name: 'Http--', containerPort: 0, protocol: 'ICMP' },
          ],
        }),
      ],
    },
    [
      'spec.containers[0].ports[1].name: Duplicate value: "http"',
      'spec.containers[0].ports[1].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive',
      'spec.containers[0].ports[2].name: Invalid value: "Http--": must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)',
      'spec.containers[0].ports[2].name: Invalid value: "Http--": must not contain consecutive hyphens',
      'spec.containers[0].ports[2].name: Invalid value: "Http--": must not begin or end with a hyphen',
      'spec.containers[0].ports[2].containerPort: Required value',
      'spec.containers[0].ports[2].protocol: Unsupported value: "ICMP": supported values: "SCTP", "TCP", "UDP"',
    ],
  ],
  [
    'ports of the host are taken once',
    {
      containers: [
        container({
          ports: [
            { containerPort: 1, hostPort: 80 },
            { containerPort: 2, hostPort: 80 },
          ],
        }),
      ],
    },
    ['spec.containers[0].ports[1].hostPort: Duplicate value: "TCP//80"'],
  ],
  [
    'variables have a name and one source',
    {
      containers: [
        container({
          env: [
            { name: 'A=B' },
            { name: 'X', value: 'x', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
            { name: 'Y', valueFrom: {} },
            { name: 'Z', valueFrom: { fieldRef: { fieldPath: 'spec.hostname' } } },
            { name: 'P', valueFrom: { fieldRef: { fieldPath: 'status.phase' } } },
            { name: 'R', valueFrom: { resourceFieldRef: { resource: 'limits.gpu' } } },
            { name: 'L', valueFrom: { fieldRef: { fieldPath: "metadata.labels['app']" } } },
            { name: 'K', valueFrom: { secretKeyRef: { name: 's', key: 'a/b' } } },
          ],
        }),
      ],
    },
    [
      at(
        'containers[0]',
        '.env[0].name',
        `Invalid value: "A=B": a valid environment variable name must consist only of printable ASCII characters other than '='`,
      ),
      at('containers[0]', '.env[1].valueFrom', 'Invalid value: "": may not be specified when `value` is not empty'),
      at(
        'containers[0]',
        '.env[2].valueFrom',
        'Invalid value: "": must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`',
      ),
      at(
        'containers[0]',
        '.env[3].valueFrom.fieldRef.fieldPath',
        'Invalid value: "spec.hostname": error converting fieldPath: field label not supported: spec.hostname',
      ),
      at(
        'containers[0]',
        '.env[4].valueFrom.fieldRef.fieldPath',
        'Unsupported value: "status.phase": supported values: "metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName", "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs"',
      ),
      at(
        'containers[0]',
        '.env[5].valueFrom.resourceFieldRef.resource',
        'Unsupported value: "limits.gpu": supported values: "limits.cpu", "limits.ephemeral-storage", "limits.memory", "requests.cpu", "requests.ephemeral-storage", "requests.memory"',
      ),
      at(
        'containers[0]',
        '.env[7].valueFrom.secretKeyRef.key',
        `Invalid value: "a/b": a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')`,
      ),
    ],
  ],
  [
    'mounts name volumes of the pod',
    {
      volumes: [{ name: 'data', emptyDir: {} }],
      containers: [
        container({
          volumeMounts: [
            { name: 'data', mountPath: '/a' },
            { name: 'gone', mountPath: '/a', subPath: '../b' },
          ],
        }),
      ],
    },
    [
      'spec.containers[0].volumeMounts[1].name: Not found: "gone"',
      'spec.containers[0].volumeMounts[1].mountPath: Invalid value: "/a": must be unique',
      `spec.containers[0].volumeMounts.subPath: Invalid value: "../b": must not contain '..'`,
    ],
  ],
  [
    'volumes have one source and a unique name',
    {
      volumes: [
        { name: 'v', emptyDir: {}, hostPath: { path: '/a' } },
        { name: 'v', configMap: { name: '', defaultMode: 0o1000, items: [{ key: '', path: '/abs' }] } },
        { name: 'w', hostPath: { path: '/a/../b', type: 'Pipe' } },
        { name: 'w', persistentVolumeClaim: { claimName: '' } },
      ],
    },
    [
      'spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type',
      'spec.volumes[1].configMap.name: Required value',
      'spec.volumes[1].configMap.defaultMode: Invalid value: 512: must be a number between 0 and 0777 (octal), both inclusive',
      'spec.volumes[1].configMap.items[0].key: Required value',
      'spec.volumes[1].configMap.items[0].path: Invalid value: "/abs": must be a relative path',
      `spec.volumes[2].hostPath.path: Invalid value: "/a/../b": must not contain '..'`,
      'spec.volumes[2].hostPath.type: Unsupported value: "Pipe": supported values: "", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"',
      'spec.volumes[3].persistentVolumeClaim.claimName: Required value',
    ],
  ],
  [
    'paths of projected volumes do not collide',
    {
      serviceAccountName: 'sa',
      volumes: [
        {
          name: 'p',
          projected: {
            sources: [
              { secret: { name: 's', items: [{ key: 'a', path: 'x' }] } },
              { configMap: { name: 'm', items: [{ key: 'b', path: 'x' }] } },
              { serviceAccountToken: { path: 't', expirationSeconds: 10 } },
            ],
          },
        },
      ],
    },
    [
      'spec.volumes[0].projected: Invalid value: "m": conflicting duplicate paths',
      'spec.volumes[0].projected.sources[2].serviceAccountToken.expirationSeconds: Invalid value: 10: may not specify a duration less than 10 minutes',
    ],
  ],
  [
    'probes have one handler, and liveness succeeds at once',
    {
      containers: [
        container({
          livenessProbe: { httpGet: { port: 'web' }, exec: { command: ['true'] }, successThreshold: 2 },
          readinessProbe: { httpGet: { port: 0, scheme: 'FTP' }, terminationGracePeriodSeconds: 1 },
          startupProbe: { periodSeconds: -1 },
        }),
      ],
    },
    [
      'spec.containers[0].livenessProbe.httpGet: Forbidden: may not specify more than 1 handler type',
      'spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1',
      'spec.containers[0].readinessProbe.httpGet.port: Invalid value: 0: must be between 1 and 65535, inclusive',
      'spec.containers[0].readinessProbe.httpGet.scheme: Unsupported value: "FTP": supported values: "HTTP", "HTTPS"',
      'spec.containers[0].readinessProbe.terminationGracePeriodSeconds: Invalid value: 1: must not be set for readinessProbes',
      'spec.containers[0].startupProbe: Required value: must specify a handler type',
      'spec.containers[0].startupProbe.periodSeconds: Invalid value: -1: must be greater than or equal to 0',
    ],
  ],
  [
    'hooks sleep no longer than the pod has to end',
    { containers: [container({ lifecycle: { preStop: { sleep: { seconds: 31 } } } })] },
    [
      'spec.containers[0].lifecycle.preStop.sleep: Invalid value: 31: must be non-negative and less than terminationGracePeriodSeconds (30)',
    ],
  ],
  [
    'requests stay below limits',
    {
      containers: [
        container({
          resources: {
            requests: { cpu: '2', memory: '-1', 'example.com/gpu': '1' },
            limits: { cpu: '1000m', foo: '1', 'example.com/gpu': '2' },
          },
        }),
      ],
    },
    [
      'spec.containers[0].resources.limits[foo]: Invalid value: "foo": must be a standard resource type or fully qualified',
      'spec.containers[0].resources.limits[foo]: Invalid value: "foo": must be a standard resource for containers',
      'spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1',
      'spec.containers[0].resources.requests[foo]: Invalid value: "foo": must be a standard resource type or fully qualified',
      'spec.containers[0].resources.requests[foo]: Invalid value: "foo": must be a standard resource for containers',
      'spec.containers[0].resources.requests: Invalid value: "1": must be equal to example.com/gpu limit of 2',
      'spec.containers[0].resources.requests[memory]: Invalid value: "-1": must be greater than or equal to 0',
    ],
  ],
  [
    'only sidecars among init containers have probes',
    {
      initContainers: [
        container({ name: 'a', readinessProbe: { exec: { command: ['true'] } } }),
        container({ name: 'b', restartPolicy: 'Always', readinessProbe: { exec: { command: ['true'] } } }),
      ],
    },
    [
      'spec.initContainers[0].readinessProbe: Forbidden: may not be set for init containers without restartPolicy=Always',
    ],
  ],
  [
    'policies are known words',
    { restartPolicy: 'Sometimes', dnsPolicy: 'None', preemptionPolicy: 'Maybe' },
    [
      'spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "OnFailure", "Never"',
      'spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None',
      'spec.preemptionPolicy: Unsupported value: "Maybe": supported values: "PreemptLowerPriority", "Never"',
    ],
  ],
  [
    'tolerations say what they tolerate',
    {
      tolerations: [
        { operator: 'Equal', value: 'v' },
        { key: 'k', operator: 'Exists', value: 'v', effect: 'NoWay' },
        { key: 'k', operator: 'Exists', effect: 'NoSchedule', tolerationSeconds: 5 },
      ],
    },
    [
      'spec.tolerations[0].operator: Invalid value: "Equal": operator must be Exists when `key` is empty, which means "match all values and all keys"',
      `spec.tolerations[1].operator: Invalid value: "v": value must be empty when \`operator\` is 'Exists'`,
      'spec.tolerations[1].effect: Unsupported value: "NoWay": supported values: "NoSchedule", "PreferNoSchedule", "NoExecute"',
      `spec.tolerations[2].effect: Invalid value: "NoSchedule": effect must be 'NoExecute' when \`tolerationSeconds\` is set`,
    ],
  ],
  [
    'affinities have terms, weights and topologies',
    {
      affinity: {
        nodeAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: {
            nodeSelectorTerms: [{ matchExpressions: [{ key: 'k', operator: 'In' }] }],
          },
          preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 0, preference: {} }],
        },
        podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: '' }] },
      },
    },
    [
      "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
      'spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight: Invalid value: 0: must be in the range 1-100',
      'spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey: Required value: can not be empty',
      'spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey: Invalid value: "": name part must be non-empty',
      `spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey: Invalid value: "": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')`,
    ],
  ],
  [
    'spreading needs a skew and a topology',
    {
      topologySpreadConstraints: [
        { maxSkew: 0, topologyKey: 'zone', whenUnsatisfiable: 'ScheduleAnyway', minDomains: 2 },
        { maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'ScheduleAnyway' },
      ],
    },
    [
      'spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero',
      'spec.topologySpreadConstraints[0].{topologyKey, whenUnsatisfiable}: Duplicate value: "{zone, ScheduleAnyway}"',
      'spec.topologySpreadConstraints[0].minDomains: Invalid value: 2: can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ScheduleAnyway',
    ],
  ],
  [
    'names of other things are names, addresses are addresses',
    { hostname: 'a.b', nodeName: '-', hostAliases: [{ ip: '1.2.3', hostnames: ['a'] }], activeDeadlineSeconds: 0 },
    [
      `spec.nodeName: Invalid value: "-": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`,
      'spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive',
      'spec.hostname: Invalid value: "a.b": must not contain dots',
      'spec.hostAliases[0].ip: Invalid value: "1.2.3": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
    ],
  ],
  [
    'security contexts do not contradict themselves',
    {
      securityContext: { runAsUser: -1, sysctls: [{ name: 'Net', value: '1' }], seccompProfile: { type: 'Localhost' } },
      containers: [container({ securityContext: { privileged: true, allowPrivilegeEscalation: false } })],
    },
    [
      'spec.containers[0].securityContext: Invalid value: {"privileged":true,"allowPrivilegeEscalation":false}: cannot set `allowPrivilegeEscalation` to false and `privileged` to true',
      'spec.securityContext.runAsUser: Invalid value: -1: must be between 0 and 2147483647, inclusive',
      'spec.securityContext.sysctls[0].name: Invalid value: "Net": must have at most 253 characters and match regex ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$',
      'spec.securityContext.seccompProfile.localhostProfile: Required value: must be set when seccomp type is Localhost',
    ],
  ],
  [
    'new pods have no ephemeral containers and are not placed while gated',
    { ephemeralContainers: [container({ name: 'debug' })], nodeName: 'n', schedulingGates: [{ name: 'g' }] },
    [
      'spec.ephemeralContainers: Forbidden: cannot be set on create',
      'spec.nodeName: Forbidden: cannot be set until all schedulingGates have been cleared',
    ],
  ],
];

for (const [name, spec, expected] of CASES) {
  test(name, () => assert.deepEqual(errorsOf(pod(spec)), expected));
}
