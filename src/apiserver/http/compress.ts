import { once } from 'node:events';
import { constants, createGzip, type Gzip } from 'node:zlib';
import type { ByteSink, Headers, HttpResponse } from './context.ts';

/** Answers longer than this are compressed for who takes it. Source: defaultGzipThresholdBytes of handlers/responsewriters/writers.go v1.36. */
export const GZIP_BYTES = 128 << 10;
/** Least work for nearly the same length. Source: defaultGzipContentEncodingLevel, as above. */
const LEVEL = constants.Z_BEST_SPEED;

/** Source: negotiateContentEncoding, as above: the bare word, no weights. */
export const takesGzip = (acceptEncoding: string | undefined): boolean =>
  acceptEncoding !== undefined && acceptEncoding.split(',').some((token) => token.trim() === 'gzip');

const lengthOf = (body: Buffer | string | readonly Buffer[]): number =>
  typeof body === 'string' || Buffer.isBuffer(body) ? body.length : body.reduce((sum, { length }) => sum + length, 0);

/** The answer, compressed if it is long (a streamed one always is) and `gzip`. The work is done off the main thread, at the pace of the reader. */
export function compressed(response: HttpResponse, gzip: boolean): HttpResponse {
  if (!gzip || 'upgrade' in response) return response;
  if (!('stream' in response)) {
    const { body } = response;
    if (body === undefined || lengthOf(body) <= GZIP_BYTES) return response;
    const chunks = typeof body === 'string' ? [Buffer.from(body)] : Buffer.isBuffer(body) ? [body] : body;
    return zipped(response.status, response.headers, async (sink) => {
      for (const chunk of chunks) if (!sink.write(chunk)) await sink.drained();
      sink.end();
    });
  }
  return zipped(response.status, response.headers, response.stream);
}

function zipped(status: number, headers: Headers = {}, source: (sink: ByteSink) => Promise<void>): HttpResponse {
  const { vary } = headers;
  return {
    status,
    headers: {
      ...headers,
      'content-encoding': 'gzip',
      vary: vary === undefined ? 'Accept-Encoding' : `${vary}, Accept-Encoding`,
    },
    async stream(sink) {
      const gzip = createGzip({ level: LEVEL });
      const { promise: closed, resolve } = Promise.withResolvers<void>();
      gzip.once('close', resolve);
      // Its only error is to be destroyed in the middle, and then nobody listens any more.
      gzip.on('error', () => undefined);
      gzip.on('data', (chunk: Buffer) => {
        if (sink.closed) gzip.destroy();
        else if (!sink.write(chunk)) holdBack(gzip, sink);
      });
      await source(sinkInto(gzip, sink));
      await closed;
      sink.end();
    },
  };
}

function holdBack(gzip: Gzip, sink: ByteSink): void {
  gzip.pause();
  void sink.drained().then(() => (sink.closed ? gzip.destroy() : gzip.resume()));
}

const sinkInto = (gzip: Gzip, sink: ByteSink): ByteSink => ({
  write: (chunk, written) =>
    gzip.destroyed ||
    gzip.write(chunk, (error) => {
      if (!error) written?.();
    }),
  async drained() {
    if (gzip.destroyed || !gzip.writableNeedDrain) return;
    const stop = new AbortController();
    const wait = (event: string): Promise<unknown> => once(gzip, event, { signal: stop.signal }).catch(() => undefined);
    await Promise.race([wait('drain'), wait('close')]);
    stop.abort();
  },
  end: () => void gzip.end(),
  get closed() {
    return gzip.destroyed || sink.closed;
  },
  cut() {
    gzip.destroy();
    sink.cut();
  },
  get bufferedBytes() {
    return gzip.writableLength + sink.bufferedBytes;
  },
});
