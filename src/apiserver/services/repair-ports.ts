import type { Service } from '#api';
import type { Clock, Logger } from '#util';
import { Pace } from '../registry/pace.ts';
import type { Resource } from '../registry/resource.ts';
import type { EventSink } from './events.ts';
import type { NodePorts } from './node-ports.ts';
import { isInRange, PORT_RANGE, PortSet } from './port-set.ts';

const CONTROLLER = 'portallocator-repair-controller';
/** How often a port must be found to be nobody's before it is given out again: a Service may be on its way. */
const REPAIRS_BEFORE_CLEANUP = 3;
/** Tries where other writes come between. Source: retry.DefaultBackoff of client-go. */
const ATTEMPTS = 5;

export interface PortRepairOptions {
  readonly services: Resource;
  readonly nodePorts: NodePorts;
  readonly events: EventSink;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Makes what is written down of node ports what the Services have: takes over those of before it was written down, and frees what nobody has.
 * Source: pkg/registry/core/service/portallocator/controller/repair.go v1.36.
 */
export class PortRepair {
  readonly #options: PortRepairOptions;
  /** By port: how often it will still be left alone. */
  #leaks: ReadonlyMap<number, number> = new Map();

  constructor(options: PortRepairOptions) {
    this.#options = options;
  }

  async run(): Promise<void> {
    for (let attempt = 1; !(await this.#runOnce()); attempt++)
      if (attempt === ATTEMPTS) throw new Error('node ports are given out too quickly to be looked at');
  }

  /** False: they have changed meanwhile. */
  async #runOnce(): Promise<boolean> {
    const { services, nodePorts, clock, log } = this.#options;
    const stored = nodePorts.stored();
    const left = stored.ports.copy();
    const rebuilt = new PortSet();
    const pace = new Pace(clock);
    for (const entry of services.cache.list(services.prefix(''))) {
      const service = entry.object as Service;
      for (const port of repairedPorts(service)) {
        this.#check(service, port, rebuilt, left);
        left.delete(port);
      }
      if (pace.due) await pace.turn();
    }
    const leaks = new Map<number, number>();
    for (const port of left.ports()) {
      const count = this.#leaks.get(port) ?? REPAIRS_BEFORE_CLEANUP - 1;
      if (count > 0) {
        leaks.set(port, count - 1);
        rebuilt.add(port);
      } else log.warn('A node port is of no Service and is given out again', { port });
    }
    const isSame = stored.entry !== undefined && rebuilt.text() === stored.ports.text();
    if (!isSame && !(await nodePorts.replace(stored, rebuilt))) return false;
    this.#leaks = leaks;
    return true;
  }

  /** The Service has the port from now on, or is told why not. */
  #check(service: Service, port: number, rebuilt: PortSet, left: PortSet): void {
    const tell = (reason: string, note: string): void =>
      this.#options.events.warn(service, {
        controller: CONTROLLER,
        reason,
        action: 'PortAllocation',
        note,
      });
    if (!isInRange(port)) {
      tell('PortOutOfRange', `Port ${port} is not within the port range ${PORT_RANGE}; please recreate service`);
      return;
    }
    if (rebuilt.has(port)) {
      tell('PortAlreadyAllocated', `Port ${port} was assigned to multiple services; please recreate service`);
      return;
    }
    rebuilt.add(port);
    if (!left.has(port)) tell('PortNotAllocated', `Port ${port} is not allocated; repairing`);
  }
}

/** Each once for all protocols, but twice where two ports of one protocol have it. Source: collectServiceNodePorts, same file. */
function repairedPorts({ spec }: Service): number[] {
  const ports: number[] = [];
  const seen = new Map<number, Set<string>>();
  for (const { nodePort = 0, protocol = 'TCP' } of spec.ports ?? []) {
    if (nodePort === 0) continue;
    const protocols = seen.get(nodePort);
    if (protocols === undefined || protocols.has(protocol)) ports.push(nodePort);
    seen.set(nodePort, (protocols ?? new Set()).add(protocol));
  }
  const health = spec.healthCheckNodePort ?? 0;
  const protocols = seen.get(health);
  if (health !== 0 && (protocols === undefined || protocols.has('TCP'))) ports.push(health);
  return ports;
}
