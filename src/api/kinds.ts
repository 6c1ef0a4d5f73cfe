import { Deployment } from './apps/deployment.ts';
import { ReplicaSet } from './apps/replicaset.ts';
import { Lease } from './coordination/lease.ts';
import { ConfigMap } from './core/configmap.ts';
import { Endpoints } from './core/endpoints.ts';
import { Event } from './core/event.ts';
import { Namespace } from './core/namespace.ts';
import { Node } from './core/node.ts';
import { Pod } from './core/pod.ts';
import { Secret } from './core/secret.ts';
import { Service } from './core/service.ts';
import { ServiceAccount } from './core/serviceaccount.ts';
import { EndpointSlice } from './discovery/endpointslice.ts';
import { EventsEvent } from './events/event.ts';
import type { Kind } from './kind.ts';
import { apiVersionOf } from './kind.ts';

/** Every kind the program serves from its own storage, in the order discovery lists them. */
export const allKinds: readonly Kind[] = [
  ConfigMap,
  Endpoints,
  Event,
  Namespace,
  Node,
  Pod,
  Secret,
  Service,
  ServiceAccount,
  Deployment,
  ReplicaSet,
  Lease,
  EndpointSlice,
  EventsEvent,
];

/** Kinds that travel only as bodies of requests and answers and are never stored: `apiVersion/kind` → definition in the schema. */
export const bodyKinds: Readonly<Record<string, string>> = {
  'v1/Status': 'meta.v1.Status',
  'v1/DeleteOptions': 'meta.v1.DeleteOptions',
  'v1/Binding': 'core.v1.Binding',
  'autoscaling/v1/Scale': 'autoscaling.v1.Scale',
  'policy/v1/Eviction': 'policy.v1.Eviction',
  'authentication.k8s.io/v1/TokenRequest': 'authentication.v1.TokenRequest',
};

const byResource = new Map(allKinds.map((kind) => [`${apiVersionOf(kind)}/${kind.plural}`, kind]));
const byKind = new Map(allKinds.map((kind) => [`${apiVersionOf(kind)}/${kind.kind}`, kind]));

export const kindOfResource = (group: string, version: string, resource: string): Kind | undefined =>
  byResource.get(`${apiVersionOf({ group, version })}/${resource}`);

export const kindOf = (apiVersion: string, kind: string): Kind | undefined => byKind.get(`${apiVersion}/${kind}`);

export {
  ConfigMap,
  Deployment,
  Endpoints,
  EndpointSlice,
  Event,
  EventsEvent,
  Lease,
  Namespace,
  Node,
  Pod,
  ReplicaSet,
  Secret,
  Service,
  ServiceAccount,
};
