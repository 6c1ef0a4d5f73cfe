import { type FSWatcher, watch } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { parseEncryptionConfiguration } from '#api';
import { type Clock, type Logger, messageOf } from '#util';
import { EncryptionMetrics, sha256 } from './metrics.ts';
import { type GroupResource, newTransformers, type Transformers } from './providers.ts';
import type { ValueTransformer } from './transformer.ts';

export interface EncryptionOptions {
  /** --encryption-provider-config. */
  readonly file: string;
  /** --encryption-provider-config-automatic-reload: take what the file becomes. */
  readonly automaticReload: boolean;
  /** Names this server in metrics, as a hash. */
  readonly apiServerId: string;
  readonly clock: Clock;
  readonly log: Logger;
}

/** A look at the file even if nobody said that it changed. Source: EncryptionConfigFileChangePollDuration v1.36. */
const POLL_MS = 60_000;
/** Others than its owner may read it. */
const NOT_PRIVATE = 0o077;

/**
 * Encryption at rest as the file says: the transformer of each resource, made anew when the file changes and is taken. A change that cannot be taken is
 * logged and counted, and what was goes on. Source: apiserver pkg/server/options/encryptionconfig v1.36.
 */
export class Encryption implements Disposable {
  readonly metrics: EncryptionMetrics;
  readonly #options: EncryptionOptions;
  #transformers: Transformers;
  #hash: string;
  #generation = 0;
  #watcher: FSWatcher | undefined;
  #poll: Disposable | undefined;
  #loading: Promise<void> | undefined;
  #again = false;
  #ended = false;

  private constructor(options: EncryptionOptions, metrics: EncryptionMetrics, first: Loaded) {
    this.#options = options;
    this.metrics = metrics;
    this.#transformers = first.transformers;
    this.#hash = first.hash;
    metrics.loaded(first.hash);
    if (options.automaticReload) this.#follow();
  }

  /** Reads the file; throws what is wrong with it. */
  static async open(options: EncryptionOptions): Promise<Encryption> {
    const metrics = new EncryptionMetrics(options.apiServerId);
    return new Encryption(options, metrics, await load(options, metrics));
  }

  /** Of a resource, whatever the file says by the time it is used. */
  transformer(resource: GroupResource): ValueTransformer {
    const now = (): ValueTransformer => this.#transformers(resource);
    const generation = (): number => this.#generation;
    return {
      fromStorage: (data, key) => now().fromStorage(data, key),
      toStorage: (value, key) => now().toStorage(value, key),
      get writer() {
        return now().writer;
      },
      get generation() {
        return generation();
      },
    };
  }

  /** Looks at the file; resolves when what it says now is in use, or refused. */
  reload(): Promise<void> {
    if (this.#loading !== undefined) {
      this.#again = true;
      return this.#loading;
    }
    this.#loading = this.#reload().finally(() => (this.#loading = undefined));
    return this.#loading;
  }

  [Symbol.dispose](): void {
    this.#ended = true;
    this.#watcher?.close();
    this.#poll?.[Symbol.dispose]();
  }

  /** The folder is watched: whoever writes the file with care puts another one in its place. */
  #follow(): void {
    const { file, log } = this.#options;
    const name = basename(file);
    this.#watcher = watch(dirname(file), { persistent: false }, (_, changed) => {
      // A mounted Secret or ConfigMap changes by the link beside it.
      if (changed === null || changed === name || changed === '..data') void this.reload();
    });
    this.#watcher.on('error', (error) => log.error('The encryption configuration is no longer watched', { error }));
    this.#pollLater();
  }

  #pollLater(): void {
    this.#poll = this.#options.clock.after(POLL_MS, () => {
      this.#pollLater();
      void this.reload();
    });
  }

  async #reload(): Promise<void> {
    const { file, log, clock } = this.#options;
    do {
      this.#again = false;
      try {
        const loaded = await load(this.#options, this.metrics, this.#hash);
        if (loaded === undefined || this.#ended) continue;
        this.#transformers = loaded.transformers;
        this.#hash = loaded.hash;
        this.#generation++;
        this.metrics.loaded(loaded.hash);
        this.metrics.reloaded('success', clock.now());
        log.info('Took the changed encryption configuration', { file, hash: loaded.hash });
      } catch (error) {
        this.metrics.reloaded('failure', clock.now());
        log.error('Refused the changed encryption configuration', { file, reason: messageOf(error) });
      }
    } while (this.#again && !this.#ended);
  }
}

interface Loaded {
  readonly transformers: Transformers;
  readonly hash: string;
}

async function load(options: EncryptionOptions, metrics: EncryptionMetrics): Promise<Loaded>;
async function load(options: EncryptionOptions, metrics: EncryptionMetrics, known: string): Promise<Loaded | undefined>;
/** Undefined: the file is the one with the hash `known`. */
async function load(
  { file, clock, log }: EncryptionOptions,
  metrics: EncryptionMetrics,
  known?: string,
): Promise<Loaded | undefined> {
  let data: Buffer;
  try {
    data = await readFile(file);
  } catch (error) {
    const why = messageOf(error);
    throw new Error(
      `error while parsing file: error while loading file: error reading encryption provider configuration file "${file}": ${why}`,
      { cause: error },
    );
  }
  const hash = sha256(data);
  if (hash === known) return undefined;
  const configuration = parseEncryptionConfiguration(data.toString('utf8'), file);
  if (((await stat(file)).mode & NOT_PRIVATE) !== 0)
    log.warn('The encryption configuration holds keys and others than its owner may read it', { file, wanted: '0600' });
  const now = (): number => clock.monotonic();
  const transformers = await newTransformers(configuration, {
    observe: (resource) => metrics.observer(resource, now),
    now,
  });
  return { transformers, hash };
}
