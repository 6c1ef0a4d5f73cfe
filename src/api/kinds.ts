import { MutatingAdmissionPolicy, MutatingAdmissionPolicyBinding } from './admissionregistration/mutatingpolicy.ts';
import {
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
} from './admissionregistration/validatingpolicy.ts';
import { MutatingWebhookConfiguration, ValidatingWebhookConfiguration } from './admissionregistration/webhook.ts';
import { CustomResourceDefinition } from './apiextensions/customresourcedefinition.ts';
import { APIService } from './apiregistration/apiservice.ts';
import { ControllerRevision } from './apps/controllerrevision.ts';
import { DaemonSet } from './apps/daemonset.ts';
import { Deployment } from './apps/deployment.ts';
import { ReplicaSet } from './apps/replicaset.ts';
import { StatefulSet } from './apps/statefulset.ts';
import { SelfSubjectReview, TokenReview } from './authentication/reviews.ts';
import {
  LocalSubjectAccessReview,
  SelfSubjectAccessReview,
  SelfSubjectRulesReview,
  SubjectAccessReview,
} from './authorization/reviews.ts';
import { HorizontalPodAutoscaler } from './autoscaling/horizontalpodautoscaler.ts';
import { HorizontalPodAutoscalerV1 } from './autoscaling/v1.ts';
import { CronJob } from './batch/cronjob.ts';
import { Job } from './batch/job.ts';
import { CertificateSigningRequest } from './certificates/certificatesigningrequest.ts';
import { Lease } from './coordination/lease.ts';
import { ConfigMap } from './core/configmap.ts';
import { Endpoints } from './core/endpoints.ts';
import { Event } from './core/event.ts';
import { Namespace } from './core/namespace.ts';
import { Node } from './core/node.ts';
import { Pod } from './core/pod.ts';
import { PodTemplate } from './core/podtemplate.ts';
import { LimitRange } from './core/quota/limitrange.ts';
import { ResourceQuota } from './core/quota/resourcequota.ts';
import { ReplicationController } from './core/replicationcontroller.ts';
import { Binding, ComponentStatus } from './core/virtual.ts';
import { Secret } from './core/secret.ts';
import { Service } from './core/service.ts';
import { ServiceAccount } from './core/serviceaccount.ts';
import { PersistentVolume } from './core/volume/persistentvolume.ts';
import { PersistentVolumeClaim } from './core/volume/persistentvolumeclaim.ts';
import { EndpointSlice } from './discovery/endpointslice.ts';
import { EventsEvent } from './events/event.ts';
import { FlowSchema } from './flowcontrol/flowschema.ts';
import { PriorityLevelConfiguration } from './flowcontrol/prioritylevelconfiguration.ts';
import { Ingress } from './networking/ingress.ts';
import { IngressClass } from './networking/ingressclass.ts';
import { IPAddress } from './networking/ipaddress.ts';
import { NetworkPolicy } from './networking/networkpolicy.ts';
import { ServiceCIDR } from './networking/servicecidr.ts';
import { RuntimeClass } from './node/runtimeclass.ts';
import { PodDisruptionBudget } from './policy/poddisruptionbudget.ts';
import { ClusterRole, Role } from './rbac/role.ts';
import { ClusterRoleBinding, RoleBinding } from './rbac/rolebinding.ts';
import { DeviceClass } from './resource/deviceclass.ts';
import { ResourceClaim, ResourceClaimTemplate } from './resource/resourceclaim.ts';
import { ResourceSlice } from './resource/resourceslice.ts';
import { PriorityClass } from './scheduling/priorityclass.ts';
import { CSIDriver } from './storage/csidriver.ts';
import { CSINode } from './storage/csinode.ts';
import { CSIStorageCapacity } from './storage/csistoragecapacity.ts';
import { StorageClass } from './storage/storageclass.ts';
import { VolumeAttachment } from './storage/volumeattachment.ts';
import { VolumeAttributesClass } from './storage/volumeattributesclass.ts';
import type { Kind } from './kind.ts';
import { apiVersionOf } from './kind.ts';

/** Every kind the program serves from its own storage, in the order discovery lists them. */
export const allKinds: readonly Kind[] = [
  ConfigMap,
  Endpoints,
  Event,
  LimitRange,
  Namespace,
  Node,
  PersistentVolumeClaim,
  PersistentVolume,
  Pod,
  PodTemplate,
  ReplicationController,
  ResourceQuota,
  Secret,
  Service,
  ServiceAccount,
  APIService,
  ControllerRevision,
  DaemonSet,
  Deployment,
  ReplicaSet,
  StatefulSet,
  EventsEvent,
  HorizontalPodAutoscaler,
  HorizontalPodAutoscalerV1,
  CronJob,
  Job,
  CertificateSigningRequest,
  Ingress,
  IngressClass,
  IPAddress,
  NetworkPolicy,
  ServiceCIDR,
  PodDisruptionBudget,
  ClusterRole,
  ClusterRoleBinding,
  Role,
  RoleBinding,
  CSIDriver,
  CSINode,
  CSIStorageCapacity,
  StorageClass,
  VolumeAttachment,
  VolumeAttributesClass,
  MutatingAdmissionPolicy,
  MutatingAdmissionPolicyBinding,
  MutatingWebhookConfiguration,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
  ValidatingWebhookConfiguration,
  CustomResourceDefinition,
  PriorityClass,
  Lease,
  RuntimeClass,
  EndpointSlice,
  FlowSchema,
  PriorityLevelConfiguration,
  DeviceClass,
  ResourceClaim,
  ResourceClaimTemplate,
  ResourceSlice,
];

/** Kinds that are served but never stored: most are a question that is created, and the answer to it. */
const virtualKinds: readonly Kind[] = [
  Binding,
  ComponentStatus,
  SelfSubjectReview,
  TokenReview,
  LocalSubjectAccessReview,
  SelfSubjectAccessReview,
  SelfSubjectRulesReview,
  SubjectAccessReview,
];

/** Every kind a client finds. */
export const servedKinds: readonly Kind[] = [...allKinds, ...virtualKinds];

/** Kinds that travel only as bodies of requests and answers and are never stored: `apiVersion/kind` → definition in the schema. */
export const bodyKinds: Readonly<Record<string, string>> = {
  'v1/Status': 'meta.v1.Status',
  'v1/DeleteOptions': 'meta.v1.DeleteOptions',
  'v1/Binding': 'core.v1.Binding',
  'autoscaling/v1/Scale': 'autoscaling.v1.Scale',
  'policy/v1/Eviction': 'policy.v1.Eviction',
  'authentication.k8s.io/v1/TokenRequest': 'authentication.v1.TokenRequest',
};

const byResource = new Map(servedKinds.map((kind) => [`${apiVersionOf(kind)}/${kind.plural}`, kind]));
const byKind = new Map(servedKinds.map((kind) => [`${apiVersionOf(kind)}/${kind.kind}`, kind]));

export const kindOfResource = (group: string, version: string, resource: string): Kind | undefined =>
  byResource.get(`${apiVersionOf({ group, version })}/${resource}`);

export const kindOf = (apiVersion: string, kind: string): Kind | undefined => byKind.get(`${apiVersion}/${kind}`);

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
};
