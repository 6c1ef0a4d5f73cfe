import {
  badRequest,
  type FieldError,
  forbiddenField,
  formatTime,
  invalid,
  invalidObject,
  parseTime,
  type Pod,
} from '#api';
import { messageOf } from '#util';
import { parseInteger } from '../handlers/options.ts';
import { isTrue } from '../http/request-info.ts';

/**
 * The kubelet's path for a pod's subresource; undefined for the log of a pod that has no node. `query`: of a log it is what {@link logOptions} made.
 * Source: pkg/registry/core/pod/strategy.go v1.36.
 */
export function kubeletPath(pod: Pod, subresource: string, query: URLSearchParams): string | undefined {
  const { name, namespace } = pod.metadata;
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

/** A time that is left empty. Source: time.Time of Go. */
const ZERO_TIME = '0001-01-01T00:00:00Z';
const LOG_NUMBERS = ['sinceSeconds', 'tailLines', 'limitBytes'] as const;

/**
 * What a client asks of a log, as it is told to the kubelet; with `container`, if it names one. Looked at before the pod is.
 * Source: Convert_url_Values_To_v1_PodLogOptions of pkg/apis/core/v1 and ValidatePodLogOptions of pkg/apis/core/validation v1.36.
 */
export function logOptions(name: string, query: URLSearchParams): URLSearchParams {
  const out = new URLSearchParams();
  const numbers = new Map<string, bigint>();
  const readNumber = (option: string): void => {
    const text = query.get(option);
    if (text === null) return;
    const value = parseInteger(text);
    numbers.set(option, value);
    out.set(option, String(value));
  };
  for (const flag of LOG_FLAGS) if (isTrue(query.get(flag))) out.set(flag, 'true');
  readNumber('sinceSeconds');
  const since = query.get('sinceTime');
  if (since !== null) out.set('sinceTime', sinceTime(since));
  readNumber('tailLines');
  readNumber('limitBytes');
  const [sinceSeconds, tailLines, limitBytes] = LOG_NUMBERS.map((option) => numbers.get(option));
  const errors: FieldError[] = [];
  if (tailLines !== undefined && tailLines < 0n)
    errors.push(invalid('tailLines', Number(tailLines), 'must be greater than or equal to 0'));
  if (limitBytes !== undefined && limitBytes < 1n)
    errors.push(invalid('limitBytes', Number(limitBytes), 'must be greater than 0'));
  // A path without a name is shown so.
  if (sinceSeconds !== undefined && since !== null)
    errors.push(forbiddenField('[]', 'at most one of `sinceTime` or `sinceSeconds` may be specified'));
  else if (sinceSeconds !== undefined && sinceSeconds < 1n)
    errors.push(invalid('sinceSeconds', Number(sinceSeconds), 'must be greater than 0'));
  // PodLogsQuerySplitStreams is off in v1.36.
  if (query.has('stream')) errors.push(forbiddenField('stream', 'may not be specified'));
  if (errors.length > 0) throw invalidObject({ group: '', kind: 'PodLogOptions' }, name, errors);
  const container = query.get('container') ?? '';
  if (container !== '') out.set('container', container);
  return out;
}

/** In whole seconds. Source: UnmarshalQueryParameter of meta/v1 Time v0.36. */
function sinceTime(text: string): string {
  if (text === '' || text === 'null') return ZERO_TIME;
  try {
    return formatTime(parseTime(text).seconds * 1000);
  } catch (error) {
    throw badRequest(messageOf(error));
  }
}

const LOG_FLAGS = ['follow', 'previous', 'timestamps'];

function logQuery(options: URLSearchParams): URLSearchParams {
  const out = new URLSearchParams(options);
  out.delete('container');
  out.sort();
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
