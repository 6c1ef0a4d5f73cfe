import { AllocationError, type AllocationScope, RANGE_FULL } from './allocation.ts';

/** Ports given to Services of type NodePort and LoadBalancer. Source: --service-node-port-range default v1.36. */
const FIRST_PORT = 30000;
const LAST_PORT = 32767;
export const PORT_RANGE = `${FIRST_PORT}-${LAST_PORT}`;
const SIZE = LAST_PORT - FIRST_PORT + 1;
/** Ports at the front that are left to who chooses: a thirty-second, 16 to 128. Source: calculateRangeOffset of portallocator v1.36, KEP-3668. */
const RESERVED = Math.min(Math.max(16, Math.floor(SIZE / 32)), 128);

/** Which node ports are taken, as upstream keeps it: the bytes of a whole number with a bit for each, the lowest for the first port. */
export class PortSet {
  /** The lowest bits first. */
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array = new Uint8Array(Math.ceil(SIZE / 8))) {
    this.#bytes = bytes;
  }

  /** Source: big.Int.SetBytes. */
  static read(data: string): PortSet {
    const bytes = new Uint8Array(Math.ceil(SIZE / 8));
    bytes.set(Buffer.from(data, 'base64').toReversed().subarray(0, bytes.length));
    return new PortSet(bytes);
  }

  /** Source: big.Int.Bytes: no zeros in front. */
  text(): string {
    const used = this.#bytes.findLastIndex((byte) => byte !== 0) + 1;
    return Buffer.from(this.#bytes.subarray(0, used).toReversed()).toString('base64');
  }

  copy(): PortSet {
    return new PortSet(this.#bytes.slice());
  }

  has(port: number): boolean {
    const offset = port - FIRST_PORT;
    return ((this.#bytes[offset >> 3] ?? 0) & (1 << (offset & 7))) !== 0;
  }

  add(port: number): void {
    const offset = port - FIRST_PORT;
    if (isInRange(port)) this.#bytes[offset >> 3]! |= 1 << (offset & 7);
  }

  delete(port: number): void {
    const offset = port - FIRST_PORT;
    if (isInRange(port)) this.#bytes[offset >> 3]! &= ~(1 << (offset & 7));
  }

  *ports(): Generator<number> {
    for (let port = FIRST_PORT; port <= LAST_PORT; port++) if (this.has(port)) yield port;
  }
}

export const isInRange = (port: number): boolean => port >= FIRST_PORT && port <= LAST_PORT;

/** Ports that one write needs. Both methods throw AllocationError. */
export interface PortOperation {
  allocate(port: number): void;
  allocateNext(): number;
}

/** Takes ports from a set, which stays as it is until they are wanted for good. */
export class PortTaking implements PortOperation {
  readonly taken = new Set<number>();
  readonly #set: PortSet;
  readonly #random: () => number;
  /** Of those taken, how many were not chosen. */
  dynamic = 0;
  /** Of what was asked for last. */
  scope: AllocationScope = 'static';

  constructor(set: PortSet, random: () => number) {
    this.#set = set;
    this.#random = random;
  }

  #isTaken(port: number): boolean {
    return this.#set.has(port) || this.taken.has(port);
  }

  allocate(port: number): void {
    this.scope = 'static';
    if (!isInRange(port)) {
      const why = 'provided port is not in the valid range. The range of valid ports is';
      throw new AllocationError(`${why} ${PORT_RANGE}`);
    }
    if (this.#isTaken(port)) throw new AllocationError('provided port is already allocated');
    this.taken.add(port);
  }

  /** Source: randomScanStrategyWithOffset in pkg/registry/core/service/allocator/bitmap.go v1.36. */
  allocateNext(): number {
    this.scope = 'dynamic';
    const upper = FIRST_PORT + RESERVED;
    const port = this.#scan(upper, LAST_PORT) ?? this.#scan(FIRST_PORT, upper - 1);
    if (port === undefined) throw new AllocationError(RANGE_FULL);
    this.taken.add(port);
    this.dynamic++;
    return port;
  }

  #scan(first: number, last: number): number | undefined {
    const count = last - first + 1;
    const start = Math.floor(this.#random() * count);
    for (let i = 0; i < count; i++) {
      const port = first + ((start + i) % count);
      if (!this.#isTaken(port)) return port;
    }
    return undefined;
  }
}

/** Takes nothing, and gives ports that nobody can have. Source: the dry runs of pkg/registry/core/service/portallocator/operation.go v1.36. */
export class DryPortTaking implements PortOperation {
  readonly #taken = new Set<number>();
  readonly #set: PortSet;
  #highest = 0;

  constructor(set: PortSet) {
    this.#set = set;
  }

  allocate(port: number): void {
    if ((isInRange(port) && this.#set.has(port)) || this.#taken.has(port))
      throw new AllocationError('provided port is already allocated');
    this.#take(port);
  }

  allocateNext(): number {
    return this.#take((this.#highest === 0 ? LAST_PORT + 1 : this.#highest) + 1);
  }

  #take(port: number): number {
    this.#taken.add(port);
    this.#highest = Math.max(this.#highest, port);
    return port;
  }
}
