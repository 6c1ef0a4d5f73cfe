/** The paths of the kubelet's HTTPS interface and what permission each takes. */
import { HttpError } from './http-error.ts';

export type Route =
  | { readonly kind: 'healthz' | 'pods' | 'runningpods' | 'statsSummary' | 'resourceMetrics' }
  | ContainerRoute<'containerLogs'>
  | ContainerRoute<'exec'>
  | ContainerRoute<'attach'>
  | ContainerRoute<'run'>
  | PodRoute<'portForward'>;

interface PodRoute<Kind extends string> {
  readonly kind: Kind;
  readonly namespace: string;
  readonly pod: string;
  /** Given by some callers: the pod must be this one, not a later one of the same name. */
  readonly uid: string | undefined;
}

interface ContainerRoute<Kind extends string> extends PodRoute<Kind> {
  readonly container: string;
}

export type RouteKind = Route['kind'];

const METHODS: Record<RouteKind, readonly string[]> = {
  healthz: ['GET', 'HEAD'],
  pods: ['GET'],
  runningpods: ['GET'],
  statsSummary: ['GET', 'POST'],
  resourceMetrics: ['GET', 'HEAD'],
  containerLogs: ['GET'],
  exec: ['GET', 'POST'],
  attach: ['GET', 'POST'],
  run: ['POST'],
  portForward: ['GET', 'POST'],
};

/** Throws an HttpError for a path or method the kubelet does not serve (pkg/kubelet/server/server.go v1.36). */
export function parseRoute(method: string, pathname: string): Route {
  const route = routeOf(pathname);
  if (route === undefined) throw new HttpError(404, '404: Page Not Found');
  if (!METHODS[route.kind].includes(method)) throw new HttpError(405, 'Method Not Allowed');
  return route;
}

function routeOf(pathname: string): Route | undefined {
  const [first = '', ...rest] = segments(pathname);
  switch (first) {
    case 'healthz':
      return rest.length === 0 || ['ping', 'log', 'syncloop'].includes(rest.join('/'))
        ? { kind: 'healthz' }
        : undefined;
    case 'pods':
    case 'runningpods':
      return rest.length === 0 ? { kind: first } : undefined;
    case 'stats':
      return rest.join('/') === 'summary' ? { kind: 'statsSummary' } : undefined;
    case 'metrics':
      return rest.join('/') === 'resource' ? { kind: 'resourceMetrics' } : undefined;
    case 'containerLogs':
      return rest.length === 3 ? containerRoute(first, rest) : undefined;
    case 'exec':
      return containerRoute(first, rest);
    case 'attach':
      return containerRoute(first, rest);
    case 'run':
      return containerRoute(first, rest);
    case 'portForward': {
      const [namespace, pod, uid] = rest;
      if (namespace === undefined || pod === undefined || rest.length > 3) return undefined;
      return { kind: first, namespace, pod, uid };
    }
    default:
      return undefined;
  }
}

/** `ns/pod/container` or `ns/pod/uid/container`. */
function containerRoute<Kind extends string>(kind: Kind, rest: readonly string[]): ContainerRoute<Kind> | undefined {
  const [namespace, pod, third, fourth] = rest;
  if (namespace === undefined || pod === undefined || third === undefined || rest.length > 4) return undefined;
  return fourth === undefined
    ? { kind, namespace, pod, uid: undefined, container: third }
    : { kind, namespace, pod, uid: third, container: fourth };
}

function segments(pathname: string): string[] {
  try {
    const parts = pathname.replace(/\/$/, '').split('/').slice(1).map(decodeURIComponent);
    return parts.every((part) => part !== '') ? parts : [];
  } catch {
    throw new HttpError(400, 'Bad Request'); // broken percent-encoding
  }
}

/** Who asks, from the client's certificate: common name and organisations of the subject. */
export interface KubeletUser {
  name: string;
  groups: readonly string[];
}

/** One question to the authoriser: may `user` do `verb` on the resource `nodes/<subresource>` of this node? */
export interface KubeletAccess {
  user: KubeletUser;
  verb: 'get' | 'create' | 'update' | 'patch' | 'delete';
  subresource: 'proxy' | 'pods' | 'healthz' | 'stats' | 'metrics';
}

const VERBS: Readonly<Record<string, KubeletAccess['verb']>> = {
  POST: 'create',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
};

/** In order of preference; one is enough (pkg/kubelet/server/auth.go v1.36, with fine-grained authorisation). */
export function accessesOf(user: KubeletUser, method: string, route: Route): KubeletAccess[] {
  const verb = VERBS[method] ?? 'get';
  return subresources(route.kind).map((subresource) => ({ user, verb, subresource }));
}

function subresources(kind: RouteKind): KubeletAccess['subresource'][] {
  switch (kind) {
    case 'healthz':
      return ['healthz', 'proxy'];
    case 'pods':
    case 'runningpods':
      return ['pods', 'proxy'];
    case 'statsSummary':
      return ['stats'];
    case 'resourceMetrics':
      return ['metrics'];
    case 'containerLogs':
    case 'exec':
    case 'attach':
    case 'run':
    case 'portForward':
      return ['proxy'];
  }
}
