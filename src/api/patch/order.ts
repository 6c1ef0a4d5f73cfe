/** Orders of merged lists. Source: normalizeElementOrder and mergeSortedSlice, apimachinery pkg/util/strategicpatch/patch.go v0.36. */

/** Whether `items` stand in `order`, others between them. */
export function inOrder(items: readonly unknown[], order: readonly unknown[]): boolean {
  let next = 0;
  for (const item of order) if (next < items.length && items[next] === item) next++;
  return next === items.length;
}

/** Identity → place; the first place counts. */
function places(order: Iterable<unknown>, id: (item: unknown) => unknown): Map<unknown, number> {
  const found = new Map<unknown, number>();
  let place = 0;
  for (const item of order) {
    const key = id(item);
    if (!found.has(key)) found.set(key, place);
    place++;
  }
  return found;
}

/**
 * Puts the elements of a merged list in order: those the patch names in the patch's order, the others in the server's, and an other before
 * one of the patch's only if it stood before it on the server.
 */
export function mergeOrders(
  merged: Iterable<unknown>,
  patchOrder: readonly unknown[],
  serverOrder: readonly unknown[],
  id: (item: unknown) => unknown,
): unknown[] {
  const inPatch = places(patchOrder, id);
  const onServer = places(serverOrder, id);
  const patched: unknown[] = [];
  const others: unknown[] = [];
  for (const item of merged) (inPatch.has(id(item)) ? patched : others).push(item);
  const by = (order: Map<unknown, number>) => (a: unknown, b: unknown) =>
    (order.get(id(a)) ?? 0) - (order.get(id(b)) ?? 0);
  patched.sort(by(inPatch));
  others.sort(by(onServer));

  const result: unknown[] = [];
  let other = 0;
  for (const item of patched) {
    const place = onServer.get(id(item)) ?? -1;
    while (other < others.length && (onServer.get(id(others[other])) ?? Infinity) < place) result.push(others[other++]);
    result.push(item);
  }
  return [...result, ...others.slice(other)];
}
