/**
 * The way to the API for everything but the API server: typed client over a transport (HTTP or in-process), informers with their caches,
 * event recorder, leader election. Owns connections and caches; holds no Kubernetes logic.
 */
export type * from './types.ts';
