import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fieldErrorText } from './field-error.ts';
import * as kinds from './kinds.ts';
import { created, errors, make, updateErrors } from './testdata/kinds.ts';
import { signingRequest, toField } from './testdata/signing-request.ts';

const template = { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image: 'i' }] } };
const selector = { matchLabels: { app: 'web' } };
const claim = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } };

test('stateful sets: defaults, claims as volumes, and what may change', () => {
  const volumeClaimTemplates = [{ metadata: { name: 'data' }, spec: claim }];
  const mounted = {
    ...template,
    spec: { containers: [{ name: 'c', image: 'i', volumeMounts: [{ name: 'data', mountPath: '/d' }] }] },
  };
  const object = { spec: { selector, template: mounted, volumeClaimTemplates } };
  const { spec } = make(kinds.StatefulSet, object);
  assert.deepEqual(spec.updateStrategy, { type: 'RollingUpdate', rollingUpdate: { partition: 0 } });
  assert.deepEqual(spec.persistentVolumeClaimRetentionPolicy, { whenDeleted: 'Retain', whenScaled: 'Retain' });
  assert.equal(spec.podManagementPolicy, 'OrderedReady');
  assert.equal(spec.volumeClaimTemplates?.[0]?.kind, 'PersistentVolumeClaim');
  assert.equal(spec.volumeClaimTemplates?.[0]?.status.phase, 'Pending');
  assert.deepEqual(errors(kinds.StatefulSet, object), []);
  assert.deepEqual(errors(kinds.StatefulSet, { spec: { selector, template: mounted } }), [
    'spec.template.spec.containers[0].volumeMounts[0].name: Not found: "data"',
  ]);
  assert.deepEqual(
    kinds.StatefulSet.validate!(
      make(kinds.StatefulSet, {
        spec: {
          selector: {},
          template,
          podManagementPolicy: 'Odd',
          ordinals: { start: -1 },
          updateStrategy: { rollingUpdate: { maxUnavailable: '0%' } },
        },
      }),
    ).map(fieldErrorText),
    [
      `spec.podManagementPolicy: Invalid value: "Odd": must be 'OrderedReady' or 'Parallel'`,
      'spec.updateStrategy.rollingUpdate.maxUnavailable: Invalid value: "0%": cannot be 0',
      'spec.ordinals.start: Invalid value: -1: must be greater than or equal to 0',
      'spec.selector: Invalid value: {}: empty selector is invalid for statefulset',
    ],
  );
  const old = { spec: { selector, template, serviceName: 'a' } };
  assert.deepEqual(
    updateErrors(kinds.StatefulSet, { spec: { ...old.spec, replicas: 5, revisionHistoryLimit: 2 } }, old),
    [],
  );
  assert.deepEqual(updateErrors(kinds.StatefulSet, { spec: { ...old.spec, serviceName: 'b' } }, old), [
    "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
  ]);
});

test('daemon sets: defaults, strategy, and a count of templates', () => {
  const object = { spec: { selector, template } };
  const set = created(kinds.DaemonSet, object);
  assert.deepEqual(set.spec.updateStrategy, {
    type: 'RollingUpdate',
    rollingUpdate: { maxUnavailable: 1, maxSurge: 0 },
  });
  assert.equal(set.metadata.annotations?.['deprecated.daemonset.template.generation'], '1');
  const next = created(kinds.DaemonSet, {
    spec: { selector, template: { ...template, metadata: { labels: { app: 'web', v: '2' } } } },
  });
  kinds.DaemonSet.prepareForUpdate?.(next, set);
  assert.equal(next.metadata.annotations?.['deprecated.daemonset.template.generation'], '2');
  const both = { updateStrategy: { rollingUpdate: { maxUnavailable: 1, maxSurge: 1 } } };
  assert.deepEqual(errors(kinds.DaemonSet, { spec: { ...object.spec, ...both } }), [
    'spec.updateStrategy.rollingUpdate.maxSurge: Invalid value: 1: may not be set when maxUnavailable is non-zero',
  ]);
  const none = { updateStrategy: { rollingUpdate: { maxUnavailable: 0 } } };
  assert.deepEqual(errors(kinds.DaemonSet, { spec: { ...object.spec, ...none } }), [
    'spec.updateStrategy.rollingUpdate.maxUnavailable: Required value: cannot be 0 when maxSurge is 0',
  ]);
});

test('disruption budgets: one of two bounds', () => {
  assert.deepEqual(errors(kinds.PodDisruptionBudget, { spec: { minAvailable: '50%' } }), []);
  assert.deepEqual(
    errors(kinds.PodDisruptionBudget, {
      spec: { minAvailable: '101%', maxUnavailable: -1, unhealthyPodEvictionPolicy: 'x' },
    }),
    [
      'spec: Invalid value: {"MinAvailable":"101%","Selector":null,"MaxUnavailable":-1,"UnhealthyPodEvictionPolicy":"x"}: minAvailable and maxUnavailable cannot be both set',
      'spec.minAvailable: Invalid value: "101%": must not be greater than 100%',
      'spec.maxUnavailable: Invalid value: -1: must be greater than or equal to 0',
      'spec.unhealthyPodEvictionPolicy: Unsupported value: "x": supported values: "AlwaysAllow", "IfHealthyBudget"',
    ],
  );
});

test('roles and bindings', () => {
  const rules = [
    { verbs: [], apiGroups: [''], resources: ['pods'] },
    { verbs: ['get'], nonResourceURLs: ['/x'], resources: ['pods'] },
  ];
  assert.deepEqual(errors(kinds.Role, { rules }), [
    'rules[0].verbs: Required value: verbs must contain at least one value',
    'rules[1].nonResourceURLs: Invalid value: ["/x"]: namespaced rules cannot apply to non-resource URLs',
    'rules[1].nonResourceURLs: Invalid value: ["/x"]: rules cannot apply to both regular resources and non-resource URLs',
  ]);
  const roleRef = { kind: 'Role', name: 'view' };
  const binding = make(kinds.RoleBinding, { roleRef, subjects: [{ kind: 'User', name: 'ann' }] });
  assert.equal(binding.roleRef.apiGroup, 'rbac.authorization.k8s.io');
  assert.equal(binding.subjects?.[0]?.apiGroup, 'rbac.authorization.k8s.io');
  assert.deepEqual(
    errors(kinds.ClusterRoleBinding, {
      roleRef,
      subjects: [
        { kind: 'ServiceAccount', name: 'a' },
        { kind: 'Robot', name: '' },
      ],
    }),
    [
      'roleRef.kind: Unsupported value: "Role": supported values: "ClusterRole"',
      'subjects[0].namespace: Required value',
      'subjects[1].name: Required value',
      'subjects[1].kind: Unsupported value: "Robot": supported values: "ServiceAccount", "User", "Group"',
    ],
  );
  assert.deepEqual(updateErrors(kinds.RoleBinding, { roleRef: { kind: 'Role', name: 'edit' } }, { roleRef }), [
    'roleRef: Invalid value: {"APIGroup":"rbac.authorization.k8s.io","Kind":"Role","Name":"edit"}: cannot change roleRef',
  ]);
  assert.deepEqual(kinds.Role.validateName?.('system:a/b', false), ["may not contain '/'"]);
});

test('ingresses: rules, paths and backends', () => {
  assert.deepEqual(errors(kinds.Ingress, {}), [
    'spec: Invalid value: null: either `defaultBackend` or `rules` must be specified',
  ]);
  const backend = { service: { name: 'web', port: { number: 80 } } };
  const paths = [
    { path: 'a//b', pathType: 'Prefix', backend },
    { path: '/a', pathType: 'Odd', backend: {} },
    { backend },
    { path: '/', pathType: 'Exact', backend: { service: { name: 'web' } } },
  ];
  const rules = [{ host: '10.0.0.1', http: { paths } }, { host: '*.test' }, { host: 'a.*.test' }];
  assert.deepEqual(errors(kinds.Ingress, { spec: { rules } }), [
    'spec.rules[0].host: Invalid value: "10.0.0.1": must be a DNS name, not an IP address',
    'spec.rules[0].http.paths[0].path: Invalid value: "a//b": must be an absolute path',
    `spec.rules[0].http.paths[0].path: Invalid value: "a//b": must not contain '//'`,
    'spec.rules[0].http.paths[1].pathType: Unsupported value: "Odd": supported values: "Exact", "ImplementationSpecific", "Prefix"',
    'spec.rules[0].http.paths[1].backend: Invalid value: "": resource or service backend is required',
    'spec.rules[0].http.paths[2].pathType: Required value: pathType must be specified',
    'spec.rules[0].http.paths[3].backend: Required value: port name or number is required',
    `spec.rules[2].host: Invalid value: "a.*.test": a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character (e.g. '*.example.com', regex used for validation is '\\*\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`,
  ]);
});

test('network policies: types by default, peers, ports and blocks', () => {
  assert.deepEqual(make(kinds.NetworkPolicy, {}).spec.policyTypes, ['Ingress']);
  assert.deepEqual(make(kinds.NetworkPolicy, { spec: { egress: [{ ports: [{ port: 53 }] }] } }).spec, {
    egress: [{ ports: [{ port: 53, protocol: 'TCP' }] }],
    podSelector: {},
    policyTypes: ['Ingress', 'Egress'],
  });
  const from = [
    {},
    { podSelector: {}, ipBlock: { cidr: '10.0.0.0/8' } },
    { ipBlock: { cidr: '10.0.0.0/8', except: ['10.1.0.0/16', '11.0.0.0/16', '10.0.0.0/8'] } },
    { ipBlock: { cidr: 'fd00::/8', except: ['fd12:3456::/32'] } },
  ];
  const ports = [
    { port: 80, endPort: 70 },
    { port: 'http', endPort: 90 },
    { endPort: 1, protocol: 'X' },
  ];
  assert.deepEqual(errors(kinds.NetworkPolicy, { spec: { ingress: [{ from, ports }] } }), [
    'spec.ingress[0].ports[0].endPort: Invalid value: 80: must be greater than or equal to `port`',
    'spec.ingress[0].ports[1].endPort: Invalid value: 90: may not be specified when `port` is non-numeric',
    'spec.ingress[0].ports[2].protocol: Unsupported value: "X": supported values: "TCP", "UDP", "SCTP"',
    'spec.ingress[0].ports[2].endPort: Invalid value: 1: may not be specified when `port` is not specified',
    'spec.ingress[0].from[0]: Required value: must specify a peer',
    'spec.ingress[0].from[1]: Forbidden: may not specify both ipBlock and another peer',
    'spec.ingress[0].from[2].ipBlock.except[1]: Invalid value: "11.0.0.0/16": must be a strict subset of `cidr`',
    'spec.ingress[0].from[2].ipBlock.except[2]: Invalid value: "10.0.0.0/8": must be a strict subset of `cidr`',
  ]);
});

test('addresses and networks are spelled in one way', () => {
  assert.deepEqual(kinds.IPAddress.validateName?.('FD00::1', false), ['must be in canonical form ("fd00::1")']);
  assert.deepEqual(errors(kinds.ServiceCIDR, { spec: { cidrs: ['10.0.0.1/16', 'fd00::/108'] } }), [
    'spec.cidrs[0]: Invalid value: "10.0.0.1/16": must not have bits set beyond the prefix length',
  ]);
  const one = { spec: { cidrs: ['10.0.0.0/16'] } };
  assert.deepEqual(updateErrors(kinds.ServiceCIDR, { spec: { cidrs: ['10.0.0.0/16', 'fd00::/108'] } }, one), []);
  assert.deepEqual(updateErrors(kinds.ServiceCIDR, { spec: { cidrs: ['10.1.0.0/16'] } }, one), [
    'spec.cidrs[0]: Invalid value: "10.1.0.0/16": field is immutable',
  ]);
});

test('volumes: one source, which stays', () => {
  const spec = { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], hostPath: { path: '/d' } };
  assert.deepEqual(errors(kinds.PersistentVolume, { spec }), []);
  assert.deepEqual(
    errors(kinds.PersistentVolume, {
      spec: {
        accessModes: ['ReadWriteOncePod', 'ReadOnlyMany', 'x'],
        capacity: { storage: '0' },
        nfs: {},
        csi: {},
        local: { path: '/d' },
      },
    }),
    [
      'spec.accessModes: Unsupported value: "x": supported values: "ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"',
      'spec.accessModes: Forbidden: may not use ReadWriteOncePod with other access modes',
      'spec.capacity[storage]: Invalid value: "0": must be greater than zero',
      'spec.nfs.server: Required value',
      'spec.nfs.path: Required value',
      'spec.nfs.path: Invalid value: "": must be an absolute path',
      'spec.local: Forbidden: may not specify more than 1 volume type',
      'spec.csi: Forbidden: may not specify more than 1 volume type',
    ],
  );
  assert.deepEqual(updateErrors(kinds.PersistentVolume, { spec: { ...spec, hostPath: { path: '/e' } } }, { spec }), [
    [
      'spec.persistentvolumesource: Forbidden: spec.persistentvolumesource is immutable after creation',
      '@@ -2,7 +2,7 @@',
      '  "GCEPersistentDisk": null,',
      '  "AWSElasticBlockStore": null,',
      '  "HostPath": {',
      '-  "Path": "/d",',
      '+  "Path": "/e",',
      '   "Type": ""',
      '  },',
      '  "Glusterfs": null,',
      '',
    ].join('\n'),
  ]);
  assert.deepEqual(
    updateErrors(kinds.PersistentVolume, { spec: { ...spec, capacity: { storage: '2Gi' } } }, { spec }),
    [],
  );
});

test('claims: a bound one may grow, and nothing else', () => {
  const bound = { status: { phase: 'Bound', capacity: { storage: '1Gi' } } };
  const sized = (storage: string): object => ({ ...claim, resources: { requests: { storage } } });
  const object = (spec: object, more: object = {}): object => ({ spec, ...more });
  const errorsOf = (now: object, old: object): string[] => updateErrors(kinds.PersistentVolumeClaim, now, old);
  assert.deepEqual(errors(kinds.PersistentVolumeClaim, object(claim)), []);
  assert.deepEqual(errors(kinds.PersistentVolumeClaim, {}), [
    'spec.accessModes: Required value: at least 1 access mode is required',
    'spec.resources[storage]: Required value',
  ]);
  const immutable =
    'spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims';
  assert.deepEqual(errorsOf(object(sized('2Gi'), bound), object(sized('1Gi'), bound)), []);
  const changes = (from: string, to: string): RegExp =>
    new RegExp(`^${immutable}\\n@@ [^]*\\n- +"[A-Za-z]+": "${from}",?\\n\\+ +"[A-Za-z]+": "${to}",?\\n`);
  assert.match(errorsOf(object(sized('2Gi')), object(sized('1Gi')))[0]!, changes('1Gi', '2Gi'));
  assert.deepEqual(errorsOf(object(sized('1Gi'), bound), object(sized('2Gi'), bound)), [
    'spec.resources.requests.storage: Forbidden: field can not be less than status.capacity',
  ]);
  assert.deepEqual(errorsOf(object({ ...claim, volumeName: 'pv' }), object(claim)), []);
  assert.deepEqual(errorsOf(object({ ...claim, storageClassName: 'fast' }), object(claim)), []);
  const [reclassed, ...more] = errorsOf(
    object({ ...claim, storageClassName: 'b' }),
    object({ ...claim, storageClassName: 'a' }),
  );
  assert.match(reclassed!, changes('a', 'b'));
  assert.deepEqual(more, []);
  const dataSource = { kind: 'PersistentVolumeClaim', name: 'other' };
  const { spec } = created(kinds.PersistentVolumeClaim, object({ ...claim, dataSource }));
  assert.deepEqual(spec.dataSourceRef, dataSource);
});

test('limits and quotas', () => {
  const limits = [{ type: 'Container', max: { cpu: '2' }, min: { memory: '1Mi' } }];
  assert.deepEqual(make(kinds.LimitRange, { spec: { limits } }).spec.limits[0], {
    type: 'Container',
    max: { cpu: '2' },
    min: { memory: '1Mi' },
    default: { cpu: '2' },
    defaultRequest: { memory: '1Mi', cpu: '2' },
  });
  assert.deepEqual(
    errors(kinds.LimitRange, {
      spec: {
        limits: [
          { type: 'Pod', max: { cpu: '1' }, min: { cpu: '2' }, default: { cpu: '1' } },
          { type: 'Pod', max: { x: '1' } },
          { type: 'PersistentVolumeClaim' },
        ],
      },
    }),
    [
      "spec.limits[0].default: Forbidden: may not be specified when `type` is 'Pod'",
      'spec.limits[0].min[cpu]: Invalid value: "2": min value 2 is greater than max value 1',
      'spec.limits[1].type: Duplicate value: "Pod"',
      'spec.limits[1].max[x]: Invalid value: "x": must be a standard resource type or fully qualified',
      'spec.limits[1].max[x]: Invalid value: "x": must be a standard resource for containers',
      'spec.limits[2].limits: Required value: either minimum or maximum storage value is required, but neither was provided',
    ],
  );
  assert.deepEqual(errors(kinds.ResourceQuota, { spec: { hard: { pods: '1', 'count/jobs.batch': '2' } } }), []);
  assert.deepEqual(
    errors(kinds.ResourceQuota, { spec: { hard: { what: '-1' }, scopes: ['BestEffort', 'NotBestEffort'] } }),
    [
      'spec.hard[what]: Invalid value: "what": must be a standard resource type or fully qualified',
      'spec.hard[what]: Invalid value: "what": must be a standard resource for quota',
      'spec.hard[what]: Invalid value: "-1": must be greater than or equal to 0',
      'spec.scopes: Invalid value: ["BestEffort","NotBestEffort"]: conflicting scopes',
    ],
  );
});

test('certificate requests: decisions are made once, by those who decide', () => {
  const request = toField(signingRequest([['CN', 'web']]));
  const object = { spec: { request, signerName: 'x.test/s', usages: ['client auth'] } };
  assert.deepEqual(errors(kinds.CertificateSigningRequest, object), []);
  assert.deepEqual(
    errors(kinds.CertificateSigningRequest, { spec: { request: '', signerName: 'x', expirationSeconds: 1 } }),
    [
      'spec.request: Invalid value: "": PEM block type must be CERTIFICATE REQUEST',
      'spec.usages: Required value',
      `spec.signerName: Invalid value: "x": must be a fully qualified domain and path of the form 'example.com/signer-name'`,
      'spec.expirationSeconds: Invalid value: 1: may not specify a duration less than 600 seconds (10 minutes)',
    ],
  );
  const approved = { ...object, status: { conditions: [{ type: 'Approved', status: 'True' }] } };
  const write = (part: 'approval' | 'status', now: object, old: object): string[] => {
    const strategy =
      part === 'status' ? kinds.CertificateSigningRequest.status : kinds.CertificateSigningRequest.parts?.[part];
    const [a, b] = [make(kinds.CertificateSigningRequest, now), make(kinds.CertificateSigningRequest, old)];
    return (strategy?.validateUpdate?.(a, b) ?? []).map(fieldErrorText);
  };
  assert.deepEqual(write('approval', approved, object), []);
  assert.deepEqual(write('status', approved, object), [
    'status.conditions: Forbidden: updates may not add a condition of type "Approved"',
  ]);
  assert.deepEqual(write('approval', object, approved), [
    'status.conditions: Forbidden: updates may not remove a condition of type "Approved"',
  ]);
});

test('classes are for good', () => {
  assert.deepEqual(
    updateErrors(
      kinds.StorageClass,
      { provisioner: 'b', parameters: { a: '1' }, reclaimPolicy: 'Retain' },
      { provisioner: 'a' },
    ),
    [
      'parameters: Invalid value: {"a":"1"}: field is immutable',
      'provisioner: Invalid value: "b": field is immutable',
      'reclaimPolicy: Invalid value: "Retain": field is immutable',
    ],
  );
  assert.deepEqual(updateErrors(kinds.PriorityClass, { value: 2 }, { value: 1 }), [
    'value: Forbidden: may not be changed in an update.',
  ]);
  assert.deepEqual(errors(kinds.PriorityClass, { metadata: { name: 'system-mine' }, value: 1 }), [
    "metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for system use only. error: system-mine is not a known system priority class",
  ]);
  assert.deepEqual(
    errors(kinds.PriorityClass, { metadata: { name: 'system-node-critical' }, value: 2_000_001_000 }),
    [],
  );
});

test('definitions: names, versions and the one that is stored', () => {
  const version = { name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } };
  const spec = {
    group: 'x.test',
    scope: 'Namespaced',
    names: { kind: 'Thing', plural: 'things' },
    versions: [version],
  };
  const good = { metadata: { name: 'things.x.test' }, spec };
  assert.deepEqual(errors(kinds.CustomResourceDefinition, good), []);
  const { status, spec: stored } = created(kinds.CustomResourceDefinition, good);
  assert.deepEqual(status.storedVersions, ['v1']);
  assert.equal(stored.names.listKind, 'ThingList');
  assert.equal(stored.names.singular, 'thing');
  assert.deepEqual(
    errors(kinds.CustomResourceDefinition, {
      spec: { ...spec, scope: 'x', versions: [{ ...version, storage: false, schema: {} }] },
    }),
    [
      'metadata.name: Invalid value: "web": must be spec.names.plural+"."+spec.group',
      'spec.scope: Unsupported value: "x": supported values: "Cluster", "Namespaced"',
      'spec.versions[0].schema.openAPIV3Schema: Required value',
      'spec.versions: Invalid value: [{"Name":"v1","Served":true,"Storage":false,"Deprecated":false,"DeprecationWarning":null,"Schema":null,"Subresources":null,"AdditionalPrinterColumns":null,"SelectableFields":null}]: must have exactly one version marked as storage version',
      'status.storedVersions: Invalid value: null: must have at least one stored version',
    ],
  );
});
