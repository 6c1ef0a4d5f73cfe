import { CounterVec, labelText } from '#util';

/** Source: ErrFull of both allocators v1.36. */
export const RANGE_FULL = 'range is full';

/** Why an address or a port cannot be had, in the words of upstream's allocators. */
export class AllocationError extends Error {
  override readonly name = 'AllocationError';
}

/** What was chosen and what was not. */
export type AllocationScope = 'static' | 'dynamic';

/** How often something was given out, and how often it could not be. Source: metrics.go of ipallocator and portallocator v1.36. */
export class AllocationMetrics {
  readonly #allocations: CounterVec;
  readonly #errors: CounterVec;

  constructor(subsystem: string, what: string) {
    const prefix = `kube_apiserver_${subsystem}`;
    this.#allocations = new CounterVec(`${prefix}_allocation_total`, `[ALPHA] ${what} that were given out.`);
    this.#errors = new CounterVec(`${prefix}_allocation_errors_total`, `[ALPHA] ${what} that could not be given out.`);
  }

  allocated(scope: AllocationScope, cidr?: string): void {
    this.#allocations.add(labelsOf(scope, cidr));
  }

  failed(scope: AllocationScope, cidr?: string): void {
    this.#errors.add(labelsOf(scope, cidr));
  }

  *lines(): Generator<string> {
    yield* this.#allocations.lines();
    yield* this.#errors.lines();
  }
}

const labelsOf = (scope: AllocationScope, cidr: string | undefined): string =>
  labelText(cidr === undefined ? { scope } : { cidr, scope });
