import { createHash } from 'node:crypto';
import { apiVersionOf, type Kind } from '#api';
import { compareVersions } from './version-order.ts';

/** Verbs of a kind that has all of them. */
const ALL_VERBS = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'] as const;
const PART_VERBS = ['get', 'patch', 'update'] as const;

const PROXY_VERBS = ['create', 'delete', 'get', 'patch', 'update'] as const;

/** One subresource as discovery lists it. */
export interface Subresource {
  readonly name: string;
  readonly kind: string;
  /** Absent: the group and version of the resource. */
  readonly group?: string;
  readonly version?: string;
  readonly verbs: readonly string[];
}

/** Subresources that are actions, with the kind of their body. Source: storage maps in pkg/registry/core/rest v1.36. */
const ACTION_SUBRESOURCES: Readonly<Record<string, readonly Subresource[]>> = {
  pods: [
    { name: 'attach', kind: 'PodAttachOptions', verbs: ['create', 'get'] },
    { name: 'binding', kind: 'Binding', verbs: ['create'] },
    { name: 'eviction', kind: 'Eviction', group: 'policy', version: 'v1', verbs: ['create'] },
    { name: 'exec', kind: 'PodExecOptions', verbs: ['create', 'get'] },
    { name: 'log', kind: 'Pod', verbs: ['get'] },
    { name: 'portforward', kind: 'PodPortForwardOptions', verbs: ['create', 'get'] },
    { name: 'proxy', kind: 'PodProxyOptions', verbs: PROXY_VERBS },
  ],
  services: [{ name: 'proxy', kind: 'ServiceProxyOptions', verbs: PROXY_VERBS }],
  nodes: [{ name: 'proxy', kind: 'NodeProxyOptions', verbs: PROXY_VERBS }],
  serviceaccounts: [
    { name: 'token', kind: 'TokenRequest', group: 'authentication.k8s.io', version: 'v1', verbs: ['create'] },
  ],
  namespaces: [{ name: 'finalize', kind: 'Namespace', verbs: ['update'] }],
};

/** Asked for with every request of a subresource. */
const knownSubresources = new WeakMap<Kind, readonly Subresource[]>();

export function subresourcesOf(kind: Kind): readonly Subresource[] {
  const known = knownSubresources.get(kind) ?? findSubresources(kind);
  knownSubresources.set(kind, known);
  return known;
}

function findSubresources(kind: Kind): readonly Subresource[] {
  const actions = kind.group === '' ? (ACTION_SUBRESOURCES[kind.plural] ?? []) : [];
  const parts = [...Object.keys(kind.parts ?? {}), ...(kind.status === undefined ? [] : ['status'])].filter(
    (part) => !actions.some(({ name }) => name === part),
  );
  const scale: Subresource[] =
    kind.scale === undefined
      ? []
      : [{ name: 'scale', kind: 'Scale', group: 'autoscaling', version: 'v1', verbs: PART_VERBS }];
  const own = parts.map((name): Subresource => ({ name, kind: kind.kind, verbs: PART_VERBS }));
  return [...actions, ...own, ...scale].toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

export const verbsOf = (kind: Kind): readonly string[] => kind.verbs ?? ALL_VERBS;

/** Verbs of custom resources as upstream lists them, and those that are left while their definition goes. Source: customresource_discovery_controller.go v0.36. */
const CUSTOM_VERBS = ['delete', 'deletecollection', 'get', 'list', 'patch', 'create', 'update', 'watch'];
const TERMINATING_VERBS = ['delete', 'deletecollection', 'get', 'list', 'watch'];

function advertisedVerbs(kind: Kind): readonly string[] {
  if (kind.custom === undefined) return verbsOf(kind);
  return kind.custom.terminating ? TERMINATING_VERBS : CUSTOM_VERBS;
}

const singularOf = (kind: Kind): string => kind.singular ?? kind.kind.toLowerCase();

/** Groups in the order clients prefer them; those of custom resources follow by name. Source: DefaultGenericAPIServicePriorities of pkg/controlplane/apiserver/aggregator.go v1.36. */
const GROUP_ORDER = [
  'apiregistration.k8s.io',
  'apps',
  'events.k8s.io',
  'authentication.k8s.io',
  'authorization.k8s.io',
  'autoscaling',
  'batch',
  'certificates.k8s.io',
  'networking.k8s.io',
  'policy',
  'rbac.authorization.k8s.io',
  'storage.k8s.io',
  'admissionregistration.k8s.io',
  'apiextensions.k8s.io',
  'scheduling.k8s.io',
  'coordination.k8s.io',
  'node.k8s.io',
  'discovery.k8s.io',
  'flowcontrol.apiserver.k8s.io',
  'internal.apiserver.k8s.io',
  'resource.k8s.io',
  'storagemigration.k8s.io',
];

/** Named groups with their versions and kinds; the core group is left out. */
function groupsOf(kinds: readonly Kind[]): { name: string; versions: { version: string; kinds: Kind[] }[] }[] {
  const names = [...new Set(kinds.map((k) => k.group))].filter((g) => g !== '');
  const rank = (group: string): number =>
    (GROUP_ORDER.indexOf(group) + GROUP_ORDER.length + 1) % (GROUP_ORDER.length + 1);
  return names
    .toSorted((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1))
    .map((name) => {
      const own = kinds.filter((k) => k.group === name);
      const builtIn = own.filter((k) => k.custom === undefined).map((k) => k.version);
      const versions = [...new Set([...builtIn, ...own.map((k) => k.version).toSorted(compareVersions)])];
      return {
        name,
        versions: versions.map((version) => ({ version, kinds: own.filter((k) => k.version === version) })),
      };
    });
}

const versionEntry = (group: string, version: string): object => ({
  groupVersion: apiVersionOf({ group, version }),
  version,
});

/** `/apis` in its old form. */
export function apiGroupList(kinds: readonly Kind[]): object {
  return { kind: 'APIGroupList', apiVersion: 'v1', groups: groupsOf(kinds).map((g) => group(g)) };
}

/** `/apis/GROUP`; undefined for a group there is not. */
export function apiGroup(kinds: readonly Kind[], name: string): object | undefined {
  const found = groupsOf(kinds).find((g) => g.name === name);
  return found === undefined ? undefined : { kind: 'APIGroup', apiVersion: 'v1', ...group(found) };
}

const group = ({ name, versions }: ReturnType<typeof groupsOf>[number]): object => ({
  name,
  versions: versions.map(({ version }) => versionEntry(name, version)),
  preferredVersion: versionEntry(name, versions[0]!.version),
});

/** `/api` in its old form. */
export const apiVersions = (serverAddress: string): object => ({
  kind: 'APIVersions',
  versions: ['v1'],
  serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress }],
});

/** `/api/v1` and `/apis/GROUP/VERSION`; undefined for a version there is not. */
export function apiResourceList(kinds: readonly Kind[], groupName: string, version: string): object | undefined {
  const own = kinds.filter((k) => k.group === groupName && k.version === version);
  if (own.length === 0) return undefined;
  const resources = own.flatMap((kind) => [
    {
      name: kind.plural,
      singularName: singularOf(kind),
      namespaced: kind.namespaced,
      kind: kind.kind,
      verbs: advertisedVerbs(kind),
      ...(kind.shortNames === undefined ? {} : { shortNames: kind.shortNames }),
      ...(kind.categories === undefined ? {} : { categories: kind.categories }),
      ...(kind.virtual === true ? {} : { storageVersionHash: storageVersionHash(kind) }),
    },
    ...subresourcesOf(kind).map((sub) => ({
      name: `${kind.plural}/${sub.name}`,
      singularName: '',
      namespaced: kind.namespaced,
      ...(sub.group === undefined ? {} : { group: sub.group, version: sub.version }),
      kind: sub.kind,
      verbs: sub.verbs,
    })),
  ]);
  return {
    kind: 'APIResourceList',
    ...(groupName === '' ? {} : { apiVersion: 'v1' }),
    groupVersion: apiVersionOf({ group: groupName, version }),
    resources: resources.toSorted((a, b) => (a.name < b.name ? -1 : 1)),
  };
}

/** Source: StorageVersionHash of apiserver pkg/endpoints/discovery/storageversionhash.go v0.36. */
function storageVersionHash(kind: Kind): string {
  const { custom, storedAs } = kind;
  const stored = custom === undefined ? (storedAs?.kind ?? kind) : { ...kind, version: custom.storageVersion };
  const text = `${stored.group}/${stored.version}/${stored.kind}`;
  return createHash('sha256').update(text).digest().subarray(0, 8).toString('base64');
}

/** Aggregated discovery, v2: `core` for `/api`, else `/apis`. Source: apidiscovery.k8s.io/v2 types v1.36. */
export function apiGroupDiscoveryList(kinds: readonly Kind[], core: boolean): object {
  const items = core
    ? [discoveryGroup('', [{ version: 'v1', kinds: kinds.filter((k) => k.group === '') }])]
    : groupsOf(kinds).map(({ name, versions }) => discoveryGroup(name, versions));
  return { kind: 'APIGroupDiscoveryList', apiVersion: 'apidiscovery.k8s.io/v2', metadata: {}, items };
}

function discoveryGroup(name: string, versions: readonly { version: string; kinds: readonly Kind[] }[]): object {
  return {
    metadata: name === '' ? {} : { name },
    versions: versions.map(({ version, kinds }) => ({
      version,
      freshness: 'Current',
      resources: kinds.toSorted((a, b) => (a.plural < b.plural ? -1 : 1)).map(discoveryResource),
    })),
  };
}

function discoveryResource(kind: Kind): object {
  const subresources = subresourcesOf(kind);
  // Left empty it is that of the version the resource stands under. Source: ConvertGroupVersionIntoToDiscovery of endpoints/installer.go v1.36.
  const place = kind.custom === undefined ? { group: '', version: '' } : { group: kind.group, version: kind.version };
  return {
    resource: kind.plural,
    responseKind: { ...place, kind: kind.kind },
    scope: kind.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: singularOf(kind),
    verbs: advertisedVerbs(kind),
    ...(kind.shortNames === undefined ? {} : { shortNames: kind.shortNames }),
    ...(kind.categories === undefined ? {} : { categories: kind.categories }),
    ...(subresources.length === 0
      ? {}
      : {
          subresources: subresources.map((sub) => ({
            subresource: sub.name,
            responseKind: { group: sub.group ?? place.group, version: sub.version ?? place.version, kind: sub.kind },
            verbs: sub.verbs,
          })),
        }),
  };
}
