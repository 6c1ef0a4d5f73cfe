import { Worker } from 'node:worker_threads';
import type { Clock } from '#util';
import { badRequest } from '../status.ts';
import type { YamlText } from './yaml-text.ts';
import type { YamlReply, YamlRequest } from './yaml-worker.ts';

/** The thread ends when nobody has had anything to read for so long. */
const IDLE_MS = 30_000;
/** No text takes so long that is not made to. */
const MAX_MS = 30_000;
/** Megabytes; what makes more of 3 MB of text is refused. */
const MAX_HEAP = 512;

const STOPPED = new Error('the thread that reads YAML has been stopped');

interface Job {
  readonly request: YamlRequest;
  readonly signal: AbortSignal;
  readonly resolve: (reply: YamlReply) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Reads large texts in a thread of its own, one after the other: a megabyte takes a good part of a second. The thread starts with the first text and
 * ends when there have been none for a while; one that takes too long, or too much memory, is refused, and those after it are read by a new thread.
 */
export class YamlThread implements AsyncDisposable {
  readonly #clock: Clock;
  readonly #jobs: Job[] = [];
  #worker: Worker | undefined;
  #stopped = false;
  /** Ends the thread that is idle or takes too long. */
  #alarm: Disposable | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** As readYaml. Throws StatusError BadRequest for a text that takes too much. */
  async read(text: string, duplicates: boolean, { signal }: { readonly signal: AbortSignal }): Promise<YamlText> {
    signal.throwIfAborted();
    if (this.#stopped) throw STOPPED;
    const { promise, resolve, reject } = Promise.withResolvers<YamlReply>();
    const job = { request: { text, duplicates }, signal, resolve, reject };
    const leave = (): void => this.#leave(job);
    signal.addEventListener('abort', leave);
    try {
      if (this.#jobs.push(job) === 1) this.#next();
      const { json, error, twice } = await promise;
      return json === undefined ? { error } : { value: JSON.parse(json) as unknown, twice };
    } finally {
      signal.removeEventListener('abort', leave);
    }
  }

  /** Nobody waits for the text any more. */
  #leave(job: Job): void {
    const at = this.#jobs.indexOf(job);
    if (at === 0) this.#refuse(job.signal.reason);
    else if (at > 0) {
      this.#jobs.splice(at, 1);
      job.reject(job.signal.reason);
    }
  }

  #next(): void {
    this.#alarm?.[Symbol.dispose]();
    const [job] = this.#jobs;
    if (job === undefined) {
      this.#worker?.unref();
      this.#alarm = this.#clock.after(IDLE_MS, () => void this.#end());
      return;
    }
    this.#alarm = this.#clock.after(MAX_MS, () => this.#refuse(badRequest('the YAML takes too long to read')));
    this.#worker ??= this.#start();
    this.#worker.ref();
    this.#worker.postMessage(job.request, []);
  }

  #start(): Worker {
    const worker = new Worker(new URL('./yaml-worker.ts', import.meta.url), {
      name: 'yaml',
      execArgv: [],
      resourceLimits: { maxYoungGenerationSizeMb: 32, maxOldGenerationSizeMb: MAX_HEAP },
    });
    const isCurrent = (): boolean => this.#worker === worker;
    worker.on('message', (reply: YamlReply) => {
      if (!isCurrent()) return;
      this.#jobs.shift()?.resolve(reply);
      this.#next();
    });
    worker.on('error', (error: NodeJS.ErrnoException) => {
      if (!isCurrent()) return;
      this.#refuse(
        error.code === 'ERR_WORKER_OUT_OF_MEMORY' ? badRequest('the YAML takes too much memory to read') : error,
      );
    });
    return worker;
  }

  /** Gives the text up that is being read, and the thread with it. */
  #refuse(error: unknown): void {
    const job = this.#jobs.shift();
    void this.#end();
    job?.reject(error);
    this.#next();
  }

  async #end(): Promise<void> {
    const worker = this.#worker;
    this.#worker = undefined;
    await worker?.terminate();
  }

  /** Nobody may read any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    this.#alarm?.[Symbol.dispose]();
    for (const { reject } of this.#jobs.splice(0)) reject(STOPPED);
    await this.#end();
  }
}
