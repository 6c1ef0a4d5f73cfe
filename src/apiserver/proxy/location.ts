import { badRequest, type FieldError, forbiddenField, invalid, invalidObject, type Pod } from '#api';
import { integerQuery } from '../handlers/options.ts';
import { isTrue } from '../http/request-info.ts';

/** The kubelet's path for a pod's subresource; undefined for the log of a pod that has no node. Source: pkg/registry/core/pod/strategy.go v1.36. */
export function kubeletPath(pod: Pod, subresource: string, query: URLSearchParams): string | undefined {
  const { name, namespace } = pod.metadata;
  if (subresource === 'log') checkLogOptions(name, query);
  const container = subresource === 'portforward' ? '' : containerOf(pod, query.get('container') ?? '');
  if ((pod.spec.nodeName ?? '') === '') {
    if (subresource === 'log') return undefined;
    throw badRequest(`pod ${name} does not have a host assigned`);
  }
  const own = `${namespace}/${name}`;
  switch (subresource) {
    case 'log':
      return withQuery(`/containerLogs/${own}/${container}`, logQuery(query));
    case 'portforward':
      return withQuery(`/portForward/${own}`, portQuery(query));
    default:
      return withQuery(`/${subresource}/${own}/${container}`, execQuery(query));
  }
}

const withQuery = (path: string, query: URLSearchParams): string =>
  query.size === 0 ? path : `${path}?${query.toString()}`;

/** Source: validateContainer, as above: a name of any of them, which need not be given where there is but one. */
function containerOf(pod: Pod, wanted: string): string {
  const { containers, initContainers = [], ephemeralContainers = [] } = pod.spec;
  const all = [...initContainers, ...containers, ...ephemeralContainers].map((c) => c.name);
  const { name } = pod.metadata;
  if (wanted !== '') {
    if (!all.includes(wanted)) throw badRequest(`container ${wanted} is not valid for pod ${name}`);
    return wanted;
  }
  if (containers.length === 1) return containers[0]!.name;
  throw badRequest(`a container name must be specified for pod ${name}, choose one of: [${all.join(' ')}]`);
}

/** Source: ValidatePodLogOptions of pkg/apis/core/validation v1.36. */
function checkLogOptions(name: string, query: URLSearchParams): void {
  const number = (option: string): number | undefined =>
    query.has(option) ? integerQuery((key) => query.get(key) ?? undefined, option) : undefined;
  const [tailLines, limitBytes, sinceSeconds] = [number('tailLines'), number('limitBytes'), number('sinceSeconds')];
  const errors: FieldError[] = [];
  if (tailLines !== undefined && tailLines < 0)
    errors.push(invalid('tailLines', tailLines, 'must be greater than or equal to 0'));
  if (limitBytes !== undefined && limitBytes < 1)
    errors.push(invalid('limitBytes', limitBytes, 'must be greater than 0'));
  if (sinceSeconds !== undefined && (query.get('sinceTime') ?? '') !== '')
    errors.push(forbiddenField('', 'at most one of `sinceTime` or `sinceSeconds` may be specified'));
  else if (sinceSeconds !== undefined && sinceSeconds < 1)
    errors.push(invalid('sinceSeconds', sinceSeconds, 'must be greater than 0'));
  // PodLogsQuerySplitStreams is off in v1.36.
  if ((query.get('stream') ?? '') !== '') errors.push(forbiddenField('stream', 'may not be specified'));
  if (errors.length > 0) throw invalidObject({ group: '', kind: 'PodLogOptions' }, name, errors);
}

const LOG_FLAGS = ['follow', 'previous', 'timestamps'];
const LOG_VALUES = ['sinceSeconds', 'sinceTime', 'tailLines', 'limitBytes'];

function logQuery(query: URLSearchParams): URLSearchParams {
  const out = new URLSearchParams();
  for (const name of LOG_FLAGS) if (isTrue(query.get(name))) out.set(name, 'true');
  for (const name of LOG_VALUES) {
    const value = query.get(name);
    if (value !== null && value !== '') out.set(name, value);
  }
  return out;
}

/** The kubelet has names of its own for which streams are wanted. Source: streamParams, as above. */
function execQuery(query: URLSearchParams): URLSearchParams {
  const out = new URLSearchParams();
  const streams = { stdin: 'input', stdout: 'output', stderr: 'error', tty: 'tty' };
  for (const [from, to] of Object.entries(streams)) if (isTrue(query.get(from))) out.set(to, '1');
  for (const command of query.getAll('command')) out.append('command', command);
  return out;
}

const portQuery = (query: URLSearchParams): URLSearchParams => {
  const ports = query.getAll('ports');
  return new URLSearchParams(ports.length === 0 ? [] : [['port', ports.join(',')]]);
};
