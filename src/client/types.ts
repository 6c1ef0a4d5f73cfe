import type { DeleteOptions, Draft, Kind, KubeObject, PatchType, WatchEvent } from '#api';

export interface ObjectRef {
  readonly namespace?: string | undefined;
  readonly name: string;
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  /** Query parameters as on the wire: fieldManager, dryRun, … */
  readonly query?: Readonly<Record<string, string>> | undefined;
}

export interface ListOptions extends CallOptions {
  /** Absent: all namespaces. */
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
  readonly limit?: number | undefined;
  readonly continue?: string | undefined;
  readonly resourceVersion?: string | undefined;
}

export interface ListResult<T extends KubeObject> {
  readonly items: readonly T[];
  readonly resourceVersion: string;
  readonly continue?: string | undefined;
}

export interface WatchOptions extends Omit<ListOptions, 'limit' | 'continue'> {
  readonly signal: AbortSignal;
  /** ADDED for all there is, then a BOOKMARK with the annotation `k8s.io/initial-events-end`. */
  readonly sendInitialEvents?: boolean;
  readonly timeoutSeconds?: number;
  readonly onEvents: (events: readonly WatchEvent[]) => void;
}

export interface PatchOptions extends CallOptions {
  /** Default strategic merge for built-in kinds. */
  readonly type?: PatchType;
  readonly subresource?: string | undefined;
}

/** Typed access to an API server. What it returns is shared: never write to it. Every method throws StatusError. */
export interface Client {
  get<T extends KubeObject>(kind: Kind<T>, ref: ObjectRef, options?: CallOptions): Promise<T>;
  list<T extends KubeObject>(kind: Kind<T>, options?: ListOptions): Promise<ListResult<T>>;
  /** Resolves when the server ends the watch. */
  watch<T extends KubeObject>(kind: Kind<T>, options: WatchOptions): Promise<void>;
  create<T extends KubeObject>(kind: Kind<T>, object: Draft<T>, options?: CallOptions): Promise<T>;
  update<T extends KubeObject>(kind: Kind<T>, object: T, options?: CallOptions): Promise<T>;
  updateStatus<T extends KubeObject>(kind: Kind<T>, object: T, options?: CallOptions): Promise<T>;
  /** PUT of a part of the object: `finalize`, `approval`. */
  updateSubresource<T extends KubeObject>(
    kind: Kind<T>,
    object: T,
    subresource: string,
    options?: CallOptions,
  ): Promise<T>;
  patch<T extends KubeObject>(kind: Kind<T>, ref: ObjectRef, patch: unknown, options?: PatchOptions): Promise<T>;
  delete<T extends KubeObject>(
    kind: Kind<T>,
    ref: ObjectRef,
    options?: CallOptions & { readonly body?: Partial<DeleteOptions> | undefined },
  ): Promise<void>;
  deleteCollection<T extends KubeObject>(
    kind: Kind<T>,
    options?: ListOptions & { readonly body?: Partial<DeleteOptions> | undefined },
  ): Promise<void>;
  /** POST to a subresource: binding, eviction, token. */
  createSubresource(
    kind: Kind,
    ref: ObjectRef,
    subresource: string,
    body: unknown,
    options?: CallOptions,
  ): Promise<unknown>;
}

export type InformerEvent<T> =
  | { readonly type: 'add'; readonly object: T; readonly old?: undefined }
  | { readonly type: 'update'; readonly object: T; readonly old: T }
  | { readonly type: 'delete'; readonly object: T; readonly old?: undefined };

/** Read side of an informer's cache. Objects are shared: never write to one, copy it. */
export interface Lister<T extends KubeObject> {
  /** `namespace/name`, or the name of a cluster-wide object. */
  get(key: string): T | undefined;
  /** All, or those of one namespace; in no order. */
  list(namespace?: string): readonly T[];
  /** Objects filed under `value` by the index `name`. */
  byIndex(name: string, value: string): readonly T[];
  /** Objects whose controlling owner has this uid. */
  controlledBy(uid: string): readonly T[];
}

/** A cache of one kind kept fresh by list and watch (WatchList where the server has it). */
export interface Informer<T extends KubeObject> extends Lister<T> {
  readonly kind: Kind<T>;
  /** The cache has held everything that existed at some moment since the start. */
  readonly synced: boolean;
  /** Resolves once `synced`. */
  whenSynced(options?: { signal?: AbortSignal | undefined }): Promise<void>;
  /** Called for each change from now on; what is already there comes as `add` at once. */
  addHandler(handler: (event: InformerEvent<T>) => void): Disposable;
  /** Must be called before `start`. */
  addIndex(name: string, valuesOf: (object: T) => readonly string[]): void;
}

export interface InformerOptions {
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
  /**
   * Keep only apiVersion, kind and metadata of each object. An informer of whole objects that is there already serves such a wish too,
   * so never rely on the rest being absent.
   */
  readonly metadataOnly?: boolean | undefined;
}

/** The informers of one process: one per kind and selector, shared by all who ask. */
export interface Informers {
  informer<T extends KubeObject>(kind: Kind<T>, options?: InformerOptions): Informer<T>;
  /** Ends an informer that nobody needs any more; whoever still has it sees what it saw last. */
  forget(kind: Kind, options?: InformerOptions): void;
  /** Starts all informers asked for so far and resolves when they are synced. Later ones start when asked for. */
  start(options: { signal: AbortSignal }): Promise<void>;
}

/** Writes Events about objects, aggregated and rate-limited as client-go's recorder does. Never throws, never waits. */
export interface EventRecorder {
  event(object: KubeObject | ObjectReferenceLike, type: 'Normal' | 'Warning', reason: string, message: string): void;
}

/** Enough of a core/v1 ObjectReference to hang an event on; `fieldPath` e.g. `spec.containers{web}`. */
export interface ObjectReferenceLike {
  readonly kind: string;
  readonly apiVersion: string;
  readonly namespace?: string | undefined;
  readonly name: string;
  readonly uid?: string | undefined;
  readonly resourceVersion?: string | undefined;
  readonly fieldPath?: string | undefined;
}
