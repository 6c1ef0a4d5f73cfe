import { type LogStream, utcNanos } from '#cri';
import { HttpError } from '../http-error.ts';

/** v1.PodLogOptions as the kubelet takes them from the query. */
export interface PodLogOptions {
  follow: boolean;
  previous: boolean;
  timestamps: boolean;
  stream: LogStream;
  tailLines: number | undefined;
  limitBytes: number | undefined;
  /** Lines from this time on, as `utcNanos` writes it. */
  since: string | undefined;
}

/** Bodies of the answers to a bad query: getContainerLogs of pkg/kubelet/server/server.go, v1.36. */
const UNDECODABLE = new HttpError(400, '{"message": "Unable to decode query."}');
const INVALID = new HttpError(422, '{"message": "Invalid request."}');

const STREAMS: readonly string[] = ['All', 'Stdout', 'Stderr'] satisfies LogStream[];

/** Throws an HttpError for a query that upstream refuses (ValidatePodLogOptions, pkg/apis/core/validation, v1.36). */
export function parseLogOptions(query: URLSearchParams, nowMs: number): PodLogOptions {
  const tail = query.get('tail'); // older name of tailLines
  const tailText = tail === null || tail === '' ? query.get('tailLines') : tail === 'all' ? null : tail;
  const tailLines = integer(tailText);
  const limitBytes = integer(query.get('limitBytes'));
  const sinceSeconds = integer(query.get('sinceSeconds'));
  const sinceTime = query.get('sinceTime') ?? '';
  const stream = query.get('stream') ?? 'All';
  const sinceTimeNanos = sinceTime === '' ? undefined : utcNanos(sinceTime);
  if (sinceTime !== '' && sinceTimeNanos === undefined) throw UNDECODABLE;
  if (tailLines !== undefined && tailLines < 0) throw INVALID;
  if (limitBytes !== undefined && limitBytes < 1) throw INVALID;
  if (sinceSeconds !== undefined && (sinceSeconds < 1 || sinceTimeNanos !== undefined)) throw INVALID;
  if (!isStream(stream)) throw INVALID;
  if (stream !== 'All' && tailLines !== undefined) throw INVALID;
  return {
    follow: boolean(query.get('follow')),
    previous: boolean(query.get('previous')),
    timestamps: boolean(query.get('timestamps')),
    stream,
    tailLines,
    limitBytes,
    since: sinceSeconds === undefined ? sinceTimeNanos : secondsAgo(sinceSeconds, nowMs),
  };
}

function isStream(text: string): text is LogStream {
  return STREAMS.includes(text);
}

function secondsAgo(seconds: number, nowMs: number): string {
  const time = new Date(Math.max(nowMs - seconds * 1000, 0));
  return time.toISOString().replace('Z', '000000Z');
}

function integer(text: string | null): number | undefined {
  if (text === null || text === '') return undefined;
  if (!/^-?\d{1,15}$/.test(text)) throw UNDECODABLE;
  return Number(text);
}

/** As the query conversion of apimachinery reads booleans: a parameter without a value is true, so is whatever is not false. */
function boolean(text: string | null): boolean {
  return text !== null && text !== '0' && text.toLowerCase() !== 'false';
}
