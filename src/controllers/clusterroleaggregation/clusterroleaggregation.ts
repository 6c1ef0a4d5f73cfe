import { apiVersionOf, ClusterRole, labelSelectorAsSelector, type PolicyRule, semanticEqual } from '#api';
import { type Controller, type ControllerContext, mapped } from '#runtime';

const APPLY = 'application/apply-patch+yaml';
const APPLY_OPTIONS = { fieldManager: 'clusterrole-aggregation-controller', force: 'true' };

/** Gives roles that aggregate others the rules of those. Source: pkg/controller/clusterroleaggregation/clusterroleaggregation_controller.go v1.36. */
export function newClusterRoleAggregationController({ client, informers }: ControllerContext): Controller {
  const roles = informers.informer(ClusterRole);
  // Nobody knows which role hangs on which, and there are few: a change of one is looked at by all.
  const aggregating = (): string[] =>
    roles
      .list()
      .filter(({ aggregationRule }) => aggregationRule !== undefined)
      .map(({ metadata }) => metadata.name);

  return {
    name: 'clusterrole-aggregation',
    concurrency: 5, // of its own call of Run
    sources: [mapped(ClusterRole, aggregating)],

    async reconcile(name, { signal }) {
      const role = roles.get(name);
      if (role?.aggregationRule === undefined) return;
      const rules = aggregatedRules(role, roles.list());
      if (semanticEqual(rules, role.rules ?? [])) return;
      const configuration = {
        apiVersion: apiVersionOf(ClusterRole),
        kind: ClusterRole.kind,
        metadata: { name },
        rules,
      };
      await client.patch(ClusterRole, { name }, configuration, { type: APPLY, query: APPLY_OPTIONS, signal });
    },
  };
}

/** Rules of all that the selectors find, selector by selector and in the order of their names, each once. */
function aggregatedRules({ metadata, aggregationRule }: ClusterRole, all: readonly ClusterRole[]): PolicyRule[] {
  const others = all
    .filter((role) => role.metadata.name !== metadata.name)
    .toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  const rules = new Map<string, PolicyRule>();
  for (const selector of aggregationRule?.clusterRoleSelectors ?? []) {
    const { matches } = labelSelectorAsSelector(selector);
    for (const other of others) {
      if (!matches(other.metadata.labels)) continue;
      for (const rule of other.rules ?? []) {
        const key = JSON.stringify(rule);
        if (!rules.has(key)) rules.set(key, rule);
      }
    }
  }
  return [...rules.values()];
}
