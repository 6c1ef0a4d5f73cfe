import { type Endpoint, EndpointSlice, type EndpointSlicePort, Node, Pod, Service } from '#api';
import { type Controller, type ControllerContext, mapped, primary } from '#runtime';
import { controllerRef } from '../common/claim.ts';
import { OwnWrites } from '../common/own-writes.ts';
import { isReady } from '../common/pods.ts';
import {
  endpointPods,
  hostnameOf,
  isHeadless,
  podIps,
  selectorOf,
  servicesOfPod,
  targetPort,
} from '../common/services.ts';
import {
  applySlices,
  type EndpointGroup,
  MANAGED_BY,
  planSlices,
  portsKey,
  SERVICE_NAME,
  type SliceOwner,
} from '../common/slices.ts';

/** Source: pkg/controller/endpointslice/endpointslice_controller.go v1.36. */
const CONTROLLER_NAME = 'endpointslice-controller.k8s.io';
/** Default of --max-endpoints-per-slice. */
const MAX_ENDPOINTS = 100;
const HEADLESS = 'service.kubernetes.io/headless';
const ZONE = 'topology.kubernetes.io/zone';
/** How long to wait before asking again for a node that is not known yet. */
const MISSING_NODE_RETRY_MS = 1000;

/** Tells in EndpointSlices where the pods of each Service with a selector are. */
export function newEndpointSliceController({ client, informers, clock }: ControllerContext): Controller {
  const services = informers.informer(Service);
  const pods = informers.informer(Pod);
  const nodes = informers.informer(Node);
  const slices = informers.informer(EndpointSlice);
  slices.addIndex(CONTROLLER_NAME, (slice) => (isOurs(slice) ? [serviceKey(slice)] : []));
  const writes = new OwnWrites(slices, clock);

  return {
    name: 'endpointslice',
    concurrency: 5, // default of --concurrent-service-endpoint-syncs
    sources: [
      primary(Service),
      mapped(Pod, (pod, event) => servicesOfPod(services, pod, event)),
      mapped(EndpointSlice, (slice, event) => {
        if (!isOurs(slice)) return [];
        const key = serviceKey(slice);
        writes.observe(key, event);
        return [key];
      }),
    ],

    async reconcile(key, { signal }) {
      const service = services.get(key);
      if (service === undefined || selectorOf(service) === undefined || writes.outstanding(key)) return undefined;
      // The garbage collector removes slices along with their service; do not make new ones meanwhile.
      if (service.metadata.deletionTimestamp !== undefined) return undefined;

      const found = endpointPods(pods, service, true);
      const complete =
        service.spec.publishNotReadyAddresses === true ? found : found.filter((pod) => nodeOf(pod) !== undefined);
      const existing = slices
        .byIndex(CONTROLLER_NAME, key)
        .filter((slice) => slice.metadata.deletionTimestamp === undefined);
      const groups = addressTypes(service).flatMap((type) => groupsOf(service, complete, type));
      await applySlices(planSlices(sliceOwner(service), existing, groups), { client, writes, key, signal });
      return complete.length === found.length ? undefined : { requeueAfterMs: MISSING_NODE_RETRY_MS };
    },
  };

  function nodeOf({ spec }: Pod): Node | undefined {
    return spec.nodeName === undefined ? undefined : nodes.get(spec.nodeName);
  }

  /** Pods by the ports they offer; a service of which no pod has an address is one group without ports and endpoints. */
  function groupsOf(service: Service, found: readonly Pod[], addressType: string): EndpointGroup[] {
    const groups = new Map<string, { addressType: string; ports: EndpointSlicePort[]; endpoints: Endpoint[] }>();
    for (const pod of found) {
      const addresses = podIps(pod).filter((ip) => ip.includes(':') === (addressType === 'IPv6'));
      if (addresses.length === 0) continue;
      const ports = portsOf(service, pod);
      const key = portsKey(ports);
      const group = groups.get(key) ?? { addressType, ports, endpoints: [] };
      group.endpoints.push(endpointOf(service, pod, nodeOf(pod), addresses));
      groups.set(key, group);
    }
    return groups.size === 0 ? [{ addressType, ports: [], endpoints: [] }] : [...groups.values()];
  }
}

const isOurs = ({ metadata }: EndpointSlice): boolean => metadata.labels?.[MANAGED_BY] === CONTROLLER_NAME;
const serviceKey = ({ metadata }: EndpointSlice): string =>
  `${metadata.namespace ?? ''}/${metadata.labels?.[SERVICE_NAME] ?? ''}`;

const addressTypes = ({ spec }: Service): readonly string[] =>
  spec.ipFamilies !== undefined && spec.ipFamilies.length > 0
    ? spec.ipFamilies
    : [spec.clusterIP?.includes(':') === true ? 'IPv6' : 'IPv4'];

function sliceOwner(service: Service): SliceOwner {
  const { namespace, name, labels } = service.metadata;
  const { [SERVICE_NAME]: _name, [MANAGED_BY]: _manager, [HEADLESS]: _headless, ...own } = labels ?? {};
  return {
    namespace,
    generateName: `${name}-`,
    ownerReference: controllerRef(Service, service),
    labels: {
      ...own,
      ...(isHeadless(service) ? { [HEADLESS]: '' } : {}),
      [SERVICE_NAME]: name,
      [MANAGED_BY]: CONTROLLER_NAME,
    },
    maxEndpoints: MAX_ENDPOINTS,
  };
}

/** Ports the pod lacks are left out. */
function portsOf({ spec }: Service, pod: Pod): EndpointSlicePort[] {
  return (spec.ports ?? []).flatMap((servicePort) => {
    const port = targetPort(pod, servicePort);
    if (port === undefined) return [];
    const { name = '', protocol = 'TCP', appProtocol } = servicePort;
    return [{ name, port, protocol, ...(appProtocol === undefined ? {} : { appProtocol }) }];
  });
}

function endpointOf(service: Service, pod: Pod, node: Node | undefined, addresses: string[]): Endpoint {
  const serving = isReady(pod);
  const terminating = pod.metadata.deletionTimestamp !== undefined;
  const hostname = hostnameOf(pod, service);
  const zone = node?.metadata.labels?.[ZONE];
  const { nodeName } = pod.spec;
  const { namespace, name, uid } = pod.metadata;
  return {
    addresses,
    // For compatibility a terminating pod is never ready, unless its readiness is not asked for at all.
    conditions: {
      ready: service.spec.publishNotReadyAddresses === true || (serving && !terminating),
      serving,
      terminating,
    },
    targetRef: { kind: 'Pod', namespace, name, uid },
    ...(nodeName === undefined || nodeName === '' ? {} : { nodeName }),
    ...(zone === undefined || zone === '' ? {} : { zone }),
    ...(hostname === undefined ? {} : { hostname }),
  };
}
