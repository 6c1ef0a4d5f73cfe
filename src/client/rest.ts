import { apiVersionOf, type Kind, type KubeObject, type ObjectRequest, type Transport } from '#api';
import type { CallOptions, Client, ListOptions, WatchOptions } from './types.ts';

/** The typed client over any transport. It adds nothing but types and the names of query parameters. */
export function newClient(transport: Transport): Client {
  return {
    get: (kind, ref, options) => one({ verb: 'get', kind, ...ref, query: options?.query }, options),

    async list<T extends KubeObject>(kind: Kind<T>, options: ListOptions = {}) {
      const query = listQuery(options);
      const list = (await transport.request(
        { verb: 'list', kind, namespace: options.namespace, query },
        { signal: options.signal },
      )) as {
        metadata?: { resourceVersion?: string; continue?: string };
        items?: readonly T[] | null;
      };
      return {
        items: typed(kind, list.items ?? []),
        resourceVersion: list.metadata?.resourceVersion ?? '',
        continue: list.metadata?.continue === '' ? undefined : list.metadata?.continue,
      };
    },

    watch(kind, options) {
      const { namespace, onEvents, signal } = options;
      return transport.watch({ kind, namespace, query: watchQuery(options), onEvents }, { signal });
    },

    create(kind, object, options) {
      const { namespace } = object.metadata;
      const body = { apiVersion: apiVersionOf(kind), kind: kind.kind, ...object };
      return one({ verb: 'create', kind, namespace, body, query: options?.query }, options);
    },

    update: (kind, object, options) => put(kind, object, undefined, options),
    updateStatus: (kind, object, options) => put(kind, object, 'status', options),

    updateSubresource: (kind, object, subresource, options) => put(kind, object, subresource, options),

    patch(kind, ref, patch, { type = 'application/strategic-merge-patch+json', subresource, ...options } = {}) {
      const request = {
        verb: 'patch',
        kind,
        ...ref,
        subresource,
        body: patch,
        patchType: type,
        query: options.query,
      } as const;
      return one(request, options);
    },

    async delete(kind, ref, options = {}) {
      const body = options.body === undefined ? undefined : deleteOptions(options.body);
      await transport.request({ verb: 'delete', kind, ...ref, body, query: options.query }, { signal: options.signal });
    },

    async deleteCollection(kind, options = {}) {
      const body = options.body === undefined ? undefined : deleteOptions(options.body);
      const { namespace, signal } = options;
      await transport.request(
        { verb: 'deletecollection', kind, namespace, body, query: listQuery(options) },
        { signal },
      );
    },

    createSubresource: (kind, ref, subresource, body, options) =>
      transport.request(
        { verb: 'create', kind, ...ref, subresource, body, query: options?.query },
        { signal: options?.signal },
      ),
  };

  function put<T extends KubeObject>(
    kind: Kind<T>,
    object: T,
    subresource: string | undefined,
    options?: CallOptions,
  ): Promise<T> {
    const { namespace, name } = object.metadata;
    return one({ verb: 'update', kind, namespace, name, subresource, body: object, query: options?.query }, options);
  }

  async function one<T extends KubeObject>(request: ObjectRequest, options?: CallOptions): Promise<T> {
    return (await transport.request(request, { signal: options?.signal })) as T;
  }
}

const deleteOptions = (body: object): object => ({ apiVersion: 'v1', kind: 'DeleteOptions', ...body });

/** Items of a typed list travel without kind and apiVersion; whoever holds one wants to know what it is. */
function typed<T extends KubeObject>(kind: Kind<T>, items: readonly T[]): readonly T[] {
  const apiVersion = apiVersionOf(kind);
  return items.map((item) => (item.kind === undefined ? { ...item, apiVersion, kind: kind.kind } : item));
}

function listQuery(options: ListOptions): Record<string, string> {
  const { labelSelector, fieldSelector, resourceVersion, limit } = options;
  return {
    ...options.query,
    ...(labelSelector === undefined ? {} : { labelSelector }),
    ...(fieldSelector === undefined ? {} : { fieldSelector }),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
    ...(limit === undefined ? {} : { limit: String(limit) }),
    ...(options.continue === undefined ? {} : { continue: options.continue }),
  };
}

function watchQuery({ sendInitialEvents, timeoutSeconds, ...options }: WatchOptions): Record<string, string> {
  return {
    ...listQuery(options),
    allowWatchBookmarks: 'true',
    ...(sendInitialEvents === true ? { sendInitialEvents: 'true', resourceVersionMatch: 'NotOlderThan' } : {}),
    ...(timeoutSeconds === undefined ? {} : { timeoutSeconds: String(timeoutSeconds) }),
  };
}
