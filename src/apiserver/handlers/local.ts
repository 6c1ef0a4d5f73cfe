import {
  apiVersionOf,
  applyPatch,
  copyObject,
  decodeObject,
  deepClone,
  listKindOf,
  type ObjectRequest,
  type Transport,
  type WatchEvent,
} from '#api';
import type { UserInfo } from '../admission/admission.ts';
import { type Authorizer, forbidden } from '../authz/authz.ts';
import { madeList } from '../http/respond.ts';
import { listMetadata } from '../registry/list.ts';
import type { Registry } from '../registry/registry.ts';
import { performVirtual, type VirtualResources } from '../virtual/virtual.ts';
import type { Call, Outcome } from './call.ts';
import { notFoundPath, type VerbEnvironment } from './options.ts';
import { APPLY, unsupportedPatch } from './patch.ts';
import { perform } from './verbs.ts';
import { planWatch, runWatch } from './watch.ts';

export interface LocalTransportOptions {
  readonly env: VerbEnvironment;
  readonly registry: Registry;
  readonly virtual: VirtualResources;
  readonly authorizer: Authorizer;
  readonly user: UserInfo;
  /** What the component calls itself, as upstream's User-Agent begins: `kube-scheduler`. */
  readonly userAgent: string;
}

const NEVER = new AbortController().signal;

/**
 * The API by function call, for components in this process: the same authorization, admission, validation and storage as over HTTP, without
 * sockets and encoding. What it returns is shared with the cache and must not be written to.
 */
export function newLocalTransport(options: LocalTransportOptions): Transport {
  const { env, registry, virtual, authorizer, user, userAgent } = options;
  async function authorize(verb: string, request: Omit<ObjectRequest, 'verb'>): Promise<void> {
    const { group, version, plural } = request.kind;
    const attributes = {
      user,
      verb,
      isResourceRequest: true,
      path: '',
      group,
      version,
      resource: plural,
      subresource: request.subresource ?? '',
      namespace: request.namespace ?? '',
      name: request.name ?? '',
    };
    const { allowed, reason } = await authorizer.authorize(attributes);
    if (!allowed) throw forbidden(attributes, reason);
  }

  function callOf<R>(resource: R, verb: string, request: Omit<ObjectRequest, 'verb'>, signal: AbortSignal): Call<R> {
    const { kind, body, patchType } = request;
    return {
      verb,
      resource,
      subresource: request.subresource ?? '',
      namespace: request.namespace ?? (kind.plural === 'namespaces' && kind.group === '' ? (request.name ?? '') : ''),
      name: request.name ?? '',
      query: (name) => request.query?.[name],
      user,
      userAgent,
      warn() {},
      signal,
      load: { loadBytes: 0 },
      // Read as a body from the wire is, so that what is stored does not depend on who wrote it: empty optional lists go, quantities are canonical.
      body: async (target) =>
        body === undefined
          ? undefined
          : copyObject(decodeObject(body, target, { fieldValidation: 'Ignore' }).object, { isOwn: false }),
      async patch() {
        if (patchType === undefined || patchType === APPLY) throw unsupportedPatch(kind);
        return (current, target) => applyPatch(patchType, current, body, target, { fieldValidation: 'Ignore' }).object;
      },
      patchType: patchType ?? '',
      async configuration() {
        return { value: deepClone(body) as Record<string, unknown>, duplicate: () => undefined };
      },
    };
  }

  return {
    async request(request, { signal = NEVER } = {}) {
      signal.throwIfAborted();
      await authorize(request.verb, request);
      const { kind, verb } = request;
      if (kind.virtual !== true)
        return resultOf(await perform(env, callOf(registry.resource(kind), verb, request, signal)));
      const resource = virtual.find(kind.group, kind.version, kind.plural);
      if (resource === undefined) throw notFoundPath();
      return resultOf(await performVirtual(env, callOf(resource, verb, request, signal)));
    },
    async watch(request, { signal }) {
      signal.throwIfAborted();
      await authorize('watch', request);
      const resource = registry.resource(request.kind);
      const call = callOf(resource, 'watch', request, signal);
      // Handlers run after the commit that woke them is through, all events of a turn together.
      let pending: WatchEvent[] = [];
      const flush = (): void => {
        const events = pending;
        pending = [];
        if (events.length > 0 && !signal.aborted) request.onEvents(events);
      };
      const push = (event: WatchEvent): void => {
        if (pending.length === 0) queueMicrotask(flush);
        pending.push(event);
      };
      try {
        await resource.use('', '', async () => undefined);
        await runWatch(env, call, planWatch(call), {
          onFrames(frames) {
            for (const { type, entry } of frames) push({ type, object: resource.object(entry) });
            return true;
          },
          onBookmark: (object) => push({ type: 'BOOKMARK', object }),
          async drained() {},
        });
      } finally {
        flush();
      }
    },
  };
}

function resultOf(outcome: Outcome): unknown {
  switch (outcome.type) {
    case 'entry':
      return outcome.resource.object(outcome.entry);
    case 'object':
    case 'made':
      return outcome.object;
    case 'made list':
      return madeList(outcome.kind, outcome.objects);
    case 'page': {
      const { resource, page } = outcome;
      return {
        kind: listKindOf(resource.kind),
        apiVersion: apiVersionOf(resource.kind),
        metadata: listMetadata(page),
        items: page.entries.map((entry) => resource.object(entry)),
      };
    }
  }
}
