/** How long one request may hold the event loop, and what is let through for now. */
import type { FuzzRequest } from '../request.ts';
import type { Answer } from '../server/target.ts';

/** Nothing may keep other requests waiting for longer. */
export const MAX_HOLD_MS = 50;

export const HELD = 'the event loop was held';

export const heldTooLong = ({ holdMs }: Answer): typeof HELD | undefined => (holdMs > MAX_HOLD_MS ? HELD : undefined);

/** Who is known to hold it longer, and why that is counted but is no failure. */
const ALLOWANCES: readonly { readonly name: string; readonly applies: (request: FuzzRequest) => boolean }[] = [
  // Decoding, defaulting and validating one body is one step: it takes as long as the body is large. 3 MB is the most that is taken.
  { name: 'a body over 64 KB', applies: ({ body }) => (body?.length ?? 0) > 1 << 16 },
  // Schemas and expressions are compiled and their cost estimated in one step, however they branch.
  {
    name: 'a definition or a policy',
    applies: ({ method, url }) =>
      method !== 'GET' && /\/(?:customresourcedefinitions|(?:validating|mutating)admissionpolicies)\b/.test(url),
  },
];

/** Name of the allowance; undefined: it may not. */
export const allowanceFor = (request: FuzzRequest): string | undefined =>
  ALLOWANCES.find(({ applies }) => applies(request))?.name;

/** Holds by allowance: how many, and the longest. */
export class HoldTally {
  readonly #held = new Map<string, { count: number; maxMs: number }>();
  #longestMs = 0;

  /** Of a hold that is no failure. */
  add(name: string, holdMs: number): void {
    const { count, maxMs } = this.#held.get(name) ?? { count: 0, maxMs: 0 };
    this.#held.set(name, { count: count + 1, maxMs: Math.max(maxMs, holdMs) });
  }

  seen(holdMs: number): void {
    this.#longestMs = Math.max(this.#longestMs, holdMs);
  }

  toString(): string {
    const parts = [...this.#held].map(
      ([name, { count, maxMs }]) => `${count} by ${name} (at most ${maxMs.toFixed(0)} ms)`,
    );
    return `held the event loop for at most ${this.#longestMs.toFixed(0)} ms${parts.map((part) => `; over ${MAX_HOLD_MS} ms ${part}`).join('')}`;
  }
}
