/**
 * Calls of webhooks: a JSON body posted over HTTPS, and the JSON that comes back. Errors speak as Go's HTTP client and client-go do, since they
 * end up in what users are told. Source: apiserver pkg/util/webhook/client.go, client-go rest/request.go v0.36.
 */
import { request as httpsRequest, type RequestOptions } from 'node:https';
import { rootCertificates } from 'node:tls';
import { parseJson } from '#api';
import type { ServiceResolver } from './resolver.ts';

/** Where a webhook is, as definitions and webhook configurations say it. */
export interface WebhookClientConfig {
  readonly url?: string | undefined;
  readonly service?:
    | {
        readonly namespace: string;
        readonly name: string;
        readonly path?: string | undefined;
        readonly port?: number | undefined;
      }
    | undefined;
  /** PEM in base64. Without it the authorities of the system count. */
  readonly caBundle?: string | undefined;
}

export interface WebhookCallOptions {
  readonly resolve: ServiceResolver;
  readonly timeoutMs: number;
}

/** Answers may be as large as what a client may send, and what it is wrapped in. */
const MAX_ANSWER_BYTES = 32 << 20;

interface Target {
  /** What the Host header says where it is not the address. */
  readonly host?: string;
  /** As errors show it. */
  readonly url: URL;
  readonly options: RequestOptions;
}

function targetOf(config: WebhookClientConfig, { resolve, timeoutMs }: WebhookCallOptions): Target {
  const { service } = config;
  const text = service === undefined ? (config.url ?? '') : serviceUrl(service);
  const url = new URL(text);
  url.searchParams.set('timeout', `${Math.ceil(timeoutMs / 1000)}s`);
  const bundle = Buffer.from(config.caBundle ?? '', 'base64')
    .toString('utf8')
    .trim();
  const options: RequestOptions = {
    path: `${url.pathname}${url.search}`,
    ca: bundle === '' ? [...rootCertificates] : bundle,
    agent: false,
  };
  if (service === undefined)
    return {
      url,
      options: { ...options, host: url.hostname.replace(/^\[|\]$/g, ''), port: url.port === '' ? 443 : url.port },
    };
  try {
    const address = resolve(service.namespace, service.name, service.port ?? 443);
    return { url, host: url.host, options: { ...options, ...address, servername: url.hostname } };
  } catch (error) {
    throw callError(url, (error as Error).message, error);
  }
}

const serviceUrl = ({ name, namespace, path = '', port = 443 }: NonNullable<WebhookClientConfig['service']>): string =>
  `https://${name}.${namespace}.svc:${port}${path === '' || path.startsWith('/') ? path : `/${path}`}`;

/** How Go shows the address: the port is named even where it is that of the scheme. */
function shown(url: URL): string {
  return url.host.endsWith('.svc') ? url.href.replace(url.host, `${url.host}:443`) : url.href;
}

const callError = (url: URL, why: string, cause?: unknown): Error =>
  new Error(`Post ${JSON.stringify(shown(url))}: ${why}`, { cause });

/** Posts `body` and gives the parsed answer. Throws an Error with the text clients are told. */
export async function callWebhook(
  config: WebhookClientConfig,
  body: object,
  options: WebhookCallOptions,
): Promise<unknown> {
  const target = targetOf(config, options);
  const { status, text } = await post(target, JSON.stringify(body), options.timeoutMs);
  if (status < 200 || status > 206) throw new Error(statusText(status, text));
  try {
    return parseJson(text);
  } catch (error) {
    throw new Error(`couldn't get version/kind; json parse error: ${(error as Error).message}`, { cause: error });
  }
}

function post(
  { url, options, host }: Target,
  body: string,
  timeoutMs: number,
): Promise<{ status: number; text: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; text: string }>();
  const signal = AbortSignal.timeout(timeoutMs);
  const headers = {
    ...(host === undefined ? {} : { host }),
    accept: 'application/json, */*',
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    'user-agent': 'kube-apiserver-admission',
  };
  const outgoing = httpsRequest({ ...options, method: 'POST', headers, signal }, (incoming) => {
    const chunks: Buffer[] = [];
    let size = 0;
    incoming.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > MAX_ANSWER_BYTES) incoming.destroy(new Error('http: response body too large'));
      else chunks.push(chunk);
    });
    incoming.on('end', () =>
      resolve({ status: incoming.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') }),
    );
    incoming.on('error', (error) => reject(callError(url, reasonOf(error, signal), error)));
  });
  outgoing.on('error', (error) => reject(callError(url, reasonOf(error, signal), error)));
  outgoing.end(body);
  return promise;
}

/** What Go says of it. */
function reasonOf(error: Error, { aborted }: AbortSignal): string {
  if (aborted) return 'context deadline exceeded (Client.Timeout exceeded while awaiting headers)';
  const { code, address, port, hostname } = error as NodeJS.ErrnoException & {
    address?: string;
    port?: number;
    hostname?: string;
  };
  const place = address?.includes(':') === true ? `[${address}]:${port}` : `${address}:${port}`;
  switch (code) {
    case 'ECONNREFUSED':
      return `dial tcp ${place}: connect: connection refused`;
    case 'EHOSTUNREACH':
      return `dial tcp ${place}: connect: no route to host`;
    case 'ENETUNREACH':
      return `dial tcp ${place}: connect: network is unreachable`;
    case 'ETIMEDOUT':
      return `dial tcp ${place}: i/o timeout`;
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `dial tcp: lookup ${hostname}: no such host`;
    case 'ECONNRESET':
      return 'EOF';
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
      return 'tls: failed to verify certificate: x509: certificate signed by unknown authority';
    case 'CERT_HAS_EXPIRED':
      return 'tls: failed to verify certificate: x509: certificate has expired or is not yet valid';
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return `tls: failed to verify certificate: x509: ${error.message}`;
    case undefined:
    default:
      return error.message;
  }
}

/** Source: NewGenericServerResponse, apimachinery pkg/api/errors/errors.go v0.36, for answers that are no Status. */
function statusText(status: number, text: string): string {
  const said = statusMessage(text);
  if (said !== undefined) return said;
  switch (status) {
    case 400:
      return 'the server rejected our request for an unknown reason';
    case 401:
      return 'the server has asked for the client to provide credentials';
    case 403:
      return text.trim() === '' ? 'unknown' : text.trim();
    case 404:
      return 'the server could not find the requested resource';
    case 405:
      return 'the server does not allow this method on the requested resource';
    case 503:
      return 'the server is currently unable to handle the request';
    default:
      break;
  }
  if (status < 500) return `the server responded with the status code ${status} but did not return more information`;
  return `an error on the server (${JSON.stringify(text.trim().slice(0, 2048) || 'unknown')}) has prevented the request from succeeding`;
}

function statusMessage(text: string): string | undefined {
  try {
    const { kind, message } = JSON.parse(text) as { kind?: unknown; message?: unknown };
    return kind === 'Status' && typeof message === 'string' && message !== '' ? message : undefined;
  } catch {
    return undefined; // it is no Status
  }
}
