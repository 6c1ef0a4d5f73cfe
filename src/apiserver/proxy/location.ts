import { badRequest, type Node, type Pod, StatusError } from '#api';
import { isTrue } from '../http/request-info.ts';

/** Where a kubelet answers a request. */
export interface NodeLocation {
  readonly host: string;
  readonly port: number;
  readonly path: string;
}

const DEFAULT_KUBELET_PORT = 10250;
const DEFAULT_CONTAINER = 'kubectl.kubernetes.io/default-container';

/** The kubelet's address for a pod's subresource; undefined for the log of a pod that has no node. Source: pkg/registry/core/pod/strategy.go v1.36. */
export function locate(
  pod: Pod,
  node: Node | undefined,
  subresource: string,
  query: URLSearchParams,
): NodeLocation | undefined {
  const { name, namespace } = pod.metadata;
  const container = subresource === 'portforward' ? '' : containerOf(pod, query.get('container') ?? '', subresource);
  if ((pod.spec.nodeName ?? '') === '') {
    if (subresource === 'log') return undefined;
    throw badRequest(`pod ${name} does not have a host assigned`);
  }
  if (node === undefined) throw new StatusError('NotFound', `nodes "${pod.spec.nodeName}" not found`);
  const address = node.status.addresses?.find((a) => a.type === 'InternalIP')?.address;
  if (address === undefined)
    throw new StatusError(
      'InternalError',
      `Internal error occurred: no preferred addresses found; known addresses: []`,
    );
  const own = `${namespace}/${name}`;
  const paths: Record<string, string> = {
    log: `/containerLogs/${own}/${container}?${logQuery(query).toString()}`,
    exec: `/exec/${own}/${container}?${execQuery(query).toString()}`,
    attach: `/attach/${own}/${container}?${execQuery(query).toString()}`,
    portforward: `/portForward/${own}?${new URLSearchParams(query.getAll('ports').map((p) => ['port', p])).toString()}`,
  };
  return {
    host: address,
    port: node.status.daemonEndpoints?.kubeletEndpoint?.Port ?? DEFAULT_KUBELET_PORT,
    path: paths[subresource]!,
  };
}

function containerOf(pod: Pod, wanted: string, subresource: string): string {
  const { containers, initContainers = [], ephemeralContainers = [] } = pod.spec;
  const all = [...containers, ...initContainers, ...ephemeralContainers].map((c) => c.name);
  const { name } = pod.metadata;
  if (wanted !== '') {
    if (!all.includes(wanted)) throw badRequest(`container ${wanted} is not valid for pod ${name}`);
    return wanted;
  }
  if (containers.length === 1) return containers[0]!.name;
  const byDefault = pod.metadata.annotations?.[DEFAULT_CONTAINER];
  if (byDefault !== undefined && all.includes(byDefault)) return byDefault;
  const init =
    initContainers.length > 0 && subresource === 'log'
      ? ` or one of the init containers: [${initContainers.map((c) => c.name).join(' ')}]`
      : '';
  throw badRequest(
    `a container name must be specified for pod ${name}, choose one of: [${containers.map((c) => c.name).join(' ')}]${init}`,
  );
}

const LOG_PARAMETERS = [
  'follow',
  'previous',
  'timestamps',
  'sinceSeconds',
  'sinceTime',
  'tailLines',
  'limitBytes',
  'stream',
];

function logQuery(query: URLSearchParams): URLSearchParams {
  const out = new URLSearchParams();
  for (const name of LOG_PARAMETERS) {
    const value = query.get(name);
    if (value !== null) out.set(name, value);
  }
  return out;
}

/** The kubelet has names of its own for which streams are wanted. Source: remotecommandserver.NewOptions v1.36. */
function execQuery(query: URLSearchParams): URLSearchParams {
  const out = new URLSearchParams();
  const streams = { stdin: 'input', stdout: 'output', stderr: 'error', tty: 'tty' };
  for (const [from, to] of Object.entries(streams)) if (isTrue(query.get(from))) out.set(to, '1');
  for (const command of query.getAll('command')) out.append('command', command);
  return out;
}
