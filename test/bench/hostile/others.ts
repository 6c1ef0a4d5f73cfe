/** Reads that take much, and objects of kinds that do. */
import type { FuzzRequest } from '../../fuzz/api/request.ts';
import {
  collection,
  configMap,
  custom,
  definition,
  get,
  NAMESPACE,
  post,
  times,
  type HostileCase,
  type Json,
} from './common.ts';

const manyPods = times(2000, (i) =>
  post(`${NAMESPACE}/configmaps`, configMap({ a: 'b' }, { name: `n${i}`, labels: { a: `v${i}` } })),
);
const columned = definition(
  'tables',
  { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
  {
    additionalPrinterColumns: times(50, (i) => ({
      name: `c${i}`,
      type: 'string',
      jsonPath: '.spec..[?(@..a == "x")]..a'.slice(0, 26),
    })),
  },
);
export const reads = (): readonly HostileCase[] => [
  {
    name: 'a label selector of 5000 requirements over 2000 objects',
    before: manyPods,
    request: get(
      `${NAMESPACE}/configmaps?labelSelector=${encodeURIComponent(times(1200, (i) => `a!=x${i}`).join(','))}`,
    ),
  },
  {
    name: 'a label selector with a set of 9000',
    before: manyPods,
    request: get(
      `${NAMESPACE}/configmaps?labelSelector=${encodeURIComponent(`a in (${times(3000, (i) => `v${i}`).join(',')})`)}`,
    ),
  },
  {
    name: 'a field selector of 1000 terms',
    before: manyPods,
    request: get(
      `${NAMESPACE}/configmaps?fieldSelector=${encodeURIComponent(times(600, (i) => `metadata.name!=x${i}`).join(','))}`,
    ),
  },
  {
    name: 'a list of 2000 as a table',
    before: manyPods,
    request: {
      ...get(`${NAMESPACE}/configmaps`),
      headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' },
    },
  },
  {
    name: 'a table with 50 columns that search all of a large object',
    before: [columned, custom('tables', { list: times(20_000, (i) => ({ a: { b: i } })) })],
    request: {
      ...get(collection('tables')),
      headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' },
    },
  },
  { name: 'a name of 100 kB', request: get(`${NAMESPACE}/configmaps/${'x'.repeat(100_000)}`) },
  {
    name: 'a subject access review with 100000 groups',
    request: post('/apis/authorization.k8s.io/v1/subjectaccessreviews', {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SubjectAccessReview',
      spec: {
        user: 'u',
        groups: times(100_000, (i) => `g${i}`),
        resourceAttributes: { verb: 'get', resource: 'pods' },
      },
    }),
  },
  {
    name: 'a role with 20000 rules',
    request: post('/apis/rbac.authorization.k8s.io/v1/clusterroles', {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRole',
      metadata: { name: 'a' },
      rules: times(20_000, (i) => ({ apiGroups: [''], resources: [`r${i}`], verbs: ['get'] })),
    }),
  },
];

const policy = (spec: Json): FuzzRequest =>
  post('/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies', {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicy',
    metadata: { name: 'a' },
    spec: {
      matchConstraints: {
        resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], resources: ['pods'], operations: ['*'] }],
      },
      ...spec,
    },
  });
export const others = (): readonly HostileCase[] => [
  {
    name: 'a policy with 10000 expressions',
    request: policy({ validations: times(10_000, (i) => ({ expression: `object.metadata.name != "${i}"` })) }),
  },
  {
    name: 'a network policy with 20000 peers',
    request: post('/apis/networking.k8s.io/v1/namespaces/fuzz/networkpolicies', {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { name: 'a' },
      spec: {
        podSelector: {},
        ingress: [{ from: times(20_000, (i) => ({ ipBlock: { cidr: `10.${i >> 8}.${i & 255}.0/24` } })) }],
      },
    }),
  },
  {
    name: 'a service with 20000 ports',
    request: post(`${NAMESPACE}/services`, {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'a' },
      spec: { ports: times(20_000, (i) => ({ name: `p${i}`, port: i + 1 })), selector: { a: 'b' } },
    }),
  },
  {
    name: 'endpoints with 30000 addresses',
    request: post(`${NAMESPACE}/endpoints`, {
      apiVersion: 'v1',
      kind: 'Endpoints',
      metadata: { name: 'a' },
      subsets: [{ addresses: times(30_000, (i) => ({ ip: `10.${i >> 8}.${i & 255}.1` })), ports: [{ port: 80 }] }],
    }),
  },
];
