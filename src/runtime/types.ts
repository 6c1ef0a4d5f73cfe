import type { KubeObject, Kind } from '#api';
import type { Client, EventRecorder, InformerEvent, InformerOptions, Informers } from '#client';
import type { Clock, Logger } from '#util';

/** What a controller is built from; wired by `cmd/`. */
export interface ControllerContext {
  readonly client: Client;
  readonly informers: Informers;
  readonly recorder: EventRecorder;
  readonly clock: Clock;
  /** In [0,1). */
  readonly random: () => number;
  readonly log: Logger;
}

export interface ReconcileContext {
  readonly signal: AbortSignal;
  readonly log: Logger;
  /** Wakes another key of the same controller. */
  readonly enqueue: (key: string) => void;
}

/** Something whose changes wake a controller: which kind, and which keys one change concerns. */
export interface Source {
  readonly kind: Kind;
  readonly options?: InformerOptions;
  readonly keys: (event: InformerEvent<KubeObject>) => readonly string[];
}

export interface Controller {
  /** As in upstream's `--controllers`: `deployment`, `replicaset`, `endpointslice`. */
  readonly name: string;
  /** Keys worked on at once. */
  readonly concurrency: number;
  readonly sources: readonly Source[];
  /**
   * Moves the world one step towards the spec of `key`. Level-triggered: it is told which key, never what changed.
   * Throwing retries with back-off; `requeueAfterMs` comes back later; returning is done.
   */
  reconcile(key: string, context: ReconcileContext): Promise<{ requeueAfterMs: number } | void>;
}

/** What a controller is doing and did last; for a status page and for debugging. */
export interface ControllerStatus {
  readonly name: string;
  /** Keys ready and not yet taken. */
  readonly queueDepth: number;
  readonly processing: number;
  /** Keys that wait for their time: retries and planned visits. */
  readonly delayed: number;
  /** Counted since the start. */
  readonly reconciles: number;
  readonly failures: number;
  readonly lastKey?: string | undefined;
  readonly lastDurationMs?: number | undefined;
  /** Message of the last failure, whenever it was. */
  readonly lastError?: string | undefined;
}
