import type { BodyTarget, Configuration, Kind, KubeObject } from '#api';
import type { UserInfo } from '../admission/admission.ts';
import type { ListPage } from '../registry/list.ts';
import type { Load } from '../registry/pace.ts';
import type { Resource } from '../registry/resource.ts';
import type { Entry } from '../watchcache/entry.ts';

/**
 * A request for a resource, whichever way it came: over HTTP with a body to decode, or by function call with an object.
 */
export interface Call<R> {
  readonly verb: string;
  readonly resource: R;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
  /** Value of a query parameter. */
  readonly query: (name: string) => string | undefined;
  readonly user: UserInfo;
  /** What the caller calls itself; names the manager of a write that does not. */
  readonly userAgent: string;
  readonly warn: (text: string) => void;
  readonly signal: AbortSignal;
  readonly load: Load;
  /** A private copy of the body as an object of the target's kind; undefined when there is no body. */
  body(target: BodyTarget): Promise<KubeObject | undefined>;
  /** Reads the patch of the body: a function that makes a new object of what is there, without changing that. */
  patch(): Promise<(current: KubeObject, target: BodyTarget) => KubeObject>;
  /** Media type of the patch; '' where there is none. */
  readonly patchType: string;
  /** Reads the body of a patch of type {@link APPLY}. */
  configuration(): Promise<Configuration>;
}

/** A call for a kind that is stored. */
export type ApiCall = Call<Resource>;

/** What a call comes to, before it is written in some format. */
export type Outcome =
  | { readonly type: 'entry'; readonly resource: Resource; readonly entry: Entry; readonly status: number }
  | { readonly type: 'page'; readonly resource: Resource; readonly page: ListPage }
  /** An object of a kind, or several, that nobody stores; with the kind's table. */
  | { readonly type: 'made'; readonly kind: Kind; readonly object: KubeObject; readonly status: number }
  | { readonly type: 'made list'; readonly kind: Kind; readonly objects: readonly KubeObject[] }
  /** `definition` is its schema's name; for protobuf. */
  | { readonly type: 'object'; readonly object: object; readonly definition: string; readonly status: number };
