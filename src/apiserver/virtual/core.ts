/** Kinds of the core group that are answered from what is there: bindings of pods and the state of components. */
import {
  badRequest,
  Binding,
  ComponentStatus,
  isPathSegmentName,
  type KubeObject,
  matchFields,
  parseFieldSelector,
  parseLabelSelector,
  Pod,
} from '#api';
import { messageOf } from '#util';
import type { HealthCheck } from '../health/health.ts';
import { bindPod, checkBinding } from '../handlers/special.ts';
import type { VerbEnvironment } from '../handlers/options.ts';
import type { VirtualResource } from './virtual.ts';

/** `components`: by name, what tells whether one is well. */
export const coreKinds = (
  env: VerbEnvironment,
  components: ReadonlyMap<string, HealthCheck>,
): readonly VirtualResource[] => [bindings(env), componentStatuses(env, components)];

/** Source: LegacyBindingREST of pkg/registry/core/pod/storage v1.36: the binding's own name is the pod's. */
const bindings = (env: VerbEnvironment): VirtualResource => ({
  kind: Binding,
  async create(object, call) {
    const name = podNameOf(object as Binding);
    // Written out: a call may be of a class, whose getters a spread would lose.
    const { verb, namespace, user, userAgent, signal, query, warn, load, patchType } = call;
    const own = { verb, namespace, user, userAgent, signal, query, warn, load, patchType };
    return await bindPod(env, {
      ...own,
      resource: env.resource(Pod),
      subresource: 'binding',
      name,
      body: async () => object,
      patch: () => call.patch(),
      configuration: () => call.configuration(),
    });
  },
});

/** The binding is looked at first, then what its name makes of a key. Source: BindingREST.Create, and NamespaceKeyFunc of apiserver pkg/registry/generic/registry/store.go v1.36. */
function podNameOf(binding: Binding): string {
  const name = (binding.metadata as Partial<Binding['metadata']> | undefined)?.name ?? '';
  checkBinding(name, binding);
  if (name === '') throw badRequest('Name parameter required.');
  const invalid = isPathSegmentName(name);
  if (invalid.length > 0) throw badRequest(`Name parameter invalid: ${JSON.stringify(name)}: ${invalid.join(';')}`);
  return name;
}

/** Source: pkg/registry/core/componentstatus/rest.go v1.36. */
function componentStatuses(env: VerbEnvironment, components: ReadonlyMap<string, HealthCheck>): VirtualResource {
  const checks = (): Map<string, HealthCheck> =>
    new Map<string, HealthCheck>([
      ...components,
      ['etcd-0', async () => void (await env.store.range({ key: '/registry/health', countOnly: true }))],
    ]);
  return {
    kind: ComponentStatus,
    get({ name }) {
      const check = checks().get(name);
      return check === undefined ? undefined : statusOf(name, check);
    },
    async list({ query }) {
      const names = [...checks()].toSorted(([a], [b]) => (a < b ? -1 : 1));
      const all = await Promise.all(names.map(([name, check]) => statusOf(name, check)));
      const labels = parseLabelSelector(query('labelSelector') ?? '');
      const selector = parseFieldSelector(query('fieldSelector') ?? '');
      const fields = matchFields(ComponentStatus, selector, (object: ComponentStatus, _field, read) => read(object));
      return all.filter((object) => labels.matches(object.metadata.labels) && fields(object));
    },
  };
}

async function statusOf(name: string, check: HealthCheck): Promise<ComponentStatus> {
  const metadata = { name } as KubeObject['metadata'];
  const conditions = [{ type: 'Healthy', status: 'True', message: 'ok' }];
  const status = { kind: 'ComponentStatus', apiVersion: 'v1', metadata } as const;
  try {
    await check();
  } catch (error) {
    return { ...status, conditions: [{ type: 'Healthy', status: 'False', message: '', error: messageOf(error) }] };
  }
  return { ...status, conditions };
}
