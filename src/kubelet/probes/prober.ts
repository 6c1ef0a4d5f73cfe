import type { Container, Pod, Probe } from '#api';
import type { RuntimeService } from '#cri';
import type { Clock } from '#util';
import type { PodEvents } from '../pods/events.ts';
import { probeExec } from './exec.ts';
import { probeGrpc } from './grpc.ts';
import { probeHttp } from './http.ts';
import type { ProbeResult, ProbeType } from './result.ts';
import { probeTcp } from './tcp.ts';
import { hostPort } from './dial.ts';

/** A probe that could not be carried out is tried again at once, this often in all. Source: pkg/kubelet/prober/prober.go. */
const MAX_ATTEMPTS = 3;

export interface ProbeTarget {
  readonly pod: Pod;
  readonly container: Container;
  readonly containerId: string;
  readonly podIP: string;
}

/** Runs one probe and tells of it in events; undefined: it could not be carried out, which counts for nothing. */
export type Prober = (
  type: ProbeType,
  probe: Probe,
  target: ProbeTarget,
  options: { signal: AbortSignal },
) => Promise<'success' | 'failure' | undefined>;

/** A number, or the name of a port of the container. Source: pkg/probe/util.go, ResolveContainerPort. */
export function resolvePort(port: number | string, { ports = [] }: Container): number {
  const named = typeof port === 'string' ? ports.find(({ name }) => name === port)?.containerPort : undefined;
  const number = named ?? Number(port);
  if (Number.isNaN(number)) throw new Error(`port ${port} not found`);
  if (!Number.isInteger(number) || number <= 0 || number > 65_535) throw new Error(`invalid port number: ${number}`);
  return number;
}

/** The path as given, query included; a text that is no URL is a path. */
export function probeUrl(scheme: string, host: string, port: number, path: string): URL {
  return new URL(path.startsWith('/') ? path : `/${path}`, `${scheme.toLowerCase()}://${hostPort(host, port)}`);
}

const or = (given: string | undefined, otherwise: string): string =>
  given === undefined || given === '' ? otherwise : given;

export function newProber({
  runtime,
  events,
  clock,
}: {
  runtime: RuntimeService;
  events: PodEvents;
  clock: Clock;
}): Prober {
  async function once(probe: Probe, target: ProbeTarget, signal: AbortSignal): Promise<ProbeResult> {
    const { container, containerId, podIP } = target;
    const timeoutMs = Math.max(1, probe.timeoutSeconds ?? 1) * 1000;
    try {
      if (probe.exec !== undefined) {
        return await probeExec(runtime, { containerId, command: probe.exec.command ?? [], timeoutMs }, { signal });
      }
      if (probe.httpGet !== undefined) {
        const { host, port, path = '/', scheme = 'HTTP', httpHeaders = [] } = probe.httpGet;
        const url = probeUrl(scheme, or(host, podIP), resolvePort(port, container), path);
        return await probeHttp({ url, headers: httpHeaders, timeoutMs }, { signal });
      }
      if (probe.tcpSocket !== undefined) {
        const { host, port } = probe.tcpSocket;
        return await probeTcp(
          { host: or(host, podIP), port: resolvePort(port, container), timeoutMs },
          { signal, clock },
        );
      }
      if (probe.grpc !== undefined) {
        return await probeGrpc(
          { host: podIP, port: probe.grpc.port, service: probe.grpc.service ?? '', timeoutMs },
          { signal },
        );
      }
    } catch (error) {
      signal.throwIfAborted();
      return { result: 'unknown', error: error instanceof Error ? error.message : String(error) };
    }
    return {
      result: 'unknown',
      error: `missing probe handler for ${target.pod.metadata.namespace}/${target.pod.metadata.name}:${container.name}`,
    };
  }

  return async (type, probe, target, { signal }) => {
    let last = await once(probe, target, signal);
    for (let attempt = 1; last.result === 'unknown' && attempt < MAX_ATTEMPTS; attempt++)
      last = await once(probe, target, signal);
    const say = (reason: string, message: string): void =>
      events.container(target.pod, target.container.name, 'Warning', reason, message);
    switch (last.result) {
      case 'success':
        return 'success';
      case 'warning':
        say('ProbeWarning', `${type} probe warning: ${last.output}`);
        return 'success';
      case 'failure':
        say('Unhealthy', `${type} probe failed: ${last.output}`);
        return 'failure';
      case 'unknown':
        say('Unhealthy', `${type} probe errored and resulted in unknown state: ${last.error}`);
        return undefined;
    }
  };
}
