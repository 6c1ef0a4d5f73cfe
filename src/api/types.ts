// All generated interfaces under their own names. Where two groups share a name the core or the newest one has it plain.
export type * from './generated/meta.v1.ts';
export type * from './generated/core.v1.ts';
export type * from './generated/apps.v1.ts';
export type * from './generated/coordination.v1.ts';
export type {
  Endpoint,
  EndpointConditions,
  EndpointHints,
  EndpointSlice,
  ForZone,
  ForNode,
} from './generated/discovery.v1.ts';
export type { EndpointPort as EndpointSlicePort } from './generated/discovery.v1.ts';
export type { Event as EventsEvent } from './generated/events.v1.ts';
export type { Scale, ScaleSpec, ScaleStatus } from './generated/autoscaling.v1.ts';
export type { HorizontalPodAutoscaler as HorizontalPodAutoscalerV1 } from './generated/autoscaling.v1.ts';
export type * from './generated/autoscaling.v2.ts';
export type * from './generated/policy.v1.ts';
export type * from './generated/batch.v1.ts';
export type * from './generated/rbac.v1.ts';
export type * from './generated/networking.v1.ts';
export type * from './generated/node.v1.ts';
export type * from './generated/scheduling.v1.ts';
export type {
  CSIDriver,
  CSIDriverSpec,
  CSINode,
  CSINodeDriver,
  CSIStorageCapacity,
  StorageClass,
  VolumeAttachment,
  VolumeAttachmentSource,
  VolumeAttributesClass,
  VolumeError,
} from './generated/storage.v1.ts';
// authentication.k8s.io has one too, which is the one people mean.
export type { TokenRequest as CSITokenRequest } from './generated/storage.v1.ts';
export type * from './generated/admissionregistration.v1.ts';
export type * from './generated/authentication.v1.ts';
export type {
  LocalSubjectAccessReview,
  NonResourceAttributes,
  NonResourceRule,
  ResourceAttributes,
  ResourceRule,
  SelfSubjectAccessReview,
  SelfSubjectRulesReview,
  SubjectAccessReview,
  SubjectAccessReviewSpec,
  SubjectAccessReviewStatus,
} from './generated/authorization.v1.ts';
export type * from './generated/certificates.v1.ts';
export type { APIService, APIServiceCondition, APIServiceSpec } from './generated/apiregistration.v1.ts';
export type {
  CustomResourceDefinition,
  CustomResourceDefinitionCondition,
  CustomResourceDefinitionNames,
  CustomResourceDefinitionSpec,
  CustomResourceDefinitionVersion,
  JSONSchemaProps,
} from './generated/apiextensions.v1.ts';
export type {
  FlowSchema,
  LimitResponse,
  NonResourcePolicyRule,
  PolicyRulesWithSubjects,
  PriorityLevelConfiguration,
  QueuingConfiguration,
  ResourcePolicyRule,
} from './generated/flowcontrol.v1.ts';
export type { Subject as FlowSchemaSubject } from './generated/flowcontrol.v1.ts';
