import { type ClientRequest, type IncomingMessage, request as httpRequest } from 'node:http';
import { Agent as TlsAgent, request as httpsRequest, type RequestOptions } from 'node:https';

/** Time for the connection to a backend to stand. */
const CONNECT_TIMEOUT_MS = 10_000;

/** Credentials this server shows, and the authority of the other end; without one anybody is believed. */
export interface BackendTls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** Where a request is handed on to. */
export interface Backend {
  readonly scheme: 'http' | 'https';
  readonly host: string;
  readonly port: number;
  /** Only for https. */
  readonly tls?: BackendTls;
}

/** Where connections that are meant for an address really go. Default: there. Source: the egress selector of apiserver pkg/server/egressselector v1.36. */
export type Egress = (address: { readonly host: string; readonly port: number }) => {
  readonly host: string;
  readonly port: number;
};

/** `host:port`, with brackets around an IPv6 address. */
export const hostPort = ({ host, port }: Backend): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;

/** Begins a request; the caller listens and ends it. Connections are not kept: a backend may be gone with the next request. */
export function openRequest(
  backend: Backend,
  options: Pick<RequestOptions, 'method' | 'path' | 'headers' | 'signal'>,
  egress: Egress | undefined,
): ClientRequest {
  const { host, port } = egress?.(backend) ?? backend;
  const outgoing =
    backend.scheme === 'http'
      ? httpRequest({ ...options, host, port, agent: false, setHost: false })
      : httpsRequest({ ...options, host, port, agent: agentOf(backend), setHost: false });
  limitConnect(outgoing);
  return outgoing;
}

function agentOf({ tls = {} }: Backend): TlsAgent {
  return new TlsAgent({ ...tls, rejectUnauthorized: tls.ca !== undefined, maxCachedSessions: 0 });
}

/** The connection must stand in time; how long the backend then takes to answer is its own affair: a container may say nothing for hours. */
function limitConnect(outgoing: ClientRequest): void {
  outgoing.once('socket', (socket) => {
    if (!socket.connecting) return;
    socket.setTimeout(CONNECT_TIMEOUT_MS, () => outgoing.destroy(new Error('i/o timeout')));
    socket.once('connect', () => socket.setTimeout(0));
  });
}

/** An error of the connection in Go's words, which people and tools know. Source: net.OpError. */
export function dialText(error: Error, backend: Backend): string {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  const why = GO_ERRORS[code] ?? error.message;
  return `dial tcp ${hostPort(backend)}: ${why}`;
}

const GO_ERRORS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connect: connection refused',
  EHOSTUNREACH: 'connect: no route to host',
  ENETUNREACH: 'connect: network is unreachable',
  ETIMEDOUT: 'i/o timeout',
};

/** Of the answer. Numbers that are no status are 502, since HTTP/2 cannot tell them. Source: RFC 9110 section 15: they are server errors. */
export function statusOf({ statusCode = 502 }: IncomingMessage): number {
  return statusCode >= 200 && statusCode <= 599 ? statusCode : 502;
}

/** At most `limit` bytes of a body; what is beyond is lost. */
export async function readAtMost(incoming: IncomingMessage, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of incoming) {
    chunks.push(chunk as Buffer);
    size += (chunk as Buffer).length;
    if (size >= limit) break;
  }
  return Buffer.concat(chunks).subarray(0, limit);
}

/** Headers of one hop, and those by which a client proves who it is to this server. Source: RFC 9110 section 7.6.1; httputil.ReverseProxy; apiserver authentication filters, which take off what they have used. */
const OWN_HEADERS =
  /^(?::.*|connection|proxy-connection|keep-alive|proxy-authenticate|proxy-authorization|te|trailer|transfer-encoding|upgrade|http2-settings|authorization|impersonate-.*|x-remote-.*)$/;

/** Headers of a client's request that are handed on. */
export function forwardedHeaders(
  headers: Readonly<Record<string, string | undefined>>,
  remoteAddress: string,
): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers))
    if (value !== undefined && !OWN_HEADERS.test(name)) kept[name] = value;
  kept['host'] = headers['host'] ?? '';
  const prior = kept['x-forwarded-for'];
  kept['x-forwarded-for'] = prior === undefined ? remoteAddress : `${prior}, ${remoteAddress}`;
  return kept;
}

/** Headers of the backend's answer for the client, but cookies. Who may read it across origins is not the backend's to say. Source: corsRemovingTransport of apimachinery pkg/util/proxy v0.36. */
export function answeredHeaders(incoming: IncomingMessage): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(incoming.headers))
    if (typeof value === 'string' && !OWN_HEADERS.test(name) && !CORS_HEADERS.has(name)) kept[name] = value;
  return kept;
}

const CORS_HEADERS = new Set([
  'access-control-allow-credentials',
  'access-control-allow-headers',
  'access-control-allow-methods',
  'access-control-allow-origin',
]);
