/** Many watchers of what is being written: how many events a second come through, and what they cost the server. */
import { once } from 'node:events';
import type { ClientHttp2Session } from 'node:http2';
import { configMapOf } from './objects.ts';
import { send } from './load.ts';
import { JSON_TYPE, NAMESPACE } from './rounds.ts';
import type { Usage } from './usage.ts';

const WATCHERS = 1000;
/** Writes at once while they watch. */
const LOT = 64;

export async function watchRound(
  sessions: readonly ClientHttp2Session[],
  { usage, roundMs }: { usage: () => Promise<Usage>; roundMs: number },
): Promise<string> {
  const counted = { events: 0, bytes: 0 };
  let progress = Promise.withResolvers<void>();
  const streams = Array.from({ length: WATCHERS }, (_, i) => {
    const path = `${NAMESPACE}/configmaps?watch=1&sendInitialEvents=false&resourceVersionMatch=NotOlderThan`;
    const stream = sessions[i % sessions.length]!.request({ ':path': path });
    stream.on('error', () => undefined);
    stream.on('data', (chunk: Buffer) => {
      counted.bytes += chunk.length;
      for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) counted.events++;
      progress.resolve();
    });
    return stream;
  });
  await Promise.all(streams.map((stream) => once(stream, 'response')));
  const put = (n: number): Promise<Buffer> => {
    const name = `watched-${n % LOT}`;
    const body = Buffer.from(JSON.stringify(configMapOf(name, String(n))));
    const path = `${NAMESPACE}/configmaps`;
    if (n < LOT) return send(sessions[0]!, { method: 'POST', path, headers: JSON_TYPE, body });
    return send(sessions[0]!, { method: 'PUT', path: `${path}/${name}`, headers: JSON_TYPE, body });
  };
  let writes = 0;
  const round = async (): Promise<void> => {
    await Promise.all(Array.from({ length: LOT }, () => put(writes++)));
    // Nobody is asked to take more than it can read.
    while (counted.events < writes * WATCHERS) {
      progress = Promise.withResolvers();
      await progress.promise;
    }
  };
  await round();
  const before = await usage();
  const from = { ...counted, writes };
  const started = performance.now();
  while (performance.now() - started < roundMs) await round();
  const seconds = (performance.now() - started) / 1000;
  const { cpuMicros, holdMs } = await usage();
  for (const stream of streams) stream.close();
  const events = counted.events - from.events;
  const rate = `${(events / seconds).toFixed(0)} events/s, ${((counted.bytes - from.bytes) / seconds / 1e6).toFixed(0)} MB/s`;
  const cpu = ((cpuMicros - before.cpuMicros) / events).toFixed(2);
  const connections = sessions.length;
  return `${WATCHERS} watchers on ${connections} connections, ${writes - from.writes} writes: ${rate}, CPU ${cpu} µs an event, loop held ${holdMs.toFixed(0)} ms`;
}
