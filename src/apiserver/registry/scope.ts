import type { FieldError, KubeObject } from '#api';
import type { Clock, Logger } from '#util';
import type { Admission, UserInfo } from '../admission/admission.ts';
import type { Load } from './pace.ts';
import type { Resource } from './resource.ts';

/** What every verb needs beside the request itself. */
export interface RegistryEnvironment {
  readonly clock: Clock;
  /** In [0,1). */
  readonly random: () => number;
  /** A new random UUID. */
  readonly newUid: () => string;
  readonly admission: Admission;
  readonly log: Logger;
  /** Work tied to the writes of one kind, by its `plural.group`: allocation of addresses and ports. */
  readonly hooks: ReadonlyMap<string, ResourceHooks>;
}

/** Who writes and how. */
export interface WriteScope {
  readonly user: UserInfo;
  readonly dryRun: boolean;
  /** Adds a Warning header to the answer. */
  readonly warn: (text: string) => void;
  readonly signal?: AbortSignal | undefined;
  /** Absent: nothing large is written. */
  readonly load?: Load | undefined;
}

/** How a write ended. Unknown: the datastore did not say, so it may be done or not. */
export type WriteOutcome = 'done' | 'failed' | 'unknown';

/** Must not throw. */
export type FinishWrite = (outcome: WriteOutcome) => Promise<void>;

/**
 * Steps around the write of one kind that touch more than the object: run after admission, before validation. What they return is called when
 * the write is over. Source: beginCreate and beginUpdate of pkg/registry/core/service/storage v1.36.
 */
export interface ResourceHooks {
  beginCreate?(object: KubeObject, scope: WriteScope): Promise<FinishWrite | undefined> | undefined;
  beginUpdate?(object: KubeObject, old: KubeObject, scope: WriteScope): Promise<FinishWrite | undefined> | undefined;
  /** Before the kind validates: what would take long there, done in turns. What is found wrong here is all that is told. */
  prepareValidation?(object: KubeObject, old: KubeObject | undefined): Promise<FieldError[]> | undefined;
  /** What is wrong beyond what the kind itself finds wrong; asked when that is nothing. `old`: of an update. */
  validate?(object: KubeObject, old: KubeObject | undefined): FieldError[] | Promise<FieldError[]>;
  /** After the object is gone, before that is told. Must not throw. */
  afterDelete?(object: KubeObject): Promise<void>;
  /** Whether a deletion must leave the object for another step (namespaces: until they are empty). Changes `object` accordingly. */
  beginDelete?(object: KubeObject, nowMs: number): boolean;
  /** Whether an object marked for deletion may go once its finalizers are gone. */
  mayGo?(object: KubeObject): boolean;
}

export interface Target {
  readonly resource: Resource;
  readonly namespace: string;
}
