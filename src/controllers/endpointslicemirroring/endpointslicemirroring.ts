import { type Endpoint, Endpoints, EndpointSlice, type EndpointSubset, keyOf, Service } from '#api';
import { type Controller, type ControllerContext, mapped, primary } from '#runtime';
import { controllerRef } from '../common/claim.ts';
import { OwnWrites } from '../common/own-writes.ts';
import { selectorOf } from '../common/services.ts';
import {
  applySlices,
  type EndpointGroup,
  MANAGED_BY,
  planSlices,
  SERVICE_NAME,
  type SliceOwner,
} from '../common/slices.ts';

/** Source of these: pkg/controller/endpointslicemirroring v1.36. */
const CONTROLLER_NAME = 'endpointslicemirroring-controller.k8s.io';
const SKIP_MIRROR = 'endpointslice.kubernetes.io/skip-mirror';
const LEADER = 'control-plane.alpha.kubernetes.io/leader';
const LAST_CHANGE = 'endpoints.kubernetes.io/last-change-trigger-time';
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';
/** Default of --mirroring-max-endpoints-per-subset. */
const MAX_ENDPOINTS = 1000;

/** Repeats hand-made Endpoints of Services without a selector as EndpointSlices, which is all that proxies read. */
export function newEndpointSliceMirroringController({ client, informers, clock }: ControllerContext): Controller {
  const endpoints = informers.informer(Endpoints);
  const services = informers.informer(Service);
  const slices = informers.informer(EndpointSlice);
  slices.addIndex(CONTROLLER_NAME, (slice) => (isOurs(slice) ? [serviceKey(slice)] : []));
  const writes = new OwnWrites(slices, clock);

  return {
    name: 'endpointslicemirroring',
    concurrency: 5, // default of --mirroring-concurrent-service-endpoint-syncs
    sources: [
      mapped(Endpoints, (object) => [keyOf(object)]),
      primary(Service),
      mapped(EndpointSlice, (slice, event) => {
        if (!isOurs(slice)) return [];
        const key = serviceKey(slice);
        writes.observe(key, event);
        return [key];
      }),
    ],

    async reconcile(key, { signal }) {
      if (writes.outstanding(key)) return;
      const existing = slices
        .byIndex(CONTROLLER_NAME, key)
        .filter((slice) => slice.metadata.deletionTimestamp === undefined);
      const object = endpoints.get(key);
      const service = services.get(key);
      const mirrored = object !== undefined && service !== undefined && isMirrored(object, service);
      const plan = mirrored
        ? planSlices(sliceOwner(object), existing, groupsOf(object))
        : { create: [], update: [], remove: existing };
      await applySlices(plan, { client, writes, key, signal });
    },
  };
}

const isOurs = ({ metadata }: EndpointSlice): boolean => metadata.labels?.[MANAGED_BY] === CONTROLLER_NAME;
const serviceKey = ({ metadata }: EndpointSlice): string =>
  `${metadata.namespace ?? ''}/${metadata.labels?.[SERVICE_NAME] ?? ''}`;

function isMirrored({ metadata, subsets }: Endpoints, service: Service): boolean {
  return (
    selectorOf(service) === undefined &&
    service.spec.type !== 'ExternalName' &&
    metadata.deletionTimestamp === undefined &&
    metadata.labels?.[SKIP_MIRROR] !== 'true' &&
    metadata.annotations?.[LEADER] === undefined &&
    (subsets?.length ?? 0) > 0
  );
}

function sliceOwner(object: Endpoints): SliceOwner {
  const { namespace, name, labels, annotations = {} } = object.metadata;
  const { [LAST_CHANGE]: _change, [LAST_APPLIED]: _applied, ...copied } = annotations;
  return {
    namespace,
    generateName: `${name}-`,
    ownerReference: controllerRef(Endpoints, object),
    labels: { ...labels, [SERVICE_NAME]: name, [MANAGED_BY]: CONTROLLER_NAME },
    annotations: copied,
    maxEndpoints: MAX_ENDPOINTS,
  };
}

function groupsOf({ subsets = [] }: Endpoints): EndpointGroup[] {
  return subsets.flatMap((subset) =>
    ['IPv4', 'IPv6'].flatMap((addressType) => {
      const endpoints = endpointsOf(subset, addressType);
      if (endpoints.length === 0) return [];
      const ports = (subset.ports ?? []).map(({ name = '', port, protocol = 'TCP', appProtocol }) => ({
        name,
        port,
        protocol,
        ...(appProtocol === undefined ? {} : { appProtocol }),
      }));
      return [{ addressType, ports, endpoints: endpoints.slice(0, MAX_ENDPOINTS) }];
    }),
  );
}

function endpointsOf({ addresses = [], notReadyAddresses = [] }: EndpointSubset, addressType: string): Endpoint[] {
  const one =
    (ready: boolean) =>
    ({ ip, hostname, nodeName, targetRef }: (typeof addresses)[number]): Endpoint => ({
      addresses: [ip],
      conditions: { ready },
      ...(hostname === undefined || hostname === '' ? {} : { hostname }),
      ...(nodeName === undefined ? {} : { nodeName }),
      ...(targetRef === undefined ? {} : { targetRef }),
    });
  return [...addresses.map(one(true)), ...notReadyAddresses.map(one(false))].filter(
    ({ addresses: [ip = ''] }) => ip.includes(':') === (addressType === 'IPv6'),
  );
}
