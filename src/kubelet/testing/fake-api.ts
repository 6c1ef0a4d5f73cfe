/** As much of an API server as one node talks to: objects in memory, watches, the status patches of the kubelet. */
import {
  conflict,
  type Kind,
  type KubeObject,
  notFound,
  alreadyExists,
  keyOf,
  StatusError,
  type WatchEvent,
} from '#api';
import type { Client, Informer, InformerEvent, Informers, WatchOptions } from '#client';

type Json = Record<string, unknown>;

type Named = Pick<Kind, 'group' | 'plural'>;

interface Watcher {
  readonly kind: Named;
  readonly options: WatchOptions;
}

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Strategic merge as far as statuses need it: conditions by type, `$patch: replace`, null removes. */
function merge(base: Json, patch: Json): Json {
  const result: Json = { ...base };
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else if (key === 'conditions' && Array.isArray(value)) {
      const list = [...((result[key] as Json[] | undefined) ?? [])];
      for (const condition of value as Json[]) {
        const at = list.findIndex(({ type }) => type === condition['type']);
        if (at < 0) list.push(merge({}, condition));
        else list[at] = merge(list[at] ?? {}, condition);
      }
      result[key] = list;
    } else if (Array.isArray(value))
      result[key] = value.filter((item) => !isObject(item) || item['$patch'] === undefined);
    else if (isObject(value)) result[key] = merge(isObject(result[key]) ? result[key] : {}, value);
    else result[key] = value;
  }
  return result;
}

export class FakeApi {
  readonly #objects = new Map<string, KubeObject>();
  readonly #watchers = new Set<Watcher>();
  readonly #informers: { kind: Named; emit: (event: InformerEvent<KubeObject>) => void }[] = [];
  #version = 1;
  /** Requests of the kubelet, as `VERB kind name`. */
  readonly requests: string[] = [];

  #key(kind: Named, object: KubeObject | { namespace?: string | undefined; name: string }): string {
    const metadata = 'metadata' in object ? object.metadata : object;
    return `${kind.plural} ${keyOf({ metadata })}`;
  }

  get<T extends KubeObject>(kind: Kind<T>, namespace: string | undefined, name: string): T | undefined {
    return this.#objects.get(this.#key(kind, { namespace, name })) as T | undefined;
  }

  /** Creates or replaces an object, as anybody but the kubelet does. */
  put<T extends KubeObject>(kind: Kind<T>, object: T): T {
    const key = this.#key(kind, object);
    const old = this.#objects.get(key);
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(++this.#version) } };
    this.#objects.set(key, stored);
    this.#tell(kind, old === undefined ? 'ADDED' : 'MODIFIED', stored, old);
    return stored;
  }

  remove<T extends KubeObject>(kind: Kind<T>, namespace: string | undefined, name: string): void {
    const key = this.#key(kind, { namespace, name });
    const old = this.#objects.get(key);
    if (old === undefined) return;
    this.#objects.delete(key);
    this.#tell(
      kind,
      'DELETED',
      { ...old, metadata: { ...old.metadata, resourceVersion: String(++this.#version) } },
      old,
    );
  }

  #tell(kind: Named, type: 'ADDED' | 'MODIFIED' | 'DELETED', object: KubeObject, old: KubeObject | undefined): void {
    const same = (other: Named): boolean => other.plural === kind.plural && other.group === kind.group;
    for (const { kind: watched, options } of this.#watchers) {
      if (same(watched) && selects(options, object)) options.onEvents([{ type, object }]);
    }
    for (const informer of this.#informers) {
      if (!same(informer.kind)) continue;
      if (type === 'DELETED') informer.emit({ type: 'delete', object });
      else if (old === undefined) informer.emit({ type: 'add', object });
      else informer.emit({ type: 'update', object, old });
    }
  }

  #existing<T extends KubeObject>(kind: Kind<T>, ref: { namespace?: string | undefined; name: string }): T {
    const found = this.#objects.get(this.#key(kind, ref));
    if (found === undefined) throw notFound(kind, ref.name);
    return found as T;
  }

  readonly client: Client = {
    get: async (kind, ref) => this.#existing(kind, ref),
    list: async () => ({ items: [], resourceVersion: String(this.#version) }),
    watch: <T extends KubeObject>(kind: Kind<T>, options: WatchOptions) =>
      new Promise<void>((resolve) => {
        const matching = [...this.#objects].filter(
          ([key, object]) => key.startsWith(`${kind.plural} `) && selects(options, object),
        );
        const bookmark: WatchEvent = {
          type: 'BOOKMARK',
          object: {
            apiVersion: 'v1',
            kind: kind.kind,
            metadata: {
              name: '',
              uid: '',
              creationTimestamp: '',
              resourceVersion: String(this.#version),
              annotations: { 'k8s.io/initial-events-end': 'true' },
            },
          },
        };
        options.onEvents([...matching.map(([, object]): WatchEvent => ({ type: 'ADDED', object })), bookmark]);
        const watcher: Watcher = { kind, options };
        this.#watchers.add(watcher);
        options.signal.addEventListener('abort', () => {
          this.#watchers.delete(watcher);
          resolve();
        });
      }),
    create: async (kind, object) => {
      const draft = object as unknown as KubeObject;
      const name = draft.metadata.name;
      this.requests.push(`create ${kind.plural} ${name}`);
      if (this.#objects.has(this.#key(kind, draft))) throw alreadyExists(kind, name);
      const full = {
        ...draft,
        apiVersion: 'v1',
        kind: kind.kind,
        metadata: { ...draft.metadata, uid: `${name}-uid`, creationTimestamp: '' },
      };
      return this.put(kind, full as never);
    },
    update: async (kind, object) => {
      this.requests.push(`update ${kind.plural} ${object.metadata.name}`);
      return this.put(kind, object);
    },
    updateStatus: () => Promise.reject(new StatusError('MethodNotAllowed', 'the fake has no updateStatus')),
    updateSubresource: () => Promise.reject(new StatusError('MethodNotAllowed', 'the fake has no updateSubresource')),
    patch: async (kind, ref, patch, { subresource = '' } = {}) => {
      this.requests.push(`patch ${kind.plural} ${ref.name}${subresource === '' ? '' : `/${subresource}`}`);
      const found = this.#existing(kind, ref);
      const { metadata } = patch as { metadata?: { uid?: string } };
      if (metadata?.uid !== undefined && metadata.uid !== found.metadata.uid)
        throw conflict(kind, ref.name, 'the uid differs');
      return this.put(kind, merge(found as unknown as Json, patch as Json) as never);
    },
    delete: async (kind, ref, { body } = {}) => {
      this.requests.push(`delete ${kind.plural} ${ref.name} ${body?.gracePeriodSeconds ?? ''}`.trim());
      const found = this.#existing(kind, ref);
      if (body?.preconditions?.uid !== undefined && body.preconditions.uid !== found.metadata.uid) {
        throw conflict(kind, ref.name, 'the uid differs');
      }
      this.remove(kind, ref.namespace, ref.name);
    },
    deleteCollection: () => Promise.reject(new StatusError('MethodNotAllowed', 'the fake has no deleteCollection')),
    createSubresource: () => Promise.reject(notFound({ group: '', plural: 'serviceaccounts' }, 'token')),
  };

  readonly informers: Informers = {
    forget() {},
    informer: <T extends KubeObject>(kind: Kind<T>): Informer<T> => {
      const handlers = new Set<(event: InformerEvent<T>) => void>();
      const list = (): T[] =>
        [...this.#objects].filter(([key]) => key.startsWith(`${kind.plural} `)).map(([, object]) => object as T);
      this.#informers.push({
        kind,
        emit: (event) => {
          for (const handler of handlers) handler(event as InformerEvent<T>);
        },
      });
      return {
        kind,
        synced: true,
        whenSynced: () => Promise.resolve(),
        addHandler(handler) {
          handlers.add(handler);
          for (const object of list()) handler({ type: 'add', object });
          return { [Symbol.dispose]: () => void handlers.delete(handler) };
        },
        addIndex: () => {},
        get: (key) => list().find((object) => keyOf(object) === key),
        list: (namespace) =>
          list().filter(({ metadata }) => namespace === undefined || metadata.namespace === namespace),
        byIndex: () => [],
        controlledBy: () => [],
      };
    },
    start: () => Promise.resolve(),
  };
}

function selects({ namespace, fieldSelector = '' }: WatchOptions, { metadata }: KubeObject): boolean {
  const name = /^metadata\.name=(.*)$/.exec(fieldSelector)?.[1];
  return (
    (namespace === undefined || metadata.namespace === namespace) && (name === undefined || metadata.name === name)
  );
}
