/** Runs work that comes in steps at once, where nobody has to have a turn in between. */
export function finished<T>(steps: Generator<void, T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}
