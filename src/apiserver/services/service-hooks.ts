import {
  internalError,
  invalid,
  invalidObject,
  type IPFamily,
  type KubeObject,
  nameIsDNSLabel,
  Service,
  type StatusError,
} from '#api';
import { type Logger, messageOf } from '#util';
import type { FinishWrite, ResourceHooks } from '../registry/scope.ts';
import { AllocationError, RANGE_FULL } from './allocation.ts';
import type { ClusterIPs } from './cluster-ips.ts';
import { initFamilies, keepsFamilies } from './families.ts';
import type { NodePorts } from './node-ports.ts';
import { allPortsOf, keepPorts, planPorts, portsToRelease } from './service-ports.ts';

const NONE = 'None';

export interface ServiceHooksOptions {
  readonly clusterIPs: ClusterIPs;
  readonly nodePorts: NodePorts;
  /** Families the cluster has, its default first. */
  readonly families: readonly IPFamily[];
  readonly log: Logger;
  /** Resolves when anything can be given out. Throws where that cannot be. */
  readonly ready: () => Promise<void>;
}

/** What a write has taken, and what it gives back once it is done. */
interface Allocation {
  readonly ips: readonly string[];
  readonly ports: readonly number[];
  readonly oldIPs: readonly string[];
  readonly oldPorts: readonly number[];
}

/**
 * Services get their addresses and ports before they are stored and give them back when they are not, or when they go. Where nobody knows whether one is stored
 * nothing is given back: what then belongs to nobody is found later. Source: pkg/registry/core/service/storage (alloc.go, storage.go) v1.36.
 */
export function newServiceHooks(options: ServiceHooksOptions): ResourceHooks {
  const { clusterIPs, nodePorts, log } = options;

  async function release(service: Service, ips: readonly string[], ports: readonly number[]): Promise<void> {
    const { namespace, name } = service.metadata;
    try {
      await Promise.all([
        ips.length > 0 ? clusterIPs.release(service, ips) : undefined,
        ports.length > 0 ? nodePorts.release(ports) : undefined,
      ]);
    } catch (error) {
      log.warn('Addresses and ports of a Service are not released yet', { namespace, name, reason: messageOf(error) });
    }
  }

  const finish =
    (service: Service, { ips, ports, oldIPs, oldPorts }: Allocation): FinishWrite =>
    async (outcome) => {
      if (outcome === 'failed') await release(service, ips, ports);
      else if (outcome === 'done') await release(service, oldIPs, oldPorts);
    };

  async function begin(service: Service, old: Service | undefined, dryRun: boolean): Promise<FinishWrite | undefined> {
    initFamilies(service, old, options.families);
    await options.ready();
    const { wanted, oldIPs } = wantedIPs(service, old);
    const ips = await allocateIPs(service, wanted, dryRun);
    try {
      const plan = await nodePorts.take((operation) => planPorts(service, old, operation), dryRun);
      writePorts(service, plan.result);
      if (dryRun) return undefined;
      const oldPorts = old === undefined ? [] : portsToRelease(service, old);
      if (ips.length + plan.taken.length + oldIPs.length + oldPorts.length === 0) return undefined;
      return finish(service, { ips, ports: plan.taken, oldIPs, oldPorts });
    } catch (error) {
      await release(service, ips, []);
      throw error;
    }
  }

  /** Takes an address for each of these places of the list, all or none. */
  async function allocateIPs(service: Service, wanted: readonly number[], dryRun: boolean): Promise<string[]> {
    const { spec } = service;
    const taken: string[] = [];
    for (const i of wanted) {
      const all = (spec.clusterIPs ??= []);
      while (all.length <= i) all.push('');
      const given = all[i]!;
      try {
        if (given === '') all[i] = await clusterIPs.allocateNext(service, spec.ipFamilies![i] as IPFamily, dryRun);
        else await clusterIPs.allocate(service, given, dryRun);
      } catch (error) {
        await release(service, taken, []);
        throw error instanceof AllocationError ? refusal(service, given, error) : error;
      }
      if (!dryRun) taken.push(all[i]!);
    }
    if (wanted.includes(0)) spec.clusterIP = spec.clusterIPs![0]!;
    return taken;
  }

  return {
    beginCreate(object, { dryRun }) {
      const service = object as Service;
      // It is going to be refused, and an address must be somebody's.
      return isNameable(service) ? begin(service, undefined, dryRun) : undefined;
    },
    beginUpdate(object, before, { dryRun }) {
      const [service, old] = [object as Service, before as Service];
      keepIPs(service, old);
      keepPorts(service, old);
      return begin(service, old, dryRun);
    },
    async afterDelete(object: KubeObject) {
      const service = object as Service;
      await release(service, addressesOf(service), allPortsOf(service));
    },
  };
}

const isNameable = ({ metadata: { name } }: Service): boolean => nameIsDNSLabel(name, false).length === 0;

/** Source: patchAllocatedValues. */
function keepIPs({ spec }: Service, { spec: old }: Service): void {
  if (spec.type === 'ExternalName' || old.type === 'ExternalName') return;
  if ((spec.clusterIP ?? '') === '' && old.clusterIP !== undefined) spec.clusterIP = old.clusterIP;
  if ((spec.clusterIPs ?? []).length === 0 && (old.clusterIPs ?? []).length > 0) spec.clusterIPs = [...old.clusterIPs!];
}

const isHeadless = ({ spec }: Service): boolean => spec.clusterIPs?.[0] === NONE || spec.clusterIP === NONE;

/** Addresses that are the Service's own. */
function addressesOf(service: Service): string[] {
  if (service.spec.type === 'ExternalName' || isHeadless(service)) return [];
  return (service.spec.clusterIPs ?? [service.spec.clusterIP ?? '']).filter((ip) => ip !== '');
}

/** Places of addresses to be taken, and addresses that are not needed any longer. Source: allocClusterIPs, updateClusterIPs. */
function wantedIPs(
  service: Service,
  old: Service | undefined,
): { readonly wanted: readonly number[]; readonly oldIPs: readonly string[] } {
  const { spec } = service;
  const nothing = { wanted: [], oldIPs: [] };
  const families = spec.ipFamilies ?? [];
  const isExternal = spec.type === 'ExternalName';
  if (old === undefined || (old.spec.type === 'ExternalName' && !isExternal))
    return isExternal || isHeadless(service) ? nothing : { wanted: [...families.keys()], oldIPs: [] };
  if (keepsFamilies(service, old) || isHeadless(old) || old.spec.type === 'ExternalName') return nothing;
  if (isExternal) return { wanted: [], oldIPs: addressesOf(old) };
  const before = (old.spec.ipFamilies ?? []).length;
  if (before === 1 && families.length === 2) return { wanted: [1], oldIPs: [] };
  if (before === 2 && families.length === 1) return { wanted: [], oldIPs: addressesOf(old).slice(1) };
  return nothing;
}

function refusal({ metadata: { name }, spec }: Service, given: string, { message }: AllocationError): StatusError {
  if (given === '' && message === RANGE_FULL)
    return internalError(new Error(`failed to allocate a serviceIP for Service ${JSON.stringify(name)}: ${message}`));
  const why = given === '' ? `failed to allocate IP: ${message}` : `failed to allocate IP ${given}: ${message}`;
  return invalidObject({ group: '', kind: 'Service' }, name, [invalid('spec.clusterIPs', spec.clusterIPs, why)]);
}

function writePorts(
  { spec }: Service,
  { nodePorts, healthCheckNodePort }: { nodePorts: readonly number[]; healthCheckNodePort: number },
): void {
  for (const [i, port] of (spec.ports ?? []).entries()) if (nodePorts[i] !== 0) port.nodePort = nodePorts[i]!;
  if (healthCheckNodePort !== 0) spec.healthCheckNodePort = healthCheckNodePort;
}
