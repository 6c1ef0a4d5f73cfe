import type { FieldError } from './field-error.ts';
import type { ApplyType } from './apply/typed/type.ts';
import type { JSONSchemaProps } from './generated/apiextensions.v1.ts';
import type { ObjectMeta } from './generated/meta.v1.ts';

/** Any object of the API. Objects are plain and read-only: copy, then write. */
export interface KubeObject {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
}

/** What one gives to create an object: the server fills in the rest. */
export type Draft<T extends KubeObject> = Omit<T, 'apiVersion' | 'kind' | 'metadata' | 'status'> & {
  metadata: Partial<ObjectMeta>;
  status?: T extends { status: infer S } ? Partial<S> : never;
};

/** Column of `kubectl get`. Priority 0 is always shown, 1 only with `-o wide`. */
export interface Column {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'date';
  /** `name` marks the column of the object's name. */
  readonly format?: string;
  readonly priority?: number;
  /** Only of columns that a definition made at run time describes. */
  readonly description?: string;
}

export interface Row {
  readonly cells: readonly (string | number | boolean | null)[];
  readonly conditions?: readonly { type: string; status: string; reason: string; message: string }[];
}

/** Where a kind's scale subresource reads and writes. */
export interface ScaleAccess<T> {
  /** Present: an object may lack the number, and has no scale until it is written. `path` as the definition says it. */
  readonly optionalReplicas?: { readonly path: string; has(object: T): boolean };
  specReplicas(object: T): number;
  statusReplicas(object: T): number;
  /** Label selector in its text form; '' when there is none. */
  selector(object: T): string;
  /** A copy with the new number of replicas. */
  withReplicas(object: T, replicas: number): T;
  /** Path of the field `withReplicas` writes. Default: `spec.replicas`. */
  readonly replicasPath?: string;
}

/** How a subresource that is a part of the object (status, and for pods ephemeralcontainers and resize) is written. */
export interface SubresourceStrategy<T> {
  /** Takes over from `old` whatever this subresource may not write; changes `object`. */
  prepareForUpdate(object: T, old: T, context: { readonly nowMs: number }): void;
  validateUpdate?(object: T, old: T): FieldError[];
}

/**
 * What a kind has in place of a generated definition: custom resources, whose definitions come at run time. All else about them is said by
 * the same members as of any other kind.
 */
export interface CustomSchema {
  /** As the definition says it. Absent: whatever fields there are will do. */
  readonly props: JSONSchemaProps | undefined;
  /** To server-side apply. */
  readonly type: ApplyType;
  /** Paths of fields to select by: `spec.color`. */
  readonly selectableFields: readonly string[];
  /** The version objects are stored in. */
  readonly storageVersion: string;
  /** The definition is being deleted: nothing new may come. */
  readonly terminating: boolean;
  /**
   * Makes `value`, a private copy, what an object of the kind is: metadata read as all metadata is, without fields the schema does not have. Gives
   * the paths of those if `strict`. Throws DecodeError.
   */
  read(value: Record<string, unknown>, strict: boolean): readonly string[];
  /** An object, a private copy, in another version of the definition. Throws StatusError. */
  convert(object: KubeObject, apiVersion: string): KubeObject | Promise<KubeObject>;
}

/** Written as a method so that a kind of pods is a kind of objects too, as with every other function of a kind. */
interface FieldReader<T> {
  read(object: T): string;
}

/**
 * Everything the system knows about one kind in one version: the API server, the client, kubectl's tables and the docs all read it.
 * Functions that change an object change the one they are given, which is always a private copy.
 *
 * The order on a write (registry): decode → `defaults` → prepareForCreate/prepareForUpdate → admission → validate… → store.
 */
export interface Kind<T extends KubeObject = KubeObject> {
  /** '' is the core group. */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  /** Default: `kind` and `List`. */
  readonly listKind?: string;
  /** Default: `kind` in lower case. */
  readonly singular?: string;
  readonly shortNames?: readonly string[];
  /** `all` shows the kind in `kubectl get all`. */
  readonly categories?: readonly string[];
  readonly namespaced: boolean;
  /** Name of its schema in generated/schema.json: `core.v1.Pod`; of a custom resource its name in OpenAPI. */
  readonly definition: string;
  /** Present: there is no generated schema. */
  readonly custom?: CustomSchema;
  /** Default: all of create delete deletecollection get list patch update watch. */
  readonly verbs?: readonly string[];
  /** Served but never stored: `verbs` says what may be asked of it, and the API server has a function for each. */
  readonly virtual?: true;
  /** Path in the store behind `/registry/`; default: `plural`. Source: pkg/registry of each kind; `kube-apiserver` keeps e.g. services under `services/specs`. */
  readonly storagePrefix?: string;
  /** Objects go by themselves so long after their last write: events. */
  readonly ttlSeconds?: number;
  /** Kind whose storage this one shares, with how to go there and back (core and events.k8s.io Event). */
  readonly storedAs?: { readonly kind: Kind; toStored(object: T): KubeObject; fromStored(object: KubeObject): T };

  /** Fills in absent fields; must be idempotent. Source: pkg/apis/GROUP/VERSION/defaults.go. */
  defaults?(object: T): void;
  /** Whether names are checked as DNS subdomains (default), labels or otherwise; returns messages. Source: ValidateXName of each kind. */
  validateName?(name: string, prefix: boolean): string[];
  /** Finalizers need no domain. */
  readonly anyFinalizers?: true;
  /** Makes in turns what validation needs and what takes long to make; to be waited for before it. Undefined: it is there. */
  ready?(): Promise<void> | undefined;
  /** All that is wrong with `object` on its own; metadata is checked by the registry. `old`, on update, is for what may stay as it was. */
  validate?(object: T, old?: T): FieldError[];
  /** What only matters when the object is new; the registry calls `validate` as well. */
  validateCreate?(object: T): FieldError[];
  /** What is wrong with the change; the registry calls `validate` as well. */
  validateUpdate?(object: T, old: T): FieldError[];
  /** Upstream tells of the change before it tells of the object. */
  readonly changesFirst?: boolean;
  /** Wipes what users may not set and fills in what only the server sets. The registry sets metadata.generation = 1 if `generation` is true. */
  prepareForCreate?(object: T): void;
  /** Takes over from `old` what this update may not change (status, if the kind has the subresource, is done by the registry). */
  prepareForUpdate?(object: T, old: T): void;
  /** metadata.generation counts changes of anything but metadata and status. */
  readonly generation?: boolean;
  /** Parts of the metadata whose change moves the generation too: annotations of deployments, labels of endpoint slices. */
  readonly generationMetadata?: readonly ('annotations' | 'labels')[];
  /** PUT of an object that does not exist creates it. Source: AllowCreateOnUpdate. */
  readonly createOnUpdate?: boolean;
  /** PUT without a resourceVersion overwrites whatever is there. Default true. Source: AllowUnconditionalUpdate. */
  readonly unconditionalUpdate?: boolean;
  /** A deletion that says nothing of the dependents leaves them behind; default: they go too. Source: DefaultGarbageCollectionPolicy. */
  readonly orphansDependents?: boolean;
  /** Seconds a deletion leaves the object to end by itself; absent: it goes at once. Source: CheckGracefulDelete. */
  gracePeriodSeconds?(object: T, requested: number | undefined): number;
  /** Warning sent with every answer about this kind. */
  readonly deprecation?: string;
  /** Warnings sent with the answer to a create or update. */
  warnings?(object: T, old: T | undefined): string[];

  /** Present: the kind has /status. */
  readonly status?: SubresourceStrategy<T>;
  /** Parts of the object written through their own path: `ephemeralcontainers`, `resize`. */
  readonly parts?: Readonly<Record<string, SubresourceStrategy<T>>>;
  readonly scale?: ScaleAccess<T>;

  readonly columns: readonly Column[];
  row(object: T, context: { readonly nowMs: number }): Row;
  /** Field selectors beside metadata.name and metadata.namespace: label → value. */
  readonly selectableFields?: Readonly<Record<string, FieldReader<T>['read']>>;
}

export function defineKind<T extends KubeObject>(kind: Kind<T>): Kind<T> {
  return Object.freeze(kind);
}

/** What kinds have in common of which one can only create: a question that is answered. They have no table. */
export const VIRTUAL = {
  virtual: true,
  verbs: ['create'],
  columns: [],
  row: (): Row => ({ cells: [] }),
} as const;

export const listKindOf = ({ kind, listKind }: Pick<Kind, 'kind' | 'listKind'>): string => listKind ?? `${kind}List`;

/** `v1`, `apps/v1`. */
export const apiVersionOf = ({ group, version }: { readonly group: string; readonly version: string }): string =>
  group === '' ? version : `${group}/${version}`;

/** `namespace/name`, or the bare name of a cluster-wide object: the key of caches and work queues. Source: client-go MetaNamespaceKeyFunc. */
export const keyOf = ({
  metadata: { namespace, name },
}: {
  metadata: { namespace?: string | undefined; name: string };
}): string => (namespace === undefined || namespace === '' ? name : `${namespace}/${name}`);

export function splitKey(key: string): { namespace: string; name: string } {
  const at = key.indexOf('/');
  return at < 0 ? { namespace: '', name: key } : { namespace: key.slice(0, at), name: key.slice(at + 1) };
}

/** Path of a kind's collection or object below the server's root: `/apis/apps/v1/namespaces/n/deployments/web/scale`. */
export function resourcePath(
  kind: Pick<Kind, 'group' | 'version' | 'plural' | 'namespaced'>,
  {
    namespace,
    name,
    subresource,
  }: { namespace?: string | undefined; name?: string | undefined; subresource?: string | undefined },
): string {
  const root = kind.group === '' ? `/api/${kind.version}` : `/apis/${kind.group}/${kind.version}`;
  const ns =
    kind.namespaced && namespace !== undefined && namespace !== ''
      ? `/namespaces/${encodeURIComponent(namespace)}`
      : '';
  const own =
    name === undefined ? '' : `/${encodeURIComponent(name)}${subresource === undefined ? '' : `/${subresource}`}`;
  return `${root}${ns}/${kind.plural}${own}`;
}
