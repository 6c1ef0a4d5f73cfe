import type { BodyTarget, Kind, YamlThread } from '#api';
import type { Clock } from '#util';
import { subresourcesOf, verbsOf } from '../discovery/discovery.ts';
import { type Awaitable, type Handler, type HttpResponse, type RequestContext, whenThere } from '../http/context.ts';
import { mediaType, readConfiguration, readObject, readPatch } from '../http/body.ts';
import { takesGzip } from '../http/compress.ts';
import { CONTENT_TYPES, negotiate, type Offer } from '../http/negotiate.ts';
import { nonResource, type NonResourceOptions, pageNotFound } from '../http/nonresource.ts';
import type { RequestInfo } from '../http/request-info.ts';
import { respond } from '../http/respond.ts';
import { includeObjectOf } from '../http/table.ts';
import { watchResponse } from '../http/watch.ts';
import type { NodeProxy } from '../proxy/node-proxy.ts';
import type { Load } from '../registry/pace.ts';
import type { Registry } from '../registry/registry.ts';
import { performVirtual, type VirtualResources } from '../virtual/virtual.ts';
import type { ApiCall, Call } from './call.ts';
import { methodNotAllowed, notFoundPath, type VerbEnvironment } from './options.ts';
import { perform } from './verbs.ts';

export interface DispatchOptions extends NonResourceOptions {
  readonly env: VerbEnvironment;
  readonly registry: Registry;
  readonly virtual: VirtualResources;
  readonly nodeProxy: NodeProxy;
  readonly clock: Clock;
  /** Reads large bodies. */
  readonly yaml: YamlThread;
}

const FORMATS = ['json', 'yaml', 'protobuf'] as const;
/** Formats that can be cut into events. */
const STREAM_FORMATS = ['json', 'protobuf'] as const;
const CONVERSIONS = ['Table', 'PartialObjectMetadata', 'PartialObjectMetadataList'];
const OFFER: Offer = { formats: FORMATS, conversions: CONVERSIONS };
/** Of what has no columns: questions and their answers. */
const OFFER_WITHOUT_TABLE: Offer = { ...OFFER, conversions: CONVERSIONS.filter((kind) => kind !== 'Table') };
const WATCH_OFFER: Offer = {
  formats: STREAM_FORMATS,
  conversions: CONVERSIONS,
  named: STREAM_FORMATS.map((format) => `${CONTENT_TYPES[format]};stream=watch`),
};

/** What custom resources offer. Source: AllowsMediaTypeTransform, apiserver pkg/endpoints/handlers/rest.go v0.36. */
const CUSTOM_OFFER: Offer = { ...OFFER, convertedOnly: ['protobuf'] };
const CUSTOM_WATCH_OFFER: Offer = { ...WATCH_OFFER, convertedOnly: ['protobuf'] };

function offerOf({ custom }: Kind, verb: string): Offer {
  if (custom === undefined) return verb === 'watch' ? WATCH_OFFER : OFFER;
  return verb === 'watch' ? CUSTOM_WATCH_OFFER : CUSTOM_OFFER;
}

/** The innermost handler: finds what the path names and lets it answer. */
export function dispatch(options: DispatchOptions): Handler {
  return (context) => {
    const { info } = context;
    if (!info.isResourceRequest) return nonResource(options, context);
    const resource = options.registry.find(info.group, info.version, info.resource);
    if (resource === undefined) return virtualRequest(options, context);
    if (!isServed(resource.kind, info)) {
      // Nobody else could have served the path of a custom resource.
      if (resource.kind.custom !== undefined) return pageNotFound();
      throw notFoundPath();
    }
    if (info.subresource !== '' && options.nodeProxy.handles(resource.kind, info.subresource)) {
      if (!options.nodeProxy.allows(info.subresource, context.request.method)) throw methodNotAllowed();
      return options.nodeProxy.handle(context, resource);
    }
    checkMethod(resource.kind, context);
    if (resource.kind.deprecation !== undefined) context.warn(resource.kind.deprecation);
    return resourceRequest(options, context, callOf(options, context, resource));
  };
}

/** Whether the path is one of the kind's: in a namespace or not as the kind is; a collection may be read across all of them. */
function isServed(kind: Kind, { namespace, name, verb }: RequestInfo): boolean {
  if (!kind.namespaced)
    return namespace === '' || (kind.plural === 'namespaces' && kind.group === '' && namespace === name);
  if (kind.custom !== undefined) return namespace !== '' || verb === 'list' || verb === 'watch';
  return namespace !== '' || name === '';
}

/** Verbs of the kind, or of one of its subresources. */
function verbsAt(kind: Kind, subresource: string): readonly string[] {
  if (subresource === '') return verbsOf(kind);
  const found = subresourcesOf(kind).find(({ name }) => name === subresource);
  if (found === undefined) throw notFoundPath();
  return found.verbs;
}

const COLLECTION_VERBS = new Set(['list', 'create', 'deletecollection']);

/** Verbs that change things are only there within a namespace, and none is there that the kind does not have. */
function checkMethod(kind: Kind, { info, request }: RequestContext): void {
  const { verb, namespace, name, subresource } = info;
  if (request.method === 'HEAD') throw methodNotAllowed();
  if (kind.namespaced && namespace === '' && verb !== 'list' && verb !== 'watch') throw methodNotAllowed();
  if ((name === '') !== COLLECTION_VERBS.has(verb) && verb !== 'watch' && subresource === '') throw methodNotAllowed();
  // Custom resources have words of their own for what they do not have.
  if (kind.custom !== undefined && subresource !== '') return;
  if (!verbsAt(kind, subresource).includes(verb)) throw methodNotAllowed();
}

function resourceRequest(
  { env, clock }: DispatchOptions,
  context: RequestContext,
  call: ApiCall,
): Awaitable<HttpResponse> {
  const { request, info } = context;
  const negotiated = negotiate(
    request.headers['accept'],
    request.query,
    request.headers['user-agent'] ?? '',
    offerOf(call.resource.kind, info.verb),
  );
  const include = negotiated.as === 'Table' ? includeObjectOf(call.query('includeObject')) : 'Metadata';
  if (info.verb === 'watch')
    return call.resource.use('', '', () => watchResponse(env, call, request, { negotiated, include }));
  const gzip = takesGzip(request.headers['accept-encoding']);
  return whenThere(perform(env, call), (outcome) => respond(outcome, { negotiated, include, clock, gzip }));
}

async function virtualRequest(options: DispatchOptions, context: RequestContext): Promise<HttpResponse> {
  const { env, registry, virtual, clock } = options;
  const { info, request } = context;
  const resource = virtual.find(info.group, info.version, info.resource);
  if (resource === undefined) {
    if (!registry.serves(info.group)) return pageNotFound();
    throw notFoundPath();
  }
  if (!isServed(resource.kind, info)) throw notFoundPath();
  checkMethod(resource.kind, context);
  if (resource.kind.deprecation !== undefined) context.warn(resource.kind.deprecation);
  const { headers, query } = request;
  const offer = resource.kind.columns.length === 0 ? OFFER_WITHOUT_TABLE : OFFER;
  const negotiated = negotiate(headers['accept'], query, headers['user-agent'] ?? '', offer);
  const call = callOf(options, context, resource);
  const include = negotiated.as === 'Table' ? includeObjectOf(call.query('includeObject')) : 'Metadata';
  const outcome = await performVirtual(env, call);
  return await respond(outcome, { negotiated, include, clock, gzip: takesGzip(headers['accept-encoding']) });
}

function callOf<R extends { readonly kind: Kind }>(
  { yaml }: DispatchOptions,
  context: RequestContext,
  resource: R,
): Call<R> {
  return new HttpCall(context, resource, yaml);
}

/** A class, since one is made for each request. */
class HttpCall<R extends { readonly kind: Kind }> implements Call<R> {
  readonly #context: RequestContext;
  readonly #yaml: YamlThread;
  readonly verb: string;
  readonly resource: R;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
  readonly user: Call<R>['user'];
  readonly warn: Call<R>['warn'];

  constructor(context: RequestContext, resource: R, yaml: YamlThread) {
    const { info, user, warn } = context;
    this.#context = context;
    this.#yaml = yaml;
    this.verb = info.verb;
    this.resource = resource;
    this.subresource = info.subresource;
    this.namespace = resource.kind.namespaced ? info.namespace : '';
    this.name = info.name;
    this.user = user;
    this.warn = warn;
  }

  readonly query = (name: string): string | undefined => this.#context.request.query.get(name) ?? undefined;

  get signal(): AbortSignal {
    return this.#context.signal;
  }

  get load(): Load {
    return this.#context;
  }

  get userAgent(): string {
    return this.#context.request.headers['user-agent'] ?? '';
  }

  get patchType(): string {
    return this.verb === 'patch' ? mediaType(this.#context) : '';
  }

  body(target: BodyTarget): ReturnType<Call<R>['body']> {
    return readObject(this.#context, target, this.#yaml);
  }

  patch(): ReturnType<Call<R>['patch']> {
    return readPatch(this.#context, this.resource.kind);
  }

  configuration(): ReturnType<Call<R>['configuration']> {
    return readConfiguration(this.#context, this.#yaml);
  }
}
