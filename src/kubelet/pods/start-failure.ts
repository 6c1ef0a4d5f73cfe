/** Why a container does not run: what `state.waiting.reason` says. Sources: pkg/kubelet/images/types.go, kuberuntime_container.go v1.36. */
export type StartFailureReason =
  | 'ErrImagePull'
  | 'ImagePullBackOff'
  | 'ErrImageNeverPull'
  | 'InvalidImageName'
  | 'ImageInspectError'
  | 'RegistryUnavailable'
  | 'SignatureValidationFailed'
  | 'CrashLoopBackOff'
  | 'CreateContainerConfigError'
  | 'CreateContainerError'
  | 'RunContainerError'
  | 'PostStartHookError';

/** A container could not be started; the message goes to `state.waiting.message`. */
export class StartFailure extends Error {
  override readonly name = 'StartFailure';
  readonly reason: StartFailureReason;
  /** When it makes sense to try again, milliseconds from now. Absent: at the next regular attempt. */
  readonly retryAfterMs: number | undefined;

  constructor(
    reason: StartFailureReason,
    message: string,
    options: ErrorOptions & { retryAfterMs?: number | undefined } = {},
  ) {
    super(message, options);
    this.reason = reason;
    this.retryAfterMs = options.retryAfterMs;
  }
}
