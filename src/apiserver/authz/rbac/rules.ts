/** What rules of RBAC allow, and what of some rules others cover. Source: pkg/apis/rbac/v1/evaluation_helpers.go v1.36. */
import type { PolicyRule } from '#api';
import type { AuthorizationAttributes } from '../authz.ts';

const NONE: ReadonlySet<string> = new Set();

/** A rule as sets, so that a question costs a few look-ups. */
export interface CompiledRule {
  readonly verbs: ReadonlySet<string>;
  readonly groups: ReadonlySet<string>;
  readonly resources: ReadonlySet<string>;
  /** Undefined: all names. */
  readonly names: ReadonlySet<string> | undefined;
  readonly urls: ReadonlySet<string>;
  /** Beginnings of paths: what stood before `*`. */
  readonly urlPrefixes: readonly string[];
}

const setOf = (list: readonly string[] | undefined): ReadonlySet<string> =>
  list === undefined || list.length === 0 ? NONE : new Set(list);

export function compileRule(rule: PolicyRule): CompiledRule {
  const { verbs, apiGroups, resources, resourceNames = [], nonResourceURLs = [] } = rule;
  return {
    verbs: setOf(verbs),
    groups: setOf(apiGroups),
    resources: setOf(resources),
    names: resourceNames.length === 0 ? undefined : new Set(resourceNames),
    urls: setOf(nonResourceURLs),
    urlPrefixes: nonResourceURLs.filter((url) => url.endsWith('*')).map((url) => url.replace(/\*+$/, '')),
  };
}

/** Whether a set has the word or the star. */
const allows = (set: ReadonlySet<string>, word: string): boolean => set.has(word) || set.has('*');

/** `named`: but for the name, it would allow it; so the answer for another name may differ. */
export type RuleVerdict = 'allowed' | 'named' | 'silent';

/** What a rule says of a request. */
export function ruleVerdict(rule: CompiledRule, a: AuthorizationAttributes): RuleVerdict {
  if (!allows(rule.verbs, a.verb)) return 'silent';
  if (!a.isResourceRequest) {
    const found = allows(rule.urls, a.path) || rule.urlPrefixes.some((prefix) => a.path.startsWith(prefix));
    return found ? 'allowed' : 'silent';
  }
  if (!allows(rule.groups, a.group) || !matchesResource(rule.resources, a)) return 'silent';
  if (rule.names === undefined) return 'allowed';
  return rule.names.has(a.name) ? 'allowed' : 'named';
}

/** `pods`, `pods/log`, and `* /scale` (without the space) for that subresource of everything. */
function matchesResource(resources: ReadonlySet<string>, { resource, subresource }: AuthorizationAttributes): boolean {
  if (resources.has('*')) return true;
  if (subresource === '') return resources.has(resource);
  return resources.has(`${resource}/${subresource}`) || resources.has(`*/${subresource}`);
}

/** Rules of one verb, resource and name each that say the same. Source: BreakdownRule of component-helpers auth/rbac/validation v0.36. */
function breakdown({
  verbs = [],
  apiGroups = [],
  resources = [],
  resourceNames = [],
  nonResourceURLs = [],
}: Partial<PolicyRule>): PolicyRule[] {
  const names = resourceNames.length === 0 ? [undefined] : resourceNames;
  const own: PolicyRule[] = [];
  for (const apiGroup of apiGroups)
    for (const resource of resources)
      for (const verb of verbs)
        for (const name of names)
          own.push({
            apiGroups: [apiGroup],
            resources: [resource],
            verbs: [verb],
            ...(name === undefined ? {} : { resourceNames: [name] }),
          });
  for (const url of nonResourceURLs) for (const verb of verbs) own.push({ nonResourceURLs: [url], verbs: [verb] });
  return own;
}

/** Parts of `wanted` that nothing of `owned` covers. Source: Covers, same file. */
export function uncovered(owned: readonly PolicyRule[], wanted: readonly PolicyRule[]): PolicyRule[] {
  const compiled = owned.map(compileRule);
  return wanted.flatMap(breakdown).filter((part) => !compiled.some((rule) => covers(rule, part)));
}

function covers(owner: CompiledRule, part: PolicyRule): boolean {
  if (!allows(owner.verbs, part.verbs[0]!)) return false;
  const url = part.nonResourceURLs?.[0];
  if (url !== undefined) return owner.urls.has(url) || owner.urlPrefixes.some((prefix) => url.startsWith(prefix));
  if (!allows(owner.groups, part.apiGroups![0]!) || !coversResource(owner.resources, part.resources![0]!)) return false;
  const name = part.resourceNames?.[0];
  return owner.names === undefined || (name !== undefined && owner.names.has(name));
}

function coversResource(resources: ReadonlySet<string>, resource: string): boolean {
  if (allows(resources, resource)) return true;
  const slash = resource.indexOf('/');
  return slash >= 0 && resources.has(`*/${resource.slice(slash + 1)}`);
}

/** Rules of one group and resource that differ by nothing but verbs become one. Source: pkg/registry/rbac/validation/policy_compact.go v1.36. */
export function compact(rules: readonly PolicyRule[]): PolicyRule[] {
  const simple = new Map<string, PolicyRule>();
  const others: PolicyRule[] = [];
  for (const rule of rules) {
    const { apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [], verbs } = rule;
    if (resourceNames.length > 0 || nonResourceURLs.length > 0 || apiGroups.length !== 1 || resources.length !== 1) {
      others.push(rule);
      continue;
    }
    const key = `${apiGroups[0]}/${resources[0]}`;
    const known = simple.get(key);
    simple.set(key, known === undefined ? rule : { ...known, verbs: [...known.verbs, ...verbs] });
  }
  return [...others, ...simple.values()];
}

/** `{APIGroups:["apps"], Resources:["deployments"], Verbs:["get"]}`. Source: CompactString of evaluation_helpers.go v1.36. */
export function ruleText({ apiGroups, resources, nonResourceURLs, resourceNames, verbs }: PolicyRule): string {
  const parts: string[] = [];
  const part = (name: string, list: readonly string[] = []): void => {
    if (list.length > 0) parts.push(`${name}:${listText(list)}`);
  };
  part('APIGroups', apiGroups);
  part('Resources', resources);
  part('NonResourceURLs', nonResourceURLs);
  part('ResourceNames', resourceNames);
  part('Verbs', verbs);
  return `{${parts.join(', ')}}`;
}

/** As Go's %q prints a list of texts. */
export const listText = (list: readonly string[]): string => `[${list.map((s) => JSON.stringify(s)).join(' ')}]`;
