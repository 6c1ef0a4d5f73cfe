import { open, readFile } from 'node:fs/promises';
import { messageOf } from '#util';

/** Source: pkg/kubelet/container/runtime.go v1.36. */
const MAX_MESSAGE_BYTES = 4096;
const MAX_LOG_BYTES = 2048;
const MAX_LOG_LINES = 80;

/** How much of the end of a log is read to find its last lines: each is at most 16 KiB long in a record. */
const TAIL_BYTES = 64 * 1024;

/** The last `bytes` of a file; undefined when there is none. */
async function tail(path: string, bytes: number): Promise<Buffer | undefined> {
  let file;
  try {
    file = await open(path, 'r');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const { size } = await file.stat();
    const length = Math.min(size, bytes);
    const { buffer } = await file.read(Buffer.alloc(length), 0, length, size - length);
    return buffer;
  } finally {
    await file.close();
  }
}

/** `2026-11-21T08:01:31.87Z stdout F text` → text with the line's end when the record is a full one. */
function recordText(line: string): string {
  const [, , tag = '', ...rest] = line.split(' ');
  return rest.join(' ') + (tag.startsWith('P') ? '' : '\n');
}

async function endOfLog(logPath: string): Promise<string> {
  try {
    const text = (await tail(logPath, TAIL_BYTES))?.toString('utf8') ?? '';
    const lines = text.split('\n').filter((line) => /^\d{4}-\d\d-\d\dT\S+ (stdout|stderr) /.test(line));
    const bytes = Buffer.from(
      lines
        .map(recordText)
        .join('')
        .split(/(?<=\n)/)
        .slice(-MAX_LOG_LINES)
        .join(''),
    );
    return bytes.subarray(Math.max(0, bytes.length - MAX_LOG_BYTES)).toString('utf8');
  } catch (error) {
    return `Error on reading termination message from logs: ${messageOf(error)}`;
  }
}

/**
 * What a container left as its last words: its termination message file, or the end of its log if it failed and the policy says so.
 * Source: getTerminationMessage and readLastStringFromContainerLogs (kuberuntime_container.go).
 */
export async function terminationMessage(options: {
  /** The file on the node; undefined when it was not mounted. */
  hostPath: string | undefined;
  logPath: string;
  fallbackToLogs: boolean;
}): Promise<string> {
  const { hostPath, logPath, fallbackToLogs } = options;
  let message = '';
  if (hostPath !== undefined) {
    try {
      message = ((await readFile(hostPath)) as Buffer).subarray(-MAX_MESSAGE_BYTES).toString('utf8');
    } catch (error) {
      const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
      if (!missing) return `Error on reading termination log ${hostPath}: ${messageOf(error)}`;
    }
  }
  return message === '' && fallbackToLogs ? endOfLog(logPath) : message;
}
