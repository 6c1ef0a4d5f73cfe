/** What is sent to subresources and to resources that keep nothing. */
import type { Json } from '../mutate/json.ts';
import { RESOURCE_VERSION, TOKEN, UID } from '../server/live.ts';

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
    spec: { audiences: ['a'], expirationSeconds: 600, boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: 'web' } },
  },
  ephemeralcontainers: {
    apiVersion: 'v1',
    kind: 'Pod',
    spec: { ephemeralContainers: [{ name: 'e', image: 'i', targetContainerName: 'main' }] },
  },
  approval: {
    apiVersion: 'certificates.k8s.io/v1',
    kind: 'CertificateSigningRequest',
    metadata: { name: 'web' },
    status: { conditions: [{ type: 'Approved', status: 'True', reason: 'R', message: 'm' }], certificate: 'AAAA' },
  },
  finalize: { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'fuzz' }, spec: { finalizers: [] } },
};

export const DELETE_OPTIONS: Json = {
  kind: 'DeleteOptions',
  apiVersion: 'v1',
  gracePeriodSeconds: 0,
  propagationPolicy: 'Background',
  preconditions: { uid: UID, resourceVersion: RESOURCE_VERSION },
};

/** Paths where objects are posted that nobody keeps. */
export const REVIEWS: Readonly<Record<string, Json>> = {
  '/apis/authentication.k8s.io/v1/tokenreviews': {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenReview',
    spec: { token: TOKEN, audiences: ['https://kubernetes.default.svc.cluster.local'] },
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
      uid: 'x',
      extra: { a: ['b'], '': [] },
      resourceAttributes: {
        verb: 'list',
        group: '',
        version: '*',
        resource: 'pods',
        subresource: 'status',
        namespace: 'default',
        name: 'a',
        fieldSelector: { requirements: [{ key: 'metadata.name', operator: 'In', values: ['a'] }] },
        labelSelector: { requirements: [{ key: 'a', operator: 'DoesNotExist' }] },
      },
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
  '/api/v1/namespaces/default/bindings': {
    apiVersion: 'v1',
    kind: 'Binding',
    metadata: { name: 'web', namespace: 'default', annotations: { a: 'b' } },
    target: { apiVersion: 'v1', kind: 'Node', name: 'web' },
  },
  '/api/v1/namespaces/default/serviceaccounts/default/token': {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: {
      audiences: [],
      expirationSeconds: 3600,
      boundObjectRef: { apiVersion: 'v1', kind: 'Secret', name: 'web', uid: UID },
    },
  },
};
