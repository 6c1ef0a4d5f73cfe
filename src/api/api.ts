/**
 * The API as data: what kinds there are, their schema, defaults, validation, columns; selectors, quantities, patches, codecs; the one error.
 * Pure functions of values: no input or output, no clock of its own. Everything else in the program reads the API from here.
 */
export * from './status.ts';
export * from './field-error.ts';
export * from './kind.ts';
export * from './transport.ts';
// meta/v1 has a WatchEvent too: the untyped one of the wire. The program means the typed one.
export type { WatchEvent } from './transport.ts';
export type * from './types.ts';
// Each of these is a type and a value; named exports win over the stars above.
export {
  APIService,
  Binding,
  ComponentStatus,
  CertificateSigningRequest,
  ClusterRole,
  ClusterRoleBinding,
  ConfigMap,
  ControllerRevision,
  CronJob,
  CSIDriver,
  CSINode,
  CSIStorageCapacity,
  CustomResourceDefinition,
  DaemonSet,
  Deployment,
  DeviceClass,
  Endpoints,
  EndpointSlice,
  Event,
  EventsEvent,
  FlowSchema,
  HorizontalPodAutoscaler,
  HorizontalPodAutoscalerV1,
  Ingress,
  IngressClass,
  IPAddress,
  Job,
  Lease,
  LimitRange,
  LocalSubjectAccessReview,
  MutatingAdmissionPolicy,
  MutatingAdmissionPolicyBinding,
  MutatingWebhookConfiguration,
  Namespace,
  NetworkPolicy,
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  PodDisruptionBudget,
  PodTemplate,
  PriorityClass,
  PriorityLevelConfiguration,
  ReplicaSet,
  ReplicationController,
  ResourceClaim,
  ResourceClaimTemplate,
  ResourceQuota,
  ResourceSlice,
  Role,
  RoleBinding,
  RuntimeClass,
  Secret,
  SelfSubjectAccessReview,
  SelfSubjectReview,
  SelfSubjectRulesReview,
  Service,
  ServiceAccount,
  ServiceCIDR,
  StatefulSet,
  StorageClass,
  SubjectAccessReview,
  TokenReview,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
  ValidatingWebhookConfiguration,
  VolumeAttachment,
  VolumeAttributesClass,
} from './kinds.ts';
export { allKinds, bodyKinds, kindOf, kindOfResource, servedKinds } from './kinds.ts';
export * from './quantity.ts';
export * from './intstr.ts';
export * from './time.ts';
export { ageOf, ROW_MARK, rowText, type TimelessRow, timelessRow } from './table.ts';
export * from './selector/selector.ts';
export * from './meta/names.ts';
export * from './meta/objectmeta.ts';
export * from './schema.ts';
export * from './equality.ts';
export * from './codec/codec.ts';
export { semanticEqual } from './validation/equal.ts';
export * from './core/pods.ts';
export { nodeAddress, nodeRoles } from './core/node.ts';
export { isExternallyAccessible, isHeadless, needsHealthCheck } from './core/service.ts';
export { validateClusterIPs } from './core/service/addresses.ts';
export { parseCertificateRequest } from './certificates/certificatesigningrequest.ts';
export { isJobConditionTrue, isJobFinished } from './batch/job-status.ts';
export { countIndexes, IndexesError, parseIndexes } from './batch/indexes.ts';
export { parseSchedule, type Schedule, ScheduleError, type ScheduleField } from './batch/schedule.ts';
export { isDefaultStorageClass } from './storage/storageclass.ts';
export { storageClassOf } from './core/volume/modes.ts';
export { SYSTEM_PRIORITIES } from './scheduling/priorityclass.ts';
export { sliceServiceName } from './discovery/endpointslice.ts';
export { validateIP, validateCIDR, ipFamily, cidrFamily, ipText, type IPFamily } from './validation/ip.ts';
export * from './networking/prefix.ts';
export { validateAnnotations, validateLabels } from './validation/fields.ts';
export * from './validation/names.ts';
export * from './patch/patch.ts';
export * from './apply/apply.ts';
export * from './structural/structural.ts';
export { everySchema } from './apiextensions/schema-walk.ts';
export { judgeDefinition } from './apiextensions/validate.ts';
export { type CustomColumns, customColumns } from './jsonpath/columns.ts';
export { type JSONPath, JSONPathError, parseJSONPath, printResults } from './jsonpath/jsonpath.ts';
export * from './encryption/types.ts';
export { parseEncryptionConfiguration } from './encryption/configuration.ts';
