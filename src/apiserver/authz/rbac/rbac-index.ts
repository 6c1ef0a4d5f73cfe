import type { ClusterRole, ClusterRoleBinding, KubeObject, PolicyRule, Role, RoleBinding } from '#api';
import type { Resource } from '../../registry/resource.ts';
import type { Entry } from '../../watchcache/entry.ts';
import { type CompiledRule, compileRule } from './rules.ts';
import { subjectKey } from './subjects.ts';

export interface CompiledRole {
  readonly rules: readonly PolicyRule[];
  readonly compiled: readonly CompiledRule[];
}

export interface CompiledBinding {
  readonly binding: RoleBinding | ClusterRoleBinding;
  /** '' for one of the whole cluster. */
  readonly namespace: string;
  /** Place among all bindings of its kind: upstream goes through them in turn. */
  position: number;
  /** Key of each subject, in their order. */
  readonly keys: readonly (string | undefined)[];
}

export interface RbacResources {
  readonly roles: Resource;
  readonly roleBindings: Resource;
  readonly clusterRoles: Resource;
  readonly clusterRoleBindings: Resource;
}

interface Mirrored<T> {
  readonly entry: Entry;
  readonly item: T;
}

/** What a cache holds in another form, made anew only for what has changed since. */
class Mirror<T> {
  readonly #resource: Resource;
  readonly #compile: (object: KubeObject) => T;
  #version = -1;
  #items = new Map<string, Mirrored<T>>();

  constructor(resource: Resource, compile: (object: KubeObject) => T) {
    this.#resource = resource;
    this.#compile = compile;
  }

  /** Whether anything was different. Throws while the cache is not to be believed. */
  refresh(): boolean {
    const { cache } = this.#resource;
    if (cache.version === this.#version) return false;
    const entries = cache.list(cache.prefix);
    const items = new Map<string, Mirrored<T>>();
    for (const entry of entries) {
      const known = this.#items.get(entry.key);
      items.set(entry.key, known?.entry === entry ? known : { entry, item: this.#compile(entry.object) });
    }
    this.#items = items;
    this.#version = cache.version;
    return true;
  }

  get(namespace: string, name: string): T | undefined {
    return this.#items.get(this.#resource.key(namespace, name))?.item;
  }

  *all(): Generator<T> {
    for (const { item } of this.#items.values()) yield item;
  }
}

type BySubject = Map<string, CompiledBinding[]>;

/** Roles by name and bindings by subject, as they are in the watch caches now. */
export class RbacIndex {
  readonly #roles: Mirror<CompiledRole>;
  readonly #clusterRoles: Mirror<CompiledRole>;
  readonly #roleBindings: Mirror<CompiledBinding>;
  readonly #clusterRoleBindings: Mirror<CompiledBinding>;
  #clusterWide: BySubject = new Map();
  #byNamespace = new Map<string, BySubject>();
  #generation = 0;

  constructor({ roles, roleBindings, clusterRoles, clusterRoleBindings }: RbacResources) {
    this.#roles = new Mirror(roles, compileRole);
    this.#clusterRoles = new Mirror(clusterRoles, compileRole);
    this.#roleBindings = new Mirror(roleBindings, compileBinding);
    this.#clusterRoleBindings = new Mirror(clusterRoleBindings, compileBinding);
  }

  /** Catches up with the caches. The number returned changes when anything has. */
  refresh(): number {
    const roles = this.#roles.refresh();
    const clusterRoles = this.#clusterRoles.refresh();
    const clusterWide = this.#clusterRoleBindings.refresh();
    const namespaced = this.#roleBindings.refresh();
    if (clusterWide) this.#clusterWide = bySubject(this.#clusterRoleBindings.all());
    if (namespaced) this.#byNamespace = byNamespace(this.#roleBindings.all());
    if (roles || clusterRoles || clusterWide || namespaced) this.#generation++;
    return this.#generation;
  }

  /** Bindings of any of the subjects, in their order; `namespace` '' gives those of the whole cluster. */
  bindings(namespace: string, keys: readonly string[]): readonly CompiledBinding[] {
    const index = namespace === '' ? this.#clusterWide : this.#byNamespace.get(namespace);
    if (index === undefined) return [];
    const found = new Set(keys.flatMap((key) => index.get(key) ?? []));
    return [...found].toSorted((a, b) => a.position - b.position);
  }

  role(kind: string, namespace: string, name: string): CompiledRole | undefined {
    return kind === 'Role' ? this.#roles.get(namespace, name) : this.#clusterRoles.get('', name);
  }
}

function compileRole(object: KubeObject): CompiledRole {
  const { rules = [] } = object as Role | ClusterRole;
  return { rules, compiled: rules.map(compileRule) };
}

function compileBinding(object: KubeObject): CompiledBinding {
  const binding = object as RoleBinding | ClusterRoleBinding;
  const namespace = binding.metadata.namespace ?? '';
  const keys = (binding.subjects ?? []).map((subject) => subjectKey(subject, namespace));
  return { binding, namespace, position: 0, keys };
}

function add(index: BySubject, binding: CompiledBinding): void {
  for (const key of new Set(binding.keys)) {
    if (key === undefined) continue;
    const known = index.get(key);
    if (known === undefined) index.set(key, [binding]);
    else known.push(binding);
  }
}

function bySubject(bindings: Iterable<CompiledBinding>): BySubject {
  const index: BySubject = new Map();
  let position = 0;
  for (const binding of bindings) {
    binding.position = position++;
    add(index, binding);
  }
  return index;
}

function byNamespace(bindings: Iterable<CompiledBinding>): Map<string, BySubject> {
  const indexes = new Map<string, BySubject>();
  let position = 0;
  for (const binding of bindings) {
    binding.position = position++;
    let index = indexes.get(binding.namespace);
    if (index === undefined) indexes.set(binding.namespace, (index = new Map()));
    add(index, binding);
  }
  return indexes;
}
