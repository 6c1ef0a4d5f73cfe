/** What tests of all kinds start from. */

const pods = { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image: 'i' }] } };
const jobPods = { spec: { containers: [{ name: 'c', image: 'i' }], restartPolicy: 'Never' } };
const selector = { matchLabels: { app: 'web' } };
const claim = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } };
const target = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' };
const rule = { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] };
const webhook = {
  name: 'check.example.com',
  sideEffects: 'None',
  admissionReviewVersions: ['v1'],
  clientConfig: { service: { name: 'check', namespace: 'default' } },
  rules: [rule],
};
const crdVersion = { name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } };
/** Of `O=system:masters, CN=root`. */
export const MASTERS_REQUEST =
  'LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0KTUlIa01JR0tBZ0VBTUNneEZ6QVZCZ05WQkFvTURuTjVjM1JsYlRw' +
  'dFlYTjBaWEp6TVEwd0N3WURWUVFEREFSeQpiMjkwTUZrd0V3WUhLb1pJemowQ0FRWUlLb1pJemowREFRY0RRZ0FFSmNHS3o4c1hU' +
  'VUgrY0NiVXZDS0J5Q3ZxClZOV3JTMlovTHYvN0QvSnV1NTRQTEl6b2NuZUpuVWk4MFEvRUorMHpSM1ovUCtxaE8zV2szRHVZVjRU' +
  'TmRxQUEKTUFvR0NDcUdTTTQ5QkFNQ0Ewa0FNRVlDSVFEV1pONFRNbVQrWTYyWFlzR3ZtejRRRE1TRktZRERNU0RJdkRSWgozMkZu' +
  'ZmdJaEFPMU90Z05oRy80dHNHSnlicFdKYVpGZ2tXZldML0xwdFhDZFVNVnBkcHFsCi0tLS0tRU5EIENFUlRJRklDQVRFIFJFUVVF' +
  'U1QtLS0tLQo=';
/** Of `O=team, CN=web`, signed by the key that it is for. */
export const SIGNING_REQUEST =
  'LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0KTUlIWU1IOENBUUF3SFRFTk1Bc0dBMVVFQ2d3RWRHVmhiVEVNTUFv' +
  'R0ExVUVBd3dEZDJWaU1Ga3dFd1lIS29aSQp6ajBDQVFZSUtvWkl6ajBEQVFjRFFnQUVKY0dLejhzWFRVSCtjQ2JVdkNLQnlDdnFW' +
  'TldyUzJaL0x2LzdEL0p1CnU1NFBMSXpvY25lSm5VaTgwUS9FSiswelIzWi9QK3FoTzNXazNEdVlWNFROZHFBQU1Bb0dDQ3FHU000' +
  'OUJBTUMKQTBrQU1FWUNJUUNkUzFieEhJa25raVY0cHBTbUhGRElGQ2tuU1ZlUzB4OU1zL2t1L1FvQzBBSWhBSlZzNmp6egpUVkJY' +
  'M0ZLNEFmR1pYOHdJTU4wanRrZ0hSMEptNEZDL0xJdDYKLS0tLS1FTkQgQ0VSVElGSUNBVEUgUkVRVUVTVC0tLS0tCg==';

/** The least each kind takes, by `kind.group`; `metadata.name` where it cannot be `web`. What is not here takes an empty object. */
export const MINIMAL: Readonly<Record<string, object>> = {
  'APIService.apiregistration.k8s.io': {
    metadata: { name: 'v1.example.com' },
    spec: { group: 'example.com', version: 'v1', groupPriorityMinimum: 100, versionPriority: 10 },
  },
  'CSIDriver.storage.k8s.io': {},
  'CSIStorageCapacity.storage.k8s.io': { storageClassName: 'fast' },
  'CertificateSigningRequest.certificates.k8s.io': {
    spec: { request: SIGNING_REQUEST, signerName: 'example.com/signer', usages: ['client auth'] },
  },
  'ClusterRoleBinding.rbac.authorization.k8s.io': { roleRef: { kind: 'ClusterRole', name: 'view' } },
  'ControllerRevision.apps': { data: { a: 1 }, revision: 1 },
  'CronJob.batch': { spec: { schedule: '*/5 * * * *', jobTemplate: { spec: { template: jobPods } } } },
  'CustomResourceDefinition.apiextensions.k8s.io': {
    metadata: { name: 'things.example.com' },
    spec: {
      group: 'example.com',
      scope: 'Namespaced',
      names: { kind: 'Thing', plural: 'things' },
      versions: [crdVersion],
    },
  },
  'DaemonSet.apps': { spec: { selector, template: pods } },
  'Deployment.apps': { spec: { selector, template: pods } },
  'EndpointSlice.discovery.k8s.io': { addressType: 'IPv4', endpoints: [] },
  'Event.': { involvedObject: { namespace: 'default', kind: 'Pod', name: 'p' }, reason: 'R', type: 'Normal' },
  'Event.events.k8s.io': {
    metadata: { name: 'other' },
    regarding: { namespace: 'default', kind: 'Pod', name: 'p' },
    eventTime: '2026-01-01T00:00:00.000000Z',
    reason: 'R',
    type: 'Normal',
    action: 'A',
    reportingController: 'example.com/c',
    reportingInstance: 'i',
  },
  'FlowSchema.flowcontrol.apiserver.k8s.io': { spec: { priorityLevelConfiguration: { name: 'web' } } },
  'HorizontalPodAutoscaler.autoscaling': { spec: { maxReplicas: 3, scaleTargetRef: target } },
  'IPAddress.networking.k8s.io': {
    metadata: { name: '10.0.0.1' },
    spec: { parentRef: { resource: 'services', namespace: 'default', name: 'web' } },
  },
  'Ingress.networking.k8s.io': {
    spec: { defaultBackend: { service: { name: 'web', port: { number: 80 } } } },
  },
  'IngressClass.networking.k8s.io': { spec: { controller: 'example.com/ingress' } },
  'Job.batch': { spec: { template: jobPods } },
  'LimitRange.': { spec: { limits: [{ type: 'Container', max: { cpu: '1' } }] } },
  'MutatingAdmissionPolicy.admissionregistration.k8s.io': {
    spec: {
      matchConstraints: { resourceRules: [rule] },
      reinvocationPolicy: 'Never',
      mutations: [{ patchType: 'JSONPatch', jsonPatch: { expression: '[JSONPatch{op: "remove", path: "/a"}]' } }],
    },
  },
  'MutatingAdmissionPolicyBinding.admissionregistration.k8s.io': { spec: { policyName: 'web' } },
  'MutatingWebhookConfiguration.admissionregistration.k8s.io': { webhooks: [webhook] },
  'PersistentVolume.': {
    spec: { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], hostPath: { path: '/data' } },
  },
  'PersistentVolumeClaim.': { spec: claim },
  'Pod.': { spec: { containers: [{ name: 'c', image: 'i' }] } },
  'PodTemplate.': { template: pods },
  'PriorityClass.scheduling.k8s.io': { value: 10 },
  'PriorityLevelConfiguration.flowcontrol.apiserver.k8s.io': {
    spec: { type: 'Limited', limited: { limitResponse: { type: 'Reject' } } },
  },
  'ReplicaSet.apps': { spec: { selector, template: pods } },
  'ReplicationController.': { spec: { template: pods } },
  'ResourceSlice.resource.k8s.io': {
    spec: { driver: 'gpu.example.com', nodeName: 'n', pool: { name: 'n', generation: 1, resourceSliceCount: 1 } },
  },
  'RoleBinding.rbac.authorization.k8s.io': { roleRef: { kind: 'Role', name: 'view' } },
  'RuntimeClass.node.k8s.io': { handler: 'runc' },
  'Service.': { spec: { ports: [{ port: 80 }] } },
  'ServiceCIDR.networking.k8s.io': { spec: { cidrs: ['10.0.0.0/16'] } },
  'StatefulSet.apps': {
    spec: {
      selector,
      template: pods,
      serviceName: 'web',
      volumeClaimTemplates: [{ metadata: { name: 'data' }, spec: claim }],
    },
  },
  'StorageClass.storage.k8s.io': { provisioner: 'example.com/disk' },
  'ValidatingAdmissionPolicy.admissionregistration.k8s.io': {
    spec: { matchConstraints: { resourceRules: [rule] }, validations: [{ expression: 'true' }] },
  },
  'ValidatingAdmissionPolicyBinding.admissionregistration.k8s.io': {
    spec: { policyName: 'web', validationActions: ['Deny'] },
  },
  'ValidatingWebhookConfiguration.admissionregistration.k8s.io': { webhooks: [webhook] },
  'VolumeAttachment.storage.k8s.io': {
    spec: { attacher: 'csi.example.com', nodeName: 'n', source: { persistentVolumeName: 'web' } },
  },
  'VolumeAttributesClass.storage.k8s.io': { driverName: 'csi.example.com', parameters: { tier: 'fast' } },
};
