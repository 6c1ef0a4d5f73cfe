/**
 * Which fields Go's structs always have, though JSON may lack them: structs that stand in a struct, and fields whose tag says no omitempty.
 * Owners are counted as upstream counts them, and there such fields are never added or removed, only changed.
 * Source: the Go types of k8s.io/api and k8s.io/apimachinery v0.36.
 */
import { type Field, hasTypeMeta, splitType } from '../../schema.ts';

const TEMPLATED = new Set([
  'core.v1.PodTemplateSpec',
  'batch.v1.JobTemplateSpec',
  'core.v1.PersistentVolumeClaimTemplate',
  'resource.v1.ResourceClaimTemplateSpec',
]);

/** Structs in structs, beside metadata, spec and status of objects. */
const STRUCTS = new Set(
  Object.entries({
    'admissionregistration.v1': 'ValidatingWebhook.clientConfig MutatingWebhook.clientConfig',
    'apiextensions.v1': 'CustomResourceDefinitionSpec.names CustomResourceDefinitionStatus.acceptedNames',
    'apps.v1':
      'StatefulSetSpec.template StatefulSetSpec.updateStrategy DeploymentSpec.template DeploymentSpec.strategy ' +
      'DaemonSetSpec.template DaemonSetSpec.updateStrategy ReplicaSetSpec.template',
    'authentication.v1': 'TokenReviewStatus.user SelfSubjectReviewStatus.userInfo',
    'autoscaling.v1': 'HorizontalPodAutoscalerSpec.scaleTargetRef',
    'autoscaling.v2':
      'HorizontalPodAutoscalerSpec.scaleTargetRef ObjectMetricSource.describedObject ObjectMetricSource.target ObjectMetricSource.metric ' +
      'PodsMetricSource.metric PodsMetricSource.target ResourceMetricSource.target ContainerResourceMetricSource.target ' +
      'ExternalMetricSource.metric ExternalMetricSource.target ObjectMetricStatus.metric ObjectMetricStatus.current ' +
      'ObjectMetricStatus.describedObject PodsMetricStatus.metric PodsMetricStatus.current ResourceMetricStatus.current ' +
      'ContainerResourceMetricStatus.current ExternalMetricStatus.metric ExternalMetricStatus.current',
    'batch.v1': 'JobSpec.template CronJobSpec.jobTemplate',
    'core.v1':
      'PersistentVolumeClaimSpec.resources Container.resources EphemeralContainer.resources ContainerStatus.state ContainerStatus.lastState ' +
      'WeightedPodAffinityTerm.podAffinityTerm PreferredSchedulingTerm.preference PodTemplate.template ServiceStatus.loadBalancer ' +
      'NodeDaemonEndpoints.kubeletEndpoint NodeStatus.daemonEndpoints NodeStatus.nodeInfo Binding.target Event.involvedObject Event.source',
    'discovery.v1': 'Endpoint.conditions',
    'events.v1': 'Event.regarding Event.deprecatedSource',
    'flowcontrol.v1': 'FlowSchemaSpec.priorityLevelConfiguration LimitedPriorityLevelConfiguration.limitResponse',
    'networking.v1':
      'NetworkPolicySpec.podSelector IngressStatus.loadBalancer HTTPIngressPath.backend IngressServiceBackend.port',
    'rbac.v1': 'RoleBinding.roleRef ClusterRoleBinding.roleRef',
    'resource.v1': 'ResourceSliceSpec.pool ResourceClaimSpec.devices AllocationResult.devices',
    'storage.v1': 'VolumeAttachmentSpec.source',
  }).flatMap(([group, names]) => names.split(' ').map((name) => `${group}.${name}`)),
);

/** Written though OpenAPI says they are optional. */
const WRITTEN = new Set(
  Object.entries({
    'apiextensions.v1': 'CustomResourceDefinitionStatus.conditions CustomResourceDefinitionStatus.storedVersions',
    'apps.v1': 'StatefulSetOrdinals.start StatefulSetSpec.serviceName StatefulSetStatus.availableReplicas',
    'authentication.v1':
      'TokenRequestSpec.audiences TokenRequestSpec.expirationSeconds TokenRequestSpec.boundObjectRef TokenRequestStatus.token',
    'autoscaling.v2': 'HorizontalPodAutoscalerStatus.currentMetrics',
    'batch.v1': 'PodFailurePolicyOnPodConditionsPattern.status',
    'core.v1':
      'TypedObjectReference.apiGroup AzureFilePersistentVolumeSource.secretNamespace ProjectedVolumeSource.sources GRPCAction.service ' +
      'NodeRuntimeHandler.name ContainerImage.names TypedLocalObjectReference.apiGroup Event.reportingComponent Event.reportingInstance',
    'discovery.v1': 'EndpointSlice.endpoints EndpointSlice.ports',
    'flowcontrol.v1':
      'FlowSchemaSpec.matchingPrecedence ResourcePolicyRule.namespaces LimitedPriorityLevelConfiguration.nominalConcurrencyShares ' +
      'QueuingConfiguration.queues QueuingConfiguration.handSize QueuingConfiguration.queueLengthLimit',
    'networking.v1': 'IngressClassParametersReference.scope',
    'policy.v1':
      'PodDisruptionBudgetStatus.disruptionsAllowed PodDisruptionBudgetStatus.currentHealthy ' +
      'PodDisruptionBudgetStatus.desiredHealthy PodDisruptionBudgetStatus.expectedPods',
    'rbac.v1': 'RoleRef.apiGroup Role.rules ClusterRole.rules',
    'resource.v1': 'CapacityRequestPolicy.default DeviceClaim.requests AllocatedDeviceStatus.conditions',
    'scheduling.v1': 'PriorityClass.value',
    'storage.v1': 'CSINodeDriver.topologyKeys',
  }).flatMap(([group, names]) => names.split(' ').map((name) => `${group}.${name}`)),
);

/** Left out when empty though OpenAPI says they are required. */
const OMITTED = new Set(
  Object.entries({
    'admissionregistration.v1':
      'ValidatingAdmissionPolicyBindingSpec.policyName ValidatingAdmissionPolicyBindingSpec.validationActions',
    'authentication.v1': 'TokenReviewSpec.token',
    'core.v1':
      'PodCertificateProjection.signerName PodCertificateProjection.keyType ImageVolumeStatus.imageRef ContainerRestartRule.action ' +
      'ContainerRestartRuleOnExitCodes.operator',
    'networking.v1': 'IPAddressSpec.parentRef ParentReference.resource ParentReference.name',
    'resource.v1': 'CounterSet.counters DeviceCounterConsumption.counters CapacityRequestPolicyRange.min',
  }).flatMap(([group, names]) => names.split(' ').map((name) => `${group}.${name}`)),
);

/** Times and the like are structs, which omitempty does not leave out; only creationTimestamp says omitzero. */
const SPECIAL_STRUCTS = new Set(['Time', 'MicroTime', 'Duration', 'Quantity', 'IntOrString', 'Raw']);
/** Pointers that the schema does not tell from structs. */
const SPECIAL_POINTERS = new Set([
  'meta.v1.ObjectMeta.creationTimestamp',
  'meta.v1.ManagedFieldsEntry.fieldsV1',
  'resource.v1.AllocatedDeviceStatus.data',
]);

/** Whether the field is a struct itself, not a pointer to one. */
export function isStruct(definition: string, field: string): boolean {
  if (STRUCTS.has(`${definition}.${field}`)) return true;
  if (field !== 'metadata' && field !== 'spec' && field !== 'status') return false;
  return hasTypeMeta(definition) || TEMPLATED.has(definition);
}

/** Whether Go writes the field even when it is empty. */
export function isAlwaysWritten(definition: string, name: string, { t, req, go }: Field): boolean {
  const path = `${definition}.${name}`;
  const { container, of } = splitType(t);
  if (container === undefined && SPECIAL_STRUCTS.has(of) && go?.startsWith('*') !== true) {
    return !SPECIAL_POINTERS.has(path);
  }
  return req === 1 ? !OMITTED.has(path) : WRITTEN.has(path);
}
