import { connect } from 'node:net';
import type { Clock } from '#util';
import { goNetworkError, hostPort } from './dial.ts';
import { failure, type ProbeResult, success } from './result.ts';

/** Success is a connection. Source: pkg/probe/tcp/tcp.go v1.36. */
export function probeTcp(
  { host, port, timeoutMs }: { host: string; port: number; timeoutMs: number },
  { signal, clock }: { signal: AbortSignal; clock: Clock },
): Promise<ProbeResult> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason as Error);
    const socket = connect({ host, port });
    const end = (settle: () => void): void => {
      timer[Symbol.dispose]();
      signal.removeEventListener('abort', onAbort);
      socket.destroy();
      settle();
    };
    const onAbort = (): void => end(() => reject(signal.reason as Error));
    const timer = clock.after(timeoutMs, () =>
      end(() => resolve(failure(`dial tcp ${hostPort(host, port)}: i/o timeout`))),
    );
    signal.addEventListener('abort', onAbort, { once: true });
    socket.once('connect', () => end(() => resolve(success())));
    socket.once('error', (error) =>
      end(() => resolve(failure(goNetworkError(error, { host, port, connected: false })))),
    );
  });
}
