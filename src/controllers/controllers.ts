/**
 * The reconcile loops of the control plane: each watches some kinds and moves the world towards what their specs say, through the API and
 * nothing else. Names, events, messages, conditions and timings are upstream's kube-controller-manager's.
 *
 * Every controller is level-triggered and may be killed at any point and started again. This component does not schedule pods, run them,
 * or serve the API.
 */
import { type Kind, Event, EventsEvent } from '#api';
import type { Client, EventRecorder } from '#client';
import type { Controller, ControllerContext } from '#runtime';
import { newClusterRoleAggregationController } from './clusterroleaggregation/clusterroleaggregation.ts';
import { newDeploymentController } from './deployment/deployment.ts';
import { newEndpointsController } from './endpoints/endpoints.ts';
import { newEndpointSliceController } from './endpointslice/endpointslice.ts';
import { newEndpointSliceMirroringController } from './endpointslicemirroring/endpointslicemirroring.ts';
import { newGarbageCollector } from './garbagecollector/garbagecollector.ts';
import { newNamespaceController } from './namespace/namespace.ts';
import { newNodeLifecycleController, type NodeLifecycleOptions } from './nodelifecycle/nodelifecycle.ts';
import { newTaintEvictionController } from './nodelifecycle/tainteviction.ts';
import { newPodGCController, type PodGCOptions } from './podgc/podgc.ts';
import { newReplicaSetController, newReplicationController } from './replicaset/replicaset.ts';
import { newServiceCIDRsController } from './servicecidrs/servicecidrs.ts';
import { newRootCACertPublisher } from './serviceaccount/root-ca.ts';
import { newServiceAccountController } from './serviceaccount/serviceaccount.ts';
import { newTokensController, type TokensOptions } from './serviceaccount/tokens.ts';

export interface ControllersContext extends Omit<ControllerContext, 'recorder'> {
  /** A recorder for each controller, since events name their source: `deployment-controller`. */
  readonly recorder: (component: string) => EventRecorder;
  /** Speaks as a service account of kube-system. */
  readonly clientOf: (account: string) => Client;
}

export interface ControllersOptions extends NodeLifecycleOptions, PodGCOptions, TokensOptions {
  /** Every kind the API server stores: what the garbage collector and the deletion of namespaces go through. */
  readonly kinds: readonly Kind[];
  /** PEM text published in every namespace as ConfigMap kube-root-ca.crt. */
  readonly rootCA: string;
}

/** All controllers; hand them to `runControllers`. */
export function newControllers(context: ControllersContext, options: ControllersOptions): Controller[] {
  // Each under the service account whose role says what it may do. Source: NewClient calls of cmd/kube-controller-manager/app v1.36.
  const as = (component: string, account: string): ControllerContext => ({
    ...context,
    client: context.clientOf(account),
    recorder: context.recorder(component),
  });
  return [
    newDeploymentController(as('deployment-controller', 'deployment-controller')),
    newReplicaSetController(as('replicaset-controller', 'replicaset-controller')),
    newReplicationController(as('replication-controller', 'replication-controller')),
    newEndpointSliceController(as('endpoint-slice-controller', 'endpointslice-controller')),
    newEndpointsController(as('endpoint-controller', 'endpoint-controller')),
    newEndpointSliceMirroringController(as('endpoint-slice-mirroring-controller', 'endpointslicemirroring-controller')),
    newServiceAccountController(as('serviceaccount-controller', 'service-account-controller')),
    newTokensController({ ...context, recorder: context.recorder('serviceaccount-token') }, options),
    newRootCACertPublisher(as('root-ca-cert-publisher', 'root-ca-cert-publisher'), options.rootCA),
    newNamespaceController(as('namespace-controller', 'namespace-controller'), options),
    newNodeLifecycleController(as('node-controller', 'node-controller'), options),
    newTaintEvictionController(as('taint-eviction-controller', 'node-controller')),
    newPodGCController(as('pod-garbage-collector', 'pod-garbage-collector'), options),
    newClusterRoleAggregationController(as('clusterrole-aggregation', 'clusterrole-aggregation-controller')),
    newServiceCIDRsController(as('service-cidr-controller', 'service-cidrs-controller')),
    // Last: it takes the caches of the others where there are any.
    newGarbageCollector(as('garbage-collector-controller', 'generic-garbage-collector'), {
      kinds: options.kinds.filter(isCollected),
    }),
  ];
}

/** Events own nothing and go by themselves after an hour. Source: DefaultIgnoredResources in pkg/controller/garbagecollector v1.36. */
const isCollected = (kind: Kind): boolean =>
  kind.plural !== Event.plural &&
  kind.plural !== EventsEvent.plural &&
  ['list', 'watch', 'delete'].every((verb) => kind.verbs === undefined || kind.verbs.includes(verb));
