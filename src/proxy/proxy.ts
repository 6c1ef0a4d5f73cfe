/**
 * The service proxy of a node: watches Services and EndpointSlices and keeps the nftables table `ip pirogue` of the network namespace it runs
 * in, so that the addresses of services lead to their endpoints. What upstream's kube-proxy does in its nftables mode, for IPv4.
 *
 * Invariants: the table is changed in transactions, so that traffic sees a whole set of rules at any moment, also when the proxy starts
 * again; clients bound to an endpoint by session affinity stay bound; nothing outside the table is touched. A change costs what the services
 * concerned cost, not what all cost. It does not answer health checks of load balancers (healthCheckNodePort), does not heed hints of
 * topology, and gives no addresses: the API server and load balancers do.
 */
export { frontendsOf, type RulesetOptions } from './frontends.ts';
export { Rules, ruleset, type Update } from './rules.ts';
export { type DynamicElement, type Kernel, systemKernel } from './kernel.ts';
export { type ProxyOptions, runProxy } from './run.ts';
