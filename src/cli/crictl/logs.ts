/** `logs`: the file that the runtime writes what a container says to. */
import { containerEnd, openLog, utcNanos } from '#cri';
import { UsageError } from '../command.ts';
import { bool, durationMs, int, string } from './flags.ts';
import { writer } from './output.ts';
import { type Context, defineVerb, during } from './verb.ts';

export const logs = defineVerb({
  name: 'logs',
  args: 'CONTAINER-ID',
  summary: 'Fetch the logs of a container',
  flags: {
    follow: bool('Follow log output', 'f'),
    previous: bool('Print the logs for the previous instance of the container in a pod if it exists', 'p'),
    reopen: bool('Reopen the container logs for the provided container', 'r'),
    tail: int('Number of lines to show from the end of the logs. Defaults to all'),
    'limit-bytes': int('Maximum bytes of logs to return. Defaults to no limit'),
    since: string('Show logs since timestamp (e.g. 2013-01-02T13:23:37) or relative (e.g. 42m for 42 minutes)'),
    timestamps: bool('Show timestamps', 't'),
    stream: string('Show specified stream (stdout or stderr). Defaults to both.', 's'),
  },
  async run(context, values, [containerId = '', ...more]) {
    const { io, runtime, tasks, clock, call } = context;
    if (containerId === '') throw new UsageError('ID cannot be empty');
    if (more.length > 0) throw new UsageError('it takes one container');
    const stream = streamNamed(values.stream);
    if (values.tail !== undefined && values.stream !== undefined)
      throw new UsageError('--tail and --stream are mutually exclusive');
    const since = values.since === undefined ? undefined : sinceTime(values.since, clock.now());
    if (values.reopen) {
      await during('reopen container logs', runtime.reopenContainerLog({ container_id: containerId }, call));
      io.err('Container logs reopened\n');
    }
    const { id, path } = await logPath(context, containerId, values.previous);
    await using log = await during(`failed to open log file ${JSON.stringify(path)}`, openLog(path));
    const follow = (until: { signal: AbortSignal }): Promise<void> =>
      containerEnd({ cri: { runtime, tasks }, clock, containerId: id }, until);
    const output = writer(io, call.signal);
    const chunks = log.read({
      separate: true,
      stream,
      timestamps: values.timestamps,
      since,
      tailLines: notNegative(values.tail),
      limitBytes: notNegative(values['limit-bytes']),
      follow: values.follow ? follow : undefined,
      signal: output.signal,
    });
    try {
      for await (const chunk of chunks) await output.write(chunk.stream === 'Stdout' ? 'out' : 'err', chunk.data);
    } catch (error) {
      if (!output.signal.aborted) throw error; // else the user has read enough
    }
  },
});

function streamNamed(text: string | undefined): 'All' | 'Stdout' | 'Stderr' {
  switch (text ?? '') {
    case '':
      return 'All';
    case 'stdout':
      return 'Stdout';
    case 'stderr':
      return 'Stderr';
    default:
      throw new UsageError(`invalid stream ${JSON.stringify(text)}, must be "stdout" or "stderr"`);
  }
}

const notNegative = (n: number | undefined): number | undefined => (n === undefined || n < 0 ? undefined : n);

/** The log of the instance before lies beside it, named by its attempt. */
async function logPath(
  { runtime, query }: Context,
  containerId: string,
  previous: boolean,
): Promise<{ id: string; path: string }> {
  const { status } = await runtime.containerStatus({ container_id: containerId }, query);
  const path = status?.log_path ?? '';
  if (path === '' || status === undefined) throw new Error('the container has not set log path');
  if (!previous) return { id: status.id, path };
  const attempt = status.metadata?.attempt ?? 0;
  if (attempt === 0) throw new Error(`previous terminated container ${status.metadata?.name} not found`);
  return { id: status.id, path: path.replace(/[^/]*(\.[^./]*)$/, `${attempt - 1}$1`) };
}

/** A duration back from now, a time (with or without zone, seconds, time of day) or seconds since 1970, as the log reader compares times. */
function sinceTime(text: string, nowMs: number): string {
  const back = durationMs(text);
  if (back !== undefined) return nanosText(BigInt(Math.round(nowMs - back)) * 1_000_000n);
  const unix = /^(\d+)(?:\.(\d{1,9}))?$/.exec(text);
  if (unix !== null) return nanosText(BigInt(unix[1] ?? 0) * 1_000_000_000n + BigInt((unix[2] ?? '').padEnd(9, '0')));
  const exact = utcNanos(text);
  if (exact !== undefined) return exact;
  const ms = Date.parse(/^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T00:00` : text);
  if (!/^\d{4}-\d\d-\d\d/.test(text) || Number.isNaN(ms))
    throw new UsageError(`--since: ${JSON.stringify(text)} is no time`);
  return nanosText(BigInt(ms) * 1_000_000n);
}

function nanosText(nanos: bigint): string {
  const positive = nanos < 0n ? 0n : nanos;
  const seconds = new Date(Number(positive / 1_000_000_000n) * 1000).toISOString().slice(0, 19);
  return `${seconds}.${String(positive % 1_000_000_000n).padStart(9, '0')}Z`;
}
