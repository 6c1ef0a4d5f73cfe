import {
  type Draft,
  type Endpoint,
  EndpointSlice,
  type EndpointSlicePort,
  equalValues,
  keyOf,
  Node,
  nodeAddress,
  Service,
  StatusError,
} from '#api';
import { type Controller, type ControllerContext, mapped } from '#runtime';

export interface DnsServiceOptions {
  /** Cluster IP of the service, as `10.96.0.10`. */
  readonly clusterDNS: string;
}

const NAMESPACE = 'kube-system';
const NAME = 'kube-dns';
const KEY = `${NAMESPACE}/${NAME}`;
const MANAGED_BY = 'endpointslice.kubernetes.io/managed-by';
const MANAGER = 'node-dns.pirogue';
const SERVICE_NAME = 'kubernetes.io/service-name';
const MAX_ENDPOINTS = 1000; // per slice, by validation
const SLICE_PORTS: readonly EndpointSlicePort[] = [
  { name: 'dns', port: 53, protocol: 'UDP' },
  { name: 'dns-tcp', port: 53, protocol: 'TCP' },
];

/**
 * Keeps the service `kube-dns` and slices that list the servers of all ready nodes. By its internal traffic policy each node's proxy picks
 * the server of its own node. A service of that name that selects pods is somebody's own DNS: it is left alone.
 */
export function newDnsServiceController(
  { client, informers }: ControllerContext,
  options: DnsServiceOptions,
): Controller {
  const services = informers.informer(Service);
  const slices = informers.informer(EndpointSlice);
  const nodes = informers.informer(Node);
  const always = (): readonly string[] => [KEY];

  return {
    name: 'dns-service',
    concurrency: 1,
    sources: [
      mapped(Service, (service) => (keyOf(service) === KEY ? [KEY] : [])),
      mapped(EndpointSlice, (slice) => (isOurs(slice) ? [KEY] : [])),
      // Not each heartbeat.
      mapped(Node, (node, { old }) => (old !== undefined && serverOf(old) === serverOf(node) ? [] : always())),
    ],
    async reconcile(_key, { signal }) {
      const service = services.get(KEY) ?? (await createService());
      if (Object.keys(service.spec.selector ?? {}).length > 0) return;
      const wanted = chunks(endpointsOf(nodes.list()), MAX_ENDPOINTS);
      const existing = slices.list(NAMESPACE).filter(isOurs);
      for (const [i, endpoints] of wanted.entries()) await writeSlice(sliceName(i), endpoints, service);
      const names = new Set(wanted.keys().map(sliceName));
      for (const { metadata } of existing) if (!names.has(metadata.name)) await remove(metadata.name);

      async function createService(): Promise<Service> {
        try {
          return await client.create(Service, serviceDraft(options.clusterDNS), { signal });
        } catch (error) {
          if (!(error instanceof StatusError) || error.reason !== 'AlreadyExists') throw error;
          return await client.get(Service, { namespace: NAMESPACE, name: NAME }, { signal });
        }
      }

      async function writeSlice(name: string, endpoints: readonly Endpoint[], owner: Service): Promise<void> {
        const draft = sliceDraft(name, endpoints, owner);
        const old = slices.get(`${NAMESPACE}/${name}`);
        if (old === undefined) {
          await client.create(EndpointSlice, draft, { signal });
        } else if (!sameSlice(old, draft)) {
          const metadata = { ...old.metadata, ...draft.metadata };
          await client.update(EndpointSlice, { ...old, ...draft, metadata }, { signal });
        }
      }

      async function remove(name: string): Promise<void> {
        try {
          await client.delete(EndpointSlice, { namespace: NAMESPACE, name }, { signal });
        } catch (error) {
          if (!(error instanceof StatusError) || error.reason !== 'NotFound') throw error;
        }
      }
    },
  };
}

const isOurs = ({ metadata }: EndpointSlice): boolean =>
  metadata.namespace === NAMESPACE && metadata.labels?.[MANAGED_BY] === MANAGER;

const sliceName = (index: number): string => `${NAME}-nodes-${index}`;

const isReady = ({ status }: Node): boolean =>
  status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') === true;

/** Address of the server of a node; undefined when it has none that answers. */
function serverOf(node: Node): string | undefined {
  return isReady(node) && node.metadata.deletionTimestamp === undefined ? nodeAddress(node, 'InternalIP') : undefined;
}

function endpointsOf(nodes: readonly Node[]): Endpoint[] {
  return nodes
    .toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
    .flatMap((node) => {
      const address = serverOf(node);
      const conditions = { ready: true, serving: true, terminating: false };
      return address === undefined ? [] : [{ addresses: [address], conditions, nodeName: node.metadata.name }];
    });
}

/** As kubeadm makes it (cmd/kubeadm/app/phases/addons/dns/manifests.go v1.36), but for the port of metrics and the selector. */
function serviceDraft(clusterIP: string): Draft<Service> {
  return {
    metadata: {
      name: NAME,
      namespace: NAMESPACE,
      labels: { 'k8s-app': 'kube-dns', 'kubernetes.io/cluster-service': 'true', 'kubernetes.io/name': 'CoreDNS' },
    },
    spec: {
      type: 'ClusterIP',
      clusterIP,
      internalTrafficPolicy: 'Local',
      ports: [
        { name: 'dns', port: 53, protocol: 'UDP', targetPort: 53 },
        { name: 'dns-tcp', port: 53, protocol: 'TCP', targetPort: 53 },
      ],
    },
  };
}

function sliceDraft(name: string, endpoints: readonly Endpoint[], { metadata }: Service) {
  return {
    metadata: {
      name,
      namespace: NAMESPACE,
      labels: { [SERVICE_NAME]: NAME, [MANAGED_BY]: MANAGER },
      ownerReferences: [{ apiVersion: 'v1', kind: 'Service', name: NAME, uid: metadata.uid, controller: true }],
    },
    addressType: 'IPv4',
    endpoints: [...endpoints],
    ports: [...SLICE_PORTS],
  };
}

function sameSlice(old: EndpointSlice, draft: ReturnType<typeof sliceDraft>): boolean {
  return (
    equalValues(old.endpoints ?? [], draft.endpoints) &&
    equalValues(old.ports ?? [], draft.ports) &&
    equalValues(old.metadata.labels, draft.metadata.labels) &&
    equalValues(old.metadata.ownerReferences, draft.metadata.ownerReferences)
  );
}

/** At least one, so that there is a slice when there is no node. */
function chunks<T>(items: readonly T[], size: number): T[][] {
  const count = Math.max(1, Math.ceil(items.length / size));
  return Array.from({ length: count }, (_, i) => items.slice(i * size, (i + 1) * size));
}
