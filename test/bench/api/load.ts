import { type ClientHttp2Session, connect } from 'node:http2';

export interface Request {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer;
}

export interface Load {
  readonly requests: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface Credentials {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

export async function openSessions(
  port: number,
  count: number,
  credentials: Credentials,
): Promise<ClientHttp2Session[]> {
  const sessions = Array.from({ length: count }, () =>
    connect(`https://127.0.0.1:${port}`, {
      ...credentials,
      maxSessionMemory: 1024,
      settings: { initialWindowSize: 4 << 20 },
    }),
  );
  await Promise.all(
    sessions.map(async (session) => {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      session.once('connect', () => resolve());
      session.once('error', reject);
      await promise;
      session.setLocalWindowSize(16 << 20);
    }),
  );
  return sessions;
}

/** One request; resolves with the body. Throws on a status that is no success. */
export function send(session: ClientHttp2Session, { method, path, headers, body }: Request): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const stream = session.request({ ':method': method, ':path': path, ...headers }, { endStream: body === undefined });
  const chunks: Buffer[] = [];
  let status = 0;
  stream.on('response', (answer) => (status = answer[':status'] ?? 0));
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  stream.on('error', reject);
  stream.on('end', () => {
    const all = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
    if (status >= 200 && status < 300) resolve(all);
    else reject(new Error(`${method} ${path}: ${status} ${String(all.subarray(0, 300))}`));
  });
  if (body !== undefined) stream.end(body);
  return promise;
}

/** Sends what `next` makes, `atOnce` at a time over all sessions, for `roundMs`. */
export async function load(
  sessions: readonly ClientHttp2Session[],
  { atOnce, roundMs, next }: { atOnce: number; roundMs: number; next: () => Request },
): Promise<Load> {
  const latencies: number[] = [];
  const started = performance.now();
  const worker = async (session: ClientHttp2Session): Promise<void> => {
    for (;;) {
      const at = performance.now();
      if (at - started > roundMs) return;
      await send(session, next());
      latencies.push(performance.now() - at);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, (_, i) => worker(sessions[i % sessions.length]!)));
  const seconds = (performance.now() - started) / 1000;
  const sorted = Float64Array.from(latencies).toSorted();
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return { requests: sorted.length, seconds, p50Ms: at(0.5), p99Ms: at(0.99) };
}
