/**
 * The network of one node: routes to the pods of other nodes, what the kernel must allow for pods' traffic to pass, and the rewriting of the
 * source address of pods' traffic that leaves the cluster. Everything happens in the network namespace the process runs in.
 *
 * Invariants: only routes that carry our protocol number and only the nftables table `ip pirogue-network` are touched; what is wanted is
 * written whole again at the start and every minute, whatever happened to it. It connects no pods (the CNI plugin does) and knows no services.
 */
export { type NodeNetworkOptions, runNodeNetwork } from './run.ts';
export { type Kernel, systemKernel } from './kernel.ts';
export { ROUTE_PROTOCOL, routeChanges, type RouteToPods, wantedRoutes } from './routes.ts';
export { masqueradeRules } from './masquerade.ts';
