import type { Container, LifecycleHandler, Pod } from '#api';
import type { RuntimeService } from '#cri';
import { type Clock, messageOf, sleep } from '#util';
import { httpGet } from '../probes/http.ts';
import { probeUrl, resolvePort } from '../probes/prober.ts';
import { goList, goQuote, podText } from '../text.ts';

/** A hook may take as long as its container's grace period; a connection of it no longer than this. */
const HTTP_TIMEOUT_MS = 30_000;

export interface HookTarget {
  readonly pod: Pod;
  readonly container: Container;
  readonly containerId: string;
  readonly podIP: string;
}

/** Runs a postStart or preStop hook. Rejects with upstream's message. Source: pkg/kubelet/lifecycle/handlers.go v1.36. */
export type HookRunner = (
  handler: LifecycleHandler,
  target: HookTarget,
  options: { signal: AbortSignal },
) => Promise<void>;

export function newHookRunner({ runtime, clock }: { runtime: RuntimeService; clock: Clock }): HookRunner {
  async function runExec(command: readonly string[], target: HookTarget, signal: AbortSignal): Promise<void> {
    const where = `for Container ${goQuote(target.container.name)} in Pod ${goQuote(podText(target.pod))} failed`;
    const answer = await runtime.execSync({ container_id: target.containerId, cmd: command, timeout: 0 }, { signal });
    if (answer.exit_code === 0) return;
    const [stdout, stderr] = [answer.stdout.toString('utf8'), answer.stderr.toString('utf8')];
    const error = `command '${command.join(' ')}' exited with ${answer.exit_code}: ${stderr}`;
    throw new Error(
      `Exec lifecycle hook (${goList(command)}) ${where} - error: ${error}, message: ${goQuote(stdout + stderr)}`,
    );
  }

  async function runHttp(
    handler: NonNullable<LifecycleHandler['httpGet']>,
    target: HookTarget,
    signal: AbortSignal,
  ): Promise<void> {
    const { host = '', path = '/', scheme = 'HTTP', httpHeaders = [] } = handler;
    const where = `for Container ${goQuote(target.container.name)} in Pod ${goQuote(podText(target.pod))} failed`;
    try {
      const port = resolvePort(handler.port, target.container);
      const url = probeUrl(scheme, host === '' ? target.podIP : host, port, path);
      // Any answer will do: the status code is not looked at.
      await httpGet({ url, headers: httpHeaders, timeoutMs: HTTP_TIMEOUT_MS }, { signal });
    } catch (error) {
      signal.throwIfAborted();
      throw new Error(`HTTP lifecycle hook (${path}) ${where} - error: ${messageOf(error)}`, { cause: error });
    }
  }

  return async (handler, target, { signal }) => {
    if (handler.exec !== undefined) await runExec(handler.exec.command ?? [], target, signal);
    else if (handler.httpGet !== undefined) await runHttp(handler.httpGet, target, signal);
    else if (handler.sleep !== undefined) await sleep(clock, handler.sleep.seconds * 1000, { signal });
    else throw new Error(`invalid handler: ${JSON.stringify(handler)}`);
  };
}
