import { lookup } from 'node:dns/promises';
import type { IncomingMessage } from 'node:http';
import { badRequest, forbidden, internalError, type Kind, notFound, type Pod, StatusError } from '#api';
import type { Logger } from '#util';
import { authorizationAttributes, type Authorizer } from '../authz/authz.ts';
import type { ByteSink, HttpRequest, HttpResponse, RequestContext } from '../http/context.ts';
import { isTrue } from '../http/request-info.ts';
import { answerWebSocket, chosenProtocol, isWebSocket, webSocketSink } from '../websocket/websocket.ts';
import type { Registry } from '../registry/registry.ts';
import type { Resource } from '../registry/resource.ts';
import { type Backend, dialText, type Egress, hostPort, openRequest, readAtMost, statusOf } from './backend.ts';
import { kubeletPath, logOptions } from './location.ts';
import { reverseProxy } from './reverse-proxy.ts';
import { kubeletOf, targetOf } from './target.ts';
import { forwardUpgrade, isUpgrade } from './upgrade.ts';

/** Subresources a kubelet answers for. */
const KUBELET_SUBRESOURCES = new Set(['log', 'exec', 'attach', 'portforward']);
const PROXIED = new Set(['pods', 'services', 'nodes']);
/** Source: proxyMethods of pkg/registry/core/pod/rest/subresources.go v1.36. */
const PROXY_METHODS = new Set(['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS']);
/** Of what a kubelet says of a failure. Source: maxReadLength of apiserver pkg/registry/generic/rest/response_checker.go v1.36. */
const MAX_ERROR_BYTES = 50_000;

export interface NodeProxyOptions {
  readonly registry: Registry;
  readonly authorizer: Authorizer;
  /** How the API server shows itself to kubelets, and the authority their certificates are signed by. */
  readonly tls: { readonly ca: string; readonly certificate: string; readonly key: string };
  /** In [0,1). */
  readonly random: () => number;
  readonly egress?: Egress | undefined;
  readonly log: Logger;
}

export interface NodeProxy {
  /** Whether requests of this subresource are handed on; any method that `allows`. */
  handles(kind: Kind, subresource: string): boolean;
  allows(subresource: string, method: string): boolean;
  handle(context: RequestContext, resource: Resource): Promise<HttpResponse>;
}

/**
 * Hands on what others answer: log, exec, attach and port-forward to the kubelet of the pod's node, proxy to the pod, service or node itself.
 * Source: pkg/registry/core/pod/rest, service, node, kubelet/client v1.36.
 */
export function newNodeProxy({ registry, authorizer, tls, random, egress, log }: NodeProxyOptions): NodeProxy {
  const credentials = { cert: tls.certificate, key: tls.key };
  const kubeletTls = { ca: tls.ca, ...credentials };
  const targets = { registry, random, kubeletTls, lookup: (host: string) => lookup(host, { all: true }) };

  return {
    handles: ({ group, plural }, subresource) =>
      group === '' &&
      (subresource === 'proxy' ? PROXIED.has(plural) : plural === 'pods' && KUBELET_SUBRESOURCES.has(subresource)),
    allows(subresource, method) {
      if (subresource === 'proxy') return PROXY_METHODS.has(method);
      return method === 'GET' || (method === 'POST' && subresource !== 'log');
    },
    async handle(context, resource) {
      const { info, request, signal } = context;
      const { namespace, name, subresource } = info;
      if (subresource === 'proxy') {
        const backend = await targetOf(targets, resource.kind.plural, namespace, name);
        return await reverseProxy({ context, backend, egress, log });
      }
      if (subresource !== 'log') await checkMayCreate(authorizer, context);
      const query = subresource === 'log' ? logOptions(name, request.query) : request.query;
      const entry = resource.get(namespace, name);
      if (entry === undefined) throw notFound(resource.kind, name);
      const pod = entry.object as Pod;
      const path = kubeletPath(pod, subresource, query);
      // A pod that has no node yet has written nothing.
      if (path === undefined) return { status: 204 };
      const unverified = subresource === 'log' && isTrue(request.query.get('insecureSkipTLSVerifyBackend'));
      const backend = kubeletOf(registry, pod.spec.nodeName!, unverified ? credentials : kubeletTls);
      if (subresource === 'log') return await podLog(context, backend, path);
      if (!isUpgrade(request)) throw badRequest('Upgrade request required');
      return await forwardUpgrade({ request, backend, path, signal, egress, log });
    },
  };

  async function podLog(context: RequestContext, backend: Backend, path: string): Promise<HttpResponse> {
    const { request, signal, info } = context;
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const outgoing = openRequest(
      backend,
      { method: 'GET', path, headers: { host: hostPort(backend) }, signal },
      egress,
    );
    outgoing.on('response', resolve);
    outgoing.on('error', (error) => {
      const address = `https://${hostPort(backend)}${path}`;
      reject(new StatusError('', `Get "${address}": ${dialText(error, backend)}`, { cause: error }));
    });
    outgoing.end();
    const incoming = await promise;
    const status = statusOf(incoming);
    if (status > 206) throw await kubeletError(incoming, status, info.name);
    if (isWebSocket(request)) return logWebSocket(request, incoming);
    return { status: 200, headers: { 'content-type': 'text/plain' }, stream: (sink) => copy(incoming, sink) };
  }
}

/**
 * Who may only read must not run commands, whatever method a WebSocket comes by. Source: ensureAuthorizedForVerb of pkg/registry/core/pod/rest/authorize.go
 * v1.36.
 */
async function checkMayCreate(authorizer: Authorizer, { user, info }: RequestContext): Promise<void> {
  if (info.verb === 'create') return;
  const { allowed, reason } = await authorizer.authorize({ ...authorizationAttributes(user, info), verb: 'create' });
  if (!allowed) throw forbidden({ group: info.group, plural: info.resource }, info.name, reason);
}

/** Protocols by which one stream is read. Source: NewDefaultReaderProtocols of k8s.io/streaming pkg/httpstream/wsstream v1.36. */
const READER_PROTOCOLS = ['binary.k8s.io', 'base64.binary.k8s.io'];
/** Of one message; Source: messageCopy, as above. */
const MESSAGE_BYTES = 2048;

/** The log in messages, after an empty one that tells the client it is connected. */
function logWebSocket(request: HttpRequest, incoming: IncomingMessage): HttpResponse {
  const protocol = chosenProtocol(request, READER_PROTOCOLS);
  if (protocol === undefined) {
    incoming.destroy();
    return { status: 403, headers: { 'content-type': 'text/plain; charset=utf-8' }, body: '' };
  }
  const base64 = protocol === 'base64.binary.k8s.io';
  return answerWebSocket(request, protocol, async (socket) => {
    const sink = webSocketSink(socket, { binary: !base64 });
    sink.write(Buffer.alloc(0));
    try {
      for await (const chunk of incoming as AsyncIterable<Buffer>)
        for (let at = 0; at < chunk.length; at += MESSAGE_BYTES) {
          const part = chunk.subarray(at, at + MESSAGE_BYTES);
          if (!sink.write(base64 ? Buffer.from(part.toString('base64')) : part)) await sink.drained();
        }
    } catch {
      // The client or the kubelet left in the middle: what was sent is all there is.
    }
    await sink.drained();
  });
}

async function copy(from: IncomingMessage, sink: ByteSink): Promise<void> {
  try {
    for await (const chunk of from) if (!sink.write(chunk as Buffer)) await sink.drained();
  } catch {
    // The client or the kubelet left in the middle: what was sent is all there is.
  }
  sink.end();
}

/** Source: GenericHttpResponseChecker, as above, and NewGenericServerResponse of apimachinery pkg/api/errors v0.36. */
async function kubeletError(incoming: IncomingMessage, code: number, pod: string): Promise<StatusError> {
  const text = (await readAtMost(incoming, MAX_ERROR_BYTES)).toString();
  const details = { name: pod, kind: 'pods/log' };
  const where = `( pods/log ${pod})`;
  switch (code) {
    case 500:
      return internalError(new Error(text));
    case 400:
      return badRequest(text);
    case 401:
      return new StatusError('Unauthorized', `the server has asked for the client to provide credentials ${where}`, {
        details,
      });
    case 403:
      return new StatusError('Forbidden', `${text} ${where}`, { details });
    case 404:
      return new StatusError('NotFound', `the server could not find the requested resource ${where}`, { details });
    case 503:
      return new StatusError('ServiceUnavailable', `the server is currently unable to handle the request ${where}`, {
        details,
      });
    default:
      return code > 500
        ? new StatusError(
            'InternalError',
            `an error on the server (${JSON.stringify(text)}) has prevented the request from succeeding ${where}`,
            { code, details },
          )
        : new StatusError(
            '',
            `the server responded with the status code ${code} but did not return more information ${where}`,
            { code, details },
          );
  }
}
