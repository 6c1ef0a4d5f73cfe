import { type ObjectMeta, StatusError } from '#api';
import type { Entry } from '../watchcache/entry.ts';
import { RangeAllocation } from '../registry/range.ts';
import type { Resource } from '../registry/resource.ts';
import { AllocationMetrics } from './allocation.ts';
import { DryPortTaking, PORT_RANGE, type PortOperation, PortSet, PortTaking } from './port-set.ts';

const NAME = 'servicenodeports';

/** What is stored now, to be compared with when it is written. */
export interface StoredPorts {
  readonly entry: Entry | undefined;
  readonly ports: PortSet;
}

interface Waiting {
  /** Of what it is done on; a second time if another server was quicker. */
  apply(ports: PortSet): void;
  /** It is stored. */
  done(): void;
  fail(error: unknown): void;
}

export interface NodePortsOptions {
  /** Of {@link RangeAllocation}. */
  readonly ranges: Resource;
  /** In [0,1). */
  readonly random: () => number;
}

/**
 * Node ports are bits of one stored object, which changes by compare-and-swap, so that several servers may give them out. A number is given to one Service,
 * whatever the protocol. Requests that come while one is being written go together in the next.
 * Source: pkg/registry/core/service/portallocator, pkg/registry/core/service/allocator/storage v1.36.
 */
export class NodePorts {
  readonly metrics = new AllocationMetrics('nodeport_allocator', 'Node ports');
  readonly #ranges: Resource;
  readonly #random: () => number;
  #waiting: Waiting[] = [];
  #writing = false;
  #known: { readonly entry: Entry; readonly ports: PortSet } | undefined;

  constructor({ ranges, random }: NodePortsOptions) {
    this.#ranges = ranges;
    this.#random = random;
  }

  /** Not to be changed. */
  stored(): StoredPorts {
    const entry = this.#ranges.get('', NAME);
    if (entry === undefined) return { entry, ports: new PortSet() };
    if (this.#known?.entry === entry) return this.#known;
    const { range, data } = entry.object as RangeAllocation;
    this.#known = { entry, ports: range === PORT_RANGE ? PortSet.read(data) : new PortSet() };
    return this.#known;
  }

  /** Takes what `plan` asks for, all or nothing; what it throws is thrown. It may be asked again, and of a dry run nothing is kept. */
  async take<T>(plan: (operation: PortOperation) => T, dryRun: boolean): Promise<{ result: T; taken: number[] }> {
    const { ports } = this.stored();
    if (dryRun) return { result: plan(new DryPortTaking(ports)), taken: [] };
    const tried = new PortTaking(ports, this.#random);
    const result = this.#counted(plan, tried);
    if (tried.taken.size === 0) return { result, taken: [] };
    const made = { result, taken: [...tried.taken] };
    await this.#write((now) => {
      const operation = new PortTaking(now, this.#random);
      made.result = plan(operation);
      made.taken = [...operation.taken];
      for (const port of made.taken) now.add(port);
    });
    for (let i = 0; i < tried.taken.size; i++) this.metrics.allocated(i < tried.dynamic ? 'dynamic' : 'static');
    return made;
  }

  #counted<T>(plan: (operation: PortOperation) => T, operation: PortTaking): T {
    try {
      return plan(operation);
    } catch (error) {
      this.metrics.failed(operation.scope);
      throw error;
    }
  }

  async release(released: readonly number[]): Promise<void> {
    const { ports } = this.stored();
    if (this.#writing || released.some((port) => ports.has(port)))
      await this.#write((now) => {
        for (const port of released) now.delete(port);
      });
  }

  /** Puts `ports` in the place of what was read. False: another write came between. */
  async replace({ entry }: StoredPorts, ports: PortSet): Promise<boolean> {
    const object: RangeAllocation = {
      apiVersion: 'v1',
      kind: RangeAllocation.kind,
      metadata: { name: NAME } as ObjectMeta,
      range: PORT_RANGE,
      data: ports.text(),
    };
    const written = entry === undefined ? await this.#ranges.insert(object) : await this.#ranges.replace(entry, object);
    return written !== undefined;
  }

  #write(apply: (ports: PortSet) => void): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.push({ apply, done: resolve, fail: reject });
    if (!this.#writing) void this.#writeAll();
    return promise;
  }

  async #writeAll(): Promise<void> {
    this.#writing = true;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      try {
        await this.#writeBatch(batch);
      } catch (error) {
        for (const { fail } of batch) fail(error);
      }
    }
    this.#writing = false;
  }

  async #writeBatch(batch: readonly Waiting[]): Promise<void> {
    let left = batch;
    for (;;) {
      const stored = this.stored();
      // Source: tryUpdate. The object is there from the start on.
      if (stored.entry === undefined)
        throw new StatusError(
          'InternalError',
          `cannot allocate resources of type ${RangeAllocation.plural} at this time`,
        );
      const ports = stored.ports.copy();
      left = left.filter((waiting) => {
        try {
          waiting.apply(ports);
          return true;
        } catch (error) {
          waiting.fail(error);
          return false;
        }
      });
      if (ports.text() === stored.ports.text() || (await this.replace(stored, ports))) break;
    }
    for (const { done } of left) done();
  }
}
