/** Asks an address over and over while something else happens, and tells how it went. */
import { setTimeout as delay } from 'node:timers/promises';

const PERIOD_MS = 50;
const PATIENCE_MS = 2000;

export interface Outcome {
  readonly asked: number;
  readonly failures: readonly string[];
}

/** Asks every `url` each 50 ms, on connections of their own, until `stop`. */
export class Prober {
  readonly #stop = new AbortController();
  readonly #loops: Promise<void>[];
  readonly #failures: string[] = [];
  #asked = 0;

  constructor(urls: readonly string[]) {
    this.#loops = urls.map((url) => this.#ask(url));
  }

  async #ask(url: string): Promise<void> {
    const began = performance.now();
    while (!this.#stop.signal.aborted) {
      this.#asked++;
      try {
        const answer = await fetch(url, { headers: { connection: 'close' }, signal: AbortSignal.timeout(PATIENCE_MS) });
        await answer.text();
        if (!answer.ok) throw new Error(`status ${answer.status}`);
      } catch (error) {
        const { message, cause } = error as Error;
        this.#failures.push(
          `${url} after ${Math.round(performance.now() - began)} ms: ${message} ${cause instanceof Error ? cause.message : ''}`,
        );
      }
      await delay(PERIOD_MS);
    }
  }

  async stop(): Promise<Outcome> {
    this.#stop.abort();
    await Promise.all(this.#loops);
    return { asked: this.#asked, failures: this.#failures };
  }
}
