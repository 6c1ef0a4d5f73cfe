/** Objects that are valid: what mutations start from. */
import { allKinds, apiVersionOf, type Kind } from '#api';
import { MINIMAL } from '../../../../src/apiserver/testdata/minimal.ts';
import type { Json } from '../mutate/json.ts';
import { ACCESS } from './access.ts';
import { RULED, THING_OBJECT } from './definitions.ts';
import { WORKLOADS } from './workloads.ts';

export interface Seed {
  readonly kind: Kind;
  readonly object: { [key: string]: Json };
}

export const NAMESPACES = ['default', 'kube-system', 'fuzz'];
export const NAMES = ['a', 'web', 'c'];

const RICH: Readonly<Record<string, readonly { [key: string]: Json }[]>> = { ...WORKLOADS, ...ACCESS, ...RULED };

function seedsOf(kind: Kind): Seed[] {
  const key = `${kind.kind}.${kind.group}`;
  // Of definitions only those of the kind below.
  const least = kind.plural === 'customresourcedefinitions' ? [] : [MINIMAL[key] ?? {}];
  return [...least, ...(RICH[key] ?? [])].map((own) => ({
    kind,
    object: structuredClone({ apiVersion: apiVersionOf(kind), kind: kind.kind, ...own }) as Seed['object'],
  }));
}

/** A kind by its path only: what a definition in the corpus makes. */
const things = ['v1', 'v2'].map((version): Seed => {
  const kind = { group: 'fuzz.example.com', version, kind: 'Thing', plural: 'things', namespaced: true } as Kind;
  return { kind, object: { apiVersion: `fuzz.example.com/${version}`, ...THING_OBJECT } };
});

export const SEEDS: readonly Seed[] = [...allKinds.flatMap(seedsOf), ...things];

/** What people use most, and what has most in it. */
const OFTEN = new Set([
  'Pod',
  'Deployment',
  'Service',
  'ConfigMap',
  'CustomResourceDefinition',
  'ValidatingAdmissionPolicy',
  'MutatingAdmissionPolicy',
  'Thing',
  'ClusterRole',
  'ClusterRoleBinding',
]);
const byKind = [...Map.groupBy(SEEDS, ({ kind }) => kind).values()];

/** Seeds in their share of requests: each kind the same, whatever there is of it, but for some. */
export const WEIGHTED: readonly (readonly Seed[])[] = byKind.flatMap((seeds) =>
  Array.from({ length: OFTEN.has(seeds[0]!.kind.kind) ? 5 : 1 }, () => seeds),
);
