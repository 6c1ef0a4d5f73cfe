/** Which node ports a Service needs, keeps and gives back. Source: pkg/registry/core/service/storage (alloc.go, storage.go) v1.36. */
import { index, internalError, invalid, invalidObject, needsHealthCheck, type Service } from '#api';
import { AllocationError } from './allocation.ts';
import type { PortOperation } from './port-set.ts';

/** Ports to be written into a Service. */
export interface PortPlan {
  /** Of each of its ports; 0 for none. */
  readonly nodePorts: readonly number[];
  readonly healthCheckNodePort: number;
}

const hasNodePorts = ({ spec: { type } }: Service): boolean => type === 'NodePort' || type === 'LoadBalancer';

const needsNodePorts = ({ spec }: Service): boolean =>
  spec.type === 'NodePort' || (spec.type === 'LoadBalancer' && spec.allocateLoadBalancerNodePorts !== false);

const nodePortsOf = ({ spec }: Service): number[] =>
  (spec.ports ?? []).map(({ nodePort = 0 }) => nodePort).filter((port) => port !== 0);

/** All that are given back when the Service goes. */
export function allPortsOf(service: Service): number[] {
  const health = needsHealthCheck(service) ? (service.spec.healthCheckNodePort ?? 0) : 0;
  return [...nodePortsOf(service), ...(health > 0 ? [health] : [])];
}

/** Whoever writes a Service without what was given to it keeps that, which changes `service`. Source: patchAllocatedValues. */
export function keepPorts(service: Service, old: Service): void {
  const { spec } = service;
  if (needsNodePorts(old) && needsNodePorts(service)) {
    const own = new Set(nodePortsOf(service));
    const used = new Set(nodePortsOf(old).filter((port) => own.has(port)));
    const byName = new Map((old.spec.ports ?? []).map(({ name = '', nodePort = 0 }) => [name, nodePort]));
    for (const port of spec.ports ?? []) {
      const before = byName.get(port.name ?? '') ?? 0;
      if ((port.nodePort ?? 0) === 0 && before !== 0 && !used.has(before)) port.nodePort = before;
    }
  }
  const before = old.spec.healthCheckNodePort ?? 0;
  if (needsHealthCheck(old) && needsHealthCheck(service) && (spec.healthCheckNodePort ?? 0) === 0 && before !== 0)
    spec.healthCheckNodePort = before;
}

/** What the Service needs, from `operation`. Throws StatusError. */
export function planPorts(service: Service, old: Service | undefined, operation: PortOperation): PortPlan {
  const ports = service.spec.ports ?? [];
  const known = ports.map(({ nodePort = 0 }) => nodePort);
  let nodePorts: readonly number[] = known;
  if (hasNodePorts(service))
    nodePorts = old === undefined ? firstPorts(service, operation) : changedPorts(service, old, operation);
  let healthCheckNodePort = service.spec.healthCheckNodePort ?? 0;
  if (needsHealthCheck(service) && (old === undefined || !needsHealthCheck(old)))
    healthCheckNodePort = healthPort(healthCheckNodePort, operation);
  return { nodePorts, healthCheckNodePort };
}

/** Ports of the same number, one for each protocol, share one. Source: initNodePorts. */
function firstPorts(service: Service, operation: PortOperation): number[] {
  const ports = service.spec.ports ?? [];
  const given = new Map<number, number>();
  const wishes = new Map<number, number>();
  for (const { port, nodePort = 0 } of ports) if (nodePort !== 0 && !wishes.has(port)) wishes.set(port, nodePort);
  return ports.map(({ port, nodePort = 0 }, i) => {
    if (nodePort === 0 && !needsNodePorts(service)) return 0;
    const shared = given.get(port);
    if (shared !== undefined) {
      if (nodePort === 0 || nodePort === shared) return shared;
      chosen(service, i, nodePort, operation);
      return nodePort;
    }
    const wanted = wishes.get(port) ?? 0;
    if (wanted !== 0) chosen(service, i, wanted, operation);
    const own = wanted === 0 ? any(operation) : wanted;
    given.set(port, own);
    return own;
  });
}

/** Source: updateNodePorts. */
function changedPorts(service: Service, old: Service, operation: PortOperation): number[] {
  const kept = new Set(nodePortsOf(old));
  return (service.spec.ports ?? []).map(({ nodePort = 0 }, i) => {
    if (nodePort === 0) return needsNodePorts(service) ? any(operation) : 0;
    if (!kept.has(nodePort)) {
      chosen(service, i, nodePort, operation);
      kept.add(nodePort);
    }
    return nodePort;
  });
}

function chosen({ metadata }: Service, i: number, port: number, operation: PortOperation): void {
  try {
    operation.allocate(port);
  } catch (error) {
    if (!(error instanceof AllocationError)) throw error;
    throw invalidObject({ group: '', kind: 'Service' }, metadata.name, [
      invalid(`${index('spec.ports', i)}.nodePort`, port, error.message),
    ]);
  }
}

function any(operation: PortOperation): number {
  try {
    return operation.allocateNext();
  } catch (error) {
    throw failure(error, 'failed to allocate a nodePort');
  }
}

/** Where load balancers ask whether a node has endpoints of the Service. Source: allocHealthCheckNodePort. */
function healthPort(wanted: number, operation: PortOperation): number {
  try {
    if (wanted === 0) return operation.allocateNext();
    operation.allocate(wanted);
    return wanted;
  } catch (error) {
    const what = wanted === 0 ? 'a HealthCheck NodePort 0' : `requested HealthCheck NodePort ${wanted}`;
    throw failure(error, `failed to allocate ${what}`);
  }
}

const failure = (error: unknown, what: string): unknown =>
  error instanceof AllocationError ? internalError(new Error(`${what}: ${error.message}`, { cause: error })) : error;

/** What `old` has and `service` has not. Source: releaseNodePorts, updateNodePorts, updateHealthCheckNodePort. */
export function portsToRelease(service: Service, old: Service): number[] {
  const released: number[] = [];
  if (hasNodePorts(service)) {
    const kept = new Set(nodePortsOf(service));
    released.push(...nodePortsOf(old).filter((port) => !kept.has(port)));
  } else if (hasNodePorts(old)) released.push(...nodePortsOf(old));
  const health = old.spec.healthCheckNodePort ?? 0;
  if (health !== 0 && needsHealthCheck(old) && !needsHealthCheck(service)) released.push(health);
  return released;
}
