import { Node, type NodeStatus, StatusError } from '#api';
import type { Client, EventRecorder, ObjectReferenceLike } from '#client';
import type { Image, ImageService } from '#cri';
import { backoffMs, type Clock, type Logger, messageOf, sleep } from '#util';
import type { KubeletConfig } from '../config.ts';
import type { Machine } from './machine.ts';
import { initialNode, nodeLabels, nodeStatus, type NodeStatusContext, type RuntimeHealth } from './node-status.ts';

/** Source: defaults of nodeStatusUpdateFrequency and nodeStatusReportFrequency. */
const CHECK_MS = 10_000;
const REPORT_MS = 300_000;
const RETRY = { baseMs: 200, maxMs: 7000 };

export interface NodeAgent {
  /** Registers the node and keeps its status until the signal aborts. */
  run(options: { signal: AbortSignal }): Promise<void>;
  /** Something that the status shows has changed. */
  wake(): void;
  /** Uid of the registered Node. */
  readonly uid: string | undefined;
}

export interface NodeAgentOptions {
  config: KubeletConfig;
  client: Client;
  recorder: EventRecorder;
  images: ImageService;
  machine: Machine;
  health: () => RuntimeHealth;
  clock: Clock;
  random: () => number;
  log: Logger;
}

/** How long the registration waits for the runtime's first answer, so that the first status is a full one. */
const RUNTIME_PATIENCE_MS = 1000;

const conditionsText = ({ conditions = [] }: NodeStatus): string =>
  conditions
    .map(({ type, status, reason, message }) => JSON.stringify([type, status, reason, message]))
    .toSorted()
    .join();

/** All but the times of the heartbeat. */
const ownText = (status: NodeStatus): string => JSON.stringify({ ...status, conditions: conditionsText(status) });

export function newNodeAgent(options: NodeAgentOptions): NodeAgent {
  const { config, client, recorder, machine, clock, random, log } = options;
  const { nodeName } = config;
  let uid: string | undefined;
  let reportedAtMs = -Infinity;
  let reported = '';
  let wakeUp: (() => void) | undefined;
  let pending = false;

  // Events of a node carry its name as uid. Source: nodeRef (kubelet.go).
  const reference: ObjectReferenceLike = { kind: 'Node', apiVersion: 'v1', name: nodeName, uid: nodeName };

  async function listImages(signal: AbortSignal): Promise<readonly Image[]> {
    if (options.health().version === '') return [];
    try {
      return (await options.images.listImages({}, { signal })).images;
    } catch (error) {
      signal.throwIfAborted();
      log.debug('images could not be listed', { error: messageOf(error) });
      return [];
    }
  }

  async function context(signal: AbortSignal): Promise<NodeStatusContext> {
    return { config, machine, health: options.health(), images: await listImages(signal), nowMs: clock.now() };
  }

  /** Creates the Node, or takes over the one that is there. Source: tryRegisterWithAPIServer. */
  async function register(signal: AbortSignal): Promise<Node> {
    try {
      const created = await client.create(Node, initialNode(await context(signal)), { signal });
      for (const reason of ['NodeHasSufficientMemory', 'NodeHasNoDiskPressure', 'NodeHasSufficientPID'])
        sayStatus(reason);
      return created;
    } catch (error) {
      if (!StatusError.is(error, 'AlreadyExists')) throw error;
    }
    const found = await client.get(Node, { name: nodeName }, { signal });
    const labels = nodeLabels(config, machine);
    const missing = Object.entries(labels).filter(([key, value]) => found.metadata.labels?.[key] !== value);
    const podCIDR = found.spec.podCIDR === undefined || found.spec.podCIDR === '' ? config.podCIDR : undefined;
    if (missing.length === 0 && podCIDR === undefined) return found;
    const patch = {
      metadata: { labels: Object.fromEntries(missing) },
      ...(podCIDR !== undefined && { spec: { podCIDR, podCIDRs: [podCIDR] } }),
    };
    return client.patch(Node, { name: nodeName }, patch, { signal });
  }

  const say = (reason: string, message: string, type: 'Normal' | 'Warning' = 'Normal'): void =>
    recorder.event(reference, type, reason, message);

  const sayStatus = (reason: string): void => say(reason, `Node ${nodeName} status is now: ${reason}`);

  function sayRebooted({ nodeInfo }: NodeStatus): void {
    const before = nodeInfo?.bootID ?? '';
    if (before !== '' && before !== machine.bootID) {
      say('Rebooted', `Node ${nodeName} has been rebooted, boot id: ${machine.bootID}`, 'Warning');
    }
  }

  async function report(signal: AbortSignal): Promise<void> {
    // Read each time: others write to it too, the node life cycle controller says Unknown of a node it has not heard of.
    const current = await client.get(Node, { name: nodeName }, { signal });
    const { status, events } = nodeStatus(current.status, await context(signal));
    for (const reason of events) sayStatus(reason);
    const text = ownText(status);
    const changed = text !== reported || conditionsText(status) !== conditionsText(current.status);
    if (changed || clock.monotonic() - reportedAtMs >= REPORT_MS) {
      await client.patch(Node, { name: nodeName }, { status }, { subresource: 'status', signal });
      reported = text;
      reportedAtMs = clock.monotonic();
    }
    uid = current.metadata.uid;
  }

  async function pause(delayMs: number, signal: AbortSignal): Promise<void> {
    if (pending) return;
    const woken = new AbortController();
    wakeUp = () => woken.abort(new Error('woken'));
    await sleep(clock, delayMs, { signal: AbortSignal.any([signal, woken.signal]) }).catch(() => {}); // woken or ended
    wakeUp = undefined;
  }

  return {
    get uid() {
      return uid;
    },
    wake() {
      pending = true;
      wakeUp?.();
    },
    async run({ signal }) {
      say('Starting', 'Starting kubelet.');
      if (options.health().version === '') await pause(RUNTIME_PATIENCE_MS, signal);
      for (let failures = 0; !signal.aborted;) {
        let delayMs = CHECK_MS;
        pending = false;
        try {
          if (uid === undefined) {
            sayRebooted((await register(signal)).status);
            say('NodeAllocatableEnforced', 'Updated Node Allocatable limit across pods');
          }
          await report(signal);
          failures = 0;
        } catch (error) {
          if (signal.aborted) return;
          // Deleted while the agent runs: it registers anew.
          if (StatusError.is(error, 'NotFound')) uid = undefined;
          delayMs = backoffMs(failures++, { ...RETRY, jitter: 0.5, random });
          log.warn('node status could not be reported', { error: messageOf(error) });
        }
        await pause(delayMs, signal);
      }
    },
  };
}
