import type { Kind, KubeObject } from './kind.ts';

export type PatchType =
  | 'application/json-patch+json'
  | 'application/merge-patch+json'
  | 'application/strategic-merge-patch+json'
  | 'application/apply-patch+yaml';

/** One request to the API in terms of objects: what an HTTP request says, before it is written as bytes. */
export interface ObjectRequest {
  readonly verb: 'get' | 'list' | 'create' | 'update' | 'patch' | 'delete' | 'deletecollection';
  readonly kind: Kind;
  /** Absent on a namespaced kind: all namespaces (list and watch only). */
  readonly namespace?: string | undefined;
  readonly name?: string | undefined;
  readonly subresource?: string | undefined;
  /** Query parameters as on the wire: labelSelector, fieldManager, dryRun … */
  readonly query?: Readonly<Record<string, string>> | undefined;
  /** The object, the patch or the DeleteOptions. Not kept and not changed. */
  readonly body?: unknown;
  readonly patchType?: PatchType | undefined;
}

export type WatchEventType = 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';

export interface WatchEvent<T extends KubeObject = KubeObject> {
  readonly type: WatchEventType;
  readonly object: T;
}

export interface WatchRequest extends Pick<ObjectRequest, 'kind' | 'namespace' | 'query'> {
  /** Called with what arrived together, in order, never empty. */
  readonly onEvents: (events: readonly WatchEvent[]) => void;
}

/**
 * The way to an API server: over HTTP, or by function call within one process. Objects that come back are shared and must not be written to.
 * Both methods throw StatusError; a lost connection is one of reason ServiceUnavailable.
 */
export interface Transport {
  request(request: ObjectRequest, options?: { signal?: AbortSignal | undefined }): Promise<unknown>;
  /** Resolves when the server ended the watch in good order; throws StatusError `Expired` when the resourceVersion is too old. */
  watch(request: WatchRequest, options: { signal: AbortSignal }): Promise<void>;
}
