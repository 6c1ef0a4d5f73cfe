/**
 * The DNS server of a cluster, one on each node: answers for services and pods from the informers' caches, as CoreDNS does with kubeadm's
 * configuration and the DNS specification of Kubernetes says (github.com/kubernetes/dns docs/specification.md 1.1.0), and asks the node's own
 * resolvers for everything else. Also the controller that makes the service `kube-dns` lead to these servers.
 *
 * Invariants: it answers whatever is sent to it or drops it, and never stops; it never waits longer than a resolver library does; until the
 * caches are filled it says SERVFAIL, never that a name does not exist. It does not check DNSSEC, transfer zones or take updates.
 */
export { type DnsOptions, type DnsServer, startDns } from './server.ts';
export { newDnsServiceController, type DnsServiceOptions } from './controller.ts';
