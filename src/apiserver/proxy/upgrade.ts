import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { StatusError } from '#api';
import type { Logger } from '#util';
import type { HttpRequest, HttpResponse } from '../http/context.ts';
import { type Backend, dialText, type Egress, forwardedHeaders, openRequest, readAtMost, statusOf } from './backend.ts';

/** Of an answer that is no upgrade, so much is handed on. */
const MAX_REFUSAL_BYTES = 1 << 20;

export interface UpgradeOptions {
  readonly request: HttpRequest;
  readonly backend: Backend;
  /** Path and query. */
  readonly path: string;
  readonly signal: AbortSignal;
  readonly egress: Egress | undefined;
  readonly log: Logger;
}

export const isUpgrade = ({ headers }: HttpRequest): boolean =>
  (headers['connection'] ?? '').toLowerCase().includes('upgrade') && headers['upgrade'] !== undefined;

/**
 * Hands on a request that takes its connection over: byte for byte, the client and the backend settle the protocol between them.
 * Source: tryUpgrade of apimachinery pkg/util/proxy/upgradeaware.go v0.36.
 */
export async function forwardUpgrade(options: UpgradeOptions): Promise<HttpResponse> {
  const { request, backend, path, signal, egress, log } = options;
  const { promise, resolve, reject } = Promise.withResolvers<HttpResponse>();
  const headers = forwardedHeaders(request.headers, request.peer.remoteAddress);
  delete headers['content-length'];
  headers['connection'] = 'Upgrade';
  headers['upgrade'] = request.headers['upgrade'] ?? '';
  const outgoing = openRequest(backend, { method: request.method, path, headers, signal }, egress);
  outgoing.on('error', (error) =>
    reject(new StatusError('', `error dialing backend: ${dialText(error, backend)}`, { cause: error })),
  );
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
    const status = statusOf(incoming);
    if (status < 400) {
      incoming.destroy();
      reject(new StatusError('', `invalid upgrade response: status code ${status}`));
      return;
    }
    // The backend speaks for itself: clients fall back to another protocol by its answer.
    readAtMost(incoming, MAX_REFUSAL_BYTES).then(
      (body) =>
        resolve({ status, headers: { 'content-type': incoming.headers['content-type'] ?? 'text/plain' }, body }),
      reject,
    );
  });
  outgoing.end();
  return await promise;
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
    if (error !== undefined) log.debug('Tunnel failed', { error });
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
