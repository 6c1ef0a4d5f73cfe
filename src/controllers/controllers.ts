/**
 * The reconcile loops of the control plane: each watches some kinds and moves the world towards what their specs say, through the API and
 * nothing else. Names, events, messages, conditions and timings are upstream's kube-controller-manager's.
 *
 * Every controller is level-triggered and may be killed at any point and started again. This component does not schedule pods, run them,
 * or serve the API.
 */
import { type Kind, Event, EventsEvent } from '#api';
import type { EventRecorder } from '#client';
import type { Controller, ControllerContext } from '#runtime';
import { newDeploymentController } from './deployment/deployment.ts';
import { newEndpointsController } from './endpoints/endpoints.ts';
import { newEndpointSliceController } from './endpointslice/endpointslice.ts';
import { newEndpointSliceMirroringController } from './endpointslicemirroring/endpointslicemirroring.ts';
import { newGarbageCollector } from './garbagecollector/garbagecollector.ts';
import { newNamespaceController } from './namespace/namespace.ts';
import { newNodeLifecycleController, type NodeLifecycleOptions } from './nodelifecycle/nodelifecycle.ts';
import { newTaintEvictionController } from './nodelifecycle/tainteviction.ts';
import { newPodGCController, type PodGCOptions } from './podgc/podgc.ts';
import { newReplicaSetController } from './replicaset/replicaset.ts';
import { newRootCACertPublisher } from './serviceaccount/root-ca.ts';
import { newServiceAccountController } from './serviceaccount/serviceaccount.ts';

export interface ControllersContext extends Omit<ControllerContext, 'recorder'> {
  /** A recorder for each controller, since events name their source: `deployment-controller`. */
  readonly recorder: (component: string) => EventRecorder;
}

export interface ControllersOptions extends NodeLifecycleOptions, PodGCOptions {
  /** Every kind the API server stores: what the garbage collector and the deletion of namespaces go through. */
  readonly kinds: readonly Kind[];
  /** PEM text published in every namespace as ConfigMap kube-root-ca.crt. */
  readonly rootCA: string;
}

/** All controllers; hand them to `runControllers`. */
export function newControllers(context: ControllersContext, options: ControllersOptions): Controller[] {
  const as = (component: string): ControllerContext => ({ ...context, recorder: context.recorder(component) });
  return [
    newDeploymentController(as('deployment-controller')),
    newReplicaSetController(as('replicaset-controller')),
    newEndpointSliceController(as('endpoint-slice-controller')),
    newEndpointsController(as('endpoint-controller')),
    newEndpointSliceMirroringController(as('endpoint-slice-mirroring-controller')),
    newServiceAccountController(as('serviceaccount-controller')),
    newRootCACertPublisher(as('root-ca-cert-publisher'), options.rootCA),
    newNamespaceController(as('namespace-controller'), options),
    newNodeLifecycleController(as('node-controller'), options),
    newTaintEvictionController(as('taint-eviction-controller')),
    newPodGCController(as('pod-garbage-collector'), options),
    // Last: it takes the caches of the others where there are any.
    newGarbageCollector(as('garbage-collector-controller'), { kinds: options.kinds.filter(isCollected) }),
  ];
}

/** Events own nothing and go by themselves after an hour. Source: DefaultIgnoredResources in pkg/controller/garbagecollector v1.36. */
const isCollected = (kind: Kind): boolean =>
  kind.plural !== Event.plural &&
  kind.plural !== EventsEvent.plural &&
  ['list', 'watch', 'delete'].every((verb) => kind.verbs === undefined || kind.verbs.includes(verb));
