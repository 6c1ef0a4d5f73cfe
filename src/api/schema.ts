/**
 * The schema of every stable definition, generated from upstream's facts: what decoding, protobuf, patches and OpenAPI are driven by.
 * Read from disk once, at first use (a millisecond, a megabyte), so that what never decodes does not pay for it.
 */
import { readFileSync } from 'node:fs';

/** One field of a definition, as JSON writes it. */
export interface Field {
  /** `T`, `[]T` or `{}T`, where T is a scalar ({@link SCALARS}), a special type ({@link SPECIALS}) or the name of a definition. */
  readonly t: string;
  /** Protobuf field numbers from the message down through embedded messages; mostly one. */
  readonly n: readonly number[];
  /** Required; Go writes it even when it is empty. */
  readonly req?: 1;
  /** List type; absent: atomic. */
  readonly list?: 'set' | 'map';
  /** Keys of a list of type map. */
  readonly keys?: readonly string[];
  /** The whole map is one value to server-side apply. */
  readonly map?: 'atomic';
  /** Strategies of strategic merge patch: merge, replace, retainKeys. */
  readonly patch?: readonly string[];
  readonly mergeKey?: string;
  /** Go's type where it is not plainly `t`: a leading `*` marks a pointer, whose zero value counts; then the name of a named type. */
  readonly go?: string;
  /** The values it may have, where Go's type says so (+enum); of a list, those of its elements. */
  readonly enum?: readonly string[];
}

export interface Definition {
  readonly fields: Readonly<Record<string, Field>>;
  /** The whole struct is one value to server-side apply. */
  readonly atomic?: 1;
  /** A message that JSON writes as the bare list of its one field `items`. */
  readonly bare?: 1;
}

export const SCALARS = ['string', 'bytes', 'bool', 'int32', 'int64', 'double'] as const;
export const SPECIALS = ['Time', 'MicroTime', 'Duration', 'Quantity', 'IntOrString', 'Raw'] as const;
export type Scalar = (typeof SCALARS)[number];
export type Special = (typeof SPECIALS)[number];

let loaded: ReadonlyMap<string, Definition> | undefined;

function definitions(): ReadonlyMap<string, Definition> {
  if (loaded !== undefined) return loaded;
  const text = readFileSync(new URL('./generated/schema.json', import.meta.url), 'utf8');
  loaded = new Map(Object.entries(JSON.parse(text) as Record<string, Definition>));
  return loaded;
}

/** The definition of that name (`core.v1.Pod`), if there is one. */
export const findDefinition = (name: string): Definition | undefined => definitions().get(name);

/** The definition of that name; that it exists is the caller's promise. */
export function definitionOf(name: string): Definition {
  const definition = findDefinition(name);
  if (definition === undefined) throw new Error(`no definition ${name} in the schema`);
  return definition;
}

export const definitionNames = (): IterableIterator<string> => definitions().keys();

/** The field of that name, if the definition has it; safe with any name. */
export const fieldOf = (definition: Definition, name: string): Field | undefined =>
  Object.hasOwn(definition.fields, name) ? definition.fields[name] : undefined;

type ContainerShape = 'list' | 'map' | undefined;

/** `[]core.v1.Container` → list of core.v1.Container. */
export function splitType(t: string): { readonly container: ContainerShape; readonly of: string } {
  if (t.startsWith('[]')) return { container: 'list', of: t.slice(2) };
  if (t.startsWith('{}')) return { container: 'map', of: t.slice(2) };
  return { container: undefined, of: t };
}

/** Definitions that travel with apiVersion and kind though they have no metadata. Source: the TypeMeta embedded in meta/v1 types.go v0.36. */
const TYPED: ReadonlySet<string> = new Set([
  'meta.v1.APIGroup',
  'meta.v1.APIGroupList',
  'meta.v1.APIResourceList',
  'meta.v1.APIVersions',
  'meta.v1.DeleteOptions',
]);

/** Whether objects of the definition carry apiVersion and kind. */
export function hasTypeMeta(name: string): boolean {
  if (TYPED.has(name)) return true;
  const metadata = findDefinition(name)?.fields['metadata']?.t;
  return (
    (metadata === 'meta.v1.ObjectMeta' || metadata === 'meta.v1.ListMeta') &&
    !/(?:TemplateSpec|PersistentVolumeClaimTemplate)$/.test(name)
  );
}

/** Prefixes of definition names, ours → those of OpenAPI documents. Others stand below `io.k8s.api.`. */
const OPENAPI_PREFIXES: readonly (readonly [string, string])[] = [
  ['meta.', 'io.k8s.apimachinery.pkg.apis.meta.'],
  ['apiextensions.', 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.'],
  ['apiregistration.', 'io.k8s.kube-aggregator.pkg.apis.apiregistration.'],
];

const OPENAPI_SPECIALS: Readonly<Record<string, string>> = {
  Time: 'io.k8s.apimachinery.pkg.apis.meta.v1.Time',
  MicroTime: 'io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime',
  Duration: 'io.k8s.apimachinery.pkg.apis.meta.v1.Duration',
  Quantity: 'io.k8s.apimachinery.pkg.api.resource.Quantity',
  IntOrString: 'io.k8s.apimachinery.pkg.util.intstr.IntOrString',
  Raw: 'io.k8s.apimachinery.pkg.runtime.RawExtension',
};

/** `core.v1.Pod` → `io.k8s.api.core.v1.Pod`; also the special types. */
export function openApiName(name: string): string {
  if (Object.hasOwn(OPENAPI_SPECIALS, name)) return OPENAPI_SPECIALS[name]!;
  for (const [own, theirs] of OPENAPI_PREFIXES) if (name.startsWith(own)) return theirs + name.slice(own.length);
  return `io.k8s.api.${name}`;
}

/** `io.k8s.api.core.v1.Pod` → `core.v1.Pod`; undefined when it is none of ours. */
export function nameOfOpenApi(openApi: string): string | undefined {
  for (const [own, theirs] of Object.entries(OPENAPI_SPECIALS)) if (openApi === theirs) return own;
  for (const [own, theirs] of OPENAPI_PREFIXES)
    if (openApi.startsWith(theirs)) return own + openApi.slice(theirs.length);
  return openApi.startsWith('io.k8s.api.') ? openApi.slice('io.k8s.api.'.length) : undefined;
}
