/** What evaluation has used of what it may use. Nothing an expression does takes longer than this allows. */

/** A list can hold another twice, and so on: small to make, endless to walk. Enough for the largest objects twice. */
const MAX_STEPS = 4_000_000;
/** Source: apiserver pkg/apis/cel/config.go CheckFrequency. */
const CHECK_FREQUENCY = 100;

/** Evaluation ends here, whatever the expression would do with errors. */
export class EvalCancelled extends Error {
  override readonly name = 'EvalCancelled';
}

/** Source: cel-go interpreter/runtimecost.go. */
const COST_EXCEEDED = 'operation cancelled: actual cost limit exceeded';

export class Meter {
  cost = 0;
  readonly #limit: number;
  readonly #interrupted: (() => boolean) | undefined;
  #steps = 0;
  #iterations = 0;

  /** `interrupted` is asked now and then within loops. */
  constructor(limit: number, interrupted?: () => boolean) {
    this.#limit = limit;
    this.#interrupted = interrupted;
  }

  charge(cost: number): void {
    this.cost += cost;
    if (this.cost > this.#limit) throw new EvalCancelled(COST_EXCEEDED);
  }

  /** Throws when so much more would be too much: for what is charged only after it is done. */
  afford(cost: number): void {
    if (this.cost + cost > this.#limit) throw new EvalCancelled(COST_EXCEEDED);
  }

  /** Work the cost does not count: elements of elements. */
  step(count = 1): void {
    if ((this.#steps += count) > MAX_STEPS) throw new EvalCancelled(COST_EXCEEDED);
  }

  iteration(): void {
    if (this.#interrupted === undefined || ++this.#iterations % CHECK_FREQUENCY !== 0) return;
    if (this.#interrupted()) throw new EvalCancelled('operation interrupted');
  }
}
