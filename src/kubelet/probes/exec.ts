import { CriError, type RuntimeService } from '#cri';
import { messageOf } from '#util';
import { failure, type ProbeResult, success } from './result.ts';
import { goDuration } from '../text.ts';

/** Source: pkg/probe/exec/exec.go v1.36. */
const MAX_OUTPUT_BYTES = 10 * 1024;

/** Success is exit code 0. */
export async function probeExec(
  runtime: RuntimeService,
  { containerId, command, timeoutMs }: { containerId: string; command: readonly string[]; timeoutMs: number },
  { signal }: { signal: AbortSignal },
): Promise<ProbeResult> {
  try {
    const seconds = Math.ceil(timeoutMs / 1000);
    const answer = await runtime.execSync({ container_id: containerId, cmd: command, timeout: seconds }, { signal });
    const output = Buffer.concat([answer.stdout, answer.stderr]).subarray(0, MAX_OUTPUT_BYTES).toString('utf8');
    return answer.exit_code === 0 ? success(output) : failure(output);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof CriError && error.code === 'DeadlineExceeded') {
      return failure(
        `command timed out: ${JSON.stringify(command.join(' '))} timed out after ${goDuration(timeoutMs)}`,
      );
    }
    return { result: 'unknown', error: messageOf(error) };
  }
}
