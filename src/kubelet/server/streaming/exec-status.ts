/** The Status with which exec ends on its error channel: ServeExec of kubelet/pkg/cri/streaming/remotecommand v0.33. */
import type { Status } from '#api';
import { CriError } from '#cri';
import { messageOf } from '#util';

type ExecStatus = Pick<Status, 'metadata' | 'status' | 'message' | 'reason' | 'details' | 'code'>;

export function execStatus(exitCode: number): ExecStatus {
  if (exitCode === 0) return { metadata: {}, status: 'Success' };
  return {
    metadata: {},
    status: 'Failure',
    message: `command terminated with non-zero exit code: exit status ${exitCode}`,
    reason: 'NonZeroExitCode',
    details: { causes: [{ reason: 'ExitCode', message: String(exitCode) }] },
  };
}

export function execFailure(error: unknown): ExecStatus {
  const why = error instanceof CriError ? error.details : messageOf(error);
  const text = `error executing command in container: failed to exec in container: ${why}`;
  return {
    metadata: {},
    status: 'Failure',
    message: `Internal error occurred: ${text}`,
    reason: 'InternalError',
    details: { causes: [{ message: text }] },
    code: 500,
  };
}
