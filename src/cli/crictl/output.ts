/** The formats for programs: JSON and YAML of whole messages, and of a status with what the runtime tells beside it. And plain bytes. */
import { once } from 'node:events';
import { dump } from 'js-yaml';
import { type JsonObject, type JsonValue, protoJson } from '#cri';
import { type Io, UsageError } from '../command.ts';
import type { Context } from './verb.ts';

export const OUTPUT_USAGE = 'Output format, One of: json|yaml|table';

/** How a list is wanted. */
export type ListFormat = 'json' | 'yaml' | 'table';

export function listFormat(text: string | undefined): ListFormat {
  if (text === undefined || text === '' || text === 'table') return 'table';
  if (text === 'json' || text === 'yaml') return text;
  throw unsupported(text);
}

/** Details are in JSON unless something else is asked for. */
export function statusFormat(text: string | undefined): ListFormat {
  return text === undefined || text === '' ? 'json' : listFormat(text);
}

function unsupported(format: string): UsageError {
  const hint = format === 'go-template' ? ' here; take json and jq' : '';
  return new UsageError(`unsupported output format ${JSON.stringify(format)}${hint}`);
}

/** Prints a message of the CRI as protobuf's JSON, or that as YAML. */
export function printMessage({ io }: Context, format: 'json' | 'yaml', name: string, message: object): void {
  const json = protoJson(name, message);
  io.out(format === 'json' ? `${JSON.stringify(json, undefined, 2)}\n` : yaml(json));
}

export interface StatusDocument {
  readonly status: JsonObject;
  /** What the runtime tells beside: JSON, or text in quotes. */
  readonly info: Readonly<Record<string, string>>;
  readonly more?: Readonly<Record<string, JsonValue | undefined>>;
}

/** Prints one status as an object, several as a list. All keys are sorted, as Go writes maps. */
export function printStatuses({ io }: Context, format: 'json' | 'yaml', statuses: readonly StatusDocument[]): void {
  const documents = statuses.map(({ status, info, more }) => {
    const told = Object.entries(info).map(([key, value]) => [
      key,
      value.startsWith('{') ? (JSON.parse(value) as JsonObject) : value.replaceAll(/^"+|"+$/g, ''),
    ]);
    const present = Object.entries(more ?? {}).filter(([, value]) => value !== undefined);
    return Object.fromEntries([['status', status], ...present, ...told]) as JsonObject;
  });
  const all = sorted(documents.length === 1 ? documents[0] : documents);
  io.out(format === 'json' ? `${JSON.stringify(all, undefined, 2)}\n` : yaml(all));
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, inner]) => [key, sorted(inner)]));
}

/** As Go's YAML library writes it; crictl ends it with a line of its own. */
const yaml = (value: unknown): string =>
  `${dump(value, { noRefs: true, sortKeys: true, lineWidth: -1, seqNoIndent: true, quoteStyle: 'double' })}\n`;

/** Bytes to our standard output and error, at the reader's pace. */
export interface StreamWriter {
  /** Aborts when `signal` does, and when nobody reads our output any more. */
  readonly signal: AbortSignal;
  write(to: 'out' | 'err', data: Buffer): Promise<void>;
}

export function writer({ streams }: Pick<Io, 'streams'>, signal: AbortSignal): StreamWriter {
  const closed = new AbortController();
  for (const stream of [streams.out, streams.err]) stream.once('error', (error) => closed.abort(error));
  const either = AbortSignal.any([signal, closed.signal]);
  return {
    signal: either,
    async write(to, data) {
      either.throwIfAborted();
      if (!streams[to].write(data)) await once(streams[to], 'drain', { signal: either });
    },
  };
}
