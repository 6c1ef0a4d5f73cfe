import type { ClientRequest, IncomingMessage } from 'node:http';
import { Agent, request as httpsRequest, type RequestOptions } from 'node:https';
import type { Duplex } from 'node:stream';
import { badRequest, type Kind, type Node, notFound, type Pod, StatusError } from '#api';
import type { Logger } from '#util';
import type { ByteSink, HttpResponse, RequestContext } from '../http/context.ts';
import type { Registry } from '../registry/registry.ts';
import type { Resource } from '../registry/resource.ts';
import { locate, type NodeLocation } from './location.ts';

const SUBRESOURCES = new Set(['log', 'exec', 'attach', 'portforward']);
/** Time for the connection to a kubelet to stand. */
const CONNECT_TIMEOUT_MS = 10_000;

export interface NodeProxyOptions {
  readonly registry: Registry;
  /** How the API server shows itself to kubelets, and the authority their certificates are signed by. */
  readonly tls: { readonly ca: string; readonly certificate: string; readonly key: string };
  readonly log: Logger;
}

export interface NodeProxy {
  handles(kind: Kind, subresource: string): boolean;
  handle(context: RequestContext, resource: Resource): Promise<HttpResponse>;
}

/**
 * Hands log, exec, attach and port-forward on to the kubelet of the pod's node. Streams are passed through byte for byte: the client and the kubelet
 * settle the protocol between them. Source: pkg/registry/core/pod/rest, kubelet/client v1.36.
 */
export function newNodeProxy({ registry, tls, log }: NodeProxyOptions): NodeProxy {
  const agent = new Agent({ keepAlive: true, maxSockets: 256, ca: tls.ca, cert: tls.certificate, key: tls.key });

  function nodeOf(pod: Pod): Node | undefined {
    const entry = registry.find('', 'v1', 'nodes')?.get('', pod.spec.nodeName ?? '');
    return entry?.object as Node | undefined;
  }

  return {
    handles: (kind, subresource) => kind.group === '' && kind.plural === 'pods' && SUBRESOURCES.has(subresource),
    async handle(context, resource) {
      const { info, request } = context;
      const entry = resource.get(info.namespace, info.name);
      if (entry === undefined) throw notFound(resource.kind, info.name);
      const pod = entry.object as Pod;
      const location = locate(pod, nodeOf(pod), info.subresource, request.query);
      // A pod that has no node yet has written nothing.
      if (location === undefined) return { status: 200, headers: { 'content-type': 'text/plain' }, body: '' };
      const options: RequestOptions = {
        host: location.host,
        port: location.port,
        path: location.path,
        method: request.method,
        agent: info.subresource === 'log' ? agent : new Agent({ ca: tls.ca, cert: tls.certificate, key: tls.key }),
        signal: context.signal,
      };
      if (info.subresource === 'log') return await plain(options, location);
      if (request.headers['upgrade'] === undefined) throw badRequest('Upgrade request required');
      return await upgrade(options, location, request.headers);
    },
  };

  async function plain(options: RequestOptions, location: NodeLocation): Promise<HttpResponse> {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const outgoing = httpsRequest(options, resolve);
    outgoing.on('error', (error) => reject(dialError(error, location)));
    limitConnect(outgoing);
    outgoing.end();
    const incoming = await promise;
    if (incoming.statusCode !== 200) throw await kubeletError(incoming);
    return {
      status: 200,
      headers: { 'content-type': incoming.headers['content-type'] ?? 'text/plain' },
      stream: (sink) => copy(incoming, sink),
    };
  }

  async function upgrade(
    options: RequestOptions,
    location: NodeLocation,
    headers: Readonly<Record<string, string | undefined>>,
  ): Promise<HttpResponse> {
    const { promise, resolve, reject } = Promise.withResolvers<HttpResponse>();
    const outgoing = httpsRequest({ ...options, headers: forwarded(headers) });
    outgoing.on('error', (error) => reject(dialError(error, location)));
    limitConnect(outgoing);
    outgoing.on('upgrade', (incoming, upstream: Duplex, head) => {
      resolve({
        upgrade(client, clientHead) {
          client.write(`${statusLine(incoming)}\r\n${headerLines(incoming)}\r\n`);
          tunnel(client, upstream, log);
          if (head.length > 0) client.write(head);
          if (clientHead.length > 0) upstream.write(clientHead);
        },
      });
    });
    outgoing.on('response', (incoming) => {
      // The kubelet speaks for itself: clients fall back to another protocol by its answer.
      body(incoming).then(
        (bytes) =>
          resolve({
            status: incoming.statusCode ?? 500,
            headers: { 'content-type': incoming.headers['content-type'] ?? 'text/plain' },
            body: bytes,
          }),
        reject,
      );
    });
    outgoing.end();
    return await promise;
  }
}

/** The connection must stand in time; how long the kubelet then takes to answer is its own affair: a container may say nothing for hours. */
function limitConnect(outgoing: ClientRequest): void {
  outgoing.once('socket', (socket) => {
    if (!socket.connecting) return;
    socket.setTimeout(CONNECT_TIMEOUT_MS, () => outgoing.destroy(new Error('i/o timeout')));
    socket.once('secureConnect', () => socket.setTimeout(0));
  });
}

const HOP_HEADERS = new Set(['host', 'authorization', 'content-length', 'cookie']);

function forwarded(headers: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const kept = Object.entries(headers).filter(
    (pair): pair is [string, string] => pair[1] !== undefined && !HOP_HEADERS.has(pair[0]) && !pair[0].startsWith(':'),
  );
  return Object.fromEntries(kept);
}

const statusLine = ({ statusCode, statusMessage }: IncomingMessage): string =>
  `HTTP/1.1 ${statusCode} ${statusMessage}`;

function headerLines({ rawHeaders }: IncomingMessage): string {
  let lines = '';
  for (let i = 0; i < rawHeaders.length; i += 2) lines += `${rawHeaders[i]}: ${rawHeaders[i + 1]}\r\n`;
  return lines;
}

/** Both ways until one side is through; then the other is ended too, and nothing stays open. */
function tunnel(a: Duplex, b: Duplex, log: Logger): void {
  const close = (error?: Error): void => {
    if (error !== undefined) log.debug('Tunnel to a kubelet failed', { error });
    a.destroy();
    b.destroy();
  };
  a.on('error', close);
  b.on('error', close);
  a.on('close', () => b.destroy());
  b.on('close', () => a.destroy());
  a.pipe(b);
  b.pipe(a);
}

async function copy(from: IncomingMessage, sink: ByteSink): Promise<void> {
  try {
    for await (const chunk of from) if (!sink.write(chunk as Buffer)) await sink.drained();
  } catch {
    // The client or the kubelet left in the middle: what was sent is all there is.
  }
  sink.end();
}

async function body(incoming: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

async function kubeletError(incoming: IncomingMessage): Promise<StatusError> {
  const text = (await body(incoming)).toString();
  try {
    const status = JSON.parse(text) as { kind?: string };
    if (status.kind === 'Status') return StatusError.from(status);
  } catch {
    // not a Status: its text is the message
  }
  const code = incoming.statusCode ?? 500;
  const reason = code === 400 ? 'BadRequest' : code === 404 ? 'NotFound' : 'InternalError';
  return new StatusError(reason, text.trim() === '' ? 'unknown' : text.trim(), { code });
}

/** Source: the text kubectl users know, from apimachinery proxy/dial.go v0.36. */
function dialError(error: Error, { host, port }: NodeLocation): StatusError {
  const code = (error as NodeJS.ErrnoException).code;
  const why = code === 'ECONNREFUSED' ? 'connect: connection refused' : error.message;
  return new StatusError('InternalError', `error dialing backend: dial tcp ${host}:${port}: ${why}`, { cause: error });
}
