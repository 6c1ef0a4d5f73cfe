/** What is measured: requests of one sort each. */
import { configMapOf, appOf, nodeOf, podName, podOf, statusOf } from './objects.ts';
import type { Request } from './load.ts';

export interface Round {
  readonly name: string;
  /** Requests under way together. Default 64. */
  readonly atOnce?: number;
  /** The next request; `answer` names an answer of the same size for the bare server. */
  readonly next: () => Request & { readonly answer: string };
  /** A request whose answer is that answer. */
  readonly sample: Request;
}

export const NAMESPACE = '/api/v1/namespaces/default';
const PODS = `${NAMESPACE}/pods`;
export const JSON_TYPE = { 'content-type': 'application/json' };
const MANAGER = '?fieldManager=bench';
const APPLY_TYPE = { 'content-type': 'application/apply-patch+yaml' };
const TABLE = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json' };
const LIMIT = 500;

const jsonOf = (object: object): Buffer => Buffer.from(JSON.stringify(object));

function reads(pods: number): Round[] {
  let get = 0;
  let page = 0;
  const get1 = (path: string, headers = {}): Request => ({ method: 'GET', path, headers });
  const list = (name: string, answer: string, path: string, headers = {}): Round => ({
    name,
    atOnce: 4,
    sample: get1(path, headers),
    next: () => ({ ...get1(path, headers), answer }),
  });
  return [
    {
      name: 'GET pod',
      sample: get1(`${PODS}/${podName(0)}`),
      next: () => ({ ...get1(`${PODS}/${podName((get += 7919) % pods)}`), answer: 'pod' }),
    },
    list('LIST by label (1 %)', 'label', `${PODS}?labelSelector=app%3D${appOf(7)}`),
    list('LIST by node (0.1 %)', 'node', `${PODS}?fieldSelector=spec.nodeName%3D${nodeOf(7)}`),
    list(`LIST of ${LIMIT}`, 'page', `${PODS}?limit=${LIMIT}`),
    {
      // As a pager asks for its second page on: of the past, from somewhere.
      name: `LIST of ${LIMIT}, continued`,
      atOnce: 4,
      sample: get1(`${PODS}?limit=${LIMIT}`),
      next: () => {
        const start = podName((page += LIMIT) % pods);
        const token = jsonOf({ v: 'meta.k8s.io/v1', rv: -1, start: `default/${start}\0` }).toString('base64url');
        return { ...get1(`${PODS}?limit=${LIMIT}&continue=${token}`), answer: 'page' };
      },
    },
    list(`LIST of ${LIMIT} as Table`, 'table-page', `${PODS}?limit=${LIMIT}`, TABLE),
    list('LIST of all', 'all', PODS),
    list('LIST of all as Table', 'table', PODS, TABLE),
  ];
}

function writes(pods: number): Round[] {
  let made = 0;
  let put = 0;
  let applied = 0;
  const seed = Date.now() % 1e6;
  const sample: Request = { method: 'GET', path: `${PODS}/${podName(0)}` };
  const small: Request = { method: 'GET', path: `${NAMESPACE}/serviceaccounts/default` };
  return [
    {
      name: 'POST configmap',
      sample: small,
      next: () => ({
        method: 'POST',
        path: `${NAMESPACE}/configmaps${MANAGER}`,
        headers: JSON_TYPE,
        body: jsonOf(configMapOf(`c${seed}-${made++}`, 'x')),
        answer: 'configmap',
      }),
    },
    {
      name: 'POST pod',
      sample,
      next: () => {
        const pod = podOf(0);
        const body = jsonOf({ ...pod, metadata: { ...pod.metadata, name: `made-${seed}-${made++}` } });
        return { method: 'POST', path: `${PODS}${MANAGER}`, headers: JSON_TYPE, body, answer: 'pod' };
      },
    },
    {
      name: 'PUT pod status',
      sample,
      next: () => {
        const i = (put += 7919) % pods;
        const body = jsonOf({ ...podOf(i), status: statusOf(put) });
        return {
          method: 'PUT',
          path: `${PODS}/${podName(i)}/status${MANAGER}`,
          headers: JSON_TYPE,
          body,
          answer: 'pod',
        };
      },
    },
    {
      name: 'server-side apply of a configmap',
      sample: small,
      next: () => ({
        method: 'PATCH',
        path: `${NAMESPACE}/configmaps/applied-${applied % 500}?fieldManager=bench&force=true`,
        headers: APPLY_TYPE,
        body: jsonOf(configMapOf(`applied-${applied % 500}`, String(applied++))),
        answer: 'configmap',
      }),
    },
  ];
}

export const rounds = (pods: number): Round[] => [...reads(pods), ...writes(pods)];
