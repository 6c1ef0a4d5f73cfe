import type { RuntimeService } from '#cri';
import { type Clock, type Logger, messageOf, sleep } from '#util';
import type { RuntimeHealth } from './node-status.ts';

/** Source: updateRuntimeUp runs every 5 s (kubelet.go v1.36). */
const CHECK_MS = 5000;
/** Until the runtime and its network are up a node is of no use: it is asked often, less so the longer it takes. */
const CHECK_WHILE_DOWN = { firstMs: 100, share: 0.1 };
/** A runtime that is only being restarted does not make the node unready. Source: maxWaitForContainerRuntime (kubelet.go). */
const PATIENCE_MS = 30_000;

export interface RuntimeMonitor {
  readonly health: RuntimeHealth;
  run(options: { signal: AbortSignal }): Promise<void>;
}

/** Asks the runtime how it is and calls `onChange` when that changes. Texts: pkg/kubelet/runtime.go and kubelet.go v1.36. */
export function newRuntimeMonitor(options: {
  runtime: RuntimeService;
  clock: Clock;
  log: Logger;
  onChange: () => void;
}): RuntimeMonitor {
  const { runtime, clock, log, onChange } = options;
  let health: RuntimeHealth = {
    version: '',
    runtimeErrors: ['container runtime status check may not have completed yet'],
    networkErrors: [],
  };

  let answeredAtMs = 0;
  /** Since when it is known that something is missing. */
  let downSinceMs: number | undefined = clock.monotonic();

  function pauseMs(): number {
    if (health.runtimeErrors.length + health.networkErrors.length === 0) {
      downSinceMs = undefined;
      return CHECK_MS;
    }
    downSinceMs ??= clock.monotonic();
    const elapsedMs = clock.monotonic() - downSinceMs;
    return Math.min(CHECK_MS, Math.max(CHECK_WHILE_DOWN.firstMs, elapsedMs * CHECK_WHILE_DOWN.share));
  }

  async function check(signal: AbortSignal): Promise<RuntimeHealth> {
    const version =
      health.version === ''
        ? (await runtime.version({ version: '0.1.0' }, { signal })).runtime_version
        : health.version;
    const { status } = await runtime.status({}, { signal });
    const find = (type: string): { status: boolean; reason: string; message: string } | undefined =>
      status?.conditions.find((condition) => condition.type === type);
    const text = (type: string): string => {
      const { reason = '', message = '' } = find(type) ?? {};
      return `${type}=false reason:${reason} message:${message}`;
    };
    return {
      version,
      runtimeErrors:
        find('RuntimeReady')?.status === true ? [] : [`container runtime not ready: ${text('RuntimeReady')}`],
      networkErrors:
        find('NetworkReady')?.status === true ? [] : [`container runtime network not ready: ${text('NetworkReady')}`],
    };
  }

  return {
    get health() {
      return health;
    },
    async run({ signal }) {
      while (!signal.aborted) {
        const before = JSON.stringify(health);
        try {
          health = await check(signal);
          answeredAtMs = clock.monotonic();
        } catch (error) {
          if (signal.aborted) return;
          // What was said before the first answer stays until there is one.
          const down = health.version !== '' && clock.monotonic() - answeredAtMs >= PATIENCE_MS;
          if (down) health = { ...health, runtimeErrors: ['container runtime is down'] };
          log.debug('container runtime does not answer', { error: messageOf(error) });
        }
        if (JSON.stringify(health) !== before) onChange();
        await sleep(clock, pauseMs(), { signal }).catch(() => {}); // aborted: the loop ends
      }
    },
  };
}
