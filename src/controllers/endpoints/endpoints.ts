import { Endpoints, keyOf, Pod, semanticEqual, Service, splitKey, StatusError } from '#api';
import { type Controller, type ControllerContext, mapped, primary } from '#runtime';
import { messageOf } from '#util';
import { isNamespaceTerminating } from '../common/claim.ts';
import { endpointPods, isHeadless, selectorOf, servicesOfPod } from '../common/services.ts';
import { subsetsOf, truncate } from './subsets.ts';

/** Source of these: pkg/controller/endpoint/endpoints_controller.go v1.36. */
const MANAGED_BY = 'endpoints.kubernetes.io/managed-by';
const CONTROLLER_NAME = 'endpoint-controller';
const HEADLESS = 'service.kubernetes.io/headless';
const OVER_CAPACITY = 'endpoints.kubernetes.io/over-capacity';

/** Keeps the Endpoints object of each Service with a selector, the older form of EndpointSlices, for those who still read it. */
export function newEndpointsController({ client, informers, recorder }: ControllerContext): Controller {
  const services = informers.informer(Service);
  const pods = informers.informer(Pod);
  const endpoints = informers.informer(Endpoints);

  return {
    name: 'endpoints',
    concurrency: 5, // default of --concurrent-endpoint-syncs
    sources: [
      primary(Service),
      mapped(Pod, (pod, event) => servicesOfPod(services, pod, event)),
      mapped(Endpoints, (object) => (isOurs(object) ? [keyOf(object)] : [])),
    ],

    async reconcile(key, { signal }) {
      const service = services.get(key);
      const current = endpoints.get(key);
      if (service === undefined) return current !== undefined && isOurs(current) ? remove(key, signal) : undefined;
      if (selectorOf(service) === undefined) return undefined;
      const wanted = desired(service, current);
      if (current === undefined)
        return service.metadata.deletionTimestamp === undefined ? create(service, wanted, signal) : undefined;
      if (semanticEqual(current.subsets, wanted.subsets) && sameMeta(current, wanted)) return undefined;
      return update(service, { ...current, ...wanted, metadata: { ...current.metadata, ...wanted.metadata } }, signal);
    },
  };

  function desired(service: Service, current: Endpoints | undefined): Wanted {
    const found = endpointPods(pods, service, service.spec.publishNotReadyAddresses === true);
    const { subsets, truncated } = truncate(subsetsOf(service, found));
    const { [OVER_CAPACITY]: _over, ...annotations } = current?.metadata.annotations ?? {};
    return {
      metadata: {
        labels: {
          ...service.metadata.labels,
          ...(isHeadless(service) ? { [HEADLESS]: '' } : {}),
          [MANAGED_BY]: CONTROLLER_NAME,
        },
        annotations: { ...annotations, ...(truncated ? { [OVER_CAPACITY]: 'truncated' } : {}) },
      },
      subsets,
    };
  }

  async function create(service: Service, { metadata, subsets }: Wanted, signal: AbortSignal): Promise<void> {
    const { namespace, name } = service.metadata;
    try {
      await client.create(Endpoints, { metadata: { namespace, name, ...metadata }, subsets }, { signal });
    } catch (error) {
      if (isNamespaceTerminating(error)) return;
      const message = `Failed to create endpoint for service ${namespace}/${name}: ${messageOf(error)}`;
      recorder.event(service, 'Warning', 'FailedToCreateEndpoint', message);
      throw error;
    }
  }

  async function update(service: Service, object: Endpoints, signal: AbortSignal): Promise<void> {
    try {
      await client.update(Endpoints, object, { signal });
    } catch (error) {
      const { namespace, name } = service.metadata;
      const message = `Failed to update endpoint ${namespace}/${name}: ${messageOf(error)}`;
      recorder.event(service, 'Warning', 'FailedToUpdateEndpoint', message);
      throw error;
    }
  }

  async function remove(key: string, signal: AbortSignal): Promise<void> {
    try {
      await client.delete(Endpoints, splitKey(key), { signal });
    } catch (error) {
      if (!StatusError.is(error, 'NotFound')) throw error;
    }
  }
}

interface Wanted {
  readonly metadata: { readonly labels: Record<string, string>; readonly annotations: Record<string, string> };
  readonly subsets: Endpoints['subsets'];
}

const isOurs = ({ metadata }: Endpoints): boolean => metadata.labels?.[MANAGED_BY] === CONTROLLER_NAME;

const sameMeta = ({ metadata }: Endpoints, wanted: Wanted): boolean =>
  semanticEqual(metadata.labels, wanted.metadata.labels) &&
  semanticEqual(metadata.annotations, wanted.metadata.annotations);
