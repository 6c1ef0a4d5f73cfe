import {
  Namespace,
  Service,
  StatusError,
  type Transport,
  type Draft,
  type Kind,
  type KubeObject,
  PriorityClass,
  SYSTEM_PRIORITIES,
} from '#api';
import { defaultPolicy, installerPolicy } from './authz/policy/policy.ts';
import { reconcilePolicy } from './authz/rbac/reconcile.ts';
import type { StartStep } from './health/health.ts';
import type { ServerEndpoints } from './services/endpoints.ts';
import { type Clock, type Logger, sleep } from '#util';

/** Source: the system namespaces controller, pkg/controlplane/controller/systemnamespaces v1.36. */
const SYSTEM_NAMESPACES = ['kube-system', 'kube-public', 'kube-node-lease', 'default'];

export interface BootstrapOptions {
  /** Of this server and those it shares the datastore with. */
  readonly endpoints: ServerEndpoints;
  readonly port: number;
  /** First address of the service range. */
  readonly kubernetesServiceIp: string;
}

/** Source: pkg/controlplane, the endpoint reconciler's interval v1.36, at which the Service is looked at, too. */
const INTERVAL_MS = 10_000;
/** Questions, each of which goes to the datastore, until another server has made an object whose address it already has. */
const ATTEMPTS = 500;

export interface KeepOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** Does {@link bootstrap} again and again: what it made comes back when somebody deletes it. Resolves once `signal` has aborted. */
export async function keepBootstrapped(
  transport: Transport,
  options: BootstrapOptions,
  { clock, log, signal }: KeepOptions,
): Promise<void> {
  while (!signal.aborted) {
    await sleep(clock, INTERVAL_MS, { signal }).catch(() => undefined); // rejects when told to end
    if (signal.aborted) return;
    await makeObjects(transport, options, { isStart: false }).catch((error: unknown) =>
      log.warn('Bootstrap objects are not kept', { error }),
    );
  }
}

/** What every cluster has from the start: system namespaces, and the `kubernetes` Service with this server behind it. Done again at each start; `done` hears of each step. */
export const bootstrap = (
  transport: Transport,
  options: BootstrapOptions,
  done?: (step: StartStep) => void,
): Promise<void> => makeObjects(transport, options, { isStart: true, done });

/** Ports are put right at the start only, as upstream does. */
async function makeObjects(
  transport: Transport,
  options: BootstrapOptions,
  { isStart, done }: { isStart: boolean; done?: ((step: StartStep) => void) | undefined },
): Promise<void> {
  for (const name of SYSTEM_NAMESPACES) await ensure(transport, Namespace, '', { metadata: { name }, spec: {} });
  done?.('start-system-namespaces-controller');
  for (const [name, value] of Object.entries(SYSTEM_PRIORITIES))
    await ensure(transport, PriorityClass, '', { metadata: { name }, value });
  done?.('scheduling/bootstrap-system-priority-classes');
  const service = ensure(transport, Service, 'default', kubernetesService(options));
  // Whoever was killed between the address and the Service left the address, which is found after a minute: no reason not to serve until then.
  await (isStart ? service.catch(unlessTaken) : service);
  await options.endpoints.reconcile(isStart);
  done?.('bootstrap-controller');
}

function unlessTaken(error: unknown): void {
  const isTaken = StatusError.is(error, 'Invalid') && error.message.endsWith('provided IP is already allocated');
  if (!isTaken) throw error;
}

/** Roles and bindings every cluster has, at each start. Source: PostStartHook of pkg/registry/rbac/rest/storage_rbac.go v1.36. */
export async function bootstrapRoles(transport: Transport): Promise<void> {
  for (const name of SYSTEM_NAMESPACES) await ensure(transport, Namespace, '', { metadata: { name }, spec: {} });
  await reconcilePolicy(transport, defaultPolicy);
  await reconcilePolicy(transport, installerPolicy);
}

/** Creates what is missing; leaves alone what is there. */
async function ensure<T extends KubeObject>(
  transport: Transport,
  kind: Kind<T>,
  namespace: string,
  body: Draft<T>,
): Promise<void> {
  const isThere = async (): Promise<boolean> => {
    try {
      await transport.request({ verb: 'get', kind, namespace, name: body.metadata.name });
      return true;
    } catch (error) {
      if (!StatusError.is(error, 'NotFound')) throw error;
      return false;
    }
  };
  // Asked first: creating the Service again would fail by its address, which it holds itself, and not by its name.
  if (await isThere()) return;
  try {
    await transport.request({ verb: 'create', kind, namespace, body });
  } catch (error) {
    // Another server that shares the datastore has just made it; or has made so far what a Service needs, and the Service follows.
    if (!(error instanceof StatusError)) throw error;
    const attempts = StatusError.is(error, 'Invalid') ? ATTEMPTS : 1;
    for (let attempt = 0; attempt < attempts; attempt++) if (await isThere()) return;
    throw error;
  }
}

const LABELS = { component: 'apiserver', provider: 'kubernetes' };

/** Source: pkg/controlplane/controller/kubernetesservice v1.36. */
const kubernetesService = ({ kubernetesServiceIp, port }: BootstrapOptions): Draft<Service> => ({
  metadata: { name: 'kubernetes', namespace: 'default', labels: LABELS },
  spec: {
    clusterIP: kubernetesServiceIp,
    type: 'ClusterIP',
    ipFamilyPolicy: 'SingleStack',
    sessionAffinity: 'None',
    ports: [{ name: 'https', protocol: 'TCP', port: 443, targetPort: port }],
  },
});
