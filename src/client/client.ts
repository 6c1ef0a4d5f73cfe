/**
 * The way to the API for everything but the API server: typed client over a transport (HTTP or in-process), informers with their caches,
 * event recorder, leader election. Owns connections and caches; holds no Kubernetes logic.
 *
 * What comes back from a client or a cache is shared: nobody writes to it.
 */
export type * from './types.ts';
export { newClient } from './rest.ts';
export { type HttpTransportOptions, newHttpTransport } from './http.ts';
export { type ClientConfig, type KubeconfigOptions, loadKubeconfig } from './kubeconfig.ts';
export { type InformersOptions, newInformers } from './informer.ts';
export { controllerUidOf, Indexer } from './indexer.ts';
export { type EventRecorderOptions, newEventRecorder, referenceOf } from './events.ts';
export { type LeaderElectionOptions, runAsLeader } from './leader-election.ts';
