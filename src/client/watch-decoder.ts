import { type KubeObject, type Status, StatusError, type WatchEvent } from '#api';

/** Longest line taken: an object is at most 1.5 MB in the store, and JSON escapes can multiply that. */
const MAX_LINE_BYTES = 64 << 20;
const NEWLINE = 0x0a;

/**
 * Turns the chunks of a watch body (one JSON event a line) into events, all complete lines of a chunk in one call. Holds at most one
 * unfinished line. Throws the StatusError of an ERROR event, after the events before it were delivered.
 */
export function newWatchDecoder(onEvents: (events: readonly WatchEvent[]) => void): (chunk: Buffer) => void {
  let rest: Buffer[] = [];
  let restBytes = 0;

  return (chunk) => {
    const lastNewline = chunk.lastIndexOf(NEWLINE);
    if (lastNewline < 0) return keep(chunk);
    const complete = Buffer.concat([...rest, chunk.subarray(0, lastNewline)]).toString('utf8');
    rest = [];
    restBytes = 0;
    if (lastNewline + 1 < chunk.length) keep(Buffer.from(chunk.subarray(lastNewline + 1)));

    const events: WatchEvent[] = [];
    let failure: StatusError | undefined;
    for (const line of complete.split('\n')) {
      if (line === '') continue;
      const event = parse(line);
      if (event instanceof StatusError) {
        failure = event;
        break;
      }
      events.push(event);
    }
    if (events.length > 0) onEvents(events);
    if (failure !== undefined) throw failure;
  };

  function keep(chunk: Buffer): void {
    restBytes += chunk.length;
    if (restBytes > MAX_LINE_BYTES)
      throw new StatusError('InternalError', `watch event longer than ${MAX_LINE_BYTES} bytes`);
    rest.push(chunk);
  }
}

function parse(line: string): WatchEvent | StatusError {
  let event: { type?: string; object?: unknown };
  try {
    event = JSON.parse(line) as { type?: string; object?: unknown };
  } catch (cause) {
    return new StatusError('InternalError', 'unable to decode an event from the watch stream', { cause });
  }
  switch (event.type) {
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED':
    case 'BOOKMARK':
      return { type: event.type, object: event.object as KubeObject };
    case 'ERROR':
      return StatusError.from(event.object as Partial<Status>);
    default:
      return new StatusError('InternalError', `unknown type of watch event: ${String(event.type)}`);
  }
}
