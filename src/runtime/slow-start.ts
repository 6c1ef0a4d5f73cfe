/**
 * Calls `fn` with 0 … count-1 in batches of 1, 2, 4 …, so that a fault that hits all of them is met once and not `count` times. Stops
 * after the first batch with a failure; tells how many succeeded, and the first error. Source: pkg/controller/replicaset slowStartBatch v1.36.
 */
export async function slowStartBatch(
  count: number,
  fn: (index: number) => Promise<unknown>,
): Promise<{ readonly succeeded: number; readonly error: unknown }> {
  let succeeded = 0;
  for (let batch = 1; succeeded < count; batch *= 2) {
    const from = succeeded;
    const size = Math.min(batch, count - from);
    const results = await Promise.allSettled(Array.from({ length: size }, (_, i) => fn(from + i)));
    const failed = results.filter((result) => result.status === 'rejected');
    succeeded += size - failed.length;
    if (failed[0] !== undefined) return { succeeded, error: failed[0].reason };
  }
  return { succeeded, error: undefined };
}
