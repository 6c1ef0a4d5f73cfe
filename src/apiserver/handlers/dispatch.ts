import type { Clock } from '#util';
import type { Handler, HttpResponse, RequestContext } from '../http/context.ts';
import { decodeRequest } from '../http/body.ts';
import { negotiate } from '../http/negotiate.ts';
import { nonResource, type NonResourceOptions, pageNotFound } from '../http/nonresource.ts';
import { respond } from '../http/respond.ts';
import { includeObjectOf } from '../http/table.ts';
import type { NodeProxy } from '../proxy/node-proxy.ts';
import type { Registry } from '../registry/registry.ts';
import type { ApiCall } from './call.ts';
import type { VerbEnvironment } from './options.ts';
import { perform } from './verbs.ts';
import { watchResponse } from './watch.ts';

export interface DispatchOptions extends NonResourceOptions {
  readonly env: VerbEnvironment;
  readonly registry: Registry;
  readonly nodeProxy: NodeProxy;
  readonly clock: Clock;
}

const FORMATS = ['json', 'yaml', 'protobuf'] as const;
const CONVERSIONS = ['Table', 'PartialObjectMetadata', 'PartialObjectMetadataList'];

/** The innermost handler: finds what the path names and lets it answer. */
export function dispatch(options: DispatchOptions): Handler {
  return async (context) => {
    const { info } = context;
    if (!info.isResourceRequest) return await nonResource(options, context);
    const resource = options.registry.find(info.group, info.version, info.resource);
    if (resource === undefined) return pageNotFound();
    if (info.subresource !== '' && options.nodeProxy.handles(resource.kind, info.subresource))
      return await options.nodeProxy.handle(context, resource);
    return await resourceRequest(options, context, callOf(context, resource));
  };
}

async function resourceRequest(
  { env, clock }: DispatchOptions,
  context: RequestContext,
  call: ApiCall,
): Promise<HttpResponse> {
  const { request, info } = context;
  const negotiated = negotiate(request.headers['accept'], request.query, request.headers['user-agent'] ?? '', {
    formats: FORMATS,
    conversions: CONVERSIONS,
  });
  const include = includeObjectOf(call.query('includeObject'));
  if (info.verb === 'watch') return watchResponse(env, call, { negotiated, include });
  const outcome = await perform(env, call);
  return respond(outcome, { negotiated, warnings: context.warnings, include, nowMs: clock.now() });
}

function callOf(context: RequestContext, resource: ApiCall['resource']): ApiCall {
  const { info, request, user, warn } = context;
  return {
    verb: info.verb,
    resource,
    subresource: info.subresource,
    namespace: resource.kind.namespaced ? info.namespace : '',
    name: info.name,
    query: (name) => request.query.get(name) ?? undefined,
    user,
    warn,
    get signal() {
      return context.signal;
    },
    ...decodeRequest(context),
  };
}
