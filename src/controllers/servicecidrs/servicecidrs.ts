import {
  apiVersionOf,
  type Condition,
  containsPrefix,
  formatTime,
  IPAddress,
  parseAddress,
  parsePrefix,
  type Prefix,
  prefixesOverlap,
  prefixServes,
  ServiceCIDR,
} from '#api';
import { type Controller, type ControllerContext, mapped } from '#runtime';

const CONTROLLER = 'service-cidr-controller';
const FINALIZER = 'networking.k8s.io/service-cidr-finalizer';
const MANAGED_BY_LABEL = 'ipaddress.kubernetes.io/managed-by';
const MANAGED_BY = 'ipallocator.k8s.io';
/** Servers may still give out of a range for so long after its deletion was asked for. */
const DELETION_GRACE_MS = 10_000;
const APPLY = 'application/apply-patch+yaml';
const STRATEGIC = 'application/strategic-merge-patch+json';

const prefixesOf = ({ spec }: ServiceCIDR): Prefix[] => (spec.cidrs ?? []).flatMap((cidr) => parsePrefix(cidr) ?? []);
const isManaged = ({ metadata }: IPAddress): boolean => metadata.labels?.[MANAGED_BY_LABEL] === MANAGED_BY;

/**
 * Tells of ServiceCIDRs that they are ready, and keeps those that are deleted until no address needs them. Source: pkg/controller/servicecidrs v1.36.
 */
export function newServiceCIDRsController({ client, informers, recorder, clock }: ControllerContext): Controller {
  const serviceCIDRs = informers.informer(ServiceCIDR);
  const addresses = informers.informer(IPAddress);

  /** Those that serve the address. */
  function containing({ metadata: { name } }: IPAddress): ServiceCIDR[] {
    const address = parseAddress(name);
    if (address === undefined) return [];
    return serviceCIDRs.list().filter((cidr) => prefixesOf(cidr).some((prefix) => prefixServes(prefix, address)));
  }

  /** A range that comes or goes may be what another one waits for. */
  function overlapping(cidr: ServiceCIDR): string[] {
    const own = prefixesOf(cidr);
    return serviceCIDRs
      .list()
      .filter((other) => prefixesOf(other).some((prefix) => own.some((each) => prefixesOverlap(prefix, each))))
      .map(({ metadata }) => metadata.name);
  }

  function mayGo(cidr: ServiceCIDR): boolean {
    const others = serviceCIDRs.list().filter(({ metadata }) => metadata.name !== cidr.metadata.name);
    const isContained = (prefix: Prefix): boolean =>
      others.some((other) => prefixesOf(other).some((outer) => containsPrefix(outer, prefix)));
    if (prefixesOf(cidr).every(isContained)) return true;
    return !addresses.list().some((address) => {
      if (!isManaged(address)) return false;
      const found = containing(address);
      return found.length === 1 && found[0]!.metadata.name === cidr.metadata.name;
    });
  }

  async function setReady(
    cidr: ServiceCIDR,
    condition: Pick<Condition, 'status' | 'reason' | 'message'>,
    signal: AbortSignal,
  ): Promise<void> {
    const { name } = cidr.metadata;
    const known = cidr.status?.conditions?.find(({ type }) => type === 'Ready');
    const { status, reason, message } = condition;
    if (known?.status === status && (known.reason ?? '') === reason && known.message === message) return;
    const lastTransitionTime = formatTime(clock.now());
    const configuration = {
      apiVersion: apiVersionOf(ServiceCIDR),
      kind: ServiceCIDR.kind,
      metadata: { name },
      status: { conditions: [{ type: 'Ready', ...condition, lastTransitionTime }] },
    };
    const query = { fieldManager: CONTROLLER, force: 'true' };
    await client.patch(ServiceCIDR, { name }, configuration, { type: APPLY, subresource: 'status', query, signal });
  }

  async function end(cidr: ServiceCIDR, signal: AbortSignal): Promise<{ requeueAfterMs: number } | void> {
    const { name, deletionTimestamp, finalizers = [] } = cidr.metadata;
    if (!mayGo(cidr)) {
      const message =
        'There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR';
      await setReady(cidr, { status: 'False', reason: 'Terminating', message }, signal);
      return;
    }
    const leftMs = DELETION_GRACE_MS - (clock.now() - Date.parse(deletionTimestamp!));
    if (leftMs > 0) return { requeueAfterMs: leftMs };
    if (!finalizers.includes(FINALIZER)) return;
    const patch = { metadata: { '$deleteFromPrimitiveList/finalizers': [FINALIZER] } };
    await client.patch(ServiceCIDR, { name }, patch, { type: STRATEGIC, signal });
  }

  return {
    name: 'service-cidr',
    concurrency: 5,
    sources: [
      mapped(ServiceCIDR, (cidr, { type }) =>
        type === 'update' ? [cidr.metadata.name] : [cidr.metadata.name, ...overlapping(cidr)],
      ),
      mapped(IPAddress, (address, { type }) =>
        type === 'update' || !isManaged(address) ? [] : containing(address).map(({ metadata }) => metadata.name),
      ),
    ],

    async reconcile(name, { signal }) {
      const cidr = serviceCIDRs.get(name);
      if (cidr === undefined) return;
      if (cidr.metadata.deletionTimestamp !== undefined) return await end(cidr, signal);
      if (cidr.metadata.finalizers?.includes(FINALIZER) !== true) {
        const patch = { metadata: { finalizers: [FINALIZER] } };
        await client.patch(ServiceCIDR, { name }, patch, { type: STRATEGIC, signal });
      }
      try {
        await setReady(cidr, { status: 'True', reason: '', message: 'Kubernetes Service CIDR is ready' }, signal);
      } catch (error) {
        recorder.event(
          cidr,
          'Warning',
          'KubernetesServiceCIDRError',
          'The ServiceCIDR Status can not be set to Ready=True',
        );
        throw error;
      }
    },
  };
}
