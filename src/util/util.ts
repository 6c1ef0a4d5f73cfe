/** What every component may use and what knows nothing of Kubernetes: time, logs, retries, small data structures. */
export { type Clock, FakeClock, sleep, systemClock } from './clock.ts';
export { errorText, type Logger, type LogFields, type LogLevel, messageOf, newLogger, silentLogger } from './log.ts';
export { backoffMs, type BackoffOptions } from './backoff.ts';
export { BufferPool } from './buffer-pool.ts';
export { LruMap } from './lru.ts';
export { finished } from './steps.ts';
export { SortedMap } from './sorted-map.ts';
export { Heap } from './heap.ts';
export { TokenBucket, type TokenBucketOptions } from './token-bucket.ts';
export { CounterVec, exponentialBuckets, header, Histogram, HistogramVec, labelText, sample } from './exposition.ts';
export { CODE as HTTP2_CODE } from './http2/frames.ts';
export { type HeaderFields, writeHeaders } from './http2/hpack-writer.ts';
export { Http2Session, type SessionOptions as Http2SessionOptions } from './http2/session.ts';
export type { Http2Stream, StreamHandler } from './http2/stream.ts';
