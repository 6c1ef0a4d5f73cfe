import { equalValues, formatTime, ServiceCIDR, StatusError, type Transport } from '#api';
import type { Clock } from '#util';
import type { Resource } from '../registry/resource.ts';
import type { EventSink } from './events.ts';

/** Source: DefaultServiceCIDRName of pkg/controlplane/controller/defaultservicecidr v1.36. */
const DEFAULT_CIDR = 'kubernetes';
const MANAGER = 'kubernetes-service-cidr-controller';

export interface DefaultCIDROptions {
  /** What the server was told to give out, the default family first. */
  readonly cidrs: readonly string[];
  readonly serviceCIDRs: Resource;
  readonly transport: Transport;
  readonly events: EventSink;
  readonly clock: Clock;
}

/**
 * Makes the ServiceCIDR of what the server was told to give out, and comes back to it: a second family is added, another range is told of and left alone.
 * Source: pkg/controlplane/controller/defaultservicecidr v1.36.
 */
export class DefaultCIDR {
  readonly #options: DefaultCIDROptions;
  #told = false;

  constructor(options: DefaultCIDROptions) {
    this.#options = options;
  }

  async sync(): Promise<void> {
    const { cidrs, serviceCIDRs, transport, events } = this.#options;
    let object = serviceCIDRs.get('', DEFAULT_CIDR)?.object as ServiceCIDR | undefined;
    const own = object?.spec.cidrs ?? [];
    if (object !== undefined && cidrs.length === 2 && own.length === 1 && own[0] === cidrs[0]) {
      const body = { ...object, spec: { ...object.spec, cidrs } };
      await transport
        .request({ verb: 'update', kind: ServiceCIDR, name: DEFAULT_CIDR, body })
        .catch((error: unknown) => {
          const why = `The default ServiceCIDR can not be upgraded from ${cidrs[0]} to dual stack ${go(cidrs)} : ${String(error)}`;
          events.warn(object!, { controller: MANAGER, reason: 'KubernetesDefaultServiceCIDRError', note: why });
        });
      return;
    }
    if (object === undefined) {
      const body = { metadata: { name: DEFAULT_CIDR }, spec: { cidrs } };
      try {
        object = (await transport.request({ verb: 'create', kind: ServiceCIDR, body })) as ServiceCIDR;
      } catch (error) {
        // Another server that shares the datastore has just made it, and looks after the rest.
        if (StatusError.is(error, 'AlreadyExists')) return;
        throw error;
      }
    }
    await this.#syncStatus(object);
  }

  async #syncStatus(object: ServiceCIDR): Promise<void> {
    const { cidrs, transport, events, clock } = this.#options;
    if (object.metadata.deletionTimestamp !== undefined) return;
    const condition = object.status?.conditions?.find(({ type }) => type === 'Ready');
    const about = { controller: MANAGER };
    if (!equalValues(cidrs, object.spec.cidrs ?? [])) {
      const why = `The default ServiceCIDR ${go(object.spec.cidrs ?? [])} does not match the controller flag configurations ${go(cidrs)}`;
      this.#tell(() =>
        events.warn(object, { ...about, reason: 'KubernetesDefaultServiceCIDRInconsistent', note: why }),
      );
    } else if (condition?.status === 'False') {
      const why = `Configuration matches, but ${condition.message}`;
      this.#tell(() => events.warn(object, { ...about, reason: condition.reason, note: why }));
    } else if (condition?.status !== 'True') {
      const ready = {
        type: 'Ready',
        status: 'True',
        reason: '',
        message: 'Kubernetes default Service CIDR is ready',
        lastTransitionTime: formatTime(clock.now()),
      };
      await transport.request({
        verb: 'patch',
        kind: ServiceCIDR,
        name: DEFAULT_CIDR,
        subresource: 'status',
        patchType: 'application/apply-patch+yaml',
        query: { fieldManager: MANAGER, force: 'true' },
        body: {
          apiVersion: 'networking.k8s.io/v1',
          kind: ServiceCIDR.kind,
          metadata: { name: DEFAULT_CIDR },
          status: { conditions: [ready] },
        },
      });
    }
  }

  /** Once. */
  #tell(event: () => void): void {
    if (!this.#told) event();
    this.#told = true;
  }
}

/** As Go prints a list. */
const go = (values: readonly string[]): string => `[${values.join(' ')}]`;
