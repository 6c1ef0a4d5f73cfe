import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { containerEnd, type CriClient, CriError, type OpenLog, openLog } from '#cri';
import { type Clock, type Logger, messageOf } from '#util';
import { containerIdForLogs, hasContainer } from './container-log-status.ts';
import { HttpError } from '../http-error.ts';
import { parseLogOptions } from './log-options.ts';
import type { PodLookup } from '../pod-lookup.ts';
import type { Route } from '../routes.ts';

export interface LogsDependencies {
  cri: CriClient;
  pods: PodLookup;
  clock: Clock;
  log: Logger;
}

/** Answers `/containerLogs/…`. Rejects with an HttpError while nothing has been sent. */
export async function serveContainerLogs(
  route: Extract<Route, { kind: 'containerLogs' }>,
  query: URLSearchParams,
  response: ServerResponse,
  { cri, pods, clock, log }: LogsDependencies,
  { signal }: { signal: AbortSignal },
): Promise<void> {
  const options = parseLogOptions(query, clock.now());
  const pod = pods.podByName(route.namespace, route.pod);
  if (pod === undefined) throw new HttpError(404, `pod ${JSON.stringify(route.pod)} does not exist`);
  if (!hasContainer(pod, route.container)) {
    throw new HttpError(
      404,
      `container ${JSON.stringify(route.container)} not found in pod ${JSON.stringify(route.pod)}`,
    );
  }
  const containerId = containerIdForLogs(pod, route.container, options.previous);
  await using file = await openContainerLog(cri, containerId, signal);
  const follow = options.follow
    ? (until: { signal: AbortSignal }): Promise<void> => containerEnd({ cri, clock, containerId }, until)
    : undefined;

  response.writeHead(200, { 'Content-Type': 'text/plain' });
  response.flushHeaders(); // a follower learns at once that there is a log, even an empty one
  try {
    for await (const { data } of file.read({ ...options, follow, signal })) {
      if (!response.write(data)) await once(response, 'drain', { signal });
    }
    response.end();
  } catch (error) {
    // The status line has gone: an answer that breaks off is all there is to say.
    if (!signal.aborted) log.warn('reading a container log failed', { containerId, error });
    response.destroy();
  }
}

async function openContainerLog(cri: CriClient, containerId: string, signal: AbortSignal): Promise<OpenLog> {
  let path: string;
  try {
    const { status } = await cri.runtime.containerStatus({ container_id: containerId }, { signal });
    path = status?.log_path ?? '';
  } catch (error) {
    if (!(error instanceof CriError)) throw error;
    throw new HttpError(400, `unable to retrieve container logs for containerd://${containerId}`, { cause: error });
  }
  try {
    return await openLog(path);
  } catch (error) {
    throw new HttpError(400, `failed to open log file ${JSON.stringify(path)}: ${messageOf(error)}`, { cause: error });
  }
}
