/** Reporter of node:test that writes the totals of a run as JSON, once it has come to its end. */
export default async function* counts(events) {
  for await (const { type, data } of events) {
    if (type === 'test:summary' && data.file === undefined) yield JSON.stringify(data.counts);
  }
}
