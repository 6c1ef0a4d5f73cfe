import {
  type KubeObject,
  keyOf,
  type ObjectRequest,
  StatusError,
  type Transport,
  type WatchEvent,
  type WatchRequest,
} from '#api';

interface Watcher {
  readonly request: WatchRequest;
  end(error?: StatusError): void;
}

/** A transport with one kind of objects behind it, for tests of the client: enough of list and watch to lose, refuse and expire them. */
export class MemoryApi implements Transport {
  readonly objects = new Map<string, KubeObject>();
  readonly requests: ObjectRequest[] = [];
  readonly watches: WatchRequest[] = [];
  readonly #watchers = new Set<Watcher>();
  #history: { revision: number; event: WatchEvent }[] = [];
  #revision = 1;
  #compacted = 0;
  refuseWatchList = false;
  /** Thrown by the next requests and watches, first first. */
  readonly failures: StatusError[] = [];

  get watching(): number {
    return this.#watchers.size;
  }

  put(name: string, data: string, uid = `uid-${name}`): void {
    const before = this.objects.get(`ns/${name}`);
    const object: KubeObject & { data: { value: string } } = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: {
        namespace: 'ns',
        name,
        uid,
        resourceVersion: String(++this.#revision),
        creationTimestamp: '2026-01-01T00:00:00Z',
      },
      data: { value: data },
    };
    this.objects.set(keyOf(object), object);
    this.#emit({ type: before === undefined ? 'ADDED' : 'MODIFIED', object });
  }

  remove(name: string): void {
    const before = this.objects.get(`ns/${name}`);
    if (before === undefined) return;
    this.objects.delete(`ns/${name}`);
    this.#emit({
      type: 'DELETED',
      object: { ...before, metadata: { ...before.metadata, resourceVersion: String(++this.#revision) } },
    });
  }

  /** Ends all watches, in good order or with an error. */
  dropWatches(error?: StatusError): void {
    for (const watcher of this.#watchers) watcher.end(error);
  }

  /** Forgets history: who resumes from before now is Expired. */
  compact(): void {
    this.#compacted = this.#revision;
    this.#history = [];
  }

  request(request: ObjectRequest): Promise<unknown> {
    this.requests.push(request);
    const failure = this.failures.shift();
    if (failure !== undefined) return Promise.reject(failure);
    if (request.verb !== 'list') return Promise.reject(new StatusError('MethodNotAllowed', request.verb));
    const all = [...this.objects.values()];
    const from = Number(request.query?.['continue'] ?? 0);
    const limit = Number(request.query?.['limit'] ?? all.length);
    const next = from + limit < all.length ? { continue: String(from + limit) } : {};
    return Promise.resolve({
      metadata: { resourceVersion: String(this.#revision), ...next },
      items: all.slice(from, from + limit).map(({ kind: _kind, apiVersion: _apiVersion, ...item }) => item),
    });
  }

  watch(request: WatchRequest, { signal }: { signal: AbortSignal }): Promise<void> {
    this.watches.push(request);
    const failure = this.failures.shift();
    if (failure !== undefined) return Promise.reject(failure);
    const { query = {}, onEvents } = request;
    if (query['sendInitialEvents'] === 'true') {
      if (this.refuseWatchList) return Promise.reject(new StatusError('Invalid', 'sendInitialEvents is forbidden'));
      for (const object of this.objects.values()) onEvents([{ type: 'ADDED', object }]);
      onEvents([{ type: 'BOOKMARK', object: bookmark(this.#revision) }]);
    } else {
      const from = Number(query['resourceVersion']);
      if (from < this.#compacted) return Promise.reject(new StatusError('Expired', 'too old resource version'));
      const missed = this.#history.filter(({ revision }) => revision > from).map(({ event }) => event);
      if (missed.length > 0) onEvents(missed);
    }
    return new Promise((resolve, reject) => {
      const watcher: Watcher = {
        request,
        end: (error) => {
          this.#watchers.delete(watcher);
          if (error === undefined) resolve();
          else reject(error);
        },
      };
      this.#watchers.add(watcher);
      signal.addEventListener('abort', () => watcher.end(new StatusError('Timeout', 'aborted')), { once: true });
    });
  }

  #emit(event: WatchEvent): void {
    this.#history.push({ revision: this.#revision, event });
    for (const { request } of this.#watchers) request.onEvents([event]);
  }
}

const bookmark = (revision: number): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: {
    name: '',
    uid: '',
    creationTimestamp: '',
    resourceVersion: String(revision),
    annotations: { 'k8s.io/initial-events-end': 'true' },
  },
});

/** Lets everything that is due without the clock happen. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
}
