/**
 * The gRPC client of containerd: the container runtime interface (CRI v1), and of containerd's own interfaces the tasks
 * (processes with their standard streams) and the events. On them two things that take more than a call: a process in a
 * container with its streams in our hands, and reading a container's log file.
 *
 * Owns one connection to one socket, the shape of the messages, and what a failed call looks like (`CriError`). It keeps
 * no state about containers, retries no call and decides nothing: that is the kubelet's.
 */
import { type Clock, type Logger } from '#util';
import { type Channel, loadProto, methodsOf, newChannel } from './channel.ts';
import { type EventsService, newEventsService } from './events.ts';
import type { Proto } from './proto.ts';
import type { CallOptions, ImageService, RuntimeService, TasksService } from './services.ts';

export {
  type ContainerExec,
  type ContainerExecDependencies,
  type ContainerExecOptions,
  endInput,
  startContainerExec,
} from './exec.ts';
export { containerEnd } from './logs/container-end.ts';
export { type OpenLog, openLog } from './logs/log-file.ts';
export { type LogStream, utcNanos } from './logs/log-line.ts';
export { CriError, type CriErrorCode, isNotFound } from './error.ts';
export { type JsonObject, type JsonValue, protoJson } from './json.ts';
export type { ContainerdEvent, EventsService, EventTopic, SubscribeOptions } from './events.ts';
export type * from './messages/messages.ts';
export type * from './services.ts';

export interface CriClient extends Disposable {
  readonly runtime: RuntimeService;
  readonly image: ImageService;
  readonly tasks: TasksService;
  readonly events: EventsService;
}

export interface CriClientOptions {
  /** Path of containerd's socket. */
  socketPath: string;
  clock: Clock;
  log: Logger;
}

/** Nothing is connected until the first call. Dispose to close; calls under way then fail with `Canceled`. */
export function newCriClient({ socketPath, clock, log }: CriClientOptions): CriClient {
  // containerd's own services are per namespace; CRI puts all it makes into this one and ignores the header.
  const channel = newChannel(socketPath, { 'containerd-namespace': 'k8s.io' });
  const cri = loadProto('cri.proto');
  return {
    runtime: bind(channel, cri, 'runtime.v1.RuntimeService'),
    image: bind(channel, cri, 'runtime.v1.ImageService'),
    tasks: bind(channel, loadProto('tasks.proto'), 'containerd.services.tasks.v1.Tasks'),
    events: newEventsService(channel, clock, log),
    [Symbol.dispose]: () => channel[Symbol.dispose](),
  };
}

/** Milliseconds since the Unix epoch of a CRI timestamp (nanoseconds); undefined for 0, which means "not yet". */
export function millisFromNanos(nanos: string): number | undefined {
  return nanos === '0' ? undefined : Number(BigInt(nanos) / 1_000_000n);
}

/** Default of the kubelet's `runtimeRequestTimeout` (pkg/kubelet/apis/config/v1beta1/defaults.go). */
const RUNTIME_REQUEST_TIMEOUT_MS = 120_000;

/**
 * As the kubelet's remote client sets them (pkg/kubelet/cri/remote, v1.33): two minutes, plus what the request itself
 * may take; pulling an image and waiting for a process take as long as they take.
 */
function defaultDeadlineMs(method: string, request: object): number {
  switch (method) {
    case 'PullImage':
    case 'Wait':
      return Infinity;
    case 'StopContainer':
      return RUNTIME_REQUEST_TIMEOUT_MS + timeoutMs(request);
    case 'ExecSync':
      return timeoutMs(request) === 0 ? Infinity : RUNTIME_REQUEST_TIMEOUT_MS + timeoutMs(request);
    default:
      return RUNTIME_REQUEST_TIMEOUT_MS;
  }
}

/** The request's own `timeout`, which is in seconds. */
function timeoutMs(request: object): number {
  return 'timeout' in request && request.timeout !== undefined ? Number(request.timeout) * 1000 : 0;
}

// The interfaces in services.ts mirror the .proto files (a test holds the two together), hence the cast by the caller's type.
function bind<Service>(channel: Channel, proto: Proto, serviceName: string): Service {
  const service: Record<string, (request: object, options?: CallOptions) => Promise<object>> = {};
  for (const method of methodsOf(proto, serviceName)) {
    const name = method.name.charAt(0).toLowerCase() + method.name.slice(1);
    service[name] = (request, options) => {
      const deadlineMs = options?.deadlineMs ?? defaultDeadlineMs(method.name, request);
      return channel.unary(method, request, { signal: options?.signal, deadlineMs });
    };
  }
  return service as Service;
}
