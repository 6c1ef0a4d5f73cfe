/** Roles of the cluster's components and of everybody. Source: bootstrappolicy/policy.go v1.36, with the feature gates as they are by default. */
import type { ClusterRole, Draft, PolicyRule } from '#api';
import { nodeRules } from './node-rules.ts';
import { ALL, clusterRole, eventsRule, READ, rule, urls } from './rule.ts';

const HEALTH = '/healthz /livez /readyz /version /version/';
const createReviews = [
  rule('create', 'authentication.k8s.io', 'tokenreviews'),
  rule('create', 'authorization.k8s.io', 'subjectaccessreviews'),
];

const SCHEDULER_RULES = [
  eventsRule,
  rule('create', 'coordination.k8s.io', 'leases'),
  rule(`${READ} update`, 'coordination.k8s.io', 'leases', 'kube-scheduler'),
  rule(ALL, 'coordination.k8s.io', 'leasecandidates'),
  rule(READ, 'core', 'nodes'),
  rule(`delete ${READ}`, 'core', 'pods'),
  rule('create', 'core', 'bindings pods/binding'),
  rule('patch update', 'core', 'pods/status'),
  rule(READ, 'core', 'replicationcontrollers services'),
  rule(READ, 'apps extensions', 'replicasets'),
  rule(READ, 'apps', 'statefulsets'),
  rule(READ, 'policy', 'poddisruptionbudgets'),
  rule(READ, 'core', 'persistentvolumeclaims persistentvolumes'),
  ...createReviews,
  rule(READ, 'storage.k8s.io', 'csinodes'),
  rule(READ, 'storage.k8s.io', 'volumeattachments'),
  rule(READ, 'core', 'namespaces'),
  rule(READ, 'storage.k8s.io', 'csidrivers'),
  rule(READ, 'storage.k8s.io', 'csistoragecapacities'),
  rule(READ, 'resource.k8s.io', 'deviceclasses'),
  rule(`${READ} patch update`, 'resource.k8s.io', 'resourceclaims'),
  rule(`${READ} patch update`, 'resource.k8s.io', 'resourceclaims/status'),
  rule('update', 'core', 'pods/finalizers'),
  rule(READ, 'resource.k8s.io', 'resourceslices'),
  rule('create delete', 'resource.k8s.io', 'resourceclaims'),
  rule('patch update', 'resource.k8s.io', 'resourceclaims/binding'),
];

const CONTROLLER_MANAGER_RULES = [
  eventsRule,
  rule('create', 'coordination.k8s.io', 'leases'),
  rule('get update', 'coordination.k8s.io', 'leases', 'kube-controller-manager'),
  rule('create', 'core', 'secrets serviceaccounts'),
  rule('delete', 'core', 'secrets'),
  rule('get', 'core', 'configmaps namespaces secrets serviceaccounts'),
  rule('update', 'core', 'secrets serviceaccounts'),
  ...createReviews,
  rule('list watch', '*', '*'),
  rule('create', 'core', 'serviceaccounts/token'),
];

const signers = (verb: string, names: string): PolicyRule => rule(verb, 'certificates.k8s.io', 'signers', names);
const createRequest = (subresource: string): PolicyRule =>
  rule('create', 'certificates.k8s.io', `certificatesigningrequests/${subresource}`);
const CERTIFICATES = 'system:certificates.k8s.io';

const CERTIFICATE_ROLES = [
  clusterRole(`${CERTIFICATES}:certificatesigningrequests:nodeclient`, [createRequest('nodeclient')]),
  clusterRole(`${CERTIFICATES}:certificatesigningrequests:selfnodeclient`, [createRequest('selfnodeclient')]),
  clusterRole(`${CERTIFICATES}:legacy-unknown-approver`, [signers('approve', 'kubernetes.io/legacy-unknown')]),
  clusterRole(`${CERTIFICATES}:kubelet-serving-approver`, [signers('approve', 'kubernetes.io/kubelet-serving')]),
  clusterRole(`${CERTIFICATES}:kube-apiserver-client-approver`, [
    signers('approve', 'kubernetes.io/kube-apiserver-client'),
  ]),
  clusterRole(`${CERTIFICATES}:kube-apiserver-client-kubelet-approver`, [
    signers('approve', 'kubernetes.io/kube-apiserver-client-kubelet'),
  ]),
];

export const systemRoles: readonly Draft<ClusterRole>[] = [
  clusterRole('system:discovery', [urls('get', `${HEALTH} /openapi /openapi/* /api /api/* /apis /apis/*`)]),
  clusterRole('system:monitoring', [
    urls('get', '/flagz /healthz /healthz/* /livez /livez/* /metrics /metrics/slis /readyz /readyz/* /statusz'),
    rule('get', 'core', 'nodes/metrics'),
  ]),
  clusterRole('system:basic-user', [
    rule('create', 'authorization.k8s.io', 'selfsubjectaccessreviews selfsubjectrulesreviews'),
    rule('create', 'authentication.k8s.io', 'selfsubjectreviews'),
  ]),
  clusterRole('system:public-info-viewer', [urls('get', HEALTH)]),
  clusterRole('system:heapster', [
    rule(READ, 'core', 'events namespaces nodes pods'),
    rule(READ, 'extensions', 'deployments'),
  ]),
  clusterRole('system:node', nodeRules),
  clusterRole('system:node-problem-detector', [
    rule('get', 'core', 'nodes'),
    rule('patch', 'core', 'nodes/status'),
    eventsRule,
  ]),
  clusterRole('system:kubelet-api-admin', [
    rule(READ, 'core', 'nodes'),
    rule('proxy', 'core', 'nodes'),
    rule('*', 'core', 'nodes/log nodes/metrics nodes/proxy nodes/stats'),
    rule('*', 'core', 'nodes/configz nodes/healthz nodes/pods'),
  ]),
  clusterRole('system:node-bootstrapper', [
    rule(`create ${READ}`, 'certificates.k8s.io', 'certificatesigningrequests'),
  ]),
  clusterRole('system:auth-delegator', createReviews),
  clusterRole('system:kube-aggregator', [rule(READ, 'core', 'endpoints services')]),
  clusterRole('system:kube-controller-manager', CONTROLLER_MANAGER_RULES),
  clusterRole('system:kube-dns', [rule('list watch', 'core', 'endpoints services')]),
  clusterRole('system:persistent-volume-provisioner', [
    rule(`create delete ${READ}`, 'core', 'persistentvolumes'),
    rule(`${READ} update`, 'core', 'persistentvolumeclaims'),
    rule(READ, 'storage.k8s.io', 'storageclasses'),
    rule('watch', 'core', 'events'),
    eventsRule,
  ]),
  clusterRole('system:volume-scheduler', [
    rule(`${READ} patch update`, 'core', 'persistentvolumes'),
    rule(READ, 'storage.k8s.io', 'storageclasses'),
    rule(`${READ} patch update`, 'core', 'persistentvolumeclaims'),
  ]),
  ...CERTIFICATE_ROLES,
  clusterRole('system:service-account-issuer-discovery', [
    urls(
      'get',
      '/.well-known/openid-configuration /.well-known/openid-configuration/ /openid/v1/jwks /openid/v1/jwks/',
    ),
  ]),
  clusterRole('system:node-proxier', [
    rule('list watch', 'core', 'endpoints services'),
    rule(READ, 'core', 'nodes'),
    eventsRule,
    rule('list watch', 'networking.k8s.io', 'servicecidrs'),
    rule('list watch', 'discovery.k8s.io', 'endpointslices'),
  ]),
  clusterRole('system:kube-scheduler', SCHEDULER_RULES),
];
