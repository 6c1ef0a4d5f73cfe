/** What each controller may do, by the name of its service account. Source: bootstrappolicy/controller_policy.go v1.36, gates as they are by default. */
import type { PolicyRule } from '#api';
import { eventsRule, READ, rule } from './rule.ts';

const R = READ;
const FULL = `create delete ${R} patch update`;
const DRA = 'resource.k8s.io';

const workloadRules: Readonly<Record<string, readonly PolicyRule[]>> = {
  'cronjob-controller': [
    rule(`${R} update`, 'batch', 'cronjobs'),
    rule(FULL, 'batch', 'jobs'),
    rule('update', 'batch', 'cronjobs/status'),
    rule('update', 'batch', 'cronjobs/finalizers'),
    rule('delete list watch', 'core', 'pods'),
    eventsRule,
  ],
  'daemon-set-controller': [
    rule(R, 'apps extensions', 'daemonsets'),
    rule('update', 'apps extensions', 'daemonsets/status'),
    rule('update', 'apps extensions', 'daemonsets/finalizers'),
    rule('list watch', 'core', 'nodes'),
    rule('create delete list patch watch', 'core', 'pods'),
    rule('create', 'core', 'pods/binding'),
    rule(FULL, 'apps', 'controllerrevisions'),
    eventsRule,
  ],
  'deployment-controller': [
    rule(`${R} update`, 'apps extensions', 'deployments'),
    rule('update', 'apps extensions', 'deployments/status'),
    rule('update', 'apps extensions', 'deployments/finalizers'),
    rule(FULL, 'apps extensions', 'replicasets'),
    rule(`${R} update`, 'core', 'pods'),
    eventsRule,
  ],
  'disruption-controller': [
    rule(R, 'apps extensions', 'deployments'),
    rule(R, 'apps extensions', 'replicasets'),
    rule(R, 'core', 'replicationcontrollers'),
    rule(R, 'policy', 'poddisruptionbudgets'),
    rule(R, 'apps', 'statefulsets'),
    rule('update', 'policy', 'poddisruptionbudgets/status'),
    rule('patch update', 'core', 'pods/status'),
    rule('get', '*', '*/scale'),
    eventsRule,
  ],
  'horizontal-pod-autoscaler': [
    rule(R, 'autoscaling', 'horizontalpodautoscalers'),
    rule('update', 'autoscaling', 'horizontalpodautoscalers/status'),
    rule('get update', '*', '*/scale'),
    rule('list watch', 'core', 'pods'),
    rule('list watch', 'metrics.k8s.io', 'pods'),
    rule(R, 'custom.metrics.k8s.io', '*'),
    rule(R, 'external.metrics.k8s.io', '*'),
    eventsRule,
  ],
  'job-controller': [
    rule(`${R} patch update`, 'batch', 'jobs'),
    rule('update', 'batch', 'jobs/status'),
    rule('update', 'batch', 'jobs/finalizers'),
    rule('create delete list patch watch', 'core', 'pods'),
    eventsRule,
  ],
  'replicaset-controller': [
    rule(`${R} update`, 'apps extensions', 'replicasets'),
    rule('update', 'apps extensions', 'replicasets/status'),
    rule('update', 'apps extensions', 'replicasets/finalizers'),
    rule('create delete list patch watch', 'core', 'pods'),
    eventsRule,
  ],
  'replication-controller': [
    rule(`${R} update`, 'core', 'replicationcontrollers'),
    rule('update', 'core', 'replicationcontrollers/status'),
    rule('update', 'core', 'replicationcontrollers/finalizers'),
    rule('create delete list patch watch', 'core', 'pods'),
    eventsRule,
  ],
  'statefulset-controller': [
    rule('list watch', 'core', 'pods'),
    rule(R, 'apps', 'statefulsets'),
    rule('update', 'apps', 'statefulsets/status'),
    rule('update', 'apps', 'statefulsets/finalizers'),
    rule('create delete get patch update', 'core', 'pods'),
    rule(FULL, 'apps', 'controllerrevisions'),
    rule(`create ${R}`, 'core', 'persistentvolumeclaims'),
    rule('delete update', 'core', 'persistentvolumeclaims'),
    rule('update', 'core', 'pods/finalizers'),
    eventsRule,
  ],
  'ttl-after-finished-controller': [rule(`delete ${R}`, 'batch', 'jobs'), eventsRule],
};

const serviceRules: Readonly<Record<string, readonly PolicyRule[]>> = {
  'endpoint-controller': [
    rule(R, 'core', 'pods services'),
    rule(`create delete ${R} update`, 'core', 'endpoints'),
    rule('create', 'core', 'endpoints/restricted'),
    eventsRule,
  ],
  'endpointslice-controller': [
    rule(R, 'core', 'nodes pods services'),
    rule('update', 'core', 'services/finalizers'),
    rule(`create delete ${R} update`, 'discovery.k8s.io', 'endpointslices'),
    eventsRule,
  ],
  'endpointslicemirroring-controller': [
    rule(R, 'core', 'endpoints services'),
    rule('update', 'core', 'services/finalizers'),
    rule('update', 'core', 'endpoints/finalizers'),
    rule(`create delete ${R} update`, 'discovery.k8s.io', 'endpointslices'),
    eventsRule,
  ],
  'route-controller': [rule('list watch', 'core', 'nodes'), rule('patch', 'core', 'nodes/status'), eventsRule],
  'service-cidrs-controller': [
    rule(`${R} patch update`, 'networking.k8s.io', 'servicecidrs'),
    rule('patch update', 'networking.k8s.io', 'servicecidrs/finalizers'),
    rule('patch update', 'networking.k8s.io', 'servicecidrs/status'),
    rule(R, 'networking.k8s.io', 'ipaddresses'),
    eventsRule,
  ],
  'service-controller': [
    rule(R, 'core', 'services'),
    rule('patch update', 'core', 'services/status'),
    rule('list watch', 'core', 'nodes'),
    eventsRule,
  ],
};

const storageRules: Readonly<Record<string, readonly PolicyRule[]>> = {
  'attachdetach-controller': [
    rule('list watch', 'core', 'persistentvolumeclaims persistentvolumes'),
    rule(R, 'core', 'nodes'),
    rule('patch update', 'core', 'nodes/status'),
    rule('list watch', 'core', 'pods'),
    eventsRule,
    rule(`create delete ${R}`, 'storage.k8s.io', 'volumeattachments'),
    rule(R, 'storage.k8s.io', 'csidrivers'),
    rule(R, 'storage.k8s.io', 'csinodes'),
  ],
  'ephemeral-volume-controller': [
    rule(R, 'core', 'pods'),
    rule('update', 'core', 'pods/finalizers'),
    rule(`create ${R}`, 'core', 'persistentvolumeclaims'),
    eventsRule,
  ],
  'expand-controller': [
    rule(`${R} patch update`, 'core', 'persistentvolumes'),
    rule('patch update', 'core', 'persistentvolumeclaims/status'),
    rule(R, 'core', 'persistentvolumeclaims'),
    eventsRule,
  ],
  'persistent-volume-binder': [
    rule(`create delete ${R} update`, 'core', 'persistentvolumes'),
    rule('update', 'core', 'persistentvolumes/status'),
    rule(`${R} update`, 'core', 'persistentvolumeclaims'),
    rule('update', 'core', 'persistentvolumeclaims/status'),
    rule(`create delete ${R}`, 'core', 'pods'),
    rule(R, 'storage.k8s.io', 'storageclasses'),
    rule('list watch', 'core', 'nodes'),
    eventsRule,
    rule('watch', 'core', 'events'),
  ],
  'pv-protection-controller': [rule(`${R} update`, 'core', 'persistentvolumes'), eventsRule],
  'pvc-protection-controller': [
    rule(`${R} update`, 'core', 'persistentvolumeclaims'),
    rule('update', 'core', 'persistentvolumeclaims/status'),
    rule(R, 'core', 'pods'),
    eventsRule,
  ],
  'selinux-warning-controller': [
    eventsRule,
    rule(R, 'core', 'persistentvolumes'),
    rule(R, 'core', 'persistentvolumeclaims'),
    rule(R, 'core', 'pods'),
    rule(R, 'storage.k8s.io', 'csidrivers'),
  ],
  'volumeattributesclass-protection-controller': [
    rule(R, 'core', 'persistentvolumeclaims'),
    rule(R, 'core', 'persistentvolumes'),
    rule(`${R} update`, 'storage.k8s.io', 'volumeattributesclasses'),
    eventsRule,
  ],
};

const SIGNERS =
  'kubernetes.io/kube-apiserver-client kubernetes.io/kube-apiserver-client-kubelet kubernetes.io/kubelet-serving kubernetes.io/legacy-unknown';

const otherRules: Readonly<Record<string, readonly PolicyRule[]>> = {
  'certificate-controller': [
    rule(`delete ${R}`, 'certificates.k8s.io', 'certificatesigningrequests'),
    rule('update', 'certificates.k8s.io', 'certificatesigningrequests/approval certificatesigningrequests/status'),
    rule('approve', 'certificates.k8s.io', 'signers', 'kubernetes.io/kube-apiserver-client-kubelet'),
    rule('sign', 'certificates.k8s.io', 'signers', SIGNERS),
    rule('create', 'authorization.k8s.io', 'subjectaccessreviews'),
    eventsRule,
  ],
  'clusterrole-aggregation-controller': [
    rule(`escalate ${R} patch update`, 'rbac.authorization.k8s.io', 'clusterroles'),
  ],
  'device-taint-eviction-controller': [
    rule(`delete ${R}`, 'core', 'pods'),
    rule('patch update', 'core', 'pods/status'),
    rule(R, DRA, 'resourceclaims'),
    rule(R, DRA, 'resourceslices'),
    rule(R, DRA, 'deviceclasses'),
    eventsRule,
  ],
  'generic-garbage-collector': [rule(`delete ${R} patch update`, '*', '*'), eventsRule],
  'legacy-service-account-token-cleaner': [
    rule('get', 'core', 'configmaps', 'kube-apiserver-legacy-service-account-token-tracking'),
    rule('delete patch', 'core', 'secrets'),
  ],
  'namespace-controller': [
    rule(`delete ${R}`, 'core', 'namespaces'),
    rule('update', 'core', 'namespaces/finalize namespaces/status'),
    rule(`delete deletecollection ${R}`, '*', '*'),
  ],
  'node-controller': [
    rule(`delete ${R} patch update`, 'core', 'nodes'),
    rule('patch update', 'core', 'nodes/status'),
    rule('patch update', 'core', 'pods/status'),
    rule(`delete ${R}`, 'core', 'pods'),
    eventsRule,
  ],
  'pod-garbage-collector': [
    rule('delete list watch', 'core', 'pods'),
    rule(R, 'core', 'nodes'),
    rule('patch', 'core', 'pods/status'),
  ],
  'resource-claim-controller': [
    rule(R, 'core', 'pods'),
    rule('update', 'core', 'pods/finalizers'),
    rule(`create delete ${R}`, DRA, 'resourceclaims'),
    rule('patch update', DRA, 'resourceclaims resourceclaims/status'),
    rule('patch update', 'core', 'pods/status'),
    eventsRule,
    rule('patch update', DRA, 'resourceclaims/binding'),
  ],
  'resourcequota-controller': [
    rule('list watch', '*', '*'),
    rule('update', 'core', 'resourcequotas/status'),
    eventsRule,
  ],
  'root-ca-cert-publisher': [rule('create update', 'core', 'configmaps'), eventsRule],
  'service-account-controller': [rule('create', 'core', 'serviceaccounts'), eventsRule],
  'ttl-controller': [rule('list patch update watch', 'core', 'nodes'), eventsRule],
  'validatingadmissionpolicy-status-controller': [
    rule(R, 'admissionregistration.k8s.io', 'validatingadmissionpolicies'),
    rule('get patch update', 'admissionregistration.k8s.io', 'validatingadmissionpolicies/status'),
    eventsRule,
  ],
};

export const controllerRules: Readonly<Record<string, readonly PolicyRule[]>> = {
  ...workloadRules,
  ...serviceRules,
  ...storageRules,
  ...otherRules,
};
