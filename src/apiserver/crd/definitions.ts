/**
 * Definitions of custom resources: what becomes of them, and what they make the server serve. One worker judges names, approval and readiness of each
 * definition that changes, a step at a time, through the API; service follows the definition at once.
 * Source: apiextensions-apiserver pkg/apiserver/{apiserver,customresource_handler}.go, pkg/controller v0.36.
 */
import { X509Certificate } from 'node:crypto';
import { CustomResourceDefinition, deepClone, StatusError, type Transport } from '#api';
import type { Store } from '#store';
import { backoffMs } from '#util';
import type { Transformers } from '../encryption/providers.ts';
import type { StorageMetrics } from '../metrics/storage.ts';
import type { Registry } from '../registry/registry.ts';
import type { Resource } from '../registry/resource.ts';
import type { RegistryEnvironment } from '../registry/scope.ts';
import type { ServiceResolver } from '../webhook/resolver.ts';
import { CLEANUP_FINALIZER, establish, isTrue, judgeApproval, setCondition } from './conditions.ts';
import { DELETION_IN_PROGRESS, finalize, isGoing } from './finalizer.ts';
import { judgeNames } from './names.ts';
import { Serving } from './serving.ts';

export interface DefinitionsOptions {
  readonly registry: Registry;
  readonly env: RegistryEnvironment & { readonly store: Store; readonly storageMetrics: StorageMetrics };
  /** As the server itself. */
  readonly transport: Transport;
  readonly resolve: ServiceResolver;
  readonly transformerOf: Transformers;
}

const RETRY = { baseMs: 1000, maxMs: 60_000 };

export class Definitions {
  readonly #options: DefinitionsOptions;
  readonly #resource: Resource;
  readonly #serving = new Map<string, Serving>();
  readonly #queue = new Set<string>();
  readonly #failures = new Map<string, number>();
  readonly #retries = new Map<string, Disposable>();
  /** Definitions whose objects are being deleted. */
  readonly #going = new Set<string>();
  readonly #stop = new AbortController();
  #watch: Disposable | undefined;
  #working = false;
  #synced = false;

  constructor(options: DefinitionsOptions) {
    this.#options = options;
    this.#resource = options.registry.resource(CustomResourceDefinition);
  }

  /** Serves what is defined and follows it from there; as soon as it can be read. */
  start(): void {
    if (this.#stop.signal.aborted) return;
    try {
      this.#begin();
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      this.#options.env.clock.after(RETRY.baseMs, () => this.start());
    }
  }

  #begin(): void {
    const { cache } = this.#resource;
    this.#watch?.[Symbol.dispose]();
    this.#watch = cache.watch({
      prefix: cache.prefix,
      onFrames: (frames) => {
        for (const { type, entry } of frames) {
          const definition = entry.object as CustomResourceDefinition;
          const { name } = definition.metadata;
          this.#serve(name, type === 'DELETED' ? undefined : definition);
          this.#enqueue(name);
          // Names may have become free.
          if (type === 'DELETED') this.#enqueueGroup(definition);
        }
      },
      // The cache loads again by itself; it ends only with the server.
      onEnd: (error) => {
        if (error !== undefined) this.#options.env.clock.after(RETRY.baseMs, () => this.start());
      },
    });
    for (const definition of this.#all()) {
      this.#serve(definition.metadata.name, definition);
      this.#enqueue(definition.metadata.name);
    }
    this.#synced = true;
  }

  /** All that was defined when it began is served. */
  get isSynced(): boolean {
    return this.#synced;
  }

  stop(): void {
    this.#stop.abort(new Error('the server is shutting down'));
    this.#watch?.[Symbol.dispose]();
    for (const retry of this.#retries.values()) retry[Symbol.dispose]();
    for (const serving of this.#serving.values()) serving.stop();
  }

  #all(): CustomResourceDefinition[] {
    return this.#resource.cache.list(this.#resource.prefix('')).map(({ object }) => object as CustomResourceDefinition);
  }

  #get(name: string): CustomResourceDefinition | undefined {
    return this.#resource.get('', name)?.object as CustomResourceDefinition | undefined;
  }

  /** Brings what is served in line with what the definition says now. */
  #serve(name: string, definition: CustomResourceDefinition | undefined): void {
    const { registry, env, resolve, transformerOf } = this.#options;
    let serving = this.#serving.get(name);
    const isServed =
      definition !== undefined && (isTrue(definition, 'NamesAccepted') || isTrue(definition, 'Established'));
    if (serving !== undefined && !(isServed && serving.fits(definition))) {
      serving.retire();
      this.#serving.delete(name);
      serving = undefined;
    }
    if (!isServed) {
      registry.setCustom(name, { resources: [], listed: false });
      return;
    }
    if (serving === undefined)
      this.#serving.set(name, (serving = new Serving(definition, { ...env, resolve, transformerOf })));
    registry.setCustom(name, {
      resources: serving.resources(definition),
      listed: isTrue(definition, 'Established'),
    });
  }

  #enqueue(name: string): void {
    this.#queue.add(name);
    if (this.#working) return;
    this.#working = true;
    queueMicrotask(() => void this.#work());
  }

  /** Those of the same group that wait for a name. */
  #enqueueGroup({ metadata, spec }: CustomResourceDefinition): void {
    for (const other of this.#all())
      if (other.spec.group === spec.group && other.metadata.name !== metadata.name) this.#enqueue(other.metadata.name);
  }

  async #work(): Promise<void> {
    for (const name of this.#queue) {
      this.#queue.delete(name);
      if (this.#stop.signal.aborted) break;
      try {
        await this.#reconcile(name);
        this.#failures.delete(name);
      } catch (error) {
        this.#failed(name, error);
      }
    }
    this.#working = false;
  }

  #failed(name: string, error: unknown): void {
    if (this.#stop.signal.aborted) return;
    const { log, clock } = this.#options.env;
    const failures = this.#failures.get(name) ?? 0;
    this.#failures.set(name, failures + 1);
    log.warn('A custom resource definition could not be brought on; trying again', { name, error });
    this.#retries.get(name)?.[Symbol.dispose]();
    const retry = clock.after(backoffMs(failures, RETRY), () => {
      this.#retries.delete(name);
      this.#enqueue(name);
    });
    this.#retries.set(name, retry);
  }

  /** The next step of a definition; what it writes brings it here again. */
  async #reconcile(name: string): Promise<void> {
    const definition = this.#get(name);
    if (definition === undefined) return;
    const nowMs = this.#options.env.clock.now();
    if (isGoing(definition)) this.#end(definition);
    const named = judgeNames(definition, this.#all(), nowMs);
    const next = named ?? judgeApproval(definition, nowMs) ?? establish(definition, isBundleValid(definition), nowMs);
    if (next === undefined) return;
    await this.#write(next);
    if (named !== undefined) this.#enqueueGroup(definition);
  }

  /** Whoever was quicker brings the definition here again. */
  async #write(definition: CustomResourceDefinition): Promise<CustomResourceDefinition | undefined> {
    try {
      return (await this.#options.transport.request({
        verb: 'update',
        kind: CustomResourceDefinition,
        name: definition.metadata.name,
        subresource: 'status',
        body: definition,
      })) as CustomResourceDefinition;
    } catch (error) {
      if (StatusError.is(error, 'NotFound') || StatusError.is(error, 'Conflict')) return undefined;
      throw error;
    }
  }

  /** Takes its time beside everything else. */
  #end(definition: CustomResourceDefinition): void {
    const { name } = definition.metadata;
    if (this.#going.has(name)) return;
    this.#going.add(name);
    this.#finalize(definition)
      .catch((error: unknown) => this.#failed(name, error))
      .finally(() => {
        this.#going.delete(name);
        const now = this.#get(name);
        // It may have come to nothing because somebody else wrote.
        if (now !== undefined && !this.#retries.has(name) && !this.#stop.signal.aborted) this.#enqueue(name);
      });
  }

  async #finalize(definition: CustomResourceDefinition): Promise<void> {
    const { env } = this.#options;
    const marked = deepClone(definition);
    setCondition(marked, DELETION_IN_PROGRESS, env.clock.now());
    const written = await this.#write(marked);
    if (written === undefined) return;
    const { name } = written.metadata;
    const resource = this.#serving.get(name)?.stored(written);
    const { condition, done } = await finalize(written, { env, resource, signal: this.#stop.signal });
    this.#stop.signal.throwIfAborted();
    const last = deepClone(this.#get(name) ?? written);
    if (last.metadata.uid !== written.metadata.uid) return;
    setCondition(last, condition, env.clock.now());
    if (done) last.metadata.finalizers = (last.metadata.finalizers ?? []).filter((own) => own !== CLEANUP_FINALIZER);
    await this.#write(last);
    if (!done) throw new Error(condition.message);
  }
}

/** Source: ValidateCABundle, apiserver pkg/util/webhook/validation.go v0.36. */
function isBundleValid({ spec }: CustomResourceDefinition): boolean {
  const bundle = Buffer.from(spec.conversion?.webhook?.clientConfig?.caBundle ?? '', 'base64').toString('utf8');
  if (bundle.trim() === '') return true;
  try {
    return new X509Certificate(bundle).raw.length > 0;
  } catch {
    return false; // that is what was asked
  }
}
